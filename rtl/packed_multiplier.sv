// One DSP48E2: operand_i times activation_i, three cycles, in a chain of four. The operand is one signed number of
// up to 8 bits, or two unsigned 4-bit weights: {1'b0, b, 18'b0, a}. The chain's sum of four then is that of
// a * activation, 22 bits with sign, and 2^22 times that of b * activation: a negative sum below borrows one from
// the one above, so the upper sum is bits 47..22 plus bit 21.
//
// add_i and chain_i, sampled with the second of the three cycles, say to what the product is added: its own sum before;
// that of the one before in the chain, which has to be of one cycle earlier (both 0: nothing).
//
// With ULTRASCALE_PLUS defined it is the primitive, which the tools need not recognise; rtl/formal/packed_multiplier_proof.sv
// proves both alike.
`default_nettype none
module packed_multiplier (
    input  wire               clk_i,
    input  wire signed [26:0] operand_i,
    input  wire signed [15:0] activation_i,
    input  wire               add_i,
    input  wire               chain_i,
    input  wire signed [47:0] chain_sum_i,  // of the one before in the chain: its chain_sum_o
    output wire signed [47:0] chain_sum_o,  // sum_o, by the wires between neighbours
    output wire signed [47:0] sum_o
);
`ifdef ULTRASCALE_PLUS
  // All registers once (the defaults). W: 0 or P; Z: 0 or PCIN; X and Y: the product.
  // verilator lint_off PINMISSING
  DSP48E2 #(.AREG(1), .BREG(1), .MREG(1), .PREG(1), .OPMODEREG(1), .USE_MULT("MULTIPLY")) u_dsp (
      .CLK(clk_i),
      .A({{3{operand_i[26]}}, operand_i}),
      .B({{2{activation_i[15]}}, activation_i}),
      .OPMODE({1'b0, add_i, 2'b00, chain_i, 4'b0101}),
      .PCIN(chain_sum_i),
      .PCOUT(chain_sum_o),
      .P(sum_o),
      .CEA2(1'b1), .CEB2(1'b1), .CEM(1'b1), .CEP(1'b1), .CECTRL(1'b1),
      // Not used.
      .ACIN(30'b0), .BCIN(18'b0), .C({48{1'b1}}), .D({27{1'b1}}), .CARRYCASCIN(1'b0), .CARRYIN(1'b0), .CARRYINSEL(3'b0),
      .MULTSIGNIN(1'b0), .ALUMODE(4'b0), .INMODE(5'b0), .CEA1(1'b0), .CEB1(1'b0), .CEAD(1'b0), .CEC(1'b0), .CED(1'b0),
      .CEALUMODE(1'b1), .CECARRYIN(1'b1), .CEINMODE(1'b1), .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0),
      .RSTP(1'b0), .RSTCTRL(1'b0), .RSTALUMODE(1'b0), .RSTINMODE(1'b0), .RSTALLCARRYIN(1'b0));
  // verilator lint_on PINMISSING
`else
  // As wide as the primitive's, so that a proof need not look into the product.
  logic signed [26:0] a_q;
  logic signed [17:0] b_q;
  logic signed [44:0] m_q;
  logic signed [47:0] p_q;
  logic add_q, chain_q;
  always_ff @(posedge clk_i) begin
    a_q     <= operand_i;
    b_q     <= 18'(activation_i);
    m_q     <= 45'(a_q * b_q);
    add_q   <= add_i;
    chain_q <= chain_i;
    p_q     <= (add_q ? p_q : 48'sd0) + (chain_q ? chain_sum_i : 48'sd0) + 48'(m_q);
  end
  assign sum_o       = p_q;
  assign chain_sum_o = p_q;
`endif
endmodule
`default_nettype wire
