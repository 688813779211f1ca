// sum_o = fadd(a_i, b_i) of numerics/fp32.h, one result per cycle, latency_pkg::ADD cycles later. Subnormal
// inputs count as zeros.
`default_nettype none
module fp_add #(
    parameter bit FINITE = 0  // operands are
) (
    input  wire        clk_i,
    input  wire [31:0] a_i,
    input  wire [31:0] b_i,
    output wire [31:0] sum_o
);
  // Cycle 1: which operand is larger in magnitude, and how far their exponents are apart.
  logic [31:0] a_q, b_q;
  logic a_larger_q, a_zero_q, b_zero_q;
  logic [8:0] difference_q;
  wire a_zero = a_i[30:23] == '0;
  wire b_zero = b_i[30:23] == '0;
  always_ff @(posedge clk_i) begin
    a_q <= a_i;
    b_q <= b_i;
    if (a_zero) a_q[22:0] <= '0;
    if (b_zero) b_q[22:0] <= '0;
    a_zero_q     <= a_zero;
    b_zero_q     <= b_zero;
    a_larger_q   <= a_i[30:0] >= b_i[30:0];
    difference_q <= {1'b0, a_i[30:23]} - {1'b0, b_i[30:23]};
  end

  // Cycle 2: the larger one first; how far the other is to be shifted.
  logic [30:0] larger_q;
  logic [22:0] smaller_q;
  logic smaller_zero_q, sign_larger_q, opposite_q, both_negative_q;
  logic [4:0] shift_q;
  wire far = a_larger_q ? difference_q[7:5] != '0 : difference_q[7:5] != '1 || difference_q[4:0] == '0;
  always_ff @(posedge clk_i) begin
    larger_q        <= a_larger_q ? a_q[30:0] : b_q[30:0];
    smaller_q       <= a_larger_q ? b_q[22:0] : a_q[22:0];
    smaller_zero_q  <= a_larger_q ? b_zero_q : a_zero_q;
    sign_larger_q   <= a_larger_q ? a_q[31] : b_q[31];
    opposite_q      <= a_q[31] != b_q[31];
    both_negative_q <= a_q[31] && b_q[31];
    if (difference_q == '0) shift_q <= '0;
    else if (far) shift_q <= '1;
    else shift_q <= a_larger_q ? difference_q[4:0] : -difference_q[4:0];
  end

  // Cycles 3 and 4: align. Three bits more than the significand are enough to round.
  wire [26:0] aligned;
  wire aligned_once_more;
  align_right #(
      .WIDTH(27)
  ) u_align (
      .clk_i,
      .value_i({!smaller_zero_q, smaller_q, 3'b0}),
      .shift_i(shift_q),
      .value_o(aligned),
      .once_more_o(aligned_once_more)
  );

  wire larger_special = !FINITE && larger_q[30:23] == 8'hFF;
  wire larger_nan = larger_special && larger_q[22:0] != '0;
  // Infinities of both signs have the same exponent.
  wire both_special = larger_special && shift_q == '0;

  // What goes along: 0 is the state beside cycle 3, 5 that beside cycle 8.
  logic [23:0] significand_q[2];
  logic [7:0] exponent_q[6];
  logic subtract_q[2];
  logic sign_q[6], negative_zero_q[6], infinity_q[6], nan_q[6];
  always_ff @(posedge clk_i) begin
    significand_q[0] <= {larger_q[30:23] != '0, larger_q[22:0]};
    significand_q[1] <= significand_q[0];
    subtract_q[0]    <= opposite_q;
    subtract_q[1]    <= subtract_q[0];

    exponent_q[0]      <= larger_q[30:23];
    sign_q[0]          <= sign_larger_q;
    negative_zero_q[0] <= both_negative_q;
    infinity_q[0]      <= larger_special;
    nan_q[0]           <= larger_nan || (both_special && opposite_q);
    for (int i = 1; i < 6; i++) begin
      exponent_q[i]      <= exponent_q[i-1];
      sign_q[i]          <= sign_q[i-1];
      negative_zero_q[i] <= negative_zero_q[i-1];
      infinity_q[i]      <= infinity_q[i-1];
      nan_q[i]           <= nan_q[i-1];
    end
  end

  // Cycle 5: add, or subtract by adding the complement and a one from below. Cycles 6 to 8: normalise.
  wire [26:0] operand = aligned_once_more ? {1'b0, aligned[26:2], aligned[1] || aligned[0]} : aligned;
  logic [27:0] sum_q;
  logic carry_in_q;
  always_ff @(posedge clk_i)
    {sum_q, carry_in_q} <= {1'b0, significand_q[1], 3'b0, 1'b1} +
        ({1'b0, operand, 1'b0} ^ {29{subtract_q[1]}});
  wire [31:0] normal;
  wire [ 4:0] zeros;
  normalise u_normalise (
      .clk_i,
      .value_i({sum_q, 4'b0}),
      .value_o(normal),
      .shift_o(zeros)
  );

  // Cycles 9 and 10.
  wire zero = !normal[31];
  wire [31:0] result;
  fp_round u_round (
      .clk_i,
      .sign_i(zero ? negative_zero_q[5] : sign_q[5]),
      .exponent_i({2'b0, exponent_q[5]} + 10'd1 - {5'b0, zeros}),
      .fraction_i(normal[30:8]),
      .guard_i(normal[7]),
      .sticky_i(normal[6:4] != '0),
      .zero_i(zero),
      .infinity_i(infinity_q[5]),
      .nan_i(nan_q[5]),
      .result_o(result)
  );

  // What latency_pkg allows beyond the stages above.
  delay #(.WIDTH(32), .CYCLES(latency_pkg::ADD - 10)) u_allowed (.clk_i, .d_i(result), .q_o(sum_o));

  // The lowest bits of the padded sum are zero.
  wire unused = &{1'b0, normal[3:0], carry_in_q};
endmodule
`default_nettype wire
