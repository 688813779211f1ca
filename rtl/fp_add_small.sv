// sum_o = fadd(a_i, b_i) for finite operands of which b is at most an eighth of a in magnitude, or zero; one result
// per cycle, latency_pkg::ADD_SMALL cycles later. A zero's sign is not kept.
`default_nettype none
module fp_add_small (
    input  wire        clk_i,
    input  wire [31:0] a_i,
    input  wire [31:0] b_i,
    output wire [31:0] sum_o
);
  // Cycle 1: how far b is to be shifted. Cycles 2 and 3: align.
  logic [31:0] a_q;
  logic [22:0] b_q;
  logic b_zero_q, opposite_q;
  logic [7:0] distance_q;
  wire a_zero = a_i[30:23] == '0;
  wire b_zero = b_i[30:23] == '0;
  always_ff @(posedge clk_i) begin
    a_q <= a_i;
    b_q <= b_i[22:0];
    if (a_zero) a_q[22:0] <= '0;
    if (b_zero) b_q <= '0;
    b_zero_q   <= b_zero;
    opposite_q <= a_i[31] != b_i[31];
    distance_q <= a_i[30:23] - b_i[30:23];
  end
  wire [26:0] aligned;
  wire aligned_once_more;
  align_right #(.WIDTH(27)) u_align (
      .clk_i, .value_i({!b_zero_q, b_q, 3'b0}), .shift_i(distance_q[4:0] | {5{distance_q[7:5] != '0}}),
      .value_o(aligned), .once_more_o(aligned_once_more));
  wire [23:0] significand;
  wire subtract;
  delay #(.WIDTH(25), .CYCLES(2)) u_significand (
      .clk_i, .d_i({opposite_q, a_q[30:23] != '0, a_q[22:0]}), .q_o({subtract, significand}));

  // Cycle 4: add, or subtract by adding the complement and a one from below.
  wire [26:0] operand = aligned_once_more ? {1'b0, aligned[26:2], aligned[1] || aligned[0]} : aligned;
  logic [27:0] sum_q;
  logic carry_in_q;
  always_ff @(posedge clk_i)
    {sum_q, carry_in_q} <= {1'b0, significand, 3'b0, 1'b1} + ({1'b0, operand, 1'b0} ^ {29{subtract}});

  // Cycle 5: the leading one stands in bit 27, 26 or 25. Cycle 6: round.
  wire sign;
  wire [7:0] exponent;
  delay #(.WIDTH(9), .CYCLES(3)) u_exponent (.clk_i, .d_i(a_q[31:23]), .q_o({sign, exponent}));
  logic [22:0] fraction_q;
  logic round_up_q, sign_q, zero_q;
  logic [7:0] exponent_q;
  logic [30:0] rounded_q;
  logic sign_out_q;
  always_ff @(posedge clk_i) begin
    sign_q <= sign;
    zero_q <= exponent == '0;
    if (sum_q[27]) begin
      fraction_q <= sum_q[26:4];
      round_up_q <= sum_q[3] && (sum_q[4] || sum_q[2:0] != '0);
      exponent_q <= exponent + 8'd1;
    end else if (sum_q[26]) begin
      fraction_q <= sum_q[25:3];
      round_up_q <= sum_q[2] && (sum_q[3] || sum_q[1:0] != '0);
      exponent_q <= exponent;
    end else begin
      fraction_q <= sum_q[24:2];
      round_up_q <= sum_q[1] && (sum_q[2] || sum_q[0]);
      exponent_q <= exponent - 8'd1;
    end
    sign_out_q <= sign_q;
    rounded_q  <= {exponent_q, fraction_q} + 31'(round_up_q);
    if (zero_q) rounded_q <= '0;
  end
  wire [31:0] result = {sign_out_q, rounded_q};

  // What latency_pkg allows beyond the stages above.
  delay #(.WIDTH(32), .CYCLES(latency_pkg::ADD_SMALL - 6)) u_allowed (.clk_i, .d_i(result), .q_o(sum_o));

  wire unused = &{1'b0, carry_in_q};
endmodule
`default_nettype wire
