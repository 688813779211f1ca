// product_o = fmul(a_i, b_i) of numerics/fp32.h, one result per cycle, latency_pkg::MUL cycles later. Subnormal
// inputs count as zeros. Two DSP48E2: 24 x 17 and 24 x 7 bits.
`default_nettype none
module fp_mul #(
    parameter bit FINITE = 0  // operands are
) (
    input  wire        clk_i,
    input  wire [31:0] a_i,
    input  wire [31:0] b_i,
    output wire [31:0] product_o
);
  logic [31:0] a_q, b_q;
  logic [40:0] low_q, low_sum_q;
  logic [30:0] high_q;
  logic [30:0] upper_q;

  wire a_zero = a_q[30:23] == '0;
  wire b_zero = b_q[30:23] == '0;
  wire a_special = !FINITE && a_q[30:23] == 8'hFF;
  wire b_special = !FINITE && b_q[30:23] == 8'hFF;
  wire a_nan = a_special && a_q[22:0] != '0;
  wire b_nan = b_special && b_q[22:0] != '0;

  // Beside cycles 2, 3 and 4.
  logic signed [9:0] exponent_q[3];
  logic sign_q[3], zero_q[3], infinity_q[3], nan_q[3];
  logic [22:0] fraction_q;
  logic guard_q, sticky_q;

  // Bits 47 ... 17 of the product are upper_q, the others those of low_sum_q.
  wire [46:0] below = {upper_q[29:0], low_sum_q[16:0]};

  always_ff @(posedge clk_i) begin
    a_q <= a_i;
    b_q <= b_i;

    low_q         <= {1'b1, a_q[22:0]} * b_q[16:0];
    high_q        <= {1'b1, a_q[22:0]} * {1'b1, b_q[22:17]};
    exponent_q[0] <= {2'b0, a_q[30:23]} + {2'b0, b_q[30:23]};
    sign_q[0]     <= a_q[31] ^ b_q[31];
    zero_q[0]     <= a_zero || b_zero;
    infinity_q[0] <= a_special || b_special;
    nan_q[0]      <= a_nan || b_nan || (a_special && b_zero) || (b_special && a_zero);

    upper_q       <= high_q + {7'b0, low_q[40:17]};
    low_sum_q     <= low_q;
    exponent_q[1] <= exponent_q[0] - 10'sd127;

    // A product of significands is in [1, 4).
    fraction_q    <= upper_q[30] ? below[46:24] : below[45:23];
    guard_q       <= upper_q[30] ? below[23] : below[22];
    sticky_q      <= below[21:0] != '0 || (upper_q[30] && below[22]);
    exponent_q[2] <= exponent_q[1] + {9'b0, upper_q[30]};
    for (int i = 1; i < 3; i++) begin
      sign_q[i]     <= sign_q[i-1];
      zero_q[i]     <= zero_q[i-1];
      infinity_q[i] <= infinity_q[i-1];
      nan_q[i]      <= nan_q[i-1];
    end
  end

  wire [31:0] result;
  fp_round u_round (
      .clk_i,
      .sign_i(sign_q[2]),
      .exponent_i(exponent_q[2]),
      .fraction_i(fraction_q),
      .guard_i(guard_q),
      .sticky_i(sticky_q),
      .zero_i(zero_q[2]),
      .infinity_i(infinity_q[2]),
      .nan_i(nan_q[2]),
      .result_o(result)
  );

  // What latency_pkg allows beyond the stages above.
  delay #(.WIDTH(32), .CYCLES(latency_pkg::MUL - 6)) u_allowed (.clk_i, .d_i(result), .q_o(product_o));

  wire unused = &{1'b0, low_sum_q[40:17]};
endmodule
`default_nettype wire
