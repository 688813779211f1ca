// result_reader: the slot that is watched, any one, is read once it is done, row by row and, of attention values, lane by
// lane, all of it and no more, in its turn, and is not reserved again before; each word that is read comes out in order,
// once, however long it has to wait; free_o, empty_o and idle_o say what they say.
//: sources delay.sv vpu_pkg.sv latency_pkg.sv result_reader.sv
//: method pdr
//: plant result_reader.sv => wire go = read_q != done_q && room_q != '0; => wire go = read_q != done_q;
//: plant result_reader.sv => free_o  = reserved_q != {!read_q[3], read_q[2:0]}; => free_o  = reserved_q[2:0] != read_q[2:0] || !empty_o;
//: plant result_reader.sv => lane_q <= last_lane ? '0 : lane_q + 1; => lane_q <= lane_q + 1;
//: plant result_reader.sv => valid_q <= arrives || in_q != (take ? out_next : out_q); => valid_q <= arrives || in_q != out_q;
`default_nettype none
module result_reader_proof (
    input wire clk_i,
    input wire reserve_i, values_i, lanes_i, done_i, ready_i, mark_i, watch_i, watch_slot_i,
    input wire [1:0] rows_i
);
  // Reset is long enough for what is on its way to come out.
  logic before_nq = 0, early_nq = 0, rst_nq = 0, ran_q = 0;
  always_ff @(posedge clk_i) {ran_q, rst_nq, early_nq, before_nq} <= {rst_nq, early_nq, before_nq, 1'b1};
  wire free, empty, idle, valid;
  wire [2:0] slot;
  wire [9:0] read;
  wire [63:0] data, result;
  // One to four rows, not 128; two lanes.
  result_reader #(.TOKENS(2)) u_unit (
      .clk_i, .rst_ni(rst_nq), .reserve_i, .rows_i(8'(rows_i) + 8'd1), .values_i, .lanes_i(4'(lanes_i) + 4'd1),
      .slot_o(slot), .free_o(free), .empty_o(empty), .idle_o(idle), .done_i, .read_o(read), .data_i(data),
      .valid_o(valid), .ready_i, .result_o(result));
  wire take = valid && ready_i;

  // Of the unit: a word is read; where it stands.
  (* hierconn *) wire \u_unit.go ;
  (* hierconn *) wire \u_unit.values ;
  (* hierconn *) wire \u_unit.arrives ;
  (* hierconn *) wire [3:0] \u_unit.read_q ;
  (* hierconn *) wire [3:0] \u_unit.reserved_q ;
  (* hierconn *) wire [3:0] \u_unit.done_q ;
  (* hierconn *) wire [3:0] \u_unit.lane_q ;
  (* hierconn *) wire [6:0] \u_unit.row_q ;
  (* hierconn *) wire [2:0] \u_unit.room_q ;
  (* hierconn *) wire [2:0] \u_unit.in_q ;
  (* hierconn *) wire [2:0] \u_unit.out_q ;
  wire go = u_unit.go;

  // ------------------------------------------------------------------ slots
  logic [3:0] reserved_q, done_q;  // so far
  logic chosen_q, passed_q, values_q, lanes_q;
  logic [1:0] rows_q;
  logic [3:0] slot_q;
  logic [1:0] row_q;
  logic lane_q;
  wire chooses = reserve_i && watch_slot_i && !chosen_q;
  wire its = chosen_q && !passed_q && u_unit.read_q == slot_q;
  wire last_row = row_q == rows_q;
  wire last_lane = !values_q || lane_q == lanes_q;
  always_ff @(posedge clk_i) begin
    reserved_q <= reserved_q + 4'(reserve_i);
    done_q     <= done_q + 4'(done_i);
    if (chooses) begin
      chosen_q <= 1'b1;
      slot_q   <= reserved_q;
      rows_q   <= rows_i;
      values_q <= values_i;
      lanes_q  <= lanes_i;
    end
    if (go && its) begin
      row_q <= last_row ? '0 : row_q + 1;
      if (last_row) lane_q <= last_lane ? 1'b0 : 1'b1;
      if (last_row && last_lane) passed_q <= 1'b1;
    end
    if (!rst_nq) begin
      reserved_q <= '0;
      done_q     <= '0;
      chosen_q   <= 1'b0;
      passed_q   <= 1'b0;
      row_q      <= '0;
      lane_q     <= 1'b0;
    end
  end

  // ------------------------------------------------------------------ words
  // Of a matrix all lanes' words belong together; of attention values the lane's own goes to all outputs.
  logic go1_q, go2_q, mark1_q, mark2_q, values1_q, values2_q, lane1_q, lane2_q;
  always_ff @(posedge clk_i) begin
    {go2_q, go1_q}         <= {go1_q, go} & {2{rst_nq}};
    {mark2_q, mark1_q}     <= {mark1_q, mark_i};
    {values2_q, values1_q} <= {values1_q, u_unit.values};
    {lane2_q, lane1_q}     <= {lane1_q, u_unit.lane_q[0]};
  end
  assign data = {31'b0, mark2_q && (!values2_q || lane2_q), 31'b0, mark2_q && (!values2_q || !lane2_q)};
  order #(.CAPACITY(4)) u_order (
      .clk_i, .rst_ni(rst_nq), .in_i(go), .data_i(mark_i), .watch_i, .out_i(take), .valid_i(valid),
      .data_o_i(result[0]));
  held #(.WIDTH(1)) u_held (.clk_i, .rst_ni(rst_nq), .valid_i(valid), .ready_i, .data_i(result[0]));

  (* hierconn *) wire [3:0] \u_order.inside_q ;
  wire none = reserved_q == u_unit.read_q && u_order.inside_q == '0;
  logic none_q;
  always_ff @(posedge clk_i) none_q <= none;

  wire [3:0] slots = reserved_q - u_unit.read_q;
  wire [3:0] to_read = done_q - u_unit.read_q;
  always_comb begin
    assume (!reserve_i || (rst_nq && free));
    assume (!done_i || (rst_nq && done_q != reserved_q));
    if (rst_nq) begin
      // No more slots than there are, in order; what is read is done.
      assert (slots <= 4'd8 && free == (slots < 4'd8) && empty == (slots == '0) && slot == reserved_q[2:0]);
      assert (to_read <= slots);
      assert (!go || to_read != '0);
      // The watched slot: its rows and lanes in order; it is passed when all have been read, and not before.
      assert (!its || (read == {slot_q[2:0], 5'b0, row_q} && u_unit.lane_q == {3'b0, lane_q}));
      assert (!its || !go || u_unit.values == values_q);
      assert (!chosen_q || passed_q || 4'(slot_q - u_unit.read_q) < slots);
      // All lanes' words come together.
      assert (!valid || result[32] == result[0]);
      if (ran_q) assert (idle == none_q);

      assert (u_unit.reserved_q == reserved_q && u_unit.done_q == done_q);
      assert (u_unit.arrives == go2_q);
      assert (to_read != '0 || (u_unit.row_q == '0 && u_unit.lane_q == '0));
      assert (its || (row_q == '0 && !lane_q));
      assert (u_order.inside_q == 4'd4 - 4'(u_unit.room_q));
      assert (u_order.inside_q == 4'(3'(u_unit.in_q - u_unit.out_q)) + 4'(go1_q) + 4'(go2_q));
    end
  end
endmodule
`default_nettype wire
