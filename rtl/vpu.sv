// The VPU: unpacker, pairing, metadata, activations, attention, and a lane per token.
//
// Control is common to all lanes: a tag accompanies each dot product through the lanes' pipelines and is
// sampled where it is needed.
`default_nettype none
module vpu #(
    parameter int TOKENS = 4,
    parameter int CONTEXT = 8192,
    parameter int SCORES = 16384  // of a lane and generation: positions times rounds
) (
    input wire clk_i,
    input wire rst_ni,

    input wire [15:0] head_size_i,
    input wire        key_four_bits_i,    // in the cache, as value_four_bits_i
    input wire        value_four_bits_i,
    input wire [31:0] context_i,
    input wire [ 3:0] heads_per_kv_i,
    input wire [31:0] inverse_sqrt_head_size_i,
    input wire [23:0] position_i,
    input wire [ 3:0] tokens_i,

    input  wire                         instruction_valid_i,
    output wire                         instruction_ready_o,
    input  wire brim_pkg::instruction_t instruction_i,
    input  wire [                  7:0] generation_i,

    input  wire         beat_valid_i,
    output wire         beat_ready_o,
    input  wire [511:0] beat_i,

    // Beats that go elsewhere: P, R, V scales, embedding rows. The beat is beat_i.
    output wire       parameter_we_o,
    output wire [9:0] parameter_address_o,
    output wire       rope_we_o,
    output wire [5:0] rope_address_o,
    output wire       value_scale_we_o,
    output wire [9:0] scale_beat_o,
    output wire       embed_valid_o,
    input  wire       embed_ready_i,

    // Activations: progress of normed, attention, hidden; reads take two cycles.
    input  wire [         23:0] generations_i,
    input  wire [         23:0] blocks_i,
    output wire [         12:0] activation_address_o,
    input  wire [64*TOKENS-1:0] activation_data_i,
    input  wire [ 8*TOKENS-1:0] activation_exponent_i,

    // Query heads, likewise.
    input  wire [          7:0] q_generation_i,
    input  wire [          7:0] q_heads_i,
    output wire [         10:0] q_address_o,
    input  wire [64*TOKENS-1:0] q_data_i,
    input  wire [ 8*TOKENS-1:0] q_exponent_i,

    // Local KV.
    output wire [  9:0] local_address_o,
    input  wire [511:0] local_data_i,
    output wire [  8:0] local_scale_address_o,
    input  wire [ 19:0] local_scale_i,          // {zero-point, scale}

    // Attention weights.
    input  wire [                7:0] softmax_done_i,
    output wire [ $clog2(SCORES)-2:0] weight_address_o,
    input  wire [      64*TOKENS-1:0] weight_data_i,
    output wire [ $clog2(SCORES)-6:0] exponent_address_o,
    input  wire [       8*TOKENS-1:0] exponent_data_i,

    // Scores, written in all lanes at once; the largest of each query head, combinational.
    output wire [               7:0] scores_done_o,
    output wire                      score_we_o,
    output wire [  $clog2(SCORES):0] score_address_o,
    output wire [     32*TOKENS-1:0] score_o,
    input  wire [               3:0] max_read_i,  // {generation, round}
    output wire [     32*TOKENS-1:0] max_o,
    output wire [      3*TOKENS-1:0] lane_tokens_o,  // the tokens that the lanes serve in that round

    // Results, rows in ascending order.
    output wire                 result_valid_o,
    input  wire                 result_ready_i,
    output wire [32*TOKENS-1:0] result_o,

    output wire        damage_o,          // for one cycle: a checksum was wrong
    output wire        damage_load_o,     // of parameters, else of weights
    output wire [31:0] damage_address_o,  // in beats

    output wire idle_o,
    output wire stall_activation_o,
    output wire stall_result_o,
    output wire stall_softmax_o,
    output wire stall_scores_o
);
  // Cycles count from the issue of a dot product's last slot, or from D, in which it is complete: latency_pkg.

  // ------------------------------------------------------------------ beats and instructions
  brim_pkg::instruction_t instruction;
  wire [7:0] generation;
  wire matvec_start, weight_valid, weight_ready, page_start, page_first, page_last;
  wire [19:0] row_blocks;
  wire [2:0] page_columns;
  wire [7:0] page_rows, page_record;
  wire activations_ready, slot_free, results_empty, results_idle, unpacker_idle;
  wire metadata_we, scale_we, scale_value;
  wire [7:0] metadata_address;
  wire kv_start, kv_valid, kv_ready, kv_done, kv_idle;
  wire pairing_empty;
  wire check_metadata, check_weights, check_first, check_last;
  unpacker u_unpacker (
      .clk_i, .rst_ni, .head_size_i, .key_four_bits_i, .value_four_bits_i, .position_i, .tokens_i,
      .instruction_valid_i, .instruction_ready_o, .instruction_i, .generation_i,
      .instruction_o(instruction), .generation_o(generation),
      .beat_valid_i, .beat_ready_o,
      .parameter_we_o, .parameter_address_o, .rope_we_o, .rope_address_o,
      .metadata_we_o(metadata_we), .metadata_address_o(metadata_address),
      .scale_we_o(scale_we), .scale_value_o(scale_value), .scale_beat_o,
      .check_metadata_o(check_metadata), .check_weights_o(check_weights), .check_first_o(check_first),
      .check_last_o(check_last), .embed_valid_o, .embed_ready_i,
      .matvec_start_o(matvec_start), .matvec_row_blocks_o(row_blocks),
      .weight_valid_o(weight_valid), .weight_ready_i(weight_ready),
      .page_start_o(page_start), .page_columns_o(page_columns), .page_first_o(page_first),
      .page_last_o(page_last), .page_rows_o(page_rows), .page_record_o(page_record),
      .activations_ready_i(activations_ready), .result_ready_i(slot_free),
      .kv_start_o(kv_start), .kv_valid_o(kv_valid), .kv_ready_i(kv_ready), .kv_done_i(kv_done),
      .kv_may_start_i(pairing_empty),
      .idle_o(unpacker_idle), .stall_activation_o, .stall_result_o
  );
  assign value_scale_we_o = scale_we && scale_value;

  wire instruction_taken = instruction_valid_i && instruction_ready_o;
  stream_check u_stream_check (
      .clk_i, .rst_ni, .stream_i(instruction_taken && instruction_i.opcode == brim_pkg::OP_STREAM),
      .load_start_i(instruction_taken && instruction_i.opcode == brim_pkg::OP_LOAD),
      .address_i(instruction_i.address), .load_crc_i(instruction_i.address2), .metadata_i(check_metadata),
      .weights_i(check_weights), .load_i(parameter_we_o), .first_i(check_first), .last_i(check_last), .beat_i,
      .damage_o, .damage_load_o, .damage_address_o);

  // ------------------------------------------------------------------ weights: slots, cycle 0
  vpu_pkg::page_t page_in, page;
  wire [3:0] claim_slot;
  wire [2:0] next_result_slot;
  always_comb begin
    page_in.columns     = page_columns;
    page_in.first       = page_first;
    page_in.last        = page_last;
    page_in.slot0       = claim_slot;
    page_in.slot1       = claim_slot + 4'd1;
    page_in.slot2       = claim_slot + 4'd2;
    page_in.slot3       = claim_slot + 4'd3;
    page_in.result_slot = next_result_slot;
    page_in.record      = page_record;
  end
  wire slot_valid, slot_half, page_end;
  wire [1:0] slot_port;
  wire [3:0] slot_j;
  wire [511:0] weights;
  weight_pairing #(.TAG($bits(page_in))) u_pairing (
      .clk_i, .rst_ni, .valid_i(weight_valid), .ready_o(weight_ready), .beat_i, .page_i(page_in),
      .slot_valid_o(slot_valid), .port_o(slot_port), .j_o(slot_j), .half_o(slot_half), .page_o(page),
      .page_end_o(page_end), .weights_o(weights), .empty_o(pairing_empty));

  // What a page takes, it takes in the cycle after its first beat; the next one comes 128 beats later.
  logic page_started_q, page_last_q;
  logic [7:0] row_block_rows_q;
  always_ff @(posedge clk_i) begin
    page_started_q   <= page_start;
    page_last_q      <= page_last;
    row_block_rows_q <= page_rows;
  end

  wire refill_valid;
  wire [3:0] refill_slot;
  wire [4:0] refill_word;
  activation_refill u_refill (
      .clk_i, .rst_ni, .start_i(matvec_start), .two_planes_i(instruction.flags[brim_pkg::FLAG_EIGHT_BIT_BIT]),
      .groups_i(instruction.groups), .row_blocks_i(row_blocks),
      .buffer_i(instruction.buffer), .generation_i(generation), .generations_i, .blocks_i,
      .read_address_o(activation_address_o), .fill_valid_o(refill_valid), .fill_slot_o(refill_slot),
      .fill_word_o(refill_word), .claim_i(page_started_q), .claim_columns_i(page_columns), .release_i(page_end),
      .release_columns_i(page.columns), .ready_o(activations_ready), .claim_slot_o(claim_slot));

  // The column of a port in the page.
  wire [1:0] slot_column = page.columns[2] ? slot_port : page.columns[1] ? {1'b0, slot_port[1]} : 2'd0;
  logic [3:0] slot_activation;
  always_comb begin
    case (slot_column)
      2'd0: slot_activation = page.slot0;
      2'd1: slot_activation = page.slot1;
      2'd2: slot_activation = page.slot2;
      default: slot_activation = page.slot3;
    endcase
  end

  // ------------------------------------------------------------------ weights: tags of rows a and b
  // Row a's tag enters a cycle before row b's, in D - TAG of each.
  vpu_pkg::tag_t row_tag, tag_a, tag_b;
  localparam int TagBits = $bits(row_tag);
  wire [6:0] row_a = page.columns[2] ? {2'b0, slot_j, 1'b0} :
      page.columns[1] ? {1'b0, slot_port[0], slot_j, 1'b0} : {slot_port, slot_j, 1'b0};
  always_comb begin
    row_tag             = '0;
    row_tag.valid       = slot_valid && slot_half && rst_ni;
    row_tag.source      = vpu_pkg::SOURCE_A;
    row_tag.slot        = slot_activation;
    row_tag.row_first   = page.first;
    row_tag.row_last    = page.last;
    row_tag.result_slot = page.result_slot;
    row_tag.row         = {3'b0, row_a};
    if (page.columns[2]) begin
      row_tag.pair_add  = slot_port[0];
      row_tag.pair_hold = !slot_port[0];
      row_tag.quad_add  = slot_port == 2'd3;
      row_tag.quad_hold = slot_port == 2'd1;
      row_tag.row_valid = slot_port == 2'd3;
    end else if (page.columns[1]) begin
      row_tag.pair_add   = slot_port[1];
      row_tag.pair_hold  = !slot_port[1];
      row_tag.pair_index = {slot_port[0], 1'b0};
      row_tag.row_valid  = slot_port[1];
    end else begin
      row_tag.row_valid = 1'b1;
    end
    row_tag.result_done = page.last && slot_port == 2'd3 && slot_j == 4'd15;  // row b only
  end
  wire [31:0] scales;
  wire [7:0] zeros;
  metadata_buffer u_metadata (
      .clk_i, .we_i(metadata_we), .waddress_i(metadata_address), .wdata_i(beat_i), .half_i(slot_half),
      .port_i(slot_port), .j_i(slot_j), .record_i(page.record), .scales_o(scales), .zeros_o(zeros));
  wire [7:0] zeros_a;
  wire [3:0] zero_b;
  localparam int Enters = latency_pkg::DOT - latency_pkg::TAG;  // of row a's tag
  delay #(.WIDTH(8), .CYCLES(Enters - latency_pkg::METADATA)) u_zeros_a (.clk_i, .d_i(zeros), .q_o(zeros_a));
  delay #(.WIDTH(4), .CYCLES(1)) u_zero_b (.clk_i, .d_i(zeros_a[7:4]), .q_o(zero_b));
  wire vpu_pkg::tag_t tag_a_line, tag_b_line;
  delay #(.WIDTH(TagBits), .CYCLES(Enters)) u_tag_a (.clk_i, .d_i(row_tag), .q_o(tag_a_line));
  delay #(.WIDTH(TagBits), .CYCLES(latency_pkg::DOT_B - latency_pkg::DOT)) u_tag_b (
      .clk_i, .d_i(tag_a_line), .q_o(tag_b_line));
  always_comb begin
    tag_a             = tag_a_line;
    tag_a.zero        = zeros_a[3:0];
    tag_a.result_done = 1'b0;
    tag_b             = tag_b_line;
    tag_b.zero        = zero_b;
    tag_b.source      = vpu_pkg::SOURCE_B;
    tag_b.pair_index  = tag_b_line.pair_index | 2'd1;
    tag_b.quad_index  = 1'b1;
    tag_b.row         = tag_b_line.row | 10'd1;
  end

  // ------------------------------------------------------------------ attention
  wire kv_values = instruction.opcode == brim_pkg::OP_VALUES;
  wire vpu_pkg::kv_control_t kv;
  wire vpu_pkg::tag_t kv_tag;
  wire values_both;
  wire vpu_pkg::fill_t q_fill;
  wire [TOKENS-1:0] q_fill_lane, masked;
  wire reserve_values;
  wire [3:0] reserve_lanes;
  wire [16*TOKENS-1:0] lane_weights;
  wire [511:0] operand;
  wire [31:0] kv_scale;
  wire [8*TOKENS-1:0] value_exponent;
  kv_unit #(.TOKENS(TOKENS), .CONTEXT(CONTEXT), .SCORES(SCORES)) u_kv (
      .clk_i, .rst_ni, .head_size_i, .key_four_bits_i, .value_four_bits_i, .context_i, .heads_per_kv_i,
      .inverse_sqrt_head_size_i, .position_i, .tokens_i,
      .start_i(kv_start), .values_i(kv_values), .kv_head_i(instruction.head[7:0]), .generation_i(generation),
      .done_o(kv_done), .idle_o(kv_idle),
      .round_i(max_read_i[2:0]), .lane_tokens_o,
      .beat_valid_i(kv_valid), .beat_ready_o(kv_ready), .beat_i,
      .scale_we_i(scale_we), .scale_value_i(scale_value), .scale_beat_i(scale_beat_o),
      .q_generation_i, .q_heads_i, .softmax_done_i, .results_empty_i(results_empty),
      .stall_softmax_o, .stall_scores_o,
      .q_address_o, .q_data_i, .q_exponent_i, .fill_lane_o(q_fill_lane), .fill_o(q_fill),
      .local_address_o, .local_data_i, .local_scale_address_o, .local_scale_i,
      .weight_address_o, .weight_data_i, .exponent_address_o, .exponent_data_i,
      .reserve_o(reserve_values), .reserve_lanes_o(reserve_lanes), .result_slot_i(next_result_slot),
      .control_o(kv), .weights_o(lane_weights), .operand_o(operand),
      .values_both_o(values_both), .tag_o(kv_tag), .scale_o(kv_scale), .value_exponent_o(value_exponent), .masked_o(masked));

  // ------------------------------------------------------------------ control of the lanes
  // Weights and attention never are in the lanes at the same time.
  // Operands, cycle OPERANDS: a signed byte, or two weights, or elements of K, 22 bits apart. Multiplier k of a chain takes its one k cycles
  // later.
  wire [64*27-1:0] operands;
  for (genvar g = 0; g < 16; g++) begin : gen_operand
    wire [31:0] bytes;
    wire is_byte;
    delay #(.WIDTH(33), .CYCLES(g % latency_pkg::CHAIN)) u_operand (
        .clk_i, .d_i({kv.operand_valid && !kv.operand_pairs, kv.operand_valid ? operand[32*g+:32] : weights[32*g+:32]}),
        .q_o({is_byte, bytes}));
    for (genvar j = 0; j < 4; j++) begin : gen_multiplier
      wire [7:0] b = bytes[8*j+:8];
      assign operands[27*(4*g+j)+:27] = is_byte ? 27'(signed'(b)) : {1'b0, b[7:4], 18'b0, b[3:0]};
    end
  end

  wire weight_dot_first;
  delay #(.WIDTH(1), .CYCLES(latency_pkg::SUMMED)) u_dot_first (.clk_i, .d_i(!slot_half), .q_o(weight_dot_first));

  // The tag on its way, by the cycle from D on in which it is sampled.
  wire vpu_pkg::tag_t tag_zero = tag_a.valid ? tag_a : tag_b.valid ? tag_b : kv_tag;
  wire vpu_pkg::tag_t tag_select, tag_dot, tag_scale_row, tag_scale_slot, tag_other;
  wire vpu_pkg::tag_t tag_product, tag_pair, tag_read, tag_quad, tag_row;
  delay #(.WIDTH(TagBits), .CYCLES(latency_pkg::TAG - latency_pkg::SELECT)) u_select (
      .clk_i, .d_i(tag_zero), .q_o(tag_select));
  delay #(.WIDTH(TagBits), .CYCLES(latency_pkg::SELECT - 1)) u_dot (.clk_i, .d_i(tag_select), .q_o(tag_dot));
  delay #(.WIDTH(TagBits), .CYCLES(1 + latency_pkg::SCALE_ROW)) u_scale_row (
      .clk_i, .d_i(tag_dot), .q_o(tag_scale_row));
  delay #(.WIDTH(TagBits), .CYCLES(latency_pkg::SCALE_SLOT - latency_pkg::SCALE_ROW)) u_scale_slot (
      .clk_i, .d_i(tag_scale_row), .q_o(tag_scale_slot));
  delay #(.WIDTH(TagBits), .CYCLES(latency_pkg::PRODUCT - latency_pkg::RAM - latency_pkg::SCALE_SLOT)) u_other (
      .clk_i, .d_i(tag_scale_slot), .q_o(tag_other));
  delay #(.WIDTH(TagBits), .CYCLES(latency_pkg::RAM)) u_product (.clk_i, .d_i(tag_other), .q_o(tag_product));
  delay #(.WIDTH(TagBits), .CYCLES(latency_pkg::PAIR - latency_pkg::PRODUCT)) u_pair (
      .clk_i, .d_i(tag_product), .q_o(tag_pair));
  delay #(.WIDTH(TagBits), .CYCLES(latency_pkg::ROW_READ - latency_pkg::PAIR)) u_read (
      .clk_i, .d_i(tag_pair), .q_o(tag_read));
  delay #(.WIDTH(TagBits), .CYCLES(latency_pkg::QUAD - latency_pkg::ROW_READ)) u_quad (
      .clk_i, .d_i(tag_read), .q_o(tag_quad));
  delay #(.WIDTH(TagBits), .CYCLES(latency_pkg::ROW - latency_pkg::QUAD)) u_row (.clk_i, .d_i(tag_quad), .q_o(tag_row));

  // Scale of a weight's group: of each row in its D + SCALE_ROW.
  wire [31:0] scales_a, weight_scale;
  logic [15:0] weight_scale_q;
  wire [15:0] scale_b;
  delay #(.WIDTH(32), .CYCLES(latency_pkg::DOT + latency_pkg::SCALE_ROW - latency_pkg::METADATA)) u_scales_a (
      .clk_i, .d_i(scales), .q_o(scales_a));
  delay #(.WIDTH(16), .CYCLES(latency_pkg::DOT_B - latency_pkg::DOT)) u_scale_b (
      .clk_i, .d_i(scales_a[31:16]), .q_o(scale_b));
  fp16_to_fp u_weight_scale (.x_i(weight_scale_q), .result_o(weight_scale));
  logic [31:0] scale_q;
  always_ff @(posedge clk_i) begin
    weight_scale_q <= tag_scale_row.source == vpu_pkg::SOURCE_B ? scale_b : scales_a[15:0];
    scale_q        <= tag_scale_slot.source == vpu_pkg::SOURCE_VALUE ? brim_pkg::FP_ONE :
        tag_scale_slot.score ? kv_scale : weight_scale;
  end
  if (latency_pkg::SCALE != latency_pkg::SCALE_ROW + 2) begin : gen_never
    $error("weight_scale_q and scale_q stand before the lanes");
  end

  // ------------------------------------------------------------------ lanes
  wire [9:0] result_read;
  wire [32*TOKENS-1:0] results;
  // To the LUT RAMs of all lanes, some 160 pins per bit in each.
  (* max_fanout = 160 *) wire [4:0] lane_slot = slot_valid ? {slot_activation, slot_half} : {kv.slot, kv.half};
  vpu_pkg::lane_control_t control;
  always_comb begin
    control.broadcast_valid   = kv.broadcast_valid;
    control.broadcast_address = kv.broadcast_address;
    control.broadcast_zero    = kv.broadcast_zero;
    control.broadcast_first   = kv.broadcast_first;
    control.broadcast_last    = kv.broadcast_last;
    {control.slot, control.half} = lane_slot;
    control.values            = kv.separate;
    control.value_add         = kv.value_add;
    control.value_dump        = kv.value_dump;
    control.value_four        = kv.value_four;
    control.value_first       = kv.value_first;
    control.values_both       = values_both;
    control.kv                = kv.kv;
    control.dot_first         = kv.dot_valid ? kv.dot_first : weight_dot_first;
    control.zero              = tag_zero.zero;
    control.zero_slot         = tag_zero.slot;
    control.value_select      = tag_select.row[5:0];
    control.dot_source        = tag_dot.source;
    control.dot_both          = tag_dot.both;
    control.scale_slot        = tag_scale_slot.slot;
    control.scale_values      = tag_scale_slot.source == vpu_pkg::SOURCE_VALUE;
    control.scale             = scale_q;
    control.pair_add          = tag_product.pair_add;
    control.pair_hold         = tag_product.valid && tag_product.pair_hold;
    control.pair_index        = tag_product.pair_index;
    control.quad_add          = tag_pair.quad_add;
    control.quad_hold         = tag_pair.valid && tag_pair.quad_hold;
    control.quad_index        = tag_pair.quad_index;
    control.other_reads       = tag_other.valid && tag_other.both;
    control.other_read        = {tag_other.row[9:7], tag_other.row[5:0]};
    control.other             = tag_product.valid && tag_product.both;
    control.other_first       = tag_product.row_first;
    control.other_write       = tag_pair.valid && tag_pair.both;
    control.other_row         = {tag_pair.row[9:7], tag_pair.row[5:0]};
    control.other_result_write = tag_pair.valid && tag_pair.both && tag_pair.row_last;
    control.other_result      = {tag_pair.result_slot, tag_pair.row[5:0]};
    control.row_read          = tag_read.row;
    control.row_first         = tag_quad.row_first;
    control.row_write         = tag_row.valid && tag_row.row_valid;
    control.row               = tag_row.row;
    control.result_write      = tag_row.valid && tag_row.row_valid && tag_row.row_last;
    control.result            = {tag_row.result_slot, tag_row.row[6:0]};
    control.result_read       = result_read;
  end
  for (genvar t = 0; t < TOKENS; t++) begin : gen_lane
    wire [31:0] product;
    // A vpu_pkg::fill_t: {valid, slot, word, exponent, data}.
    wire [$bits(q_fill)-1:0] fill = {
        refill_valid || q_fill_lane[t], refill_valid ? refill_slot : q_fill.slot,
        refill_valid ? refill_word : q_fill.word,
        refill_valid ? activation_exponent_i[8*t+:8] : q_fill.exponent,
        refill_valid ? activation_data_i[64*t+:64] : q_fill.data};
    vpu_lane u_lane (
        .clk_i, .fill_i(fill), .broadcast_i(lane_weights[16*t+:16]), .control_i(control), .operands_i(operands),
        .value_exponent_i(value_exponent[8*t+:8]), .product_o(product), .result_o(results[32*t+:32]));
    assign score_o[32*t+:32] = product;
    score_max u_max (
        .clk_i, .valid_i(score_we_o), .index_i({score_address_o[$clog2(SCORES)], tag_product.round}),
        .run_first_i(tag_product.run_first), .first_i(tag_product.first), .masked_i(masked[t]), .score_i(product),
        .read_i(max_read_i), .max_o(max_o[32*t+:32]));
  end

  assign score_we_o = tag_product.valid && tag_product.score;
  assign score_address_o = tag_product.position[$clog2(SCORES):0];
  logic [7:0] scores_done_q;
  always_ff @(posedge clk_i) begin
    if (kv_done && !kv_values) scores_done_q <= scores_done_q + 1;
    if (!rst_ni) scores_done_q <= '0;
  end
  // `kv_done` of scores comes when the last of them has been written.
  assign scores_done_o = scores_done_q;

  // ------------------------------------------------------------------ results
  result_reader #(.TOKENS(TOKENS)) u_reader (
      .clk_i, .rst_ni,
      .reserve_i(reserve_values || (page_started_q && page_last_q)),
      .rows_i(reserve_values ? head_size_i[7:0] : row_block_rows_q), .values_i(reserve_values),
      .lanes_i(reserve_lanes), .slot_o(next_result_slot),
      .free_o(slot_free), .empty_o(results_empty), .idle_o(results_idle),
      .done_i(tag_row.valid && tag_row.result_done), .read_o(result_read), .data_i(results),
      .valid_o(result_valid_o), .ready_i(result_ready_i), .result_o);

  // One tag enters at a time, and attention is over when its last score is written.
  always_ff @(posedge clk_i) begin
    assert (!rst_ni || !tag_a.valid || !tag_b.valid);
    assert (!rst_ni || !kv_tag.valid || !(tag_a.valid || tag_b.valid));
    assert (!rst_ni || !slot_valid || kv_idle);
    assert (!rst_ni || !kv_done || kv_values || !(tag_select.valid || tag_dot.valid || tag_product.valid));
  end

  assign idle_o = unpacker_idle && kv_idle && pairing_empty && results_idle;
  wire unused = &{1'b0, tag_select, tag_dot, tag_scale_row, tag_scale_slot, tag_other, tag_product, tag_pair, tag_read,
                  tag_quad, tag_row, instruction, q_fill};
endmodule
`default_nettype wire
