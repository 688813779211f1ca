// result_o = RNE(x_i * 2^-e), for results that fit WIDTH bits with sign (a16_mantissa of numerics/a16.h, and
// round_to_int with e = 0). One result per cycle, latency_pkg::FP_TO_INT cycles later.
`default_nettype none
module fp_to_int #(
    parameter int WIDTH = 16
) (
    input  wire                    clk_i,
    input  wire        [     31:0] x_i,
    input  wire                    zero_i,      // x_i counts as zero
    input  wire        [      8:0] unit_i,      // 150 + e: a significand with this exponent field is the result
    output wire signed [WIDTH-1:0] result_o
);
  // Cycle 1: the significand is an integer times 2^(field - 150).
  wire [9:0] distance = {1'b0, unit_i} - {2'b0, x_i[30:23]};
  logic [25:0] significand_q;
  logic [4:0] shift_q;
  logic sign_q[3];
  always_ff @(posedge clk_i) begin
    significand_q <= {1'b1, x_i[22:0], 2'b0};
    if (zero_i || x_i[30:23] == '0) significand_q <= '0;
    shift_q       <= distance[9:5] != '0 ? 5'd31 : distance[4:0];
    sign_q[0]     <= x_i[31];
    for (int i = 1; i < 3; i++) sign_q[i] <= sign_q[i-1];
  end

  // Cycles 2 and 3.
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

  // Cycle 4: rounding and sign in one addition, as -(v + r) = ~v + !r.
  wire [25:0] aligned = once_more ? {1'b0, coarse[25:2], coarse[1] || coarse[0]} : coarse;
  wire round_up = aligned[1] && (aligned[0] || aligned[2]);
  wire carry_in = sign_q[2] ^ round_up;
  logic signed [WIDTH-1:0] result_q;
  always_ff @(posedge clk_i)
    result_q <= (aligned[2+:WIDTH] ^ {WIDTH{sign_q[2]}}) + WIDTH'(carry_in);

  // What latency_pkg allows beyond the stages above.
  delay #(.WIDTH(WIDTH), .CYCLES(latency_pkg::FP_TO_INT - 4)) u_allowed (.clk_i, .d_i(result_q), .q_o(result_o));

  wire unused = &{1'b0, aligned};
endmodule
`default_nettype wire
