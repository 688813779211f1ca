// The adder tree of a VPU lane. A module around it, as Verilator wants a top module that does not contain itself.
`default_nettype none
module adder_tree_of_16 (
    input  wire                 clk_i,
    input  wire [16*26-1:0]     leaves_i,
    input  wire [     15:0]     carries_i,
    output wire signed [29:0]   sum_o,
    output wire                 carry_o
);
  adder_tree #(.LEAVES(16), .WIDTH(26)) u_tree (.clk_i, .leaves_i, .carries_i, .sum_o, .carry_o);
endmodule
`default_nettype wire
