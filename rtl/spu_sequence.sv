// The SPU's sequences: takes its instructions in order, and says which step is under way and where in the vectors it
// stands. Most steps are micro-operations: spu_microcode.sv says what they compute, spu_issue.sv when their elements
// go. docs/rtl/spu.md lists the sequences.
`default_nettype none
module spu_sequence #(
    parameter int TOKENS = 4,
    parameter int SCORES = 16384
) (
    input wire clk_i,
    input wire rst_ni,

    // Of the program and the pass, stable.
    input wire brim_pkg::program_header_t header_i,
    input wire [                    3:0] heads_per_kv_i,
    input wire [                   23:0] position_i,
    input wire [                    3:0] tokens_i,
    input wire [                    3:0] first_logits_i,

    input  wire                         instruction_valid_i,
    output wire                         instruction_ready_o,
    input  wire brim_pkg::instruction_t instruction_i,
    input  wire [                  7:0] generation_i,

    // What the steps wait for.
    input  wire        rope_we_i,         // RoPE rows come in
    input  wire        embed_valid_i,     // a beat of an embedding row
    output wire        embed_ready_o,
    input  wire        fetched_i,         // scale and zero-point of an embedding block
    input  wire        result_valid_i,    // of the VPU
    output wire        result_ready_o,
    input  wire        room_i,            // the converter has room for the step's block, if that goes there
    input  wire        total_done_i,      // Sum16
    input  wire [ 7:0] scores_done_i,
    input  wire        weights_done_i,    // the last weight of a round is written
    input  wire        turn_done_i,       // a token's write has gone on
    input  wire        turns_done_i,      // and was the last
    input  wire        a16_idle_i,

    // The instruction under way.
    output wire                         start_o,       // its first cycle
    output wire brim_pkg::instruction_t instruction_o,
    output wire [                  7:0] generation_o,
    output wire spu_pkg::kind_t         kind_o,

    output wire spu_pkg::step_t  step_o,
    output wire spu_pkg::place_t place_o,
    output wire                  row_beat_o,      // a beat of an embedding row is taken
    output wire                  write_turn_o,    // the token's beat may be written
    output wire           [ 7:0] softmax_done_o,  // softmaxes whose weights are complete
    output wire                  choose_o,        // an expert is chosen,
    output wire                  choices_done_o,  // the token's last one

    // An element.
    output wire spu_pkg::micro_t micro_o,
    output wire                  issue_o,
    output wire                  issue_last_o,    // of the micro-operation
    output wire           [23:0] element_o,
    output wire                  empty_o,         // no element is between its issue and its result
    output wire                  idle_o           // nor is there an instruction
);
  localparam int ScoreBits = $clog2(SCORES);
  localparam int LaneBits = TOKENS > 1 ? $clog2(TOKENS) : 1;

  spu_pkg::step_t step_q, next_step;
  wire step_done;
  logic [3:0] wait_q;  // cycles since the step began, up to 15

  // An instruction is taken as soon as the one before is over, and begins when it may.
  brim_pkg::instruction_t in_q;
  logic in_valid_q;
  logic [7:0] generation_q;
  wire [7:0] op = in_q.opcode;
  wire all_heads = in_q.flags[brim_pkg::FLAG_ALL_HEADS_BIT];
  wire plain = in_q.flags[brim_pkg::FLAG_PLAIN_BIT];
  wire gelu = in_q.flags[brim_pkg::FLAG_GELU_BIT];  // of a swiglu
  // What it is, decoded as it is taken.
  logic is_query_q, is_value_q, is_head_q, is_softmax_q, is_swiglu_q, is_route_q, is_key_scale_q;
  logic post_norm_q;
  logic head_norm_q;  // has the head's own weights
  logic four_bits_q;  // K or V, in the cache
  logic embed_fp16_q, embed_q8_q, embed_q4_q, first_head_q, last_kv_head_q;

  logic [23:0] left_q;             // elements of the vector from the block on
  logic [4:0] block_q;             // X: the block of 128
  logic [13:0] parameter_base_q;   // P: likewise
  logic [3:0] token_q;             // of a sequence over tokens
  logic last_turn_q, wanted_q;     // of a token that writes: it is the last one, what it writes is wanted
  logic [3:0] head_q;              // of a sequence over pairs
  logic [LaneBits-1:0] lane_q;
  logic [2:0] round_q;
  logic post_q;                    // the results' norm is not known yet
  logic half_q;                    // KV8: elements 64 ... 127
  logic [6:0] distance_q;          // of a rotation
  logic rotation_vector_q;         // the vector from which it takes
  logic [7:0] softmax_count_q;     // softmaxes so far; those whose weights are complete
  logic [7:0] softmax_done_q;
  logic rope_new_q;                // the RoPE rows are still to be taken
  logic output_count_q;            // parity of the outputs so far
  logic [23:0] score_position_q;   // first position of the block
  logic [ScoreBits-1:0] row_q;     // scores: round * context
  logic [ScoreBits-1:0] score_base_q;  // and its sum with the position
  logic [6:0] pairs_left_q;        // softmax: from this round on
  logic [23:0] logit_q;            // beat of logits
  logic [3:0] choices_left_q;      // of experts
  logic [7:0] row_beats_q;         // embedding row: beats that are in; the next one is the last
  logic row_last_beat_q;
  logic [7:0] row_before_last_q;   // of the instruction: beats of a row less two; whether it has but one
  logic row_single_q;

  // Of the pass and the program, stable.
  logic two_halves_q, key_four_bits_q, value_four_bits_q, position_single_q, rotation_odd_q;
  logic [7:0] rotation_size_q;     // a bit
  logic [15:0] head_last_q, kv_heads_last_q;
  logic [23:0] end_position_q, position_last_q;
  logic [3:0] tokens_last_q, heads_last_q, before_logits_q;
  always_ff @(posedge clk_i) begin
    two_halves_q      <= header_i.head_size > 16'd64;
    key_four_bits_q   <= header_i.key_bits == 8'd4;
    value_four_bits_q <= header_i.value_bits == 8'd4;
    head_last_q       <= header_i.head_size - 16'd1;
    rotation_size_q   <= header_i.head_size[7:0] & (~header_i.head_size[7:0] + 8'd1);
    rotation_odd_q    <= (rotation_size_q & 8'b10101010) != '0;
    kv_heads_last_q   <= header_i.kv_heads - 16'd1;
    end_position_q    <= position_i + 24'(tokens_i);
    position_last_q   <= end_position_q - 24'd1;
    position_single_q <= end_position_q == 24'd1;
    tokens_last_q     <= tokens_i - 4'd1;
    heads_last_q      <= heads_per_kv_i - 4'd1;
    before_logits_q   <= first_logits_i == '0 ? '0 : first_logits_i - 4'd1;
  end
  // Of the vector's rest, from the second cycle of a step on.
  logic last_block_q, last_weights_q, last_logits_q;
  always_ff @(posedge clk_i) begin
    last_block_q   <= left_q <= 24'd128;
    last_weights_q <= left_q <= 24'd64;
    last_logits_q  <= left_q <= 24'd16;
  end
  wire rotated = header_i.kv_flags[brim_pkg::KV_ROTATED_BIT];
  wire two_beats = two_halves_q && !four_bits_q;
  wire last_rotation = {distance_q, 1'b0} == rotation_size_q;
  wire spu_pkg::step_t quantise = four_bits_q ? spu_pkg::STEP_KV_RANGE : spu_pkg::STEP_KV_SCALE;
  wire last_token = token_q == tokens_last_q;
  wire last_head = head_q == heads_last_q;
  wire last_pair = last_token && last_head;
  wire last_pair_round = pairs_left_q <= 7'(TOKENS);  // rounds of the softmax: pairs in groups of TOKENS
  wire last_lane = lane_q == LaneBits'(TOKENS - 1);

  // ------------------------------------------------------------------ micro-operations
  wire is_micro, single, empty;
  wire spu_pkg::micro_t step_micro;
  wire [23:0] last_index;
  spu_microcode u_microcode (
      .step_i(step_q), .embed_fp16_i(embed_fp16_q), .bias_i(in_q.flags[brim_pkg::FLAG_BIAS_BIT]),
      .is_query_i(is_query_q), .all_heads_i(all_heads), .first_head_i(first_head_q), .is_value_i(is_value_q), .softmax_i(is_softmax_q), .swiglu_i(is_swiglu_q), .gelu_i(gelu),
      .route_i(is_route_q), .plain_i(plain), .rms_i(!is_head_q && !is_softmax_q && !is_key_scale_q && !post_q), .key_scale_i(is_key_scale_q),
      .four_bits_i(four_bits_q), .rotated_i(rotated), .rotation_vector_i(rotation_vector_q), .last_rotation_i(last_rotation),
      .head_last_i(head_last_q), .two_halves_i(two_halves_q), .left_i(left_q), .position_last_i(position_last_q),
      .position_single_i(position_single_q),
      .is_micro_o(is_micro), .micro_o(step_micro), .last_o(last_index), .single_o(single));
  spu_issue u_issue (
      .clk_i, .rst_ni, .is_micro_i(is_micro), .micro_i(step_micro), .last_i(last_index), .single_i(single),
      .step_done_i(step_done), .result_valid_i, .result_ready_o, .room_i,
      .micro_o, .issue_o, .last_o(issue_last_o), .index_o(element_o), .empty_o(empty));
  assign empty_o = empty;

  // ------------------------------------------------------------------ the sequences
  // Queries, keys and values may follow one another closely; the others find the pipeline empty.
  assign instruction_ready_o = step_q == spu_pkg::STEP_IDLE && !in_valid_q;
  wire all_idle = empty && a16_idle_i;
  logic start_q;
  wire start = start_q;
  wire start_next = step_q == spu_pkg::STEP_IDLE && in_valid_q && (empty || is_head_q) && !start_q;

  // What ends a step, from its second cycle on: of micro-operations, the issue of the last element.
  logic row_step_q, write_step_q, step_over_q;
  logic first_q;  // cycle of the step
  always_ff @(posedge clk_i) begin
    first_q      <= step_done;
    start_q      <= start_next;
    row_step_q   <= step_q == spu_pkg::STEP_EMBED_ROW && !step_done;
    write_step_q <= empty && !step_done &&
        (step_q == spu_pkg::STEP_KV_WRITE || step_q == spu_pkg::STEP_KV_WRITE_SCALE || step_q == spu_pkg::STEP_LOGITS_WRITE);
    case (step_q)
      spu_pkg::STEP_IDLE: step_over_q <= start_next;
      spu_pkg::STEP_EMBED_FETCH: step_over_q <= fetched_i;
      spu_pkg::STEP_NORM_TOTAL, spu_pkg::STEP_HEAD_TOTAL, spu_pkg::STEP_SOFTMAX_TOTAL, spu_pkg::STEP_ROUTE_TOTAL:
      step_over_q <= total_done_i;
      spu_pkg::STEP_ROUTE_CHOOSE: step_over_q <= empty;
      spu_pkg::STEP_SOFTMAX_WAIT: step_over_q <= scores_done_i != softmax_count_q;
      spu_pkg::STEP_SOFTMAX_ROUND: step_over_q <= wait_q == 4'd1;
      spu_pkg::STEP_FINISH: step_over_q <= all_idle;
      default: step_over_q <= 1'b0;
    endcase
    if (step_over_q) step_over_q <= 1'b0;
    if (!rst_ni) begin
      start_q      <= 1'b0;
      row_step_q   <= 1'b0;
      write_step_q <= 1'b0;
      step_over_q  <= 1'b0;
    end
  end
  wire row_beat = row_step_q && embed_valid_i;
  assign embed_ready_o = row_step_q;
  assign step_done = issue_last_o || step_over_q || (row_beat && row_last_beat_q) || turns_done_i;
  always_comb begin
    next_step = step_q;
    case (step_q)
      spu_pkg::STEP_IDLE:
        case (op)
          brim_pkg::OP_EMBED: next_step = spu_pkg::STEP_EMBED_ROW;
          brim_pkg::OP_RESIDUAL: next_step = post_norm_q ? spu_pkg::STEP_POST_TAKE : spu_pkg::STEP_RESIDUAL_ADD;
          brim_pkg::OP_NORM: next_step = spu_pkg::STEP_NORM_MULTIPLY;
          brim_pkg::OP_ROUTE: next_step = spu_pkg::STEP_ROUTE_IN;
          brim_pkg::OP_MIX: next_step = spu_pkg::STEP_MIX_WEIGHT;
          brim_pkg::OP_QUERY, brim_pkg::OP_KEY, brim_pkg::OP_VALUE: next_step = spu_pkg::STEP_HEAD_SCALE;
          brim_pkg::OP_SOFTMAX:
          next_step = all_heads && first_head_q ? spu_pkg::STEP_ALL_MEAN : spu_pkg::STEP_SOFTMAX_WAIT;
          brim_pkg::OP_KEY_SCALE: next_step = first_head_q ? spu_pkg::STEP_ALL_MEAN : spu_pkg::STEP_KEY_LOAD;
          brim_pkg::OP_OUTPUT: next_step = spu_pkg::STEP_OUTPUT_HEAD;
          brim_pkg::OP_SWIGLU: next_step = spu_pkg::STEP_SWIGLU_IN;
          brim_pkg::OP_LOGITS: next_step = spu_pkg::STEP_LOGITS_BEAT;
          default: next_step = spu_pkg::STEP_IDLE;
        endcase
      spu_pkg::STEP_EMBED_ROW: next_step = embed_fp16_q ? spu_pkg::STEP_EMBED_BLOCK : spu_pkg::STEP_EMBED_FETCH;
      spu_pkg::STEP_EMBED_FETCH: next_step = spu_pkg::STEP_EMBED_BLOCK;
      // Blocks of the last token alternate with the norm of all tokens.
      spu_pkg::STEP_EMBED_BLOCK:
      if (last_token) next_step = spu_pkg::STEP_NORM_MULTIPLY;
      else if (last_block_q) next_step = spu_pkg::STEP_EMBED_ROW;
      else next_step = embed_fp16_q ? spu_pkg::STEP_EMBED_BLOCK : spu_pkg::STEP_EMBED_FETCH;
      spu_pkg::STEP_RESIDUAL_ADD: next_step = spu_pkg::STEP_NORM_MULTIPLY;
      spu_pkg::STEP_POST_TAKE: next_step = spu_pkg::STEP_POST_SQUARE;
      spu_pkg::STEP_POST_SQUARE: next_step = last_block_q ? spu_pkg::STEP_NORM_TOTAL : spu_pkg::STEP_POST_TAKE;
      spu_pkg::STEP_POST_WEIGHT: next_step = spu_pkg::STEP_POST_ADD;
      spu_pkg::STEP_POST_ADD: next_step = spu_pkg::STEP_NORM_MULTIPLY;
      spu_pkg::STEP_NORM_MULTIPLY, spu_pkg::STEP_NORM_SQUARE:
      if (step_q == spu_pkg::STEP_NORM_MULTIPLY && !plain) next_step = spu_pkg::STEP_NORM_SQUARE;
      else if (last_block_q) next_step = plain ? spu_pkg::STEP_NORM_PLAIN : spu_pkg::STEP_NORM_TOTAL;
      else if (post_norm_q) next_step = spu_pkg::STEP_POST_WEIGHT;
      else if (op == brim_pkg::OP_RESIDUAL) next_step = spu_pkg::STEP_RESIDUAL_ADD;
      else if (op == brim_pkg::OP_NORM) next_step = spu_pkg::STEP_NORM_MULTIPLY;
      else next_step = embed_fp16_q ? spu_pkg::STEP_EMBED_BLOCK : spu_pkg::STEP_EMBED_FETCH;
      spu_pkg::STEP_NORM_TOTAL: next_step = spu_pkg::STEP_NORM_MEAN;
      spu_pkg::STEP_NORM_PLAIN: next_step = spu_pkg::STEP_FINISH;
      spu_pkg::STEP_NORM_MEAN, spu_pkg::STEP_HEAD_MEAN, spu_pkg::STEP_ALL_MEAN: next_step = spu_pkg::STEP_RSQRT1;
      spu_pkg::STEP_HEAD_SCALE:
      if (is_value_q) next_step = quantise;
      else if (rope_new_q) next_step = spu_pkg::STEP_ROPE_LOAD;
      else next_step = head_norm_q ? spu_pkg::STEP_HEAD_SQUARE : spu_pkg::STEP_ROPE_SINE;
      spu_pkg::STEP_ROPE_LOAD:
      if (last_token) next_step = head_norm_q ? spu_pkg::STEP_HEAD_SQUARE : spu_pkg::STEP_ROPE_SINE;
      spu_pkg::STEP_HEAD_SQUARE: next_step = spu_pkg::STEP_HEAD_WEIGHT;
      spu_pkg::STEP_HEAD_WEIGHT: next_step = spu_pkg::STEP_HEAD_TOTAL;
      spu_pkg::STEP_HEAD_TOTAL: next_step = all_heads ? spu_pkg::STEP_ALL_ADD : spu_pkg::STEP_HEAD_MEAN;
      spu_pkg::STEP_ALL_ADD: next_step = spu_pkg::STEP_ROPE_SINE;
      spu_pkg::STEP_KEY_LOAD: if (last_token) next_step = spu_pkg::STEP_KEY_SCALE;
      spu_pkg::STEP_KEY_SCALE: next_step = spu_pkg::STEP_KV_WRITE_SCALE;
      spu_pkg::STEP_HEAD_FACTOR: next_step = spu_pkg::STEP_ROPE_SINE;
      spu_pkg::STEP_ROPE_SINE: next_step = spu_pkg::STEP_ROPE_COSINE;
      spu_pkg::STEP_ROPE_COSINE:
      if (rotated) next_step = spu_pkg::STEP_ROTATE;
      else next_step = is_query_q ? spu_pkg::STEP_IDLE : quantise;
      spu_pkg::STEP_ROTATE: if (last_rotation) next_step = is_query_q ? spu_pkg::STEP_IDLE : quantise;
      spu_pkg::STEP_KV_RANGE: next_step = spu_pkg::STEP_KV_SCALE;
      spu_pkg::STEP_KV_ZERO: next_step = spu_pkg::STEP_KV_ROUND;
      spu_pkg::STEP_KV_SCALE: next_step = spu_pkg::STEP_RECIPROCAL1;
      spu_pkg::STEP_KV_ROUND: next_step = spu_pkg::STEP_KV_WRITE;
      spu_pkg::STEP_KV_WRITE:
      next_step = two_beats && !half_q ? spu_pkg::STEP_KV_ROUND : spu_pkg::STEP_KV_WRITE_SCALE;
      spu_pkg::STEP_KV_WRITE_SCALE: next_step = spu_pkg::STEP_IDLE;
      spu_pkg::STEP_SOFTMAX_WAIT: next_step = spu_pkg::STEP_SOFTMAX_ROUND;
      spu_pkg::STEP_SOFTMAX_ROUND: next_step = all_heads ? spu_pkg::STEP_SOFTMAX_MAX : spu_pkg::STEP_SOFTMAX_EXP;
      spu_pkg::STEP_SOFTMAX_MAX: next_step = spu_pkg::STEP_SOFTMAX_SCALE;
      spu_pkg::STEP_SOFTMAX_SCALE: next_step = spu_pkg::STEP_SOFTMAX_EXP;
      spu_pkg::STEP_SOFTMAX_EXP: next_step = spu_pkg::STEP_SOFTMAX_WEIGHT;
      spu_pkg::STEP_SOFTMAX_WEIGHT: if (last_weights_q) next_step = spu_pkg::STEP_SOFTMAX_TOTAL;
      spu_pkg::STEP_SOFTMAX_TOTAL: next_step = spu_pkg::STEP_SOFTMAX_SUM;
      spu_pkg::STEP_SOFTMAX_SUM: next_step = spu_pkg::STEP_RECIPROCAL1;
      spu_pkg::STEP_OUTPUT_HEAD: if (last_pair) next_step = spu_pkg::STEP_IDLE;
      spu_pkg::STEP_SWIGLU_IN: next_step = gelu ? spu_pkg::STEP_GELU_SQUARE : spu_pkg::STEP_SWIGLU_EXP;
      spu_pkg::STEP_GELU_SQUARE: next_step = spu_pkg::STEP_GELU_FACTOR;
      spu_pkg::STEP_GELU_FACTOR: next_step = spu_pkg::STEP_SWIGLU_EXP;
      spu_pkg::STEP_SWIGLU_EXP: next_step = spu_pkg::STEP_SWIGLU_ONE;
      spu_pkg::STEP_SWIGLU_ONE: next_step = spu_pkg::STEP_RECIPROCAL1;
      spu_pkg::STEP_SWIGLU_SILU: next_step = spu_pkg::STEP_SWIGLU_OUT;
      spu_pkg::STEP_SWIGLU_OUT: next_step = last_block_q ? spu_pkg::STEP_FINISH : spu_pkg::STEP_SWIGLU_IN;
      spu_pkg::STEP_LOGITS_BEAT: next_step = spu_pkg::STEP_LOGITS_WRITE;
      spu_pkg::STEP_LOGITS_WRITE: next_step = last_logits_q ? spu_pkg::STEP_IDLE : spu_pkg::STEP_LOGITS_BEAT;
      spu_pkg::STEP_ROUTE_IN, spu_pkg::STEP_ROUTE_AGAIN: next_step = spu_pkg::STEP_ROUTE_CHOOSE;
      spu_pkg::STEP_ROUTE_CHOOSE: next_step = last_choice ? spu_pkg::STEP_ROUTE_EXP : spu_pkg::STEP_ROUTE_AGAIN;
      spu_pkg::STEP_ROUTE_EXP: next_step = spu_pkg::STEP_ROUTE_TOTAL;
      spu_pkg::STEP_ROUTE_TOTAL: next_step = spu_pkg::STEP_ROUTE_SUM;
      spu_pkg::STEP_ROUTE_SUM: next_step = spu_pkg::STEP_RECIPROCAL1;
      spu_pkg::STEP_ROUTE_WEIGHT: next_step = spu_pkg::STEP_IDLE;
      spu_pkg::STEP_MIX_WEIGHT: next_step = spu_pkg::STEP_MIX_ADD;
      spu_pkg::STEP_MIX_ADD: if (last_block_q) next_step = spu_pkg::STEP_IDLE;
      spu_pkg::STEP_RECIPROCAL1: next_step = spu_pkg::STEP_RECIPROCAL2;
      spu_pkg::STEP_RECIPROCAL2: next_step = spu_pkg::STEP_RECIPROCAL3;
      spu_pkg::STEP_RECIPROCAL3: next_step = spu_pkg::STEP_RECIPROCAL4;
      spu_pkg::STEP_RECIPROCAL4:
      if (is_swiglu_q) next_step = spu_pkg::STEP_SWIGLU_SILU;
      else if (is_route_q) next_step = spu_pkg::STEP_ROUTE_WEIGHT;
      else if (is_softmax_q) next_step = spu_pkg::STEP_FINISH;
      else next_step = four_bits_q ? spu_pkg::STEP_KV_ZERO : spu_pkg::STEP_KV_ROUND;
      spu_pkg::STEP_RSQRT1: next_step = spu_pkg::STEP_RSQRT2;
      spu_pkg::STEP_RSQRT2: next_step = spu_pkg::STEP_RSQRT3;
      spu_pkg::STEP_RSQRT3: next_step = spu_pkg::STEP_RSQRT4;
      spu_pkg::STEP_RSQRT4: next_step = spu_pkg::STEP_RSQRT5;
      spu_pkg::STEP_RSQRT5: next_step = spu_pkg::STEP_RSQRT6;
      spu_pkg::STEP_RSQRT6:
      if (is_softmax_q) next_step = spu_pkg::STEP_SOFTMAX_WAIT;
      else if (is_key_scale_q) next_step = spu_pkg::STEP_KEY_LOAD;
      else if (post_q) next_step = spu_pkg::STEP_POST_WEIGHT;
      else next_step = is_head_q ? spu_pkg::STEP_HEAD_FACTOR : spu_pkg::STEP_FINISH;
      default:  // spu_pkg::STEP_FINISH
      next_step = is_softmax_q && !last_pair_round ? spu_pkg::STEP_SOFTMAX_ROUND : spu_pkg::STEP_IDLE;
    endcase
  end

  logic [6:0] pairs_q;
  always_ff @(posedge clk_i) pairs_q <= 7'(tokens_i * heads_per_kv_i);

  // A `swiglu` has twice as many rows as hidden elements, those of an expert or of the others.
  wire [23:0] vector_size = op == brim_pkg::OP_EMBED || op == brim_pkg::OP_NORM ? header_i.dim[23:0] :
      is_swiglu_q ? in_q.rows[24:1] : in_q.rows[23:0];
  wire [7:0] taken_op = instruction_i.opcode;
  wire [13:0] post_base = {in_q.param2[9:0], 4'b0} + {2'b0, block_q, 7'b0};  // P: the block's of the results' norm
  wire last_choice = choices_left_q == 4'd1;
  wire next_turn = write_step_q && turn_done_i;
  always_ff @(posedge clk_i) begin
    wait_q <= step_done ? '0 : wait_q + 4'(wait_q != '1);
    if (instruction_ready_o) begin
      in_q           <= instruction_i;
      in_valid_q     <= instruction_valid_i;
      generation_q   <= generation_i;
      is_query_q     <= taken_op == brim_pkg::OP_QUERY;
      is_value_q     <= taken_op == brim_pkg::OP_VALUE;
      is_head_q      <= taken_op == brim_pkg::OP_QUERY || taken_op == brim_pkg::OP_KEY || taken_op == brim_pkg::OP_VALUE;
      is_softmax_q   <= taken_op == brim_pkg::OP_SOFTMAX;
      is_swiglu_q    <= taken_op == brim_pkg::OP_SWIGLU;
      is_route_q     <= taken_op == brim_pkg::OP_ROUTE;
      is_key_scale_q <= taken_op == brim_pkg::OP_KEY_SCALE;
      post_norm_q    <= taken_op == brim_pkg::OP_RESIDUAL && instruction_i.flags[brim_pkg::FLAG_POST_NORM_BIT];
      head_norm_q    <= instruction_i.flags[brim_pkg::FLAG_NORM_BIT] || instruction_i.flags[brim_pkg::FLAG_ALL_HEADS_BIT];
      four_bits_q    <= taken_op == brim_pkg::OP_VALUE ? value_four_bits_q : key_four_bits_q;
    end
    if (start) in_valid_q <= 1'b0;
    embed_fp16_q      <= in_q.shape == brim_pkg::EMBEDDING_FP16;
    embed_q8_q        <= in_q.shape == brim_pkg::EMBEDDING_Q8;
    embed_q4_q        <= in_q.shape == brim_pkg::EMBEDDING_Q4;
    first_head_q      <= in_q.head == '0;
    last_kv_head_q    <= in_q.head == kv_heads_last_q;
    row_single_q      <= in_q.count[7:0] == 8'd1;
    row_before_last_q <= in_q.count[7:0] - 8'd2;
    if (step_q == spu_pkg::STEP_IDLE || (row_beat && row_last_beat_q)) begin
      row_beats_q     <= '0;
      row_last_beat_q <= row_single_q;
    end else if (row_beat) begin
      row_beats_q     <= row_beats_q + 1;
      row_last_beat_q <= row_beats_q == row_before_last_q;
    end
    if (weights_done_i && last_pair_round) softmax_done_q <= softmax_done_q + 1;
    if (rope_we_i) rope_new_q <= 1'b1;
    if (step_done) begin
      step_q <= next_step;
      case (step_q)
        spu_pkg::STEP_IDLE: begin
          left_q           <= vector_size;
          block_q          <= '0;
          parameter_base_q <= {in_q.param[9:0], 4'b0};
          token_q          <= '0;
          post_q           <= post_norm_q;
          head_q           <= '0;
          lane_q           <= '0;
          round_q          <= '0;
          half_q           <= 1'b0;
          distance_q       <= 7'd1;
          rotation_vector_q <= rotation_odd_q;
          score_position_q <= '0;
          row_q            <= '0;
          score_base_q     <= '0;
          pairs_left_q     <= pairs_q;
          logit_q          <= '0;
          choices_left_q   <= header_i.experts_per_token[3:0];
        end
        spu_pkg::STEP_ROUTE_CHOOSE: choices_left_q <= choices_left_q - 1;
        spu_pkg::STEP_MIX_ADD: begin
          left_q  <= left_q - 24'd128;
          block_q <= block_q + 1;
        end
        spu_pkg::STEP_EMBED_BLOCK:
        if (!last_token) begin
          left_q <= left_q - 24'd128;
          block_q <= block_q + 1;
          if (last_block_q) begin
            left_q  <= header_i.dim[23:0];
            block_q <= '0;
            token_q <= token_q + 1;
          end
        end
        spu_pkg::STEP_NORM_MULTIPLY, spu_pkg::STEP_NORM_SQUARE:
        if (step_q == spu_pkg::STEP_NORM_SQUARE || plain) begin
          left_q           <= left_q - 24'd128;
          block_q          <= block_q + 1;
          score_base_q     <= score_base_q + ScoreBits'(128);
          parameter_base_q <= post_norm_q ? post_base + 14'd128 : parameter_base_q + 14'd128;
        end
        spu_pkg::STEP_POST_SQUARE: begin
          left_q       <= left_q - 24'd128;
          score_base_q <= score_base_q + ScoreBits'(128);
        end
        spu_pkg::STEP_NORM_TOTAL:
        if (post_q) begin
          left_q           <= vector_size;
          score_base_q     <= '0;
          parameter_base_q <= post_base;
        end
        spu_pkg::STEP_POST_WEIGHT: parameter_base_q <= {in_q.param[9:0], 4'b0} + {2'b0, block_q, 7'b0};
        spu_pkg::STEP_RSQRT6: post_q <= 1'b0;
        spu_pkg::STEP_HEAD_SCALE: parameter_base_q <= {in_q.param2[9:0], 4'b0};
        spu_pkg::STEP_ROPE_LOAD: begin
          token_q <= last_token ? '0 : token_q + 1;
          if (last_token) rope_new_q <= 1'b0;
        end
        spu_pkg::STEP_KEY_LOAD: token_q <= last_token ? '0 : token_q + 1;
        spu_pkg::STEP_ROTATE: begin
          distance_q        <= {distance_q[5:0], 1'b0};
          rotation_vector_q <= !rotation_vector_q;
        end
        spu_pkg::STEP_KV_WRITE: half_q <= 1'b1;
        spu_pkg::STEP_SOFTMAX_EXP: left_q <= end_position_q;
        spu_pkg::STEP_SOFTMAX_WEIGHT: begin
          left_q           <= left_q - 24'd64;
          score_position_q <= score_position_q + 24'd64;
          score_base_q     <= score_base_q + ScoreBits'(64);
        end
        spu_pkg::STEP_OUTPUT_HEAD: begin
          head_q         <= last_head ? '0 : head_q + 1;
          token_q        <= token_q + 4'(last_head);
          lane_q         <= last_lane ? '0 : lane_q + 1;
          round_q        <= round_q + 3'(last_lane);
          output_count_q <= output_count_q ^ last_pair;
        end
        spu_pkg::STEP_SWIGLU_OUT: left_q <= left_q - 24'd128;
        spu_pkg::STEP_LOGITS_WRITE: begin
          left_q  <= left_q - 24'd16;
          logit_q <= logit_q + 24'd1;
        end
        spu_pkg::STEP_FINISH:
        if (is_softmax_q) begin
          round_q          <= round_q + 1;
          row_q            <= row_q + ScoreBits'(header_i.context_size);
          score_base_q     <= row_q + ScoreBits'(header_i.context_size);
          score_position_q <= '0;
          pairs_left_q     <= pairs_left_q - 7'(TOKENS);
          if (last_pair_round) softmax_count_q <= softmax_count_q + 1;
        end
        default: ;
      endcase
    end
    // Writes go from token to token, one in a cycle: what is said of the token in work is ahead of it by one.
    last_turn_q <= next_turn && !last_turn_q ? token_q + 4'd2 == tokens_i : token_q == tokens_last_q;
    wanted_q    <= step_q != spu_pkg::STEP_LOGITS_WRITE ||
        token_q >= (next_turn && !last_turn_q ? before_logits_q : first_logits_i);
    if (next_turn) token_q <= last_turn_q ? '0 : token_q + 1;
    if (!rst_ni) begin
      step_q          <= spu_pkg::STEP_IDLE;
      in_valid_q      <= 1'b0;
      softmax_count_q <= '0;
      softmax_done_q  <= '0;
      output_count_q  <= 1'b0;
      rope_new_q      <= 1'b0;
    end
  end
  // ------------------------------------------------------------------ what is under way
  spu_pkg::kind_t kind;
  spu_pkg::place_t place;
  always_comb begin
    kind.query    = is_query_q;
    kind.value    = is_value_q;
    kind.swiglu   = is_swiglu_q;
    kind.all_heads = all_heads;
    kind.key_scale = is_key_scale_q;
    kind.chosen_softmax = in_q.flags[brim_pkg::FLAG_CHOSEN_SOFTMAX_BIT];
    kind.rotated   = rotated;
    kind.four_bits = four_bits_q;
    kind.embed_q8 = embed_q8_q;
    kind.embed_q4 = embed_q4_q;

    place.first          = first_q;
    place.cycle          = wait_q;
    place.left           = left_q;
    place.last_block     = last_block_q;
    place.last_weights   = last_weights_q;
    place.block          = block_q;
    place.first_parameter = parameter_base_q;
    place.token          = token_q;
    place.last_turn      = last_turn_q;
    place.wanted         = wanted_q;
    place.lane           = 3'(lane_q);
    place.round          = round_q;
    place.last_head      = last_kv_head_q && last_head;
    place.first_element  = step_q == spu_pkg::STEP_KV_ROUND ? {half_q, 6'b0} :
        step_q == spu_pkg::STEP_MIX_WEIGHT ? in_q.head[6:0] : '0;
    place.half           = half_q;
    place.two_halves     = two_beats;
    place.half_beats     = four_bits_q && !two_halves_q;
    place.distance       = distance_q;
    place.last_rotation  = last_rotation;
    place.head_last      = head_last_q[6:0];
    place.softmax        = softmax_count_q[0];
    place.out            = output_count_q;
    place.score_position = score_position_q;
    place.score_row      = 17'(row_q);
    place.score_base     = 17'(score_base_q);
    place.pairs_left     = pairs_left_q;
    place.last_round     = last_pair_round;
    place.logits_beat    = logit_q;
    place.row_beat       = row_beats_q[6:0];
  end
  assign kind_o         = kind;
  assign place_o        = place;
  assign start_o        = start;
  assign instruction_o  = in_q;
  assign generation_o   = generation_q;
  assign step_o         = step_q;
  assign row_beat_o     = row_beat;
  assign write_turn_o   = write_step_q;
  assign softmax_done_o = softmax_done_q;
  assign choose_o       = step_q == spu_pkg::STEP_ROUTE_CHOOSE && step_done;
  assign choices_done_o = choose_o && last_choice;
  assign idle_o         = step_q == spu_pkg::STEP_IDLE && !in_valid_q && all_idle;
  wire unused = &{1'b0, header_i, row_beats_q};
endmodule
`default_nettype wire
