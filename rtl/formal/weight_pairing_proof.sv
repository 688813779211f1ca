// weight_pairing: each beat of a page comes out in the two slots of its pair, in its row and in no other, and no place
// is taken over before; a slot is issued as soon as its beats are there, and a page's tag goes with all its slots.
// All bits are zeros but the first of the beat that is watched.
//: sources weight_pairing.sv
//: method pdr
//: plant weight_pairing.sv => ready_q <= !ahead_q[7] && rst_ni; => ready_q <= !ahead_q[8] && rst_ni;
//: plant weight_pairing.sv => wire [511:0] b = rows_b[{issued_q[3], issued_q[2:1]}]; => wire [511:0] b = rows_b[{issued_q[4], issued_q[2:1]}];
//: plant weight_pairing.sv => if (written_q[6:0] == '0) => if (written_q[5:0] == '0)
`default_nettype none
module weight_pairing_proof (
    input wire clk_i,
    input wire valid_i,
    input wire mark_i, watch_i, page_i, watch_page_i
);
  logic rst_nq = 0, ran_q = 0;
  always_ff @(posedge clk_i) begin
    rst_nq <= 1;
    ran_q  <= rst_nq;
  end
  wire ready, slot_valid, half, page, page_end, empty;
  wire [1:0] port;
  wire [3:0] j;
  wire [511:0] weights;
  weight_pairing #(.TAG(1)) u_unit (
      .clk_i, .rst_ni(rst_nq), .valid_i, .ready_o(ready), .beat_i({511'b0, mark_i}), .page_i,
      .slot_valid_o(slot_valid), .port_o(port), .j_o(j), .half_o(half), .page_o(page), .page_end_o(page_end),
      .empty_o(empty), .weights_o(weights));
  wire take = valid_i && ready;

  // Beats and slots so far, and where the beat is that is watched.
  logic [7:0] beats_q, slots_q, place_q;
  logic chosen_q, passed_q;
  wire chooses = take && watch_i && !chosen_q;
  wire its_pair = chosen_q && !passed_q && slots_q[7:1] == {place_q[7:3], place_q[1:0]};
  // Slots whose beats are here: two for each beat of a row b.
  wire [7:0] there = {beats_q[7:3], beats_q[2] ? beats_q[1:0] : 2'b00, 1'b0};
  wire [7:0] ahead = beats_q - slots_q;
  logic slot_valid_q, half_q, its_a_q, its_b_q;
  always_ff @(posedge clk_i) begin
    beats_q <= beats_q + 8'(take);
    slots_q <= slots_q + 8'(slot_valid);
    if (chooses) begin
      chosen_q <= 1'b1;
      place_q  <= beats_q;
    end
    if (slot_valid && its_pair && half) passed_q <= 1'b1;
    slot_valid_q <= slot_valid;
    half_q       <= half;
    its_a_q      <= its_pair && !place_q[2];
    its_b_q      <= its_pair && place_q[2];
    if (!rst_nq) begin
      beats_q      <= '0;
      slots_q      <= '0;
      chosen_q     <= 1'b0;
      passed_q     <= 1'b0;
      slot_valid_q <= 1'b0;
    end
  end
  order #(.CAPACITY(2)) u_pages (
      .clk_i, .rst_ni(rst_nq), .in_i(take && beats_q[6:0] == '0), .data_i(page_i), .watch_i(watch_page_i),
      .out_i(page_end), .valid_i(slot_valid), .data_o_i(page));

  // Of the unit's registers, what makes the proof short.
  (* hierconn *) wire [7:0] \u_unit.written_q ;
  (* hierconn *) wire [7:0] \u_unit.issued_q ;
  (* hierconn *) wire [8:0] \u_unit.ahead_q ;
  (* hierconn *) wire [9:0] \u_unit.issues_q ;
  wire [7:0] issues = there - slots_q;
  wire [7:0] its_last = {place_q[7:3], place_q[1:0], 1'b1};  // slot
  always_comb begin
    assume (mark_i == chooses);
    if (rst_nq) begin
      // Slot after slot: j, port, half; one in each cycle in which its beats are here; the page ends behind the last.
      assert ({j, port, half} == slots_q[6:0]);
      assert (slot_valid == (issues != '0));
      assert (page_end == (slot_valid && slots_q[6:0] == '1));
      // Beats wait for their slots and nothing else, and no more than there are places for.
      assert (ahead <= 8'd9);
      assert (!ran_q || ready || slot_valid);
      assert (empty == (ahead == '0));
      // Input 0 of {row b, row a}, a cycle after its slot: 1 of the watched beat, 0 of the others and of the second half.
      assert (!slot_valid_q || weights[0] == (its_a_q && !half_q));
      assert (!slot_valid_q || weights[4] == (its_b_q && !half_q));

      assert (u_unit.written_q == beats_q);
      assert (u_unit.issued_q == slots_q);
      assert (issues <= 8'd10);
      for (int i = 0; i < 9; i++) assert (u_unit.ahead_q[i] == (ahead > 8'(i)));
      for (int i = 0; i < 10; i++) assert (u_unit.issues_q[i] == (issues > 8'(i)));
      assert (!chosen_q || passed_q || (8'(its_last - slots_q) < 8'd16 && 8'(beats_q - place_q - 1) < 8'd16));
    end
  end
endmodule
`default_nettype wire
