// Issues the elements of a micro-operation, one per cycle, and says when the next one may begin: when the first
// element of the one before can be read, or, if that one's results take longer, when they no longer
// meet its own. So vectors of LATENCY + 2 elements follow one another without a gap.
`default_nettype none
module spu_issue #(
    parameter int LATENCY,          // from the issue of an element to its result
    parameter int LATENCY_CONVERT,  // with a conversion to FP16 or int8
    parameter int LATENCY_EXP       // with exp
) (
    input wire clk_i,
    input wire rst_ni,

    input wire                  is_micro_i,
    input wire spu_pkg::micro_t micro_i,
    input wire [          23:0] count_i,     // elements

    input  wire result_valid_i,  // of the VPU
    output wire result_ready_o,
    input  wire a16_room_i,      // the converter can take a block

    output wire        issue_o,
    output wire        last_o,   // of the micro-operation
    output wire [23:0] index_o,
    output wire        empty_o   // no element is between its issue and its result
);
  wire is_exp = micro_i.post == spu_pkg::POST_EXP;
  wire converts = micro_i.post == spu_pkg::POST_FP16 || micro_i.post == spu_pkg::POST_INT8;
  wire [6:0] latency = is_exp ? 7'(LATENCY_EXP) : converts ? 7'(LATENCY_CONVERT) : 7'(LATENCY);

  // Cycles until element 0 can be read (its neighbour's, if elements are swapped), and until all results
  // are written, after the last issue.
  logic [23:0] i_q;
  logic [6:0] chain_q, drain_q;
  wire free = micro_i.after_all ? drain_q == '0 : chain_q == '0 && (is_exp || drain_q <= 7'(LATENCY));
  wire room = micro_i.to != spu_pkg::TO_A16 || a16_room_i;
  wire may_issue = is_micro_i && rst_ni && (i_q != '0 || (free && room));
  wire from_result = micro_i.a == spu_pkg::A_RESULT;
  wire issue = may_issue && (!from_result || result_valid_i);
  wire last = issue && i_q + 24'd1 == count_i;

  // Results that go to pairs of vectors are twice as many as a vector's elements.
  wire [23:0] elements = micro_i.to == spu_pkg::TO_PAIR ? {1'b0, count_i[23:1]} : count_i;
  wire [6:0] ahead = latency + 7'd2;
  wire shorter = elements < 24'(ahead);
  always_ff @(posedge clk_i) begin
    if (chain_q != '0) chain_q <= chain_q - 1;
    if (drain_q != '0) drain_q <= drain_q - 1;
    if (issue) i_q <= i_q + 1;
    if (last) begin
      i_q     <= '0;
      chain_q <= shorter ? ahead - elements[6:0] : '0;
      drain_q <= latency;
    end
    if (!rst_ni) begin
      i_q     <= '0;
      chain_q <= '0;
      drain_q <= '0;
    end
  end

  assign result_ready_o = may_issue && from_result;
  assign issue_o        = issue;
  assign last_o         = last;
  assign index_o        = i_q;
  assign empty_o        = drain_q == '0;
  wire unused = &{1'b0, micro_i};
endmodule
`default_nettype wire
