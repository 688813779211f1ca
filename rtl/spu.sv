// The SPU: takes its instructions in order and runs each as a sequence of steps, in all lanes at once. Most
// steps are micro-operations: spu_microcode.sv says what they compute, spu_issue.sv when their elements go,
// spu_pipeline.sv what goes along with them. docs/rtl/spu.md lists the sequences.
`default_nettype none
module spu #(
    parameter int TOKENS = 4,
    parameter int SCORES = 16384
) (
    input wire clk_i,
    input wire rst_ni,

    input wire brim_pkg::program_header_t header_i,
    input wire [                    3:0] heads_per_kv_i,
    input wire [                   23:0] position_i,
    input wire [                    3:0] tokens_i,
    input wire [                    3:0] first_logits_i,

    input  wire                         instruction_valid_i,
    output wire                         instruction_ready_o,
    input  wire brim_pkg::instruction_t instruction_i,
    input  wire [                  7:0] generation_i,

    // Beats of the stream that are the SPU's.
    input  wire [511:0] beat_i,
    input  wire         parameter_we_i,
    input  wire [  9:0] parameter_address_i,
    input  wire         rope_we_i,
    input  wire [  5:0] rope_address_i,
    input  wire         value_scale_we_i,
    input  wire [  9:0] scale_beat_i,
    input  wire         embed_valid_i,
    output wire         embed_ready_o,

    // Results.
    input  wire                 result_valid_i,
    output wire                 result_ready_o,
    input  wire [32*TOKENS-1:0] result_i,

    // Scores.
    input  wire [               7:0] scores_done_i,
    input  wire                      score_we_i,
    input  wire [  $clog2(SCORES):0] score_address_i,
    input  wire [     32*TOKENS-1:0] score_i,
    output wire [               3:0] max_read_o,
    input  wire [     32*TOKENS-1:0] max_i,
    input  wire [      3*TOKENS-1:0] lane_tokens_i,  // of round max_read_o[2:0]
    output wire [               7:0] softmax_done_o,

    // The VPU's reads.
    input  wire [               12:0] activation_address_i,
    output wire [      64*TOKENS-1:0] activation_data_o,
    output wire [       8*TOKENS-1:0] activation_exponent_o,
    input  wire [               10:0] q_address_i,
    output wire [      64*TOKENS-1:0] q_data_o,
    output wire [       8*TOKENS-1:0] q_exponent_o,
    input  wire [$clog2(SCORES)-2:0] weight_address_i,
    output wire [      64*TOKENS-1:0] weight_data_o,
    input  wire [$clog2(SCORES)-6:0] exponent_address_i,
    output wire [       8*TOKENS-1:0] exponent_data_o,
    input  wire [                9:0] local_address_i,
    output wire [              511:0] local_data_o,
    input  wire [                8:0] local_scale_address_i,
    output wire [               15:0] local_scale_o,

    // Progress of the buffers.
    output wire [23:0] generations_o,
    output wire [23:0] blocks_o,
    output wire [ 7:0] q_generation_o,
    output wire [ 7:0] q_heads_o,

    // Writes to memory.
    output wire         write_valid_o,
    input  wire         write_ready_i,
    output wire [ 31:0] write_address_o,
    output wire [511:0] write_data_o,
    output wire [ 63:0] write_strobe_o,

    output wire idle_o,
    output wire overflow_o
);
  localparam int ScoreBits = $clog2(SCORES);
  localparam int WordBits = ScoreBits - 1 > 13 ? ScoreBits - 1 : 13;      // address of a word of A16 memories
  localparam int AddressBits = ScoreBits + 1 > 12 ? ScoreBits + 1 : 12;   // of X, or of the scores
  // With more lanes block RAM runs out, and ultra RAM does not, as each lane's scores are smaller.
  localparam QueryStyle = TOKENS > 4 ? "ultra" : "block";
  localparam int LaneBits = TOKENS > 1 ? $clog2(TOKENS) : 1;
  // Cycles from the issue of an element to its result: operands, multiplier, sign and half, adder, post.
  localparam int Latency = 4 + fp_pkg::MUL + 1 + fp_pkg::ADD + 1;
  localparam int LatencyConvert = Latency + fp_pkg::FP_TO_INT + 1;
  localparam int LatencyExp = Latency + fp_pkg::EXP;

  // ------------------------------------------------------------------ the instruction and where it stands
  spu_pkg::step_t step_q, next_step;
  wire step_done;
  logic [3:0] wait_q;  // cycles since the step began, up to 15

  // An instruction is taken as soon as the one before is over, and begins when it may.
  brim_pkg::instruction_t in_q;
  logic in_valid_q;
  logic [7:0] generation_q;
  wire [7:0] op = in_q.opcode;
  wire is_query = op == brim_pkg::OP_QUERY;
  wire is_value = op == brim_pkg::OP_VALUE;
  wire is_head = is_query || is_value || op == brim_pkg::OP_KEY;
  wire is_softmax = op == brim_pkg::OP_SOFTMAX;
  wire is_swiglu = op == brim_pkg::OP_SWIGLU;
  wire head_norm = in_q.flags[brim_pkg::FLAG_NORM_BIT];
  logic embed_fp16_q, embed_q8_q, embed_q4_q, last_kv_head_q;

  logic [23:0] left_q;             // elements of the vector from the block on
  logic [4:0] block_q;             // X: the block of 128
  logic [13:0] parameter_base_q;   // P: likewise
  logic [3:0] token_q;             // of a sequence over tokens
  logic last_turn_q, wanted_q;     // of a token that writes: it is the last one, what it writes is wanted
  logic [3:0] head_q;              // of a sequence over pairs
  logic [LaneBits-1:0] lane_q;
  logic [2:0] round_q;
  logic half_q;                    // KV8: elements 64 ... 127
  logic [7:0] softmax_count_q;     // softmaxes so far; those whose weights are complete
  logic [7:0] softmax_done_q;
  logic rope_new_q;                // the RoPE rows are still to be taken
  logic output_count_q;            // parity of the outputs so far
  logic [23:0] score_position_q;   // first position of the block
  logic [ScoreBits-1:0] row_q;     // scores: round * context
  logic [ScoreBits-1:0] score_base_q;  // and its sum with the position
  logic [6:0] pairs_left_q;        // softmax: from this round on
  logic [23:0] logit_q;            // beat of logits
  logic [7:0] row_beats_q;         // embedding row: beats that are in; the next one is the last
  logic row_last_beat_q;
  logic [7:0] row_before_last_q;   // of the instruction: beats of a row less two; whether it has but one
  logic row_single_q;

  // Of the pass and the program, stable.
  logic two_halves_q, position_single_q;
  logic [15:0] head_last_q, kv_heads_last_q;
  logic [23:0] end_position_q, position_last_q;
  logic [3:0] tokens_last_q, heads_last_q, before_logits_q;
  always_ff @(posedge clk_i) begin
    two_halves_q      <= header_i.head_size > 16'd64;
    head_last_q       <= header_i.head_size - 16'd1;
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
  wire last_token = token_q == tokens_last_q;
  wire last_head = head_q == heads_last_q;
  wire last_pair = last_token && last_head;
  wire last_pair_round = pairs_left_q <= 7'(TOKENS);  // rounds of the softmax: pairs in groups of TOKENS
  wire last_lane = lane_q == LaneBits'(TOKENS - 1);

  // ------------------------------------------------------------------ micro-operations
  wire is_micro, single, issue, issue_last, empty;
  wire spu_pkg::micro_t step_micro, micro;
  wire [23:0] last_index, i;
  spu_microcode u_microcode (
      .step_i(step_q), .embed_fp16_i(embed_fp16_q), .bias_i(in_q.flags[brim_pkg::FLAG_BIAS_BIT]),
      .is_query_i(is_query), .is_value_i(is_value), .softmax_i(is_softmax), .swiglu_i(is_swiglu), .rms_i(!is_head),
      .head_last_i(head_last_q), .left_i(left_q), .position_last_i(position_last_q),
      .position_single_i(position_single_q), .is_micro_o(is_micro), .micro_o(step_micro), .last_o(last_index),
      .single_o(single));

  wire [TOKENS-1:0] a16_room, attention_room, a16_idle;
  logic a16_room_q;
  logic [TOKENS-1:0] attention_room_q;
  always_ff @(posedge clk_i) begin
    a16_room_q       <= a16_room == '1;
    attention_room_q <= attention_room;
  end
  // The steps whose results go to A16.
  wire fills = step_q == spu_pkg::STEP_NORM_MULTIPLY || (step_q == spu_pkg::STEP_ROPE_COSINE && is_query) ||
      step_q == spu_pkg::STEP_SOFTMAX_WEIGHT || step_q == spu_pkg::STEP_SWIGLU_OUT;
  wire room = step_q == spu_pkg::STEP_OUTPUT_HEAD ? attention_room_q[token_q[LaneBits-1:0]] : !fills || a16_room_q;
  spu_issue #(.LATENCY(Latency), .LATENCY_CONVERT(LatencyConvert), .LATENCY_EXP(LatencyExp)) u_issue (
      .clk_i, .rst_ni, .is_micro_i(is_micro), .micro_i(step_micro), .last_i(last_index), .single_i(single),
      .step_done_i(step_done), .result_valid_i, .result_ready_o,
      .room_i(room), .micro_o(micro),
      .issue_o(issue), .last_o(issue_last), .index_o(i), .empty_o(empty));

  // ------------------------------------------------------------------ the sequences
  wire [TOKENS-1:0] total_done;
  wire all_idle = empty && a16_idle == '1;
  wire fetched, write_done, writes_done, written;
  // Queries, keys and values may follow one another closely; the others find the pipeline empty.
  assign instruction_ready_o = step_q == spu_pkg::STEP_IDLE && !in_valid_q;
  logic start_q;
  wire start = start_q;
  wire start_next = step_q == spu_pkg::STEP_IDLE && in_valid_q && (empty || is_head) && !start_q;

  // What ends a step, from its second cycle on: of micro-operations, the issue of the last element.
  logic row_step_q, write_step_q, step_over_q;
  logic first_q;  // cycle of the step
  always_ff @(posedge clk_i) begin
    first_q      <= step_done;
    start_q      <= start_next;
    row_step_q   <= step_q == spu_pkg::STEP_EMBED_ROW && !step_done;
    write_step_q <= empty && !step_done && (step_q == spu_pkg::STEP_KV_WRITE || step_q == spu_pkg::STEP_KV_WRITE_SCALE ||
                                            step_q == spu_pkg::STEP_LOGITS_WRITE);
    case (step_q)
      spu_pkg::STEP_IDLE: step_over_q <= start_next;
      spu_pkg::STEP_EMBED_FETCH: step_over_q <= fetched;
      spu_pkg::STEP_NORM_TOTAL, spu_pkg::STEP_HEAD_TOTAL, spu_pkg::STEP_SOFTMAX_TOTAL: step_over_q <= total_done[0];
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
  assign step_done = issue_last || step_over_q || (row_beat && row_last_beat_q) || writes_done;
  always_comb begin
    next_step = step_q;
    case (step_q)
      spu_pkg::STEP_IDLE:
        case (op)
          brim_pkg::OP_EMBED: next_step = spu_pkg::STEP_EMBED_ROW;
          brim_pkg::OP_RESIDUAL: next_step = spu_pkg::STEP_RESIDUAL_ADD;
          brim_pkg::OP_QUERY, brim_pkg::OP_KEY, brim_pkg::OP_VALUE: next_step = spu_pkg::STEP_HEAD_SCALE;
          brim_pkg::OP_SOFTMAX: next_step = spu_pkg::STEP_SOFTMAX_WAIT;
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
      spu_pkg::STEP_NORM_MULTIPLY: next_step = spu_pkg::STEP_NORM_SQUARE;
      spu_pkg::STEP_NORM_SQUARE:
      if (last_block_q) next_step = spu_pkg::STEP_NORM_TOTAL;
      else if (op == brim_pkg::OP_RESIDUAL) next_step = spu_pkg::STEP_RESIDUAL_ADD;
      else next_step = embed_fp16_q ? spu_pkg::STEP_EMBED_BLOCK : spu_pkg::STEP_EMBED_FETCH;
      spu_pkg::STEP_NORM_TOTAL: next_step = spu_pkg::STEP_NORM_MEAN;
      spu_pkg::STEP_NORM_MEAN, spu_pkg::STEP_HEAD_MEAN: next_step = spu_pkg::STEP_RSQRT1;
      spu_pkg::STEP_HEAD_SCALE:
      if (is_value) next_step = spu_pkg::STEP_KV_SCALE;
      else if (rope_new_q) next_step = spu_pkg::STEP_ROPE_LOAD;
      else next_step = head_norm ? spu_pkg::STEP_HEAD_SQUARE : spu_pkg::STEP_ROPE_SINE;
      spu_pkg::STEP_ROPE_LOAD:
      if (last_token) next_step = head_norm ? spu_pkg::STEP_HEAD_SQUARE : spu_pkg::STEP_ROPE_SINE;
      spu_pkg::STEP_HEAD_SQUARE: next_step = spu_pkg::STEP_HEAD_WEIGHT;
      spu_pkg::STEP_HEAD_WEIGHT: next_step = spu_pkg::STEP_HEAD_TOTAL;
      spu_pkg::STEP_HEAD_TOTAL: next_step = spu_pkg::STEP_HEAD_MEAN;
      spu_pkg::STEP_HEAD_FACTOR: next_step = spu_pkg::STEP_ROPE_SINE;
      spu_pkg::STEP_ROPE_SINE: next_step = spu_pkg::STEP_ROPE_COSINE;
      spu_pkg::STEP_ROPE_COSINE: next_step = is_query ? spu_pkg::STEP_IDLE : spu_pkg::STEP_KV_SCALE;
      spu_pkg::STEP_KV_SCALE: next_step = spu_pkg::STEP_RECIPROCAL1;
      spu_pkg::STEP_KV_ROUND: next_step = spu_pkg::STEP_KV_WRITE;
      spu_pkg::STEP_KV_WRITE: next_step = two_halves_q && !half_q ? spu_pkg::STEP_KV_ROUND : spu_pkg::STEP_KV_WRITE_SCALE;
      spu_pkg::STEP_KV_WRITE_SCALE: next_step = spu_pkg::STEP_IDLE;
      spu_pkg::STEP_SOFTMAX_WAIT: next_step = spu_pkg::STEP_SOFTMAX_ROUND;
      spu_pkg::STEP_SOFTMAX_ROUND: next_step = spu_pkg::STEP_SOFTMAX_EXP;
      spu_pkg::STEP_SOFTMAX_EXP: next_step = spu_pkg::STEP_SOFTMAX_WEIGHT;
      spu_pkg::STEP_SOFTMAX_WEIGHT: if (last_weights_q) next_step = spu_pkg::STEP_SOFTMAX_TOTAL;
      spu_pkg::STEP_SOFTMAX_TOTAL: next_step = spu_pkg::STEP_SOFTMAX_SUM;
      spu_pkg::STEP_SOFTMAX_SUM: next_step = spu_pkg::STEP_RECIPROCAL1;
      spu_pkg::STEP_OUTPUT_HEAD: if (last_pair) next_step = spu_pkg::STEP_IDLE;
      spu_pkg::STEP_SWIGLU_IN: next_step = spu_pkg::STEP_SWIGLU_EXP;
      spu_pkg::STEP_SWIGLU_EXP: next_step = spu_pkg::STEP_SWIGLU_ONE;
      spu_pkg::STEP_SWIGLU_ONE: next_step = spu_pkg::STEP_RECIPROCAL1;
      spu_pkg::STEP_SWIGLU_SILU: next_step = spu_pkg::STEP_SWIGLU_OUT;
      spu_pkg::STEP_SWIGLU_OUT: next_step = last_block_q ? spu_pkg::STEP_FINISH : spu_pkg::STEP_SWIGLU_IN;
      spu_pkg::STEP_LOGITS_BEAT: next_step = spu_pkg::STEP_LOGITS_WRITE;
      spu_pkg::STEP_LOGITS_WRITE: next_step = last_logits_q ? spu_pkg::STEP_IDLE : spu_pkg::STEP_LOGITS_BEAT;
      spu_pkg::STEP_RECIPROCAL1: next_step = spu_pkg::STEP_RECIPROCAL2;
      spu_pkg::STEP_RECIPROCAL2: next_step = spu_pkg::STEP_RECIPROCAL3;
      spu_pkg::STEP_RECIPROCAL3: next_step = spu_pkg::STEP_RECIPROCAL4;
      spu_pkg::STEP_RECIPROCAL4: next_step = is_swiglu ? spu_pkg::STEP_SWIGLU_SILU : is_softmax ? spu_pkg::STEP_FINISH : spu_pkg::STEP_KV_ROUND;
      spu_pkg::STEP_RSQRT1: next_step = spu_pkg::STEP_RSQRT2;
      spu_pkg::STEP_RSQRT2: next_step = spu_pkg::STEP_RSQRT3;
      spu_pkg::STEP_RSQRT3: next_step = spu_pkg::STEP_RSQRT4;
      spu_pkg::STEP_RSQRT4: next_step = spu_pkg::STEP_RSQRT5;
      spu_pkg::STEP_RSQRT5: next_step = spu_pkg::STEP_RSQRT6;
      spu_pkg::STEP_RSQRT6: next_step = is_head ? spu_pkg::STEP_HEAD_FACTOR : spu_pkg::STEP_FINISH;
      default:  // spu_pkg::STEP_FINISH
      next_step = is_softmax && !last_pair_round ? spu_pkg::STEP_SOFTMAX_ROUND : spu_pkg::STEP_IDLE;
    endcase
  end

  logic [6:0] pairs_q;
  always_ff @(posedge clk_i) pairs_q <= 7'(tokens_i * heads_per_kv_i);

  wire [23:0] vector_size =
      is_swiglu ? header_i.hidden[23:0] : op == brim_pkg::OP_LOGITS ? header_i.vocabulary[23:0] : header_i.dim[23:0];
  wire weights_complete;
  always_ff @(posedge clk_i) begin
    wait_q <= step_done ? '0 : wait_q + 4'(wait_q != '1);
    if (instruction_ready_o) begin
      in_q         <= instruction_i;
      in_valid_q   <= instruction_valid_i;
      generation_q <= generation_i;
    end
    if (start) in_valid_q <= 1'b0;
    embed_fp16_q      <= in_q.shape == brim_pkg::EMBEDDING_FP16;
    embed_q8_q        <= in_q.shape == brim_pkg::EMBEDDING_Q8;
    embed_q4_q        <= in_q.shape == brim_pkg::EMBEDDING_Q4;
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
    if (weights_complete) softmax_done_q <= softmax_done_q + 1;
    if (rope_we_i) rope_new_q <= 1'b1;
    if (step_done) begin
      step_q <= next_step;
      case (step_q)
        spu_pkg::STEP_IDLE: begin
          left_q           <= vector_size;
          block_q          <= '0;
          parameter_base_q <= {in_q.param[9:0], 4'b0};
          token_q          <= '0;
          head_q           <= '0;
          lane_q           <= '0;
          round_q          <= '0;
          half_q           <= 1'b0;
          score_position_q <= '0;
          row_q            <= '0;
          score_base_q     <= '0;
          pairs_left_q     <= pairs_q;
          logit_q          <= '0;
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
        spu_pkg::STEP_NORM_SQUARE: begin
          left_q           <= left_q - 24'd128;
          block_q          <= block_q + 1;
          parameter_base_q <= parameter_base_q + 14'd128;
        end
        spu_pkg::STEP_HEAD_SCALE: parameter_base_q <= {in_q.param2[9:0], 4'b0};
        spu_pkg::STEP_ROPE_LOAD: begin
          token_q <= last_token ? '0 : token_q + 1;
          if (last_token) rope_new_q <= 1'b0;
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
        if (is_softmax) begin
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
    last_turn_q <= write_step_q && write_done && !last_turn_q ? token_q + 4'd2 == tokens_i : token_q == tokens_last_q;
    wanted_q    <= step_q != spu_pkg::STEP_LOGITS_WRITE ||
        token_q >= (write_step_q && write_done && !last_turn_q ? before_logits_q : first_logits_i);
    if (write_step_q && write_done) token_q <= last_turn_q ? '0 : token_q + 1;
    if (!rst_ni) begin
      step_q          <= spu_pkg::STEP_IDLE;
      in_valid_q      <= 1'b0;
      softmax_count_q <= '0;
      softmax_done_q  <= '0;
      output_count_q  <= 1'b0;
      rope_new_q      <= 1'b0;
    end
  end
  assign softmax_done_o = softmax_done_q;
  assign idle_o = step_q == spu_pkg::STEP_IDLE && !in_valid_q && all_idle && !write_valid_o;

  // ------------------------------------------------------------------ an element: indices and lanes
  wire [6:0] index = {i[6] | (step_q == spu_pkg::STEP_KV_ROUND && half_q), i[5:0]};
  wire [11:0] x_index = {block_q, i[6:0]};
  wire [13:0] parameter_index = parameter_base_q + 14'(i[6:0]);
  wire [23:0] score_position = score_position_q + i;
  wire [ScoreBits:0] score_index = {softmax_count_q[0], score_base_q + ScoreBits'(i)};

  // The last element of a sum, of an A16 vector, or of a part of it that no later one of the instruction goes on
  // with.
  logic ends_vector;
  always_comb begin
    case (step_q)
      spu_pkg::STEP_HEAD_SQUARE, spu_pkg::STEP_ROPE_COSINE, spu_pkg::STEP_SOFTMAX_EXP: ends_vector = 1'b1;
      spu_pkg::STEP_SOFTMAX_WEIGHT: ends_vector = last_weights_q;
      spu_pkg::STEP_OUTPUT_HEAD: ends_vector = last_kv_head_q && last_head;
      default: ends_vector = last_block_q;
    endcase
  end

  // In the cycle after the issue.
  spu_pkg::step_t step1_q;
  logic [TOKENS-1:0] token_lane_q, lanes;
  logic in_head_q;
  logic [23:0] i_q;
  wire [TOKENS-1:0] attends;
  always_ff @(posedge clk_i) begin
    step1_q      <= step_q;
    token_lane_q <= TOKENS'(1) << token_q;
    in_head_q    <= index <= head_last_q[6:0];
    i_q          <= i;
  end
  always_comb begin
    case (step1_q)
      spu_pkg::STEP_EMBED_BLOCK, spu_pkg::STEP_ROPE_LOAD, spu_pkg::STEP_OUTPUT_HEAD: lanes = token_lane_q;
      spu_pkg::STEP_KV_ROUND: lanes = {TOKENS{in_head_q}};
      spu_pkg::STEP_SOFTMAX_EXP: lanes = attends;
      default: lanes = '1;
    endcase
  end

  wire spu_pkg::micro_t micro1, micro2, micro3;
  wire odd3, negate, halve;
  wire [2:0] post;
  wire [TOKENS-1:0] early_lanes, out_lanes;
  wire out_valid, out_exp, out_half, out_last, out_odd;
  wire spu_pkg::result_t out_result;
  wire [6:0] out_index;
  wire [AddressBits-1:0] out_address;
  spu_pipeline #(
      .TOKENS(TOKENS), .ADDRESS(AddressBits), .LATENCY(Latency), .LATENCY_CONVERT(LatencyConvert),
      .LATENCY_EXP(LatencyExp)
  ) u_pipeline (
      .clk_i, .rst_ni, .valid_i(issue), .micro_i(micro), .last_i(issue_last && ends_vector), .odd_i(i[0]),
      .index_i(micro.to == spu_pkg::TO_PAIR ? i[7:1] : index),
      .address_i(micro.to == spu_pkg::TO_X ? AddressBits'(x_index) : AddressBits'(score_index)), .lanes_i(lanes),
      .micro1_o(micro1), .micro2_o(micro2), .micro3_o(micro3), .odd3_o(odd3), .negate_o(negate), .halve_o(halve), .post_o(post),
      .early_lanes_o(early_lanes), .valid_o(out_valid), .result_o(out_result),
      .from_exp_o(out_exp), .from_half_o(out_half), .last_o(out_last), .odd_o(out_odd),
      .index_o(out_index), .address_o(out_address), .lanes_o(out_lanes));

  // ------------------------------------------------------------------ A16: where vectors go, and progress
  wire start_normed = start && (op == brim_pkg::OP_EMBED || op == brim_pkg::OP_RESIDUAL);
  wire start_hidden = start && is_swiglu;
  wire start_attention = start && op == brim_pkg::OP_OUTPUT && in_q.head == '0;
  wire start_queries = start && op == brim_pkg::OP_KEY && in_q.head == '0;
  // The elements of the query before have arrived by then.
  wire start_query = first_q && step_q == spu_pkg::STEP_ROPE_COSINE && is_query;
  wire start_weights = first_q && step_q == spu_pkg::STEP_SOFTMAX_ROUND;
  logic a16_start_q, attention_start_q;
  logic [WordBits-1:0] a16_address_q;
  logic [1:0] a16_to_q;
  always_ff @(posedge clk_i) begin
    a16_start_q       <= start_normed || start_hidden || start_query || start_weights;
    attention_start_q <= start_attention;
    if (step_q == spu_pkg::STEP_ROPE_COSINE) begin
      a16_to_q      <= spu_pkg::A16_QUERIES;
      a16_address_q <= WordBits'({in_q.head[5:0], 5'b0});
    end else if (step_q == spu_pkg::STEP_SOFTMAX_ROUND) begin
      a16_to_q      <= spu_pkg::A16_WEIGHTS;
      a16_address_q <= WordBits'({softmax_count_q[0], row_q[ScoreBits-1:2]});
    end else begin
      a16_to_q      <= spu_pkg::A16_ACTIVATIONS;
      a16_address_q <= is_swiglu ? WordBits'(4096) : '0;
    end
  end

  wire [TOKENS-1:0] a16_block, a16_vector, attention_block;
  wire [2*TOKENS-1:0] a16_block_to;
  wire [LaneBits-1:0] last_token_lane = LaneBits'(tokens_i - 4'd1);
  assign weights_complete = a16_vector[0] && a16_block_to[1:0] == spu_pkg::A16_WEIGHTS && last_pair_round;
  a16_progress u_progress (
      .clk_i, .rst_ni, .start_normed_i(start_normed), .start_attention_i(start_attention), .start_hidden_i(start_hidden),
      .start_queries_i(start_queries), .generation_i(generation_q), .block_i(a16_block[last_token_lane]),
      .block_to_i(a16_block_to[1:0]), .attention_block_i(attention_block[last_token_lane]), .generations_o, .blocks_o,
      .q_generation_o, .q_heads_o);

  // ------------------------------------------------------------------ shared memories
  logic fetch_q, from_embed_q, from_rope_q, from_scales_q;
  always_ff @(posedge clk_i) begin
    fetch_q       <= step_q == spu_pkg::STEP_EMBED_FETCH;
    from_embed_q  <= step_q == spu_pkg::STEP_EMBED_FETCH || step_q == spu_pkg::STEP_EMBED_BLOCK;
    from_rope_q   <= step_q == spu_pkg::STEP_ROPE_LOAD;
    from_scales_q <= step_q == spu_pkg::STEP_SOFTMAX_WEIGHT;
  end
  wire [31:0] word;
  wire [7:0] word_byte;
  wire [12:0] embed_address;
  stream_memory u_stream (
      .clk_i, .data_i(beat_i), .parameter_we_i, .parameter_address_i, .embed_we_i(row_beat),
      .embed_address_i(row_beats_q[6:0]), .rope_we_i, .rope_address_i, .scale_we_i(value_scale_we_i),
      .scale_address_i({scores_done_i[0], scale_beat_i}), .parameter_i(parameter_index), .from_embed_i(from_embed_q),
      .embed_i(embed_address[12:2]), .byte_i(embed_address[1:0]), .from_rope_i(from_rope_q), .rope_i({token_q[2:0], i[6:0]}),
      .from_scales_i(from_scales_q),
      .scales_i({softmax_count_q[0], score_position[14:1]}), .word_o(word), .byte_o(word_byte));

  wire [2:0] own_token;
  wire [15:0] own_scale;
  wire [31:0] value_scale;
  // The scales of one KV head come before the stream goes on with its scores.
  value_scales u_value_scales (
      .clk_i, .first_own_i(position_i), .position_i(score_position), .own_token_o(own_token), .own_scale_i(own_scale),
      .word_i(word), .wanted_i(micro3.b == spu_pkg::B_VALUE_SCALE), .scale_o(value_scale));

  wire [511:0] lane_beat;
  logic writes_beat_q, writes_scale_q;
  always_ff @(posedge clk_i) begin
    writes_beat_q  <= step_q == spu_pkg::STEP_KV_WRITE;
    writes_scale_q <= step_q == spu_pkg::STEP_KV_WRITE_SCALE;
  end
  local_kv #(.TOKENS(TOKENS)) u_local (
      .clk_i, .write_row_i({in_q.head[4:0], token_q[2:0], is_value}), .write_half_i(half_q),
      .row_we_i(writes_beat_q && written), .row_i(lane_beat),
      .scale_we_i(writes_scale_q && written), .scale_i(lane_beat[15:0]),
      .row_address_i(local_address_i), .row_o(local_data_o), .scale_address_i(local_scale_address_i),
      .scale_o(local_scale_o), .value_address_i({in_q.head[4:0], own_token, 1'b1}), .value_scale_o(own_scale));

  assign embed_ready_o = row_step_q;
  wire [31:0] embed_value, embed_scale;
  embedding_row u_embedding (
      .clk_i, .q8_i(embed_q8_q), .q4_i(embed_q4_q),
      .dim_i(header_i.dim), .fetch_i(fetch_q), .fetch_cycle_i(wait_q),
      .fetched_o(fetched), .element_i(x_index), .address_o(embed_address), .word_i(word),
      .byte_i(word_byte),
      .wanted_i(micro3.a == spu_pkg::A_EMBED), .value_o(embed_value), .scale_o(embed_scale));

  // ------------------------------------------------------------------ lanes
  // Each sum and each maximum starts with its instruction or, in a softmax, its round.
  wire clear = step_q == spu_pkg::STEP_IDLE || step_q == spu_pkg::STEP_SOFTMAX_ROUND;
  assign max_read_o = {softmax_count_q[0], round_q};

  // Scalars: of the lane itself or, 1 / denominator of a pair, of the lane that served it.
  wire [3:0] denominator1;
  wire [LaneBits-1:0] denominator_lane1;
  delay #(.WIDTH(4 + LaneBits), .CYCLES(1)) u_denominator (
      .clk_i, .d_i({output_count_q, round_q, lane_q}), .q_o({denominator1, denominator_lane1}));
  logic [4:0] scalar_read_q;
  logic [TOKENS-1:0] scalar_wanted_q;
  always_ff @(posedge clk_i) begin
    scalar_read_q   <= {3'b100, micro1.scalar};
    scalar_wanted_q <= {TOKENS{micro1.b == spu_pkg::B_SCALAR}};
    if (micro1.b == spu_pkg::B_DENOMINATOR) begin
      scalar_read_q   <= {1'b0, denominator1};
      scalar_wanted_q <= TOKENS'(1) << denominator_lane1;
    end
  end
  wire [32*TOKENS-1:0] scalars;
  logic [31:0] denominator;
  always_comb begin
    denominator = '0;
    for (int t = 0; t < TOKENS; t++) denominator = denominator | scalars[32*t+:32];
  end

  wire [31:0] shared_b, shared_c;
  spu_operands u_operands (
      .clk_i, .micro_i(micro3), .parameter_i(word), .denominator_i(denominator), .embed_scale_i(embed_scale),
      .inverse_dim_i(header_i.inverse_dim), .inverse_head_size_i(header_i.inverse_head_size),
      .norm_eps_i(header_i.norm_eps), .b_o(shared_b), .c_o(shared_c));

  // The scales take the beats' place before they are written.
  wire beat_scale = step_q == spu_pkg::STEP_KV_WRITE_SCALE && first_q;

  wire [TOKENS-1:0] overflow;
  wire [512*TOKENS-1:0] beats;
  for (genvar t = 0; t < TOKENS; t++) begin : gen_lane
    logic [23:0] limit_q;  // positions that the lane's query head attends to
    logic token_counts_q, pair_counts_q;
    logic [31:0] max_q;
    always_ff @(posedge clk_i) begin
      if (step_q == spu_pkg::STEP_SOFTMAX_ROUND) begin
        limit_q <= position_i + 24'(lane_tokens_i[3*t+:3]) + 24'd1;
        max_q   <= max_i[32*t+:32];
      end
    end
    always_ff @(posedge clk_i) begin
      token_counts_q <= 4'(t) < tokens_i;
      pair_counts_q  <= 7'(t) < pairs_left_q;
    end
    assign attends[t] = i_q < limit_q;
    spu_lane #(.SCORES(SCORES), .ADDRESS(WordBits), .QUERY_STYLE(QueryStyle)) u_lane (
        .clk_i, .rst_ni, .micro_i(micro), .index_i(index), .x_index_i(x_index), .score_index_i(score_index),
        .result_i(result_i[32*t+:32]), .micro1_i(micro1), .micro2_i(micro2), .micro3_i(micro3), .odd_i(odd3),
        .embed_i(embed_value), .shared_b_i(shared_b | value_scale), .shared_c_i(shared_c), .max_score_i(max_q),
        .negate_i(negate),
        .halve_i(halve), .post_i(post), .early_counts_i(early_lanes[t]), .out_valid_i(out_valid),
        .out_result_i(out_result), .out_exp_i(out_exp), .out_half_i(out_half), .out_index_i(out_index), .out_address_i(out_address), .out_odd_i(out_odd),
        .out_last_i(out_last), .out_counts_i(out_lanes[t]), .clear_sum_i(clear), .total_done_o(total_done[t]),
        .clear_max_i(clear), .denominator_write_i({softmax_count_q[0], round_q}),
        .scalar_read_i(scalar_read_q), .scalar_wanted_i(scalar_wanted_q[t]), .scalar_o(scalars[32*t+:32]),
        .a16_start_i(a16_start_q), .a16_address_i(a16_address_q), .a16_to_i(a16_to_q),
        .attention_start_i(attention_start_q),
        .token_counts_i(token_counts_q), .pair_counts_i(pair_counts_q), .a16_room_o(a16_room[t]),
        .attention_room_o(attention_room[t]), .a16_idle_o(a16_idle[t]), .a16_block_o(a16_block[t]),
        .a16_vector_o(a16_vector[t]), .a16_block_to_o(a16_block_to[2*t+:2]), .attention_block_o(attention_block[t]),
        .overflow_o(overflow[t]), .beat_scale_i(beat_scale), .beat_o(beats[512*t+:512]),
        .score_we_i, .score_address_i, .score_i(score_i[32*t+:32]),
        .activation_address_i, .activation_data_o(activation_data_o[64*t+:64]),
        .activation_exponent_o(activation_exponent_o[8*t+:8]),
        .q_address_i, .q_data_o(q_data_o[64*t+:64]), .q_exponent_o(q_exponent_o[8*t+:8]),
        .weight_address_i, .weight_data_o(weight_data_o[64*t+:64]),
        .exponent_address_i, .exponent_data_o(exponent_data_o[8*t+:8])
    );
  end

  logic overflow_q;
  always_ff @(posedge clk_i) begin
    if (overflow != '0) overflow_q <= 1'b1;
    if (!rst_ni) overflow_q <= 1'b0;
  end
  assign overflow_o = overflow_q;

  // ------------------------------------------------------------------ writes
  assign lane_beat = beats[512*token_q[LaneBits-1:0]+:512];
  spu_writes u_writes (
      .clk_i, .rst_ni, .step_i(step_q), .instruction_i(in_q), .two_halves_i(two_halves_q),
      .logits_stride_i(header_i.logits_stride), .position_i, .turn_i(write_step_q), .last_i(last_turn_q),
      .half_i(half_q), .wanted_i(wanted_q), .logits_beat_i(logit_q), .logits_left_i(left_q), .beat_i(lane_beat),
      .done_o(write_done), .all_done_o(writes_done), .written_o(written), .valid_o(write_valid_o), .ready_i(write_ready_i),
      .address_o(write_address_o), .data_o(write_data_o), .strobe_o(write_strobe_o));

  wire unused = &{1'b0, header_i, in_q, micro, total_done, a16_vector, a16_block_to, score_position};
endmodule
`default_nettype wire
