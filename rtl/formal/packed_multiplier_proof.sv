// packed_multiplier: the DSP48E2 and what simulation takes for it give the same, for all inputs at all times.
//: sources formal/ultrascale_plus.sv packed_multiplier.sv
//: method scorr
//: twin packed_multiplier.sv ULTRASCALE_PLUS
//: plant packed_multiplier.sv => .OPMODE({1'b0, add_i, 2'b00, chain_i, 4'b0101}) => .OPMODE({1'b0, add_i, 1'b0, chain_i, 1'b0, 4'b0101})
//: plant packed_multiplier.sv => add_q   <= add_i; => add_q   <= add_i && !chain_i;
//: plant packed_multiplier.sv => .B({{2{activation_i[15]}}, activation_i}) => .B({2'b0, activation_i})
`default_nettype none
module packed_multiplier_proof (
    input wire               clk_i,
    input wire signed [26:0] operand_i,
    input wire signed [15:0] activation_i,
    input wire               add_i,
    input wire               chain_i,
    input wire signed [47:0] chain_sum_i
);
  wire signed [47:0] chain_sum[2], sum[2];
  packed_multiplier u_unit (
      .clk_i, .operand_i, .activation_i, .add_i, .chain_i, .chain_sum_i, .chain_sum_o(chain_sum[0]), .sum_o(sum[0]));
  packed_multiplier_twin u_twin (
      .clk_i, .operand_i, .activation_i, .add_i, .chain_i, .chain_sum_i, .chain_sum_o(chain_sum[1]), .sum_o(sum[1]));
  always_comb begin
    assert (sum[0] == sum[1]);
    assert (chain_sum[0] == chain_sum[1]);
  end
endmodule
`default_nettype wire
