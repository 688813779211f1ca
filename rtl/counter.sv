// A counter that stops at its largest value.
`default_nettype none
module counter #(
    parameter int WIDTH = 32
) (
    input  wire             clk_i,
    input  wire             clear_i,
    input  wire [      1:0] add_i,
    output wire [WIDTH-1:0] count_o
);
  logic [WIDTH-1:0] count_q;
  wire [WIDTH:0] sum = {1'b0, count_q} + (WIDTH + 1)'(add_i);
  always_ff @(posedge clk_i) count_q <= clear_i ? '0 : sum[WIDTH] ? '1 : sum[WIDTH-1:0];
  assign count_o = count_q;
endmodule
`default_nettype wire
