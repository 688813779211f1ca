// A counter of 32 bits that stops at its largest value.
`default_nettype none
module counter (
    input  wire        clk_i,
    input  wire        clear_i,
    input  wire [ 1:0] add_i,
    output wire [31:0] count_o
);
  logic [31:0] count_q;
  wire [32:0] sum = {1'b0, count_q} + 33'(add_i);
  always_ff @(posedge clk_i) count_q <= clear_i ? '0 : sum[32] ? '1 : sum[31:0];
  assign count_o = count_q;
endmodule
`default_nettype wire
