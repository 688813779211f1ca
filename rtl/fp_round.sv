// The last two cycles of every FP32 operation: rounds to nearest even, then looks at the exponent. What is
// below 2^-126 after rounding becomes a zero of its sign, what is 2^128 or more an infinity.
`default_nettype none
module fp_round (
    input  wire               clk_i,
    input  wire               sign_i,
    input  wire signed [ 9:0] exponent_i,  // biased, before rounding
    input  wire        [22:0] fraction_i,
    input  wire               guard_i,     // the bit after the fraction
    input  wire               sticky_i,    // any one after that
    input  wire               zero_i,
    input  wire               infinity_i,
    input  wire               nan_i,
    output wire        [31:0] result_o
);
  logic sign_q, zero_q, infinity_q, nan_q;
  // The carry out of the fraction goes to the exponent.
  logic [32:0] rounded_q;
  logic [31:0] result_q;

  wire round_up = guard_i && (sticky_i || fraction_i[0]);
  // Of the signed exponent: 255 or more, 0 or less.
  wire too_large = !rounded_q[32] && (rounded_q[31] || rounded_q[30:23] == '1);
  wire too_small = rounded_q[32] || rounded_q[31:23] == '0;

  always_ff @(posedge clk_i) begin
    rounded_q  <= {exponent_i, fraction_i} + 33'(round_up);
    sign_q     <= sign_i;
    zero_q     <= zero_i;
    infinity_q <= infinity_i;
    nan_q      <= nan_i;

    if (nan_q) result_q <= brim_pkg::FP_NAN;
    else if (infinity_q || (!zero_q && too_large)) result_q <= {sign_q, 8'hFF, 23'h0};
    else if (zero_q || too_small) result_q <= {sign_q, 31'h0};
    else result_q <= {sign_q, rounded_q[30:0]};
  end
  assign result_o = result_q;
endmodule
`default_nettype wire
