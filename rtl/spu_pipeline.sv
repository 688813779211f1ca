// Carries what an element needs along the lanes' pipeline: its micro-operation, where its result goes, and in
// which lanes it counts. Numbers are cycles from the issue of the element, names those of latency_pkg.
`default_nettype none
module spu_pipeline #(
    parameter int TOKENS = 4
) (
    input wire clk_i,
    input wire rst_ni,

    // 0: an element.
    input wire                  valid_i,
    input wire spu_pkg::micro_t micro_i,
    input wire                  last_i,      // ends an A16 vector, or a sum
    input wire                  odd_i,
    input wire           [ 6:0] index_i,     // of the vector that the result goes to
    input wire           [16:0] address_i,   // of X, or of the scores with their generation
    // 1: in which it counts; in others nothing is written, or, of exp and of integers, 0.
    input wire     [TOKENS-1:0] lanes_i,

    output wire spu_pkg::micro_t  micro1_o,  // 1
    output wire spu_pkg::micro_t  micro2_o,  // SPU_MEMORY
    output wire spu_pkg::micro_t  micro3_o,  // SPU_CHOSEN
    output wire                   odd3_o,    // SPU_CHOSEN
    output wire                   negate_o,  // SPU_PRODUCT
    output wire                   halve_o,   // SPU_PRODUCT
    output wire             [2:0] post_o,    // SPU_SUM

    // The result, one cycle before it is there and when it is.
    output wire      [TOKENS-1:0] early_lanes_o,
    output wire spu_pkg::way_t    way_o,
    output wire spu_pkg::result_t result_o,
    output wire      [TOKENS-1:0] lanes_o
);
  if (latency_pkg::SPU_MEMORY != 2 || latency_pkg::SPU_CHOSEN != 3) begin : gen_never
    $error("micro2 and micro3 are those of the first cycles");
  end
  wire spu_pkg::micro_t micro1, micro2, micro3;
  delay #(.WIDTH($bits(micro_i)), .CYCLES(1)) u_micro1 (.clk_i, .d_i(micro_i), .q_o(micro1));
  delay #(.WIDTH($bits(micro_i)), .CYCLES(1)) u_micro2 (.clk_i, .d_i(micro1), .q_o(micro2));
  delay #(.WIDTH($bits(micro_i)), .CYCLES(1)) u_micro3 (.clk_i, .d_i(micro2), .q_o(micro3));
  delay #(.WIDTH(1), .CYCLES(latency_pkg::SPU_CHOSEN)) u_odd (.clk_i, .d_i(odd_i), .q_o(odd3_o));
  assign micro1_o = micro1;
  assign micro2_o = micro2;
  assign micro3_o = micro3;
  delay #(.WIDTH(2), .CYCLES(latency_pkg::SPU_PRODUCT - latency_pkg::SPU_CHOSEN)) u_sign (
      .clk_i, .d_i({micro3.negate, micro3.halve}), .q_o({negate_o, halve_o}));
  delay #(.WIDTH(3), .CYCLES(latency_pkg::SPU_SUM - latency_pkg::SPU_CHOSEN)) u_post (
      .clk_i, .d_i(micro3.post), .q_o(post_o));

  // A line for each latency: an element comes out of its own, a cycle before its result.
  spu_pkg::result_t result_in;
  always_comb begin
    result_in.post      = micro_i.post;
    result_in.to        = micro_i.to;
    result_in.to_vector = micro_i.to_vector;
    result_in.scalar    = micro_i.scalar;
    result_in.a16       = micro_i.a16;
    result_in.sum       = micro_i.sum;
    result_in.max       = micro_i.max;
    result_in.extremes  = micro_i.extremes;
    result_in.scaled_max = micro_i.scaled_max;
    result_in.choice    = micro_i.choice;
    result_in.last      = last_i;
    result_in.odd       = odd_i;
    result_in.index     = index_i;
    result_in.address   = address_i;
  end
  localparam int Fields = $bits(result_in) + TOKENS;
  wire spu_pkg::result_t plain;
  wire plain_valid, convert_valid, exp_valid;
  wire [TOKENS-1:0] plain_lanes;
  wire [Fields-1:0] convert, exponential;
  delay #(.WIDTH(1 + $bits(result_in)), .CYCLES(latency_pkg::SPU_RESULT - 1)) u_line (
      .clk_i, .d_i({valid_i, result_in}), .q_o({plain_valid, plain}));
  delay #(.WIDTH(TOKENS), .CYCLES(latency_pkg::SPU_RESULT - 2)) u_lanes (
      .clk_i, .d_i(lanes_i), .q_o(plain_lanes));
  wire converts = plain.post == spu_pkg::POST_FP16 || plain.post == spu_pkg::POST_INT8 ||
      plain.post == spu_pkg::POST_INT4;
  wire is_exp = plain.post == spu_pkg::POST_EXP;
  delay #(.WIDTH(1 + Fields), .CYCLES(latency_pkg::SPU_CONVERT - latency_pkg::SPU_RESULT)) u_convert (
      .clk_i, .d_i({plain_valid && converts, plain, plain_lanes}), .q_o({convert_valid, convert}));
  delay #(.WIDTH(1 + Fields), .CYCLES(latency_pkg::SPU_EXP - latency_pkg::SPU_RESULT)) u_exp (
      .clk_i, .d_i({plain_valid && is_exp, plain, plain_lanes}), .q_o({exp_valid, exponential}));
  wire plain_here = plain_valid && !converts && !is_exp;
  wire [Fields-1:0] early = exp_valid ? exponential : convert_valid ? convert : {plain, plain_lanes};
  assign early_lanes_o = early[TOKENS-1:0];

  spu_pkg::way_t way_q;
  logic [Fields-1:0] result_q;
  always_ff @(posedge clk_i) begin
    way_q.valid     <= rst_ni && (exp_valid || convert_valid || plain_here);
    way_q.from_exp  <= exp_valid;
    way_q.from_half <= !exp_valid && convert_valid;
    result_q        <= early;
  end
  assign way_o = way_q;
  assign {result_o, lanes_o} = result_q;

  // The issue sees to it that no two results come out at a time.
  always_ff @(posedge clk_i)
    assert (!rst_ni || 2'(exp_valid) + 2'(convert_valid) + 2'(plain_here) <= 2'd1);
  wire unused = &{1'b0, micro3};
endmodule
`default_nettype wire
