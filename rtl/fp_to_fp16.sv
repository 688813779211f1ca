// result_o = float_to_fp16(x_i) of numerics/fp16.h, one result per cycle, latency_pkg::FP_TO_FP16 cycles later.
`default_nettype none
module fp_to_fp16 (
    input  wire        clk_i,
    input  wire [31:0] x_i,
    output wire [15:0] result_o
);
  // Below 2^-14 the result is a multiple of 2^-24, the significand one of 2^(field - 150).
  wire [8:0] distance = 9'd126 - {1'b0, x_i[30:23]};
  wire subnormal = x_i[30:23] < 8'd113;

  logic [25:0] significand_q;
  logic [4:0] shift_q;
  logic [31:0] x_q[3];
  logic subnormal_q[3];
  always_ff @(posedge clk_i) begin
    // Normal results keep ten fraction bits: a shift by 13 as well, and the exponent goes beside.
    significand_q  <= {26{x_i[30:23] != '0}} & {1'b1, x_i[22:0], 2'b0};
    shift_q        <= !subnormal ? 5'd13 : distance[8:5] != '0 ? 5'd31 : distance[4:0];
    x_q[0]         <= x_i;
    subnormal_q[0] <= subnormal;
    for (int i = 1; i < 3; i++) begin
      x_q[i]         <= x_q[i-1];
      subnormal_q[i] <= subnormal_q[i-1];
    end
  end

  wire [25:0] coarse;
  wire once_more;
  align_right #(
      .WIDTH(26)
  ) u_align (
      .clk_i,
      .value_i(significand_q),
      .shift_i(shift_q),
      .value_o(coarse),
      .once_more_o(once_more)
  );

  wire [25:0] aligned = once_more ? {1'b0, coarse[25:2], coarse[1] || coarse[0]} : coarse;
  wire round_up = aligned[1] && (aligned[0] || aligned[2]);
  wire [4:0] exponent = x_q[2][27:23] - 5'd16;  // field - 112
  wire infinite = x_q[2][30:0] >= 31'h477FF000;  // 65520
  logic [15:0] result_q;
  always_ff @(posedge clk_i) begin
    if (x_q[2][30:0] > 31'h7F800000) result_q <= {x_q[2][31], 15'h7E00};
    else if (infinite) result_q <= {x_q[2][31], 15'h7C00};
    else
      result_q <= {x_q[2][31], {subnormal_q[2] ? 5'd0 : exponent, aligned[11:2]} + 15'(round_up)};
  end

  // What latency_pkg allows beyond the stages above.
  delay #(.WIDTH(16), .CYCLES(latency_pkg::FP_TO_FP16 - 4)) u_allowed (.clk_i, .d_i(result_q), .q_o(result_o));

  wire unused = &{1'b0, aligned[25:12]};
endmodule
`default_nettype wire
