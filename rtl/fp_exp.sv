// result_o = exp_fp32(x_i) of numerics/exp.h, operation by operation; one result per cycle, latency_pkg::EXP cycles
// later. Names are those of the C++ function.
`default_nettype none
module fp_exp (
    input  wire        clk_i,
    input  wire [31:0] x_i,
    output wire [31:0] result_o
);
  // Cycle 1: limit the argument.
  wire nan = x_i[30:0] > 31'h7F800000;
  wire below = x_i[31] && x_i[30:0] > brim_pkg::EXP_LOWEST[30:0];
  wire above = !x_i[31] && x_i[30:0] > brim_pkg::EXP_HIGHEST[30:0];
  logic [31:0] clamped_q;
  logic nan_q, below_q;
  always_ff @(posedge clk_i) begin
    clamped_q <= below ? brim_pkg::EXP_LOWEST : above ? brim_pkg::EXP_HIGHEST : x_i;
    nan_q     <= nan;
    below_q   <= below;
  end

  // Of a NaN nothing is kept but that it was one, so all from here on is finite.
  // n = RNE(clamped * 64 log2 e)
  wire [31:0] steps;
  wire signed [13:0] n;
  fp_mul #(.FINITE(1)) u_steps (.clk_i, .a_i(clamped_q), .b_i(brim_pkg::EXP_STEPS_PER_UNIT), .product_o(steps));
  fp_to_int #(.WIDTH(14)) u_n (.clk_i, .x_i(steps), .zero_i(1'b0), .unit_i(9'd150), .result_o(n));

  // r = (clamped - n * high) - n * low
  // The integer has 13 bits, and so many its significand.
  wire [31:0] n_fp, high, low, clamped_later, rest, r;
  wire [20:0] n_fp_later;
  int_to_fp #(.WIDTH(14)) u_n_fp (.clk_i, .value_i(n), .result_o(n_fp));
  fp_mul #(.FINITE(1)) u_high (.clk_i, .a_i(n_fp), .b_i(brim_pkg::EXP_STEP_HIGH), .product_o(high));
  fp_mul #(.FINITE(1)) u_low (.clk_i, .a_i({n_fp_later, 11'b0}), .b_i(brim_pkg::EXP_STEP_LOW), .product_o(low));
  delay #(
      .WIDTH (32),
      .CYCLES(latency_pkg::MUL + latency_pkg::FP_TO_INT + latency_pkg::INT_TO_FP + latency_pkg::MUL)
  ) u_clamped (.clk_i, .d_i(clamped_q), .q_o(clamped_later));
  delay #(.WIDTH(21), .CYCLES(latency_pkg::ADD)) u_n_fp_later (.clk_i, .d_i(n_fp[31:11]), .q_o(n_fp_later));
  fp_add #(.FINITE(1)) u_rest (.clk_i, .a_i(clamped_later), .b_i({!high[31], high[30:0]}), .sum_o(rest));
  fp_add #(.FINITE(1)) u_r (.clk_i, .a_i(rest), .b_i({!low[31], low[30:0]}), .sum_o(r));

  // p = r + r * r / 2. Halving takes one from the exponent; what falls below 2^-126 is flushed.
  wire [31:0] square, r_later, p;
  logic [31:0] half_q;
  always_ff @(posedge clk_i) half_q <= square[30:23] <= 8'd1 ? 32'h0 : {square[31], square[30:23] - 8'd1, square[22:0]};
  fp_mul #(.FINITE(1)) u_square (.clk_i, .a_i(r), .b_i(r), .product_o(square));
  delay #(.WIDTH(32), .CYCLES(latency_pkg::MUL + 1)) u_r_later (.clk_i, .d_i(r), .q_o(r_later));
  fp_add_small u_p (.clk_i, .a_i(r_later), .b_i(half_q), .sum_o(p));

  // t + t * p
  localparam int ToTable = latency_pkg::INT_TO_FP + latency_pkg::MUL + 2 * latency_pkg::ADD + latency_pkg::MUL + 1 +
      latency_pkg::ADD_SMALL;
  wire [13:0] n_later;
  wire [31:0] t_later, product, sum;
  logic [31:0] t_q;
  logic [7:0] exponent_q;
  delay #(.WIDTH(14), .CYCLES(ToTable - 1)) u_n_later (.clk_i, .d_i(n), .q_o(n_later));
  always_ff @(posedge clk_i) begin
    t_q        <= brim_pkg::exp_table(n_later[5:0]);
    exponent_q <= n_later[13:6];
  end
  fp_mul #(.FINITE(1)) u_product (.clk_i, .a_i(t_q), .b_i(p), .product_o(product));
  delay #(.WIDTH(32), .CYCLES(latency_pkg::MUL)) u_t_later (.clk_i, .d_i(t_q), .q_o(t_later));
  fp_add_small u_sum (.clk_i, .a_i(t_later), .b_i(product), .sum_o(sum));

  // The last cycle: * 2^(n / 64).
  wire [7:0] exponent_later;
  wire nan_later, below_later;
  delay #(.WIDTH(8), .CYCLES(latency_pkg::MUL + latency_pkg::ADD_SMALL)) u_exponent (
      .clk_i, .d_i(exponent_q), .q_o(exponent_later));
  delay #(.WIDTH(2), .CYCLES(latency_pkg::EXP - 2)) u_flags (
      .clk_i, .d_i({nan_q, below_q}), .q_o({nan_later, below_later}));
  logic [31:0] result_q;
  always_ff @(posedge clk_i) begin
    if (nan_later) result_q <= brim_pkg::FP_NAN;
    else if (below_later) result_q <= 32'h0;
    else result_q <= {1'b0, sum[30:23] + exponent_later, sum[22:0]};
  end
  assign result_o = result_q;
  wire unused = &{1'b0, sum[31]};
endmodule
`default_nettype wire
