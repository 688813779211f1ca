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

  logic signed [29:0] dot_a_q, dot_q;
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
      default: dot_q <= 30'(value_q);
    endcase
  end

  // --- Zero-point, to FP32, scale. ---
  logic signed [23:0] block_sum_later_q;
  logic signed [4:0] zero_q;
  logic signed [28:0] zero_product_q, correction_q;
  logic signed [29:0] corrected_q;
  always_ff @(posedge clk_i) begin
    block_sum_later_q <= block_sums[control_i.zero_slot];
    zero_q            <= {1'b0, control_i.zero};
    zero_product_q    <= 29'(block_sum_later_q * zero_q);
    correction_q      <= zero_product_q;
    corrected_q       <= dot_q - 30'(correction_q);
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

  // --- Sums within the page, then over pages. ---
  logic [31:0] pair_held_q[4];
  logic [31:0] quad_held_q[2];
  wire [31:0] pair_sum, quad_sum, row_old, row_sum;
  always_ff @(posedge clk_i) begin
    if (control_i.pair_hold) pair_held_q[control_i.pair_index] <= product_o;
    if (control_i.quad_hold) quad_held_q[control_i.quad_index] <= pair_sum;
  end
  wire [31:0] pair_other = control_i.pair_add ? pair_held_q[control_i.pair_index] : NegativeZero;
  wire [31:0] quad_other = control_i.quad_add ? quad_held_q[control_i.quad_index] : NegativeZero;
  fp_add u_pair (.clk_i, .a_i(product_o), .b_i(pair_other), .sum_o(pair_sum));
  fp_add u_quad (.clk_i, .a_i(pair_sum), .b_i(quad_other), .sum_o(quad_sum));
  ram #(.WIDTH(32), .DEPTH(1024)) u_rows (
      .clk_i, .we_i(control_i.row_write), .waddress_i(control_i.row), .wdata_i(row_sum),
      .raddress_i(control_i.row_read), .rdata_o(row_old));
  fp_add u_row (.clk_i, .a_i(quad_sum), .b_i(control_i.row_first ? 32'h0 : row_old), .sum_o(row_sum));
  ram #(.WIDTH(32), .DEPTH(1024)) u_results (
      .clk_i, .we_i(control_i.result_write), .waddress_i(control_i.result), .wdata_i(row_sum),
      .raddress_i(control_i.result_read), .rdata_o(result_o));

  wire unused = carry_a;
endmodule
`default_nettype wire
