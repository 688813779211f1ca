// What accompanies the dot products of attention for kv_unit: tags; of scores, the K scale and which lanes' tokens
// stand before the position; of values, 64 tags per block and the exponents of its weights. Cycles count from I, the
// issue of a slot, where nothing else is said.
`default_nettype none
module kv_tags #(
    parameter int TOKENS = 4,
    parameter int CONTEXT = 8192,
    parameter int SCORES = 16384
) (
    input wire clk_i,
    input wire rst_ni,

    input wire vpu_pkg::kv_slot_t slot_i,  // I
    input wire                    pairs_i,  // K of four bits: dot products of two records, one after the other
    input wire                    value_zeros_i,  // V of four bits
    input wire                    both_halves_i,  // two sums of it with each tag
    input wire                    scores_generation_i,
    input wire                    weights_generation_i,
    input wire [             4:0] kv_head_i,
    input wire [             2:0] first_result_i,           // values: the first round's result slot
    input wire [            31:0] inverse_sqrt_head_size_i,

    // K scales of the stream, 32 to a beat or, with zero-points, 16; of the pass's own tokens, latency_pkg::RAM cycles
    // after the address: {zero-point, scale}.
    input  wire         scale_we_i,
    input  wire         scale_value_i,  // of V: of these, zero-points
    input  wire [  9:0] scale_beat_i,
    input  wire [511:0] beat_i,
    output wire [  8:0] local_scale_address_o,  // {KV head, token, value}
    input  wire [ 19:0] local_scale_i,

    output wire [  3:0] value_zero_o,   // V of four bits: of the slot's position, KV_WEIGHT

    // Exponents of the attention weights of a block in all lanes, likewise.
    output wire [$clog2(SCORES)-6:0] exponent_address_o,
    input  wire [      8*TOKENS-1:0] exponent_data_i,

    // Lanes whose token stands before the position asked for.
    output wire [       2:0] mask_round_o,
    output wire [       2:0] mask_own_o,   // of the pass's tokens
    input  wire [TOKENS-1:0] before_i,     // in the same cycle

    output wire vpu_pkg::tag_t       tag_o,             // D - 3
    output wire [        31:0]       scale_o,           // D + 5 of K
    output wire [8*TOKENS-1:0]       value_exponent_o,  // D + 5 of V
    output wire [  TOKENS-1:0]       masked_o           // D + 13 of K
);
  localparam int ElementBits = $clog2(SCORES);

  // ------------------------------------------------------------------ scores
  // A pair's dot products are those of the rows a and b of a matrix: its last slot is that of the second record, so what
  // accompanies either is a cycle late.
  vpu_pkg::kv_slot_t slot_q, score;
  always_ff @(posedge clk_i) slot_q <= slot_i;
  assign score = pairs_i ? slot_q : slot_i;
  vpu_pkg::tag_t score_tag, score_tag_later;
  wire vpu_pkg::tag_t score_tag_line;
  always_comb begin
    score_tag           = '0;
    score_tag.valid     = score.valid && !score.values && score.half_last && score.there;
    score_tag.score     = 1'b1;
    score_tag.source    = pairs_i && score.half ? vpu_pkg::SOURCE_B : vpu_pkg::SOURCE_A;
    score_tag.slot      = {1'b0, score.round};
    score_tag.position  = 32'({scores_generation_i, score.element[ElementBits-1:0]});
    score_tag.round     = score.round;
    score_tag.run_first = score.first;
    score_tag.first     = score.position == '0;
    score_tag.own       = score.own;
    score_tag.own_index = score.own_index;
  end
  delay #(.WIDTH($bits(score_tag)), .CYCLES(latency_pkg::KV_DOT - latency_pkg::TAG)) u_score_tag (
      .clk_i, .d_i(score_tag), .q_o(score_tag_line));
  wire [3:0] zero_later;
  always_comb begin
    score_tag_later      = score_tag_line;
    score_tag_later.zero = zero_later;
  end

  // K scale: FP16 of the position, times 1 / sqrt(d); its zero-point.
  wire [511:0] scale_word;
  localparam int ScaleBits = $clog2(CONTEXT / 16);
  ram #(.WIDTH(512), .DEPTH(CONTEXT / 16), .STYLE("block")) u_scales (
      .clk_i, .we_i(scale_we_i && !scale_value_i), .waddress_i(scale_beat_i[ScaleBits-1:0]), .wdata_i(beat_i),
      .raddress_i(pairs_i ? score.position[4+:ScaleBits] : ScaleBits'(score.position[5+:ScaleBits-1])),
      .rdata_o(scale_word));
  assign local_scale_address_o = {kv_head_i, score.own_index, score.values};
  // In sixteens of bits: a scale, or a scale and its zero-point.
  wire [4:0] scale_select2;
  wire own2;
  delay #(.WIDTH(6), .CYCLES(latency_pkg::RAM)) u_scale_select (
      .clk_i, .d_i({pairs_i ? {score.position[3:0], 1'b0} : score.position[4:0], score.own}),
      .q_o({scale_select2, own2}));
  logic [127:0] scale8_q;
  logic [19:0] local_scale_q;
  logic [15:0] scale16_q;
  logic [3:0] zero_q;
  logic [2:0] scale_select_q;
  logic own_q;
  wire [31:0] scale_fp, scale_product;
  logic [31:0] scale_fp_q;
  fp16_to_fp u_scale_fp (.x_i(scale16_q), .result_o(scale_fp));
  always_ff @(posedge clk_i) begin
    scale8_q       <= scale_word[128*scale_select2[4:3]+:128];
    scale_select_q <= scale_select2[2:0];
    local_scale_q  <= local_scale_i;
    own_q          <= own2;
    scale16_q      <= own_q ? local_scale_q[15:0] : scale8_q[16*scale_select_q+:16];
    zero_q         <= !pairs_i ? '0 : own_q ? local_scale_q[19:16] : scale8_q[32*scale_select_q[2:1]+16+:4];
    scale_fp_q     <= scale_fp;
  end
  if (latency_pkg::KV_SCALE != latency_pkg::RAM + 3) begin : gen_never_scale
    $error("scale8_q, scale16_q and scale_fp_q follow the word of scales");
  end
  delay #(.WIDTH(4), .CYCLES(latency_pkg::KV_DOT - latency_pkg::TAG - latency_pkg::RAM - 2)) u_zero (
      .clk_i, .d_i(zero_q), .q_o(zero_later));
  fp_mul u_scale (.clk_i, .a_i(scale_fp_q), .b_i(inverse_sqrt_head_size_i), .product_o(scale_product));
  delay #(
      .WIDTH (32),
      .CYCLES(latency_pkg::KV_DOT + latency_pkg::SCALE_SLOT - latency_pkg::KV_SCALE - latency_pkg::MUL)
  ) u_scale_later (.clk_i, .d_i(scale_product), .q_o(scale_o));

  // A cycle before the product, as masked_q takes one.
  wire own_later;
  delay #(.WIDTH(7), .CYCLES(latency_pkg::KV_DOT + latency_pkg::PRODUCT - 1)) u_mask (
      .clk_i, .d_i({score.own, score.own_index, score.round}), .q_o({own_later, mask_own_o, mask_round_o}));
  logic [TOKENS-1:0] masked_q;
  always_ff @(posedge clk_i) masked_q <= own_later ? before_i : '0;
  assign masked_o = masked_q;

  // ------------------------------------------------------------------ values: 64 tags per block
  vpu_pkg::kv_slot_t value;
  wire vpu_pkg::kv_slot_t slot_both;
  delay #(.WIDTH($bits(slot_i)), .CYCLES(latency_pkg::VALUE_BOTH_DOT - latency_pkg::VALUE_DOT)) u_both (
      .clk_i, .d_i(slot_i), .q_o(slot_both));
  assign value = both_halves_i ? slot_both : slot_i;
  // The block just complete: busy_q follows a cycle later, where the first tag enters.
  wire dump;
  wire [2:0] dump_round;
  wire dump_half, dump_first, dump_last, dump_last_half;
  logic busy_q, half_q, first_q, last_q, last_half_q;
  logic [2:0] round_q;
  logic [5:0] value_q;
  wire [ElementBits-7:0] dump_block;
  delay #(.WIDTH(8 + ElementBits - 6), .CYCLES(latency_pkg::KV_EXPONENT)) u_dump (
      .clk_i,
      .d_i({value.valid && value.block_last, value.round, value.half, value.position[23:6] == '0, value.last_block,
            value.half_last, value.element[ElementBits-1:6]}),
      .q_o({dump, dump_round, dump_half, dump_first, dump_last, dump_last_half, dump_block}));
  always_ff @(posedge clk_i) begin
    if (dump) begin
      busy_q      <= 1'b1;
      value_q     <= '0;
      round_q     <= dump_round;
      half_q      <= dump_half;
      first_q     <= dump_first;
      last_q      <= dump_last;
      last_half_q <= dump_last_half;
    end else begin
      value_q <= value_q + 1;
      if (value_q == '1) busy_q <= 1'b0;
    end
    if (!rst_ni) busy_q <= 1'b0;
  end
  vpu_pkg::tag_t value_tag;
  always_comb begin
    value_tag             = '0;
    value_tag.valid       = busy_q;
    value_tag.source      = vpu_pkg::SOURCE_VALUE;
    value_tag.row_valid   = 1'b1;
    value_tag.row_first   = first_q;
    value_tag.row_last    = last_q;
    value_tag.result_done = last_q && last_half_q && value_q == '1;
    value_tag.result_slot = first_result_i + round_q;
    value_tag.row         = {round_q, half_q, value_q};
    value_tag.both        = both_halves_i;
  end
  assign tag_o = busy_q ? value_tag : score_tag_later;

  // Zero-points of V in two generations, as the scores of the next KV head bring theirs before these values are done.
  wire [63:0] zeros, zero_word;
  for (genvar i = 0; i < 16; i++) begin : gen_zero
    assign zeros[4*i+:4] = beat_i[32*i+16+:4];
  end
  ram #(.WIDTH(64), .DEPTH(CONTEXT / 8), .STYLE("block")) u_zeros (
      .clk_i, .we_i(scale_we_i && scale_value_i), .waddress_i({scores_generation_i, scale_beat_i[ScaleBits-1:0]}),
      .wdata_i(zeros), .raddress_i({weights_generation_i, slot_i.position[4+:ScaleBits]}), .rdata_o(zero_word));
  wire [3:0] zero_select;
  delay #(.WIDTH(4), .CYCLES(latency_pkg::RAM)) u_zero_select (
      .clk_i, .d_i(slot_i.position[3:0]), .q_o(zero_select));
  logic [3:0] value_zero_q;
  always_ff @(posedge clk_i)
    value_zero_q <= !value_zeros_i ? '0 : own2 ? local_scale_i[19:16] : zero_word[4*zero_select+:4];
  if (latency_pkg::KV_WEIGHT != latency_pkg::RAM + 1) begin : gen_never_zero
    $error("value_zero_q follows the word of zero-points");
  end
  assign value_zero_o = value_zero_q;

  // Exponents of the weights, held for the block: exponent_q changes a cycle after their word is there.
  localparam int ExponentHeld = latency_pkg::KV_EXPONENT + latency_pkg::RAM + 1;
  assign exponent_address_o = {weights_generation_i, dump_block};
  wire dump_later;
  delay #(.WIDTH(1), .CYCLES(latency_pkg::RAM)) u_exponent (.clk_i, .d_i(dump), .q_o(dump_later));
  logic [8*TOKENS-1:0] exponent_q;
  always_ff @(posedge clk_i) if (dump_later) exponent_q <= exponent_data_i;
  delay #(
      .WIDTH (8 * TOKENS),
      .CYCLES(latency_pkg::KV_VALUE_DOT + latency_pkg::SCALE_SLOT - ExponentHeld)
  ) u_exponent_later (.clk_i, .d_i(exponent_q), .q_o(value_exponent_o));

  // Sixty-four tags of a block are out before the next block's begin, and none meets a score's.
  always_ff @(posedge clk_i) begin
    assert (!rst_ni || !dump || !busy_q || value_q == '1);
    assert (!rst_ni || !busy_q || !score_tag_later.valid);
  end
  wire unused = &{1'b0, scale_beat_i, slot_i, score, value, score_tag_later};
endmodule
`default_nettype wire
