// One DSP48E2: operand_i times activation_i, three cycles, in a chain of four. The operand is one signed number of
// up to 8 bits, or two unsigned 4-bit weights: {1'b0, b, 18'b0, a}. The chain's sum of four then is that of
// a * activation, 22 bits with sign, and 2^22 times that of b * activation: a negative sum below borrows one from
// the one above, so the upper sum is bits 47..22 plus bit 21.
//
// add_i and chain_i, sampled with the last of the three cycles, say to what the product is added: the sum before in
// the chain, which has to be that of one cycle earlier; its own before (both 0: nothing).
`default_nettype none
module packed_multiplier (
    input  wire               clk_i,
    input  wire signed [26:0] operand_i,
    input  wire signed [15:0] activation_i,
    input  wire               add_i,
    input  wire               chain_i,
    input  wire signed [47:0] sum_i,
    output wire signed [47:0] sum_o
);
  logic signed [26:0] a_q;
  logic signed [15:0] b_q;
  logic signed [42:0] m_q;
  logic signed [47:0] p_q;
  always_ff @(posedge clk_i) begin
    a_q <= operand_i;
    b_q <= activation_i;
    m_q <= 43'(a_q * b_q);
    p_q <= (add_i ? p_q : chain_i ? sum_i : 48'sd0) + 48'(m_q);
  end
  assign sum_o = p_q;
endmodule
`default_nettype wire
