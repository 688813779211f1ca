// spu_issue with the microcode: whatever steps follow one another (the environment may choose any of the table, with any
// instruction and any sizes), a step's elements are issued one by one from 0 to its last; those of results take one
// each; no result overtakes one before it or comes out with it (what spu_pipeline takes for granted); no element is read
// before it is written; what must wait for all waits; empty_o says so. Of elements one, any, is watched.
//: sources latency_pkg.sv spu_pkg.sv spu_microcode.sv spu_issue.sv
//: method induction 32
//: plant spu_issue.sv => chain_q <= 7'd1 && => chain_q <= 7'd2 &&
//: plant spu_issue.sv => else chain_q <= long_q || chain_after_q[7] ? '0 => else chain_q <= long_q || chain_after_q[6] ? '0
//: plant spu_issue.sv => empty_q <= drain_q <= 7'd1; => empty_q <= drain_q <= 7'd2;
//: plant spu_issue.sv => wire done_before = micro_i.after_all ? drain_q <= 7'd1 : => wire done_before = micro_i.after_all ? drain_q <= 7'd2 :
//: plant spu_microcode.sv => OVER_PAIRS: last_o = {16'b0, last_of_128, 1'b1}; => OVER_PAIRS: last_o = {16'b0, 1'b1, last_of_128};
`default_nettype none
module spu_issue_proof (
    input wire clk_i,
    // The next step, and what the table looks at.
    input wire [6:0] step_i,
    input wire [16:0] flags_i,
    input wire [7:0] left_i, positions_i,  // 255 elements at most, not 2^24
    input wire [6:0] head_last_i,
    input wire done_i, result_valid_i, room_i, watch_i
);
  logic rst_nq = 0;
  always_ff @(posedge clk_i) rst_nq <= 1;

  logic [6:0] step_q, head_last_q;
  logic [16:0] flags_q;
  logic [7:0] left_q, positions_q;
  wire is_micro, single, result_ready, issue, last, empty;
  spu_pkg::micro_t step_micro, micro;
  wire [23:0] last_index, index;
  spu_microcode u_microcode (
      .step_i(step_q), .embed_fp16_i(flags_q[0]), .bias_i(flags_q[1]), .is_query_i(flags_q[2]), .all_heads_i(flags_q[3]),
      .first_head_i(flags_q[4]), .is_value_i(flags_q[5]), .softmax_i(flags_q[6]), .swiglu_i(flags_q[7]),
      .route_i(flags_q[8]), .plain_i(flags_q[9]), .rms_i(flags_q[10]), .key_scale_i(flags_q[11]),
      .four_bits_i(flags_q[12]), .rotated_i(flags_q[13]), .rotation_vector_i(flags_q[14]), .last_rotation_i(flags_q[15]),
      .two_halves_i(flags_q[16]), .head_last_i({9'b0, head_last_q}), .left_i({16'b0, left_q}),
      .position_last_i({16'b0, positions_q}), .position_single_i(positions_q == '0), .is_micro_o(is_micro),
      .micro_o(step_micro), .last_o(last_index), .single_o(single));
  wire step_done = last || (!is_micro && done_i);
  spu_issue u_unit (
      .clk_i, .rst_ni(rst_nq), .is_micro_i(is_micro), .micro_i(step_micro), .last_i(last_index), .single_i(single),
      .step_done_i(step_done), .result_valid_i, .result_ready_o(result_ready), .room_i, .micro_o(micro),
      .issue_o(issue), .last_o(last), .index_o(index), .empty_o(empty));

  // From an element's issue to its result.
  function automatic logic [6:0] latency(input logic [2:0] post);
    case (post)
      spu_pkg::POST_EXP: latency = 7'(latency_pkg::SPU_EXP);
      spu_pkg::POST_FP16, spu_pkg::POST_INT8, spu_pkg::POST_INT4: latency = 7'(latency_pkg::SPU_CONVERT);
      default: latency = 7'(latency_pkg::SPU_RESULT);
    endcase
  endfunction

  // The element that is watched: cycles since its issue, its result's latency and place, whether its step is over.
  logic watched_q, over_q;
  logic [6:0] age_q, latency_q;
  logic [7:0] place_q;
  wire chooses = issue && watch_i && !watched_q;
  wire done = !watched_q || age_q > latency_q;  // its result is there

  logic [7:0] count_q;  // of the step's elements
  always_ff @(posedge clk_i) begin
    if (!rst_nq || step_done) begin
      step_q      <= step_i;
      flags_q     <= flags_i;
      left_q      <= left_i;
      positions_q <= positions_i;
      head_last_q <= head_last_i;
    end
    if (issue) count_q <= last ? '0 : count_q + 1;
    if (chooses) begin
      watched_q <= 1'b1;
      age_q     <= 7'd1;
      latency_q <= latency(micro.post);
      place_q   <= micro.to == spu_pkg::TO_PAIR ? {1'b0, index[7:1]} : index[7:0];
      over_q    <= last;
    end else begin
      if (age_q != '1) age_q <= age_q + 1;
      if (last) over_q <= 1'b1;
    end
    if (!rst_nq) begin
      count_q   <= '0;
      watched_q <= 1'b0;
    end
  end

  // Of the unit's registers, what makes the proof short.
  (* hierconn *) wire [23:0] \u_unit.i_q ;
  (* hierconn *) wire [23:0] \u_unit.next_q ;
  (* hierconn *) wire [23:0] \u_unit.last_q ;
  (* hierconn *) wire [6:0] \u_unit.chain_q ;
  (* hierconn *) wire [6:0] \u_unit.drain_q ;
  (* hierconn *) wire [6:0] \u_unit.latency_q ;
  (* hierconn *) wire [6:0] \u_unit.latency1_q ;
  (* hierconn *) wire [7:0] \u_unit.chain_after_q ;
  (* hierconn *) wire \u_unit.long_q ;
  (* hierconn *) wire \u_unit.from_result_q ;
  (* hierconn *) wire \u_unit.begun_q ;
  (* hierconn *) wire \u_unit.may_issue_q ;
  (* hierconn *) wire \u_unit.may_begin_q ;
  (* hierconn *) wire \u_unit.may_end_q ;
  (* hierconn *) wire \u_unit.single_q ;
  (* hierconn *) wire \u_unit.at_last_q ;
  wire [7:0] last_place = micro.to == spu_pkg::TO_PAIR ? last_index[8:1] : last_index[7:0];
  wire [6:0] left = latency_q - age_q;
  wire begun = u_unit.begun_q;
  wire [7:0] here = left_q > 8'd128 ? 8'd128 : left_q;

  always_comb begin
    assume (left_i != '0);
    assume (head_last_i[0]);  // heads have an even number of elements
    if (rst_nq) begin
      // The table: a step of one element says so; vectors have 128 elements, pairs of them are of what is left, and
      // what looks at other elements' results waits for all.
      assert (!is_micro || single == (last_index == '0));
      assert (!is_micro || step_micro.to != spu_pkg::TO_VECTOR || last_index < 24'd128);
      assert (!is_micro || step_micro.to != spu_pkg::TO_PAIR || last_index + 24'd1 == {15'b0, here, 1'b0});
      assert (!is_micro || step_micro.after_all ||
          !(step_micro.butterfly || step_micro.a == spu_pkg::A_MAX || step_micro.a == spu_pkg::A_LOW));
      // A step's elements, one by one, and its micro-operation with them.
      assert (!issue || (is_micro && micro == step_micro && index == {16'b0, count_q}));
      assert (last == (issue && {16'b0, count_q} == last_index));
      // Results of the VPU: one for each element that is made of one.
      assert ((result_valid_i && result_ready) == (issue && micro.a == spu_pkg::A_RESULT));
      // No result overtakes the watched one, or meets it.
      assert (!issue || done || 8'(latency(micro.post)) + 8'(age_q) > 8'(latency_q));
      // Steps behind its own read its place when it is written: in the cycle after its result at the earliest.
      assert (!issue || !over_q || done || (index[7:0] != place_q && (!micro.a_swap || (index[7:0] ^ 8'd1) != place_q)));
      // What waits for all waits for the watched one too. Empty means that, of steps that are over, it has come out.
      assert (!issue || !micro.after_all || !over_q || done);
      assert (!empty || !over_q || done);

      assert (u_unit.i_q == {16'b0, count_q} && u_unit.next_q == u_unit.i_q + 1);
      assert (u_unit.from_result_q == (micro.a == spu_pkg::A_RESULT));
      assert (u_unit.latency_q == latency(micro.post) && u_unit.latency1_q == u_unit.latency_q + 1);
      assert (begun == (count_q != '0));
      if (begun) begin
        assert (u_unit.may_issue_q && {16'b0, count_q} <= last_index);
        assert (u_unit.at_last_q == ({16'b0, count_q} == last_index));
        assert (u_unit.chain_after_q == {1'b0, u_unit.latency1_q} - {1'b0, last_place[6:0]});
        assert (u_unit.long_q == last_place[7]);
      end
      if (u_unit.may_issue_q)
        assert (is_micro && micro == step_micro && u_unit.last_q == last_index && u_unit.single_q == single);
      assert (u_unit.may_begin_q == (u_unit.may_issue_q && !begun));
      assert (u_unit.may_end_q == (u_unit.may_issue_q && begun && {16'b0, count_q} == last_index));
      if (u_unit.may_begin_q) begin
        assert (micro.after_all ? u_unit.drain_q == '0 : u_unit.chain_q == '0);
        assert (micro.post == spu_pkg::POST_EXP || u_unit.drain_q <= 7'(latency_pkg::SPU_RESULT));
      end
      assert (!empty || u_unit.drain_q == '0);
      if (watched_q) begin
        assert (age_q != '0);
        assert (latency_q == 7'(latency_pkg::SPU_EXP) || latency_q == 7'(latency_pkg::SPU_CONVERT) ||
            latency_q == 7'(latency_pkg::SPU_RESULT));
      end
      // While the watched one's step is under way; and behind it, until its result is there and until it can be read.
      if (!done && !over_q) begin
        assert (begun && latency_q == latency(micro.post));
        assert (9'(age_q) + 9'(place_q) >= (micro.to == spu_pkg::TO_PAIR ? 9'(count_q[7:1]) : 9'(count_q)));
      end
      if (!done && over_q) begin
        assert (left < u_unit.drain_q);
        assert (!begun || left < latency(micro.post));
        assert (9'(age_q) + 9'(place_q) + (begun ? 9'd0 : 9'(u_unit.chain_q)) >= 9'(latency_q) + 9'd2 + 9'(count_q));
      end
    end
  end
endmodule
`default_nettype wire
