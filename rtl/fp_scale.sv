// Combinational: x_i * 2^exponent_i, exact, where the result is a normal number. Zero, infinity and NaN stay.
`default_nettype none
module fp_scale (
    input  wire        [31:0] x_i,
    input  wire signed [ 7:0] exponent_i,
    output wire        [31:0] result_o
);
  wire keep = x_i[30:23] == '0 || x_i[30:23] == 8'hFF;
  wire [7:0] moved = x_i[30:23] + exponent_i;
  assign result_o = {x_i[31], keep ? x_i[30:23] : moved, x_i[22:0]};
endmodule
`default_nettype wire
