// One DSP48E2: operand_i times activation_i, three cycles. The operand is one signed number of up to 8 bits,
// or two unsigned 4-bit weights: {2'b0, b, 17'b0, a}. Then bits 20..0 of the product are a * activation, and
// bits 41..21 plus bit 20 are b * activation: a negative product below borrows one from the one above.
// With add_i, sampled with the last of the three cycles, product_o is the product plus what it was before.
`default_nettype none
module packed_multiplier (
    input  wire               clk_i,
    input  wire signed [26:0] operand_i,
    input  wire signed [15:0] activation_i,
    input  wire               add_i,
    output wire signed [41:0] product_o
);
  logic signed [26:0] a_q;
  logic signed [15:0] b_q;
  logic signed [41:0] m_q, p_q;
  always_ff @(posedge clk_i) begin
    a_q <= operand_i;
    b_q <= activation_i;
    m_q <= 42'(a_q * b_q);
    p_q <= (add_i ? p_q : 42'sd0) + m_q;
  end
  assign product_o = p_q;
endmodule
`default_nettype wire
