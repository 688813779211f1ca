// The VPU's data path for one token (or, in attention, one query head): 64 packed multipliers in chains of four,
// adder trees, FP32 scaling and the running sums. It never stalls; vpu.sv says in which cycle it does what.
//
// The number in a comment is the cycle in which an input is sampled, from the issue of the last slot of a dot product or,
// D + ..., from the cycle in which it stands in dot_q; vpu_pkg::lane_control_t says it of the control. latency_pkg has
// these cycles, docs/rtl/vpu.md the diagram.
`default_nettype none
module vpu_lane (
    input wire clk_i,

    input wire vpu_pkg::fill_t         fill_i,     // activation blocks: 16 slots of 128 mantissas, four per cycle
    input wire                  [15:0] broadcast_i,  // the lane's attention weight, with control_i.broadcast_valid
    input wire vpu_pkg::lane_control_t control_i,
    input wire             [64*27-1:0] operands_i,   // OPERANDS + k

    input  wire signed [ 7:0] value_exponent_i,  // D + SCALE_SLOT: exponent of attention weights
    output wire        [31:0] product_o,         // D + PRODUCT: dot product * scale * 2^e
    output wire        [31:0] result_o           // of control_i.result_read, RAM cycles later
);
  localparam int Chain = latency_pkg::CHAIN;
  if (latency_pkg::DOT != latency_pkg::SUMMED + 2 || latency_pkg::DOT_B != latency_pkg::DOT + 1 ||
      latency_pkg::VALUE_DOT != latency_pkg::ACCUMULATED + 1 + latency_pkg::SELECT) begin : gen_never_dot
    $error("dot_a_q, or dot_b_q and dot_b_later_q, or values_held_q and value_q, stand before dot_q");
  end
  if (latency_pkg::TAG + latency_pkg::CORRECTED != 4) begin : gen_never_zero
    $error("block_sum_later_q, zero_product_q, correction_q, corrected_q: four registers behind the zero-point");
  end
  if (latency_pkg::FP != latency_pkg::SCALE + 1 ||
      latency_pkg::SCALE != latency_pkg::SCALE_SLOT + 1) begin : gen_never_scale
    $error("scale_exponent_q and scaled_q stand before the multiplier");
  end
  if (latency_pkg::ROW - latency_pkg::ROW_READ >= latency_pkg::ROW_AGAIN) begin : gen_never_row
    $error("a running sum would be read before it is written");
  end
  localparam logic [31:0] NegativeZero = 32'h80000000;  // x + -0 = x for every x

  // --- Activations: LUT RAM of 16 groups of 4 multipliers; sums and exponents of the blocks. ---
  // Group g holds multiplier g mod 4 of four chains, so that one read address serves it.
  logic [5*(Chain-1)-1:0] addresses_q;
  wire [5*Chain-1:0] addresses = {addresses_q, control_i.slot, control_i.half};
  always_ff @(posedge clk_i) addresses_q <= addresses[5*(Chain-1)-1:0];
  logic [64*16-1:0] activations_q;
  wire [4:0] fill_address = control_i.broadcast_valid ? control_i.broadcast_address : {fill_i.slot, fill_i.word[4]};
  wire [63:0] fill_data = control_i.broadcast_valid ? {4{broadcast_i}} : fill_i.data;
  for (genvar g = 0; g < 16; g++) begin : gen_activation
    (* ram_style = "distributed" *) logic [63:0] memory[32];
    always_ff @(posedge clk_i) begin
      if (control_i.broadcast_valid || (fill_i.valid && fill_i.word[3:0] == 4'(g))) memory[fill_address] <= fill_data;
      activations_q[64*g+:64] <= memory[addresses[5*(g%Chain)+:5]];
    end
  end

  logic signed [16:0] fill_sum0_q, fill_sum1_q;
  logic signed [17:0] fill_sum_q;
  logic signed [23:0] block_sum_q;
  logic fill_valid_q[3];
  logic [3:0] fill_slot_q[3];
  logic [4:0] fill_word_q[3];
  (* ram_style = "distributed" *) logic signed [23:0] block_sums[16];
  (* ram_style = "distributed" *) logic signed [7:0] exponents[16];
  always_ff @(posedge clk_i) begin
    fill_valid_q[0] <= fill_i.valid;
    fill_slot_q[0]  <= fill_i.slot;
    fill_word_q[0]  <= fill_i.word;
    for (int i = 1; i < 3; i++) begin
      fill_valid_q[i] <= fill_valid_q[i-1];
      fill_slot_q[i]  <= fill_slot_q[i-1];
      fill_word_q[i]  <= fill_word_q[i-1];
    end
    fill_sum0_q <= 17'(signed'(fill_i.data[15:0])) + 17'(signed'(fill_i.data[31:16]));
    fill_sum1_q <= 17'(signed'(fill_i.data[47:32])) + 17'(signed'(fill_i.data[63:48]));
    fill_sum_q  <= 18'(fill_sum0_q) + 18'(fill_sum1_q);
    if (fill_valid_q[1]) block_sum_q <= (fill_word_q[1] == '0 ? 24'sd0 : block_sum_q) + 24'(fill_sum_q);
    if (fill_valid_q[2] && fill_word_q[2] == '1) block_sums[fill_slot_q[2]] <= block_sum_q;
    if (fill_i.valid && fill_i.word == '1) exponents[fill_i.slot] <= signed'(fill_i.exponent);
  end

  // --- Multiply and add. ---
  // Input 16 c + 4 k + j is multiplier k of chain 4 c + j.
  logic [Chain-2:0] values_q, add_q, dump_q;
  wire [Chain-1:0] values = {values_q, control_i.values};
  wire [Chain-1:0] add = {add_q, control_i.value_add};
  wire [Chain-1:0] dump = {dump_q, control_i.value_dump};
  always_ff @(posedge clk_i) begin
    values_q <= values[Chain-2:0];
    add_q    <= add[Chain-2:0];
    dump_q   <= dump[Chain-2:0];
  end
  wire [16*26-1:0] leaves_a;
  wire [16*22-1:0] leaves_b;
  wire [15:0] carries_b;
  logic [64*29-1:0] values_held_q;
  wire [64*44-1:0] both_sums;
  for (genvar c = 0; c < 16; c++) begin : gen_chain
    wire [48*(Chain+1)-1:0] chained;
    wire [48*Chain-1:0] sums;
    assign chained[47:0] = '0;
    for (genvar k = 0; k < Chain; k++) begin : gen_multiplier
      localparam int I = 16 * (c / 4) + 4 * k + c % 4;
      packed_multiplier u_multiplier (
          .clk_i,
          .operand_i(operands_i[27*I+:27]),
          .activation_i(activations_q[16*I+:16]),
          .add_i(add[k]),
          .chain_i(!values[k]),
          .chain_sum_i(chained[48*k+:48]),
          .chain_sum_o(chained[48*(k+1)+:48]),
          .sum_o(sums[48*k+:48])
      );
      assign both_sums[44*I+:44] = sums[48*k+:44];
      always_ff @(posedge clk_i) if (dump[k]) values_held_q[29*I+:29] <= sums[48*k+:29];
    end
    wire [47:0] sum = sums[48*(Chain-1)+:48];
    assign leaves_a[26*c+:26] = {control_i.kv ? sum[25:22] : {4{sum[21]}}, sum[21:0]};
    assign leaves_b[22*c+:22] = sum[43:22];
    assign carries_b[c] = sum[21];
    wire unused = &{1'b0, sums, chained[48*Chain+:48], sum[47:44]};
  end

  wire signed [29:0] sum_a;
  wire signed [25:0] sum_b;
  wire carry_a, carry_b;
  adder_tree #(.LEAVES(latency_pkg::LEAVES), .WIDTH(26)) u_tree_a (
      .clk_i, .leaves_i(leaves_a), .carries_i(16'b0), .sum_o(sum_a), .carry_o(carry_a));
  adder_tree #(.LEAVES(latency_pkg::LEAVES), .WIDTH(22)) u_tree_b (
      .clk_i, .leaves_i(leaves_b), .carries_i(carries_b), .sum_o(sum_b), .carry_o(carry_b));

  // Two of the 128 sums of V of four bits, row and row + 64.
  wire signed [25:0] value_a, value_b;
  value_sums u_value_sums (
      .clk_i, .sums_i(both_sums), .four_i(control_i.value_four), .first_i(control_i.value_first),
      .last_i(control_i.value_dump), .select_i(control_i.value_select), .a_o(value_a), .b_o(value_b));

  logic signed [29:0] dot_a_q, dot_q;
  logic signed [25:0] dot_other_q;
  logic signed [26:0] dot_b_q, dot_b_later_q;
  logic signed [28:0] value_q;
  always_ff @(posedge clk_i) begin
    dot_a_q       <= (control_i.dot_first ? 30'sd0 : dot_a_q) + sum_a;
    dot_b_q       <= (control_i.dot_first ? 27'sd0 : dot_b_q) + 27'(sum_b) + {26'b0, carry_b};
    dot_b_later_q <= dot_b_q;
    value_q       <= values_held_q[29*control_i.value_select+:29];
    case (control_i.dot_source)
      vpu_pkg::SOURCE_A: dot_q <= dot_a_q;
      vpu_pkg::SOURCE_B: dot_q <= 30'(dot_b_later_q);
      default: dot_q <= control_i.dot_both ? 30'(value_a) : 30'(value_q);
    endcase
    dot_other_q <= value_b;
  end

  // --- Zero-points of V: their sum over a block, each times its position's weight. ---
  logic signed [19:0] zero_weight_q;
  logic signed [25:0] zero_sum_q, block_zeros_q, value_correction_q;
  logic zero_valid_q, zero_first_q, zero_last_q, zero_done_q;
  always_ff @(posedge clk_i) begin
    zero_weight_q <= 20'(signed'(broadcast_i) * signed'({1'b0, control_i.broadcast_zero}));
    zero_valid_q  <= control_i.broadcast_valid;
    zero_first_q  <= control_i.broadcast_first;
    zero_last_q   <= control_i.broadcast_valid && control_i.broadcast_last;
    zero_done_q   <= zero_last_q;
    if (zero_valid_q) zero_sum_q <= (zero_first_q ? 26'sd0 : zero_sum_q) + 26'(zero_weight_q);
    if (zero_done_q) block_zeros_q <= zero_sum_q;
    // From the block's first sum of V to its last.
    if (control_i.values_both ? dump[3] : dump[1]) value_correction_q <= block_zeros_q;
  end
  if (latency_pkg::ACCUMULATED + 1 != latency_pkg::VALUE_DOT - 2 ||
      latency_pkg::ACCUMULATED + 3 != latency_pkg::VALUE_BOTH_DOT - 2 ||
      latency_pkg::KV_WEIGHT + 3 > latency_pkg::KV_ISSUE + latency_pkg::ACCUMULATED + 1) begin : gen_never_zeros
    $error("dump[1], or dump[3], comes two cycles before D of a block's first sum, block_zeros_q before that");
  end

  // --- Zero-point, to FP32, scale. ---
  logic signed [23:0] block_sum_later_q;
  logic signed [4:0] zero_q;
  logic signed [28:0] zero_product_q, correction_q;
  logic signed [29:0] corrected_q;
  logic signed [26:0] corrected_other_q;
  always_ff @(posedge clk_i) begin
    block_sum_later_q <= block_sums[control_i.zero_slot];
    zero_q            <= {1'b0, control_i.zero};
    zero_product_q    <= 29'(block_sum_later_q * zero_q);
    correction_q      <= control_i.dot_source == vpu_pkg::SOURCE_VALUE ? 29'(value_correction_q) : zero_product_q;
    corrected_q       <= dot_q - 30'(correction_q);
    corrected_other_q <= 27'(dot_other_q) - correction_q[26:0];
  end
  wire [31:0] dot_fp;
  int_to_fp #(.WIDTH(30)) u_dot_fp (.clk_i, .value_i(corrected_q), .result_o(dot_fp));

  logic signed [7:0] scale_exponent_q;
  always_ff @(posedge clk_i)
    scale_exponent_q <= control_i.scale_values ? value_exponent_i : exponents[control_i.scale_slot];
  wire [31:0] scaled;
  logic [31:0] scaled_q;
  fp_scale u_scale (
      .x_i(control_i.scale),
      .exponent_i(scale_exponent_q),
      .result_o(scaled)
  );
  always_ff @(posedge clk_i) scaled_q <= scaled;
  fp_mul u_mul (.clk_i, .a_i(dot_fp), .b_i(scaled_q), .product_o(product_o));
  wire [31:0] other_fp, other_product;
  int_to_fp #(.WIDTH(27)) u_other_fp (.clk_i, .value_i(corrected_other_q), .result_o(other_fp));
  fp_mul u_other_mul (.clk_i, .a_i(other_fp), .b_i(scaled_q), .product_o(other_product));

  // --- Sums within the page, then over pages; or, of V, over blocks: the other sum in the adder of pairs, which goes
  // unused then, while the product goes past it. ---
  logic [31:0] pair_held_q[4];
  logic [31:0] quad_held_q[2];
  wire [31:0] pair_sum, quad_sum, row_sum, row_old, upper_old, product_later;
  always_ff @(posedge clk_i) begin
    if (control_i.pair_hold) pair_held_q[control_i.pair_index] <= product_o;
    if (control_i.quad_hold) quad_held_q[control_i.quad_index] <= pair_sum;
  end
  wire [31:0] pair_other = control_i.pair_add ? pair_held_q[control_i.pair_index] : NegativeZero;
  wire [31:0] quad_other = control_i.quad_add ? quad_held_q[control_i.quad_index] : NegativeZero;
  wire [31:0] other_old = control_i.other_first ? 32'h0 : upper_old;
  fp_add u_pair (
      .clk_i, .a_i(control_i.other ? other_product : product_o), .b_i(control_i.other ? other_old : pair_other),
      .sum_o(pair_sum));
  delay #(.WIDTH(32), .CYCLES(latency_pkg::PAIR - latency_pkg::PRODUCT)) u_product_later (
      .clk_i, .d_i(product_o), .q_o(product_later));
  fp_add u_quad (
      .clk_i, .a_i(control_i.other_write ? product_later : pair_sum), .b_i(quad_other), .sum_o(quad_sum));

  // Rows below 64 and from there on stand apart, so that both sums of V are read and written at a time.
  wire row_upper;
  delay #(.WIDTH(1), .CYCLES(latency_pkg::RAM)) u_row_upper (.clk_i, .d_i(control_i.row_read[6]), .q_o(row_upper));
  ram #(.WIDTH(32), .DEPTH(512)) u_rows (
      .clk_i, .we_i(control_i.row_write && !control_i.row[6]), .waddress_i({control_i.row[9:7], control_i.row[5:0]}),
      .wdata_i(row_sum), .raddress_i({control_i.row_read[9:7], control_i.row_read[5:0]}), .rdata_o(row_old));
  ram #(.WIDTH(32), .DEPTH(512)) u_upper_rows (
      .clk_i, .we_i(control_i.other_write || (control_i.row_write && control_i.row[6])),
      .waddress_i(control_i.other_write ? control_i.other_row : {control_i.row[9:7], control_i.row[5:0]}),
      .wdata_i(control_i.other_write ? pair_sum : row_sum),
      .raddress_i(control_i.other_reads ? control_i.other_read : {control_i.row_read[9:7], control_i.row_read[5:0]}),
      .rdata_o(upper_old));
  fp_add u_row (
      .clk_i, .a_i(quad_sum), .b_i(control_i.row_first ? 32'h0 : row_upper ? upper_old : row_old), .sum_o(row_sum));

  wire [31:0] result_lower, result_of_upper;
  wire result_upper;
  delay #(.WIDTH(1), .CYCLES(latency_pkg::RAM)) u_result_upper (
      .clk_i, .d_i(control_i.result_read[6]), .q_o(result_upper));
  wire [8:0] result_read = {control_i.result_read[9:7], control_i.result_read[5:0]};
  ram #(.WIDTH(32), .DEPTH(512)) u_results (
      .clk_i, .we_i(control_i.result_write && !control_i.result[6]),
      .waddress_i({control_i.result[9:7], control_i.result[5:0]}), .wdata_i(row_sum), .raddress_i(result_read),
      .rdata_o(result_lower));
  ram #(.WIDTH(32), .DEPTH(512)) u_upper_results (
      .clk_i, .we_i(control_i.other_result_write || (control_i.result_write && control_i.result[6])),
      .waddress_i(control_i.other_result_write ? control_i.other_result : {control_i.result[9:7], control_i.result[5:0]}),
      .wdata_i(control_i.other_result_write ? pair_sum : row_sum), .raddress_i(result_read), .rdata_o(result_of_upper));
  assign result_o = result_upper ? result_of_upper : result_lower;

  wire unused = carry_a;
endmodule
`default_nettype wire
