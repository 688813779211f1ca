// sum_o = fadd(a_i, b_i) of numerics/fp32.h, one result per cycle, fp_pkg::ADD cycles later. Subnormal
// inputs count as zeros.
`default_nettype none
module fp_add (
    input  wire        clk_i,
    input  wire [31:0] a_i,
    input  wire [31:0] b_i,
    output wire [31:0] sum_o
);
  // Cycle 1: which operand is larger in magnitude, and by how much. Cycle 2: the larger one first; how far the
  // other is to be shifted.
  logic [31:0] a_q, b_q;
  logic a_larger_q;
  logic [8:0] a_minus_b_q, b_minus_a_q;
  wire [8:0] distance = a_larger_q ? a_minus_b_q : b_minus_a_q;

  logic [31:0] larger_q, smaller_q;
  logic [4:0] shift_q;
  always_ff @(posedge clk_i) begin
    a_q         <= a_i;
    b_q         <= b_i;
    a_larger_q  <= a_i[30:0] >= b_i[30:0];
    a_minus_b_q <= {1'b0, a_i[30:23]} - {1'b0, b_i[30:23]};
    b_minus_a_q <= {1'b0, b_i[30:23]} - {1'b0, a_i[30:23]};

    larger_q  <= a_larger_q ? a_q : b_q;
    smaller_q <= a_larger_q ? b_q : a_q;
    shift_q   <= distance[8:5] != '0 ? 5'd31 : distance[4:0];
  end

  // Cycles 3 and 4: align. Three bits more than the significand are enough to round.
  wire larger_zero = larger_q[30:23] == '0;
  wire smaller_zero = smaller_q[30:23] == '0;
  wire [26:0] aligned;
  align_right #(
      .WIDTH(27)
  ) u_align (
      .clk_i,
      .value_i({27{!smaller_zero}} & {1'b1, smaller_q[22:0], 3'b0}),
      .shift_i(shift_q),
      .value_o(aligned)
  );

  wire larger_special = larger_q[30:23] == 8'hFF;
  wire smaller_special = smaller_q[30:23] == 8'hFF;
  wire larger_nan = larger_special && larger_q[22:0] != '0;
  wire opposite = larger_q[31] != smaller_q[31];

  // What goes along: 0 is the state beside cycle 3, 5 that beside cycle 8.
  logic [26:0] significand_q[2];
  logic [7:0] exponent_q[6];
  logic subtract_q[2];
  logic sign_q[6], negative_zero_q[6], infinity_q[6], nan_q[6];
  always_ff @(posedge clk_i) begin
    significand_q[0] <= {27{!larger_zero}} & {1'b1, larger_q[22:0], 3'b0};
    significand_q[1] <= significand_q[0];
    subtract_q[0]    <= opposite;
    subtract_q[1]    <= subtract_q[0];

    exponent_q[0]      <= larger_q[30:23];
    sign_q[0]          <= larger_q[31];
    negative_zero_q[0] <= larger_q[31] && smaller_q[31];
    infinity_q[0]      <= larger_special;
    nan_q[0]           <= larger_nan || (smaller_special && opposite);
    for (int i = 1; i < 6; i++) begin
      exponent_q[i]      <= exponent_q[i-1];
      sign_q[i]          <= sign_q[i-1];
      negative_zero_q[i] <= negative_zero_q[i-1];
      infinity_q[i]      <= infinity_q[i-1];
      nan_q[i]           <= nan_q[i-1];
    end
  end

  // Cycle 5: add. Cycles 6 to 8: normalise.
  logic [27:0] sum_q;
  always_ff @(posedge clk_i) begin
    if (subtract_q[1]) sum_q <= {1'b0, significand_q[1]} - {1'b0, aligned};
    else sum_q <= {1'b0, significand_q[1]} + {1'b0, aligned};
  end
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
      .result_o(sum_o)
  );
  // The lowest bits of the padded sum are zero.
  wire unused = &{1'b0, normal[3:0]};
endmodule
`default_nettype wire
