// The VPU's data path for one token (or, in attention, one query head): 64 packed multipliers in chains of four,
// adder trees, FP32 scaling and the running sums. It never stalls; vpu.sv says in which cycle it does what.
//
// The number in a comment is the cycle in which an input is sampled; + k, that multiplier k of each chain gets its
// part k cycles later. Cycle 0 is the issue of the last slot of a dot product; from D on, time counts from the cycle
// in which the dot product stands in dot_q, which is 13 for row a, 14 for row b. docs/rtl/vpu.md has the diagram.
`default_nettype none
module vpu_lane (
    input wire clk_i,

    // Activation blocks: 16 slots of 128 mantissas, four per cycle; the exponent comes with the last four.
    input wire               fill_valid_i,
    input wire        [ 3:0] fill_slot_i,
    input wire        [ 4:0] fill_word_i,
    input wire        [63:0] fill_data_i,
    input wire signed [ 7:0] fill_exponent_i,
    // Attention weights: one word for all 64 multipliers, to be read as {slot_i, half_i} from the next cycle on.
    input wire               broadcast_valid_i,
    input wire        [ 4:0] broadcast_address_i,
    input wire        [15:0] broadcast_i,

    input wire [     3:0] slot_i,           // 0: the block
    input wire            half_i,           // 0: and which 64 of it
    input wire [64*27-1:0] operands_i,      // 1 + k
    input wire            values_i,         // 3: 64 separate sums of products, not one
    input wire            value_add_i,      // 3: which go on
    input wire            value_dump_i,     // 4: and are complete
    input wire            kv_i,             // 7: one 8-bit operand per multiplier, not two of 4 bits
    input wire            dot_first_i,      // 11: the trees' sum starts
    input wire [     1:0] dot_source_i,     // D - 1: row a, row b, or one of the 64 sums
    input wire [     5:0] value_select_i,   // D - 2: which

    input wire        [ 3:0] zero_i,            // D - 3: zero-point
    input wire        [ 3:0] zero_slot_i,       // D - 3
    input wire        [31:0] scale_i,           // D + 6
    input wire        [ 3:0] scale_slot_i,      // D + 5
    input wire               scale_values_i,    // D + 5: value_exponent_i instead of the slot's
    input wire signed [ 7:0] value_exponent_i,  // D + 5
    output wire       [31:0] product_o,         // D + 13: dot product * scale * 2^e

    input wire       pair_add_i,   // D + 13: add to what is held; else pass
    input wire       pair_hold_i,  // D + 13: hold
    input wire [1:0] pair_index_i, // D + 13
    input wire       quad_add_i,   // D + 23: likewise
    input wire       quad_hold_i,  // D + 23
    input wire       quad_index_i, // D + 23

    input wire [ 9:0] row_read_i,      // D + 31: the running sum to add to
    input wire        row_first_i,     // D + 33: or +0
    input wire        row_write_i,     // D + 43
    input wire [ 9:0] row_i,           // D + 43
    input wire        result_write_i,  // D + 43: the sum is complete
    input wire [ 9:0] result_i,        // D + 43
    input wire [ 9:0] result_read_i,
    output wire [31:0] result_o        // two cycles later
);
  localparam int Chain = 4;  // multipliers
  localparam logic [31:0] NegativeZero = 32'h80000000;  // x + -0 = x for every x

  // --- Activations: LUT RAM of 16 groups of 4 multipliers; sums and exponents of the blocks. ---
  // Group g holds multiplier g mod 4 of four chains, so that one read address serves it.
  logic [5*(Chain-1)-1:0] addresses_q;
  wire [5*Chain-1:0] addresses = {addresses_q, slot_i, half_i};
  always_ff @(posedge clk_i) addresses_q <= addresses[5*(Chain-1)-1:0];
  logic [64*16-1:0] activations_q;
  wire [4:0] fill_address = broadcast_valid_i ? broadcast_address_i : {fill_slot_i, fill_word_i[4]};
  wire [63:0] fill_data = broadcast_valid_i ? {4{broadcast_i}} : fill_data_i;
  for (genvar g = 0; g < 16; g++) begin : gen_activation
    (* ram_style = "distributed" *) logic [63:0] memory[32];
    always_ff @(posedge clk_i) begin
      if (broadcast_valid_i || (fill_valid_i && fill_word_i[3:0] == 4'(g))) memory[fill_address] <= fill_data;
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
    fill_valid_q[0] <= fill_valid_i;
    fill_slot_q[0]  <= fill_slot_i;
    fill_word_q[0]  <= fill_word_i;
    for (int i = 1; i < 3; i++) begin
      fill_valid_q[i] <= fill_valid_q[i-1];
      fill_slot_q[i]  <= fill_slot_q[i-1];
      fill_word_q[i]  <= fill_word_q[i-1];
    end
    fill_sum0_q <= 17'(signed'(fill_data_i[15:0])) + 17'(signed'(fill_data_i[31:16]));
    fill_sum1_q <= 17'(signed'(fill_data_i[47:32])) + 17'(signed'(fill_data_i[63:48]));
    fill_sum_q  <= 18'(fill_sum0_q) + 18'(fill_sum1_q);
    if (fill_valid_q[1]) block_sum_q <= (fill_word_q[1] == '0 ? 24'sd0 : block_sum_q) + 24'(fill_sum_q);
    if (fill_valid_q[2] && fill_word_q[2] == '1) block_sums[fill_slot_q[2]] <= block_sum_q;
    if (fill_valid_i && fill_word_i == '1) exponents[fill_slot_i] <= fill_exponent_i;
  end

  // --- Multiply and add. ---
  // Input 16 c + 4 k + j is multiplier k of chain 4 c + j.
  logic [Chain-2:0] values_q, add_q, dump_q;
  wire [Chain-1:0] values = {values_q, values_i};
  wire [Chain-1:0] add = {add_q, value_add_i};
  wire [Chain-1:0] dump = {dump_q, value_dump_i};
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
    wire [48*(Chain+1)-1:0] sums;
    assign sums[47:0] = '0;
    for (genvar k = 0; k < Chain; k++) begin : gen_multiplier
      localparam int I = 16 * (c / 4) + 4 * k + c % 4;
      packed_multiplier u_multiplier (
          .clk_i,
          .operand_i(operands_i[27*I+:27]),
          .activation_i(activations_q[16*I+:16]),
          .add_i(add[k]),
          .chain_i(!values[k]),
          .sum_i(sums[48*k+:48]),
          .sum_o(sums[48*(k+1)+:48])
      );
      always_ff @(posedge clk_i) if (dump[k]) values_held_q[29*I+:29] <= sums[48*(k+1)+:29];
    end
    wire [47:0] sum = sums[48*Chain+:48];
    assign leaves_a[26*c+:26] = {kv_i ? sum[25:22] : {4{sum[21]}}, sum[21:0]};
    assign leaves_b[22*c+:22] = sum[43:22];
    assign carries_b[c] = sum[21];
    wire unused = &{1'b0, sum[47:44]};
  end

  wire signed [29:0] sum_a;
  wire signed [25:0] sum_b;
  wire carry_a, carry_b;
  adder_tree #(.LEAVES(16), .WIDTH(26)) u_tree_a (
      .clk_i, .leaves_i(leaves_a), .carries_i(16'b0), .sum_o(sum_a), .carry_o(carry_a));
  adder_tree #(.LEAVES(16), .WIDTH(22)) u_tree_b (
      .clk_i, .leaves_i(leaves_b), .carries_i(carries_b), .sum_o(sum_b), .carry_o(carry_b));

  logic signed [29:0] dot_a_q, dot_q;
  logic signed [26:0] dot_b_q, dot_b_later_q;
  logic signed [28:0] value_q;
  always_ff @(posedge clk_i) begin
    dot_a_q       <= (dot_first_i ? 30'sd0 : dot_a_q) + sum_a;
    dot_b_q       <= (dot_first_i ? 27'sd0 : dot_b_q) + 27'(sum_b) + {26'b0, carry_b};
    dot_b_later_q <= dot_b_q;
    value_q       <= values_held_q[29*value_select_i+:29];
    case (dot_source_i)
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
    block_sum_later_q <= block_sums[zero_slot_i];
    zero_q            <= {1'b0, zero_i};
    zero_product_q    <= 29'(block_sum_later_q * zero_q);
    correction_q      <= zero_product_q;
    corrected_q       <= dot_q - 30'(correction_q);
  end
  wire [31:0] dot_fp;
  int_to_fp #(.WIDTH(30)) u_dot_fp (.clk_i, .value_i(corrected_q), .result_o(dot_fp));

  logic signed [7:0] scale_exponent_q;
  always_ff @(posedge clk_i) scale_exponent_q <= scale_values_i ? value_exponent_i : exponents[scale_slot_i];
  wire [31:0] scaled;
  logic [31:0] scaled_q;
  fp_scale u_scale (
      .x_i(scale_i),
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
    if (pair_hold_i) pair_held_q[pair_index_i] <= product_o;
    if (quad_hold_i) quad_held_q[quad_index_i] <= pair_sum;
  end
  fp_add u_pair (
      .clk_i, .a_i(product_o), .b_i(pair_add_i ? pair_held_q[pair_index_i] : NegativeZero), .sum_o(pair_sum));
  fp_add u_quad (
      .clk_i, .a_i(pair_sum), .b_i(quad_add_i ? quad_held_q[quad_index_i] : NegativeZero), .sum_o(quad_sum));
  ram #(.WIDTH(32), .DEPTH(1024)) u_rows (
      .clk_i, .we_i(row_write_i), .waddress_i(row_i), .wdata_i(row_sum), .raddress_i(row_read_i), .rdata_o(row_old));
  fp_add u_row (.clk_i, .a_i(quad_sum), .b_i(row_first_i ? 32'h0 : row_old), .sum_o(row_sum));
  ram #(.WIDTH(32), .DEPTH(1024)) u_results (
      .clk_i, .we_i(result_write_i), .waddress_i(result_i), .wdata_i(row_sum),
      .raddress_i(result_read_i), .rdata_o(result_o));

  wire unused = carry_a;
endmodule
`default_nettype wire
