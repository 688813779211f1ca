// Carries what an element needs along the lanes' pipeline: its micro-operation, where its result goes, and in
// which lanes it counts. Numbers are cycles from the issue of the element.
`default_nettype none
module spu_pipeline #(
    parameter int TOKENS = 4,
    parameter int ADDRESS = 15,     // of a result: element of X or of the scores
    parameter int LATENCY,          // of spu_issue
    parameter int LATENCY_CONVERT,
    parameter int LATENCY_EXP
) (
    input wire clk_i,
    input wire rst_ni,

    // 0: an element.
    input wire                  valid_i,
    input wire spu_pkg::micro_t micro_i,
    input wire                  last_i,      // ends an A16 vector, or a sum
    input wire                  odd_i,
    input wire [           6:0] index_i,     // of the vector that the result goes to
    input wire [   ADDRESS-1:0] address_i,
    input wire [    TOKENS-1:0] lanes_i,     // 1: in which it counts; in others nothing is written, or, of exp and int8, 0

    output wire spu_pkg::micro_t  micro1_o,  // 1
    output wire spu_pkg::micro_t  micro2_o,  // 2
    output wire spu_pkg::micro_t  micro3_o,  // 3
    output wire                   odd3_o,    // 3
    output wire                   negate_o,  // when the product is there
    output wire                   halve_o,
    output wire             [2:0] post_o,    // when the sum is there

    // The result, one cycle before it is there and when it is.
    output wire      [TOKENS-1:0] early_lanes_o,
    output wire                   valid_o,
    output wire spu_pkg::result_t result_o,
    output wire                   from_exp_o,   // by which way it came
    output wire                   from_half_o,
    output wire                   last_o,
    output wire                   odd_o,
    output wire             [6:0] index_o,
    output wire     [ADDRESS-1:0] address_o,
    output wire      [TOKENS-1:0] lanes_o
);
  wire [$bits(micro_i)-1:0] line1, line2, line3;
  delay #(.WIDTH($bits(micro_i)), .CYCLES(1)) u_micro1 (.clk_i, .d_i(micro_i), .q_o(line1));
  delay #(.WIDTH($bits(micro_i)), .CYCLES(1)) u_micro2 (.clk_i, .d_i(line1), .q_o(line2));
  delay #(.WIDTH($bits(micro_i)), .CYCLES(1)) u_micro3 (.clk_i, .d_i(line2), .q_o(line3));
  delay #(.WIDTH(1), .CYCLES(3)) u_odd (.clk_i, .d_i(odd_i), .q_o(odd3_o));
  spu_pkg::micro_t micro3;
  always_comb micro3 = line3;
  assign micro1_o = line1;
  assign micro2_o = line2;
  assign micro3_o = micro3;
  delay #(.WIDTH(2), .CYCLES(1 + fp_pkg::MUL)) u_sign (
      .clk_i, .d_i({micro3.negate, micro3.halve}), .q_o({negate_o, halve_o}));
  delay #(.WIDTH(3), .CYCLES(LATENCY - 1 - 3)) u_post (.clk_i, .d_i(micro3.post), .q_o(post_o));

  // A line for each latency: an element comes out of its own. The issue sees to it that no two do at a time.
  spu_pkg::result_t result_in, result_early;
  always_comb begin
    result_in.post      = micro_i.post;
    result_in.to        = micro_i.to;
    result_in.to_vector = micro_i.to_vector;
    result_in.scalar    = micro_i.scalar;
    result_in.a16       = micro_i.a16;
    result_in.sum       = micro_i.sum;
    result_in.max       = micro_i.max;
  end
  localparam int Fields = $bits(result_in) + 2 + 7 + ADDRESS + TOKENS;
  wire [Fields:0] line, line_convert, line_exp;
  wire [Fields-1:0] early;
  delay #(.WIDTH(Fields + 1 - TOKENS), .CYCLES(LATENCY - 1)) u_line (
      .clk_i, .d_i({valid_i, result_in, last_i, odd_i, index_i, address_i}), .q_o(line[Fields:TOKENS]));
  delay #(.WIDTH(TOKENS), .CYCLES(LATENCY - 2)) u_lanes (.clk_i, .d_i(lanes_i), .q_o(line[TOKENS-1:0]));
  always_comb result_early = line[Fields-1-:$bits(result_in)];
  wire converts = result_early.post == spu_pkg::POST_FP16 || result_early.post == spu_pkg::POST_INT8;
  wire is_exp = result_early.post == spu_pkg::POST_EXP;
  delay #(.WIDTH(Fields + 1), .CYCLES(LATENCY_CONVERT - LATENCY)) u_convert (
      .clk_i, .d_i({line[Fields] && converts, line[Fields-1:0]}), .q_o(line_convert));
  delay #(.WIDTH(Fields + 1), .CYCLES(LATENCY_EXP - LATENCY)) u_exp (
      .clk_i, .d_i({line[Fields] && is_exp, line[Fields-1:0]}), .q_o(line_exp));
  assign early = line_exp[Fields] ? line_exp[Fields-1:0] :
      line_convert[Fields] ? line_convert[Fields-1:0] : line[Fields-1:0];
  assign early_lanes_o = early[TOKENS-1:0];

  logic valid_q, from_exp_q, from_half_q;
  logic [Fields-1:0] result_q;
  always_ff @(posedge clk_i) begin
    valid_q  <= rst_ni && (line_exp[Fields] || line_convert[Fields] || (line[Fields] && !converts && !is_exp));
    result_q <= early;
    from_exp_q  <= line_exp[Fields];
    from_half_q <= !line_exp[Fields] && line_convert[Fields];
  end
  assign valid_o     = valid_q;
  assign from_exp_o  = from_exp_q;
  assign from_half_o = from_half_q;
  assign {result_o, last_o, odd_o, index_o, address_o, lanes_o} = result_q;
  wire unused = &{1'b0, micro3, result_early};
endmodule
`default_nettype wire
