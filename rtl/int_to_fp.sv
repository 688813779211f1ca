// result_o = fl(value_i) of numerics/fp32.h: a signed integer of up to 32 bits to FP32, round to nearest
// even, one result per cycle, latency_pkg::INT_TO_FP cycles later.
`default_nettype none
module int_to_fp #(
    parameter int WIDTH = 32
) (
    input  wire                    clk_i,
    input  wire signed [WIDTH-1:0] value_i,
    output wire        [     31:0] result_o
);
  // Cycle 1: the magnitude, at the top of 32 bits.
  logic [31:0] magnitude_q;
  logic sign_q[4];
  wire [WIDTH-1:0] magnitude = value_i[WIDTH-1] ? -value_i : value_i;
  always_ff @(posedge clk_i) begin
    magnitude_q <= 32'(magnitude) << (32 - WIDTH);
    sign_q[0]   <= value_i[WIDTH-1];
    for (int i = 1; i < 4; i++) sign_q[i] <= sign_q[i-1];
  end

  // Cycles 2 to 4.
  wire [31:0] normal;
  wire [ 4:0] zeros;
  normalise u_normalise (
      .clk_i,
      .value_i(magnitude_q),
      .value_o(normal),
      .shift_o(zeros)
  );

  // Cycles 5 and 6. Bit WIDTH - 1 stands for 2^(WIDTH - 1).
  wire [31:0] result;
  fp_round u_round (
      .clk_i,
      .sign_i(sign_q[3]),
      .exponent_i(10'(127 + WIDTH - 1) - {5'b0, zeros}),
      .fraction_i(normal[30:8]),
      .guard_i(normal[7]),
      .sticky_i(normal[6:0] != '0),
      .zero_i(!normal[31]),
      .infinity_i(1'b0),
      .nan_i(1'b0),
      .result_o(result)
  );

  // What latency_pkg allows beyond the stages above.
  delay #(.WIDTH(32), .CYCLES(latency_pkg::INT_TO_FP - 6)) u_allowed (.clk_i, .d_i(result), .q_o(result_o));
endmodule
`default_nettype wire
