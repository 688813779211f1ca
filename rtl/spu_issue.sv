// Issues the elements of a micro-operation, one per cycle, and says when the next one may begin: when the first
// element of the one before can be read, or, if that one's results take longer, when they no longer
// meet its own. So vectors of SPU_RESULT + 2 elements follow one another as soon as they are there.
`default_nettype none
module spu_issue (
    input wire clk_i,
    input wire rst_ni,

    // The step: its micro-operation is taken in its first cycle, and begins after that.
    input wire                  is_micro_i,
    input wire spu_pkg::micro_t micro_i,
    input wire [          23:0] last_i,      // index of its last element
    input wire                  single_i,    // that is 0
    input wire                  step_done_i,

    input  wire result_valid_i,  // of the VPU
    output wire result_ready_o,
    input  wire room_i,          // the converter can take the step's block, if it has one

    output wire spu_pkg::micro_t micro_o,
    output wire        issue_o,
    output wire        last_o,   // of the micro-operation
    output wire [23:0] index_o,
    output wire        empty_o   // no element is between its issue and its result
);
  if (latency_pkg::SPU_EXP >= 127) begin : gen_never
    $error("chain_q and drain_q count to 127");
  end
  spu_pkg::micro_t micro_q;
  logic single_q, from_result_q;
  logic [23:0] last_q;
  // Cycles until element 0 can be read (its neighbour's, if elements are swapped), and until all results
  // are written, after the last issue.
  logic [23:0] i_q, next_q;
  logic [6:0] chain_q, drain_q, latency_q, latency1_q;
  logic [7:0] chain_after_q;
  logic long_q;
  // Much of the SPU waits for the last issue, so all that does not depend on results is known in the cycle before.
  logic begun_q, may_issue_q, may_begin_q, may_end_q, at_last_q, empty_q;
  wire there = !from_result_q || result_valid_i;
  wire issue = may_issue_q && there;
  wire last = (may_end_q || (may_begin_q && single_q)) && there;
  // Those of the micro-operation before need not be waited for.
  wire done_before = micro_i.after_all ? drain_q <= 7'd1 :
      chain_q <= 7'd1 && (micro_i.post == spu_pkg::POST_EXP || drain_q <= 7'(latency_pkg::SPU_RESULT + 1));

  wire stays = is_micro_i && !step_done_i && rst_ni;
  wire begun = issue || begun_q;
  wire at_last = issue ? next_q == last_q : at_last_q;

  // Results that go to pairs of vectors are twice as many as a vector's elements.
  wire [23:0] last_of_vector = micro_q.to == spu_pkg::TO_PAIR ? {1'b0, last_q[23:1]} : last_q;
  always_ff @(posedge clk_i) begin
    micro_q       <= micro_i;
    may_issue_q   <= stays && (begun || (done_before && room_i));
    may_begin_q   <= stays && !begun && done_before && room_i;
    may_end_q     <= stays && begun && at_last;
    at_last_q     <= at_last;
    single_q      <= single_i;
    last_q        <= last_i;
    from_result_q <= micro_i.a == spu_pkg::A_RESULT;
    case (micro_i.post)
      spu_pkg::POST_EXP: begin
        latency_q  <= 7'(latency_pkg::SPU_EXP);
        latency1_q <= 7'(latency_pkg::SPU_EXP + 1);
      end
      spu_pkg::POST_FP16, spu_pkg::POST_INT8, spu_pkg::POST_INT4: begin
        latency_q  <= 7'(latency_pkg::SPU_CONVERT);
        latency1_q <= 7'(latency_pkg::SPU_CONVERT + 1);
      end
      default: begin
        latency_q  <= 7'(latency_pkg::SPU_RESULT);
        latency1_q <= 7'(latency_pkg::SPU_RESULT + 1);
      end
    endcase

    chain_after_q <= {1'b0, latency1_q} - {1'b0, last_of_vector[6:0]};
    long_q        <= last_of_vector[23:7] != '0;
    if (chain_q != '0) chain_q <= chain_q - 1;
    if (drain_q != '0) drain_q <= drain_q - 1;
    empty_q <= drain_q <= 7'd1;
    if (issue) begin
      i_q     <= next_q;
      next_q  <= next_q + 1;
      begun_q <= 1'b1;
    end
    if (last) begin
      i_q     <= '0;
      next_q  <= 24'd1;
      begun_q <= 1'b0;
      if (single_q) chain_q <= latency1_q;
      else chain_q <= long_q || chain_after_q[7] ? '0 : chain_after_q[6:0];
      drain_q <= latency_q;
      empty_q <= 1'b0;
    end
    if (!rst_ni) begin
      i_q     <= '0;
      next_q  <= 24'd1;
      begun_q <= 1'b0;
      chain_q <= '0;
      drain_q <= '0;
      empty_q <= 1'b1;
    end
  end

  assign micro_o        = micro_q;
  assign result_ready_o = may_issue_q && from_result_q;
  assign issue_o        = issue;
  assign last_o         = last;
  assign index_o        = i_q;
  assign empty_o        = empty_q;
endmodule
`default_nettype wire
