// The SPU: takes its instructions in order and runs each as a sequence of steps, in all lanes at once. Most
// steps are micro-operations: spu_microcode.sv says what they compute, spu_issue.sv when their elements go,
// spu_pipeline.sv what goes along with them. docs/rtl/spu.md lists the sequences.
`default_nettype none
module spu #(
    parameter int TOKENS = 4,
    parameter int CONTEXT = 8192,
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
  localparam int LaneBits = TOKENS > 1 ? $clog2(TOKENS) : 1;
  // Cycles from the issue of an element to its result: operands, multiplier, sign and half, adder, post.
  localparam int Latency = 4 + fp_pkg::MUL + 1 + fp_pkg::ADD + 1;
  localparam int LatencyConvert = Latency + fp_pkg::FP_TO_INT;
  localparam int LatencyExp = Latency + fp_pkg::EXP;

  // ------------------------------------------------------------------ the instruction and where it stands
  spu_pkg::step_t step_q, next_step;
  logic step_done;
  logic [3:0] wait_q;  // cycles since the step began, up to 15

  brim_pkg::instruction_t in_q;
  wire [7:0] op = in_q.opcode;
  wire is_query = op == brim_pkg::OP_QUERY;
  wire is_value = op == brim_pkg::OP_VALUE;
  wire is_head = is_query || is_value || op == brim_pkg::OP_KEY;
  wire is_softmax = op == brim_pkg::OP_SOFTMAX;
  wire is_swiglu = op == brim_pkg::OP_SWIGLU;
  wire head_norm = in_q.flags[brim_pkg::FLAG_NORM_BIT];
  wire embed_fp16 = in_q.shape == brim_pkg::EMBEDDING_FP16;

  logic [23:0] left_q;             // elements of the vector from the block on
  logic [11:0] base_q;             // X: first element of the block
  logic [13:0] parameter_base_q;   // P: likewise
  logic [3:0] token_q;             // of a sequence over tokens
  logic [3:0] head_q;              // of a sequence over pairs
  logic [LaneBits-1:0] lane_q;
  logic [2:0] round_q;
  logic half_q;                    // KV8: elements 64 ... 127
  logic [7:0] softmax_count_q;     // softmaxes so far; those whose weights are complete
  logic [7:0] softmax_done_q;
  logic output_count_q;            // parity of the outputs so far
  logic [23:0] score_position_q;   // first position of the block
  logic [ScoreBits-1:0] row_q;     // scores: round * context
  logic [ScoreBits-1:0] score_base_q;  // and its sum with the position
  logic [6:0] pairs_left_q;        // softmax: from this round on
  logic [23:0] logit_q;            // beat of logits
  logic [31:0] row_beats_q;        // embedding row: beats that are in

  wire two_halves = header_i.head_size > 16'd64;
  wire [23:0] end_position = position_i + 24'(tokens_i);
  wire [7:0] block_count = left_q >= 24'd128 ? 8'd128 : left_q[7:0];
  wire last_block = left_q <= 24'd128;
  wire last_weights = left_q <= 24'd64;
  wire last_token = token_q + 4'd1 == tokens_i;
  wire last_head = head_q + 4'd1 == heads_per_kv_i;
  wire last_pair = last_token && last_head;
  wire last_pair_round = pairs_left_q <= 7'(TOKENS);  // rounds of the softmax: pairs in groups of TOKENS
  wire last_lane = lane_q == LaneBits'(TOKENS - 1);

  // ------------------------------------------------------------------ micro-operations
  wire is_micro, issue, issue_last, empty;
  wire spu_pkg::micro_t micro;
  wire [23:0] count, i;
  spu_microcode u_microcode (
      .step_i(step_q), .embed_fp16_i(embed_fp16), .bias_i(in_q.flags[brim_pkg::FLAG_BIAS_BIT]),
      .is_query_i(is_query), .is_value_i(is_value), .softmax_i(is_softmax), .swiglu_i(is_swiglu), .rms_i(!is_head),
      .head_size_i(header_i.head_size), .block_count_i(block_count), .left_i(left_q), .positions_i(end_position),
      .is_micro_o(is_micro), .micro_o(micro), .count_o(count));

  wire [TOKENS-1:0] a16_room, attention_room, a16_idle;
  wire to_attention = micro.a16 == spu_pkg::A16_ATTENTION;
  spu_issue #(.LATENCY(Latency), .LATENCY_CONVERT(LatencyConvert), .LATENCY_EXP(LatencyExp)) u_issue (
      .clk_i, .rst_ni, .is_micro_i(is_micro), .micro_i(micro), .count_i(count), .result_valid_i, .result_ready_o,
      .a16_room_i(to_attention ? attention_room[token_q[LaneBits-1:0]] : a16_room == '1), .issue_o(issue), .last_o(issue_last),
      .index_o(i), .empty_o(empty));

  // ------------------------------------------------------------------ the sequences
  wire [TOKENS-1:0] total_done;
  wire all_idle = empty && a16_idle == '1;
  wire [7:0] scores_ahead = scores_done_i - softmax_count_q;
  wire write_valid, fetched;
  wire write_done = empty && (!write_valid || write_ready_i);
  // Queries, keys and values may follow one another closely; the others find the pipeline empty.
  wire next_is_head = instruction_i.opcode == brim_pkg::OP_QUERY || instruction_i.opcode == brim_pkg::OP_KEY ||
      instruction_i.opcode == brim_pkg::OP_VALUE;
  assign instruction_ready_o = step_q == spu_pkg::STEP_IDLE && (empty || next_is_head);
  wire start = instruction_valid_i && instruction_ready_o;
  always_comb begin
    next_step = step_q;
    step_done = issue_last;
    case (step_q)
      spu_pkg::STEP_IDLE: begin
        step_done = start;
        case (instruction_i.opcode)
          brim_pkg::OP_EMBED: next_step = spu_pkg::STEP_EMBED_ROW;
          brim_pkg::OP_RESIDUAL: next_step = spu_pkg::STEP_RESIDUAL_ADD;
          brim_pkg::OP_QUERY, brim_pkg::OP_KEY, brim_pkg::OP_VALUE: next_step = spu_pkg::STEP_HEAD_SCALE;
          brim_pkg::OP_SOFTMAX: next_step = spu_pkg::STEP_SOFTMAX_WAIT;
          brim_pkg::OP_OUTPUT: next_step = spu_pkg::STEP_OUTPUT_HEAD;
          brim_pkg::OP_SWIGLU: next_step = spu_pkg::STEP_SWIGLU_IN;
          brim_pkg::OP_LOGITS: next_step = spu_pkg::STEP_LOGITS_BEAT;
          default: next_step = spu_pkg::STEP_IDLE;
        endcase
      end
      spu_pkg::STEP_EMBED_ROW: begin
        step_done = embed_valid_i && row_beats_q + 32'd1 == in_q.count;
        next_step = embed_fp16 ? spu_pkg::STEP_EMBED_BLOCK : spu_pkg::STEP_EMBED_FETCH;
      end
      spu_pkg::STEP_EMBED_FETCH: begin
        step_done = fetched;
        next_step = spu_pkg::STEP_EMBED_BLOCK;
      end
      // Blocks of the last token alternate with the norm of all tokens.
      spu_pkg::STEP_EMBED_BLOCK:
      if (last_token) next_step = spu_pkg::STEP_NORM_MULTIPLY;
      else if (last_block) next_step = spu_pkg::STEP_EMBED_ROW;
      else next_step = embed_fp16 ? spu_pkg::STEP_EMBED_BLOCK : spu_pkg::STEP_EMBED_FETCH;
      spu_pkg::STEP_RESIDUAL_ADD: next_step = spu_pkg::STEP_NORM_MULTIPLY;
      spu_pkg::STEP_NORM_MULTIPLY: next_step = spu_pkg::STEP_NORM_SQUARE;
      spu_pkg::STEP_NORM_SQUARE:
      if (last_block) next_step = spu_pkg::STEP_NORM_TOTAL;
      else if (op == brim_pkg::OP_RESIDUAL) next_step = spu_pkg::STEP_RESIDUAL_ADD;
      else next_step = embed_fp16 ? spu_pkg::STEP_EMBED_BLOCK : spu_pkg::STEP_EMBED_FETCH;
      spu_pkg::STEP_NORM_TOTAL: begin
        step_done = total_done[0];
        next_step = spu_pkg::STEP_NORM_MEAN;
      end
      spu_pkg::STEP_NORM_MEAN, spu_pkg::STEP_HEAD_MEAN: next_step = spu_pkg::STEP_RSQRT1;
      spu_pkg::STEP_HEAD_SCALE: next_step = is_value ? spu_pkg::STEP_KV_SCALE : head_norm ? spu_pkg::STEP_HEAD_SQUARE : spu_pkg::STEP_ROPE_SINE;
      spu_pkg::STEP_HEAD_SQUARE: next_step = spu_pkg::STEP_HEAD_WEIGHT;
      spu_pkg::STEP_HEAD_WEIGHT: next_step = spu_pkg::STEP_HEAD_TOTAL;
      spu_pkg::STEP_HEAD_TOTAL: begin
        step_done = total_done[0];
        next_step = spu_pkg::STEP_HEAD_MEAN;
      end
      spu_pkg::STEP_HEAD_FACTOR: next_step = spu_pkg::STEP_ROPE_SINE;
      spu_pkg::STEP_ROPE_SINE: next_step = spu_pkg::STEP_ROPE_COSINE;
      spu_pkg::STEP_ROPE_COSINE: next_step = is_query ? spu_pkg::STEP_IDLE : spu_pkg::STEP_KV_SCALE;
      spu_pkg::STEP_KV_SCALE: next_step = spu_pkg::STEP_RECIPROCAL1;
      spu_pkg::STEP_KV_ROUND: next_step = spu_pkg::STEP_KV_WRITE;
      spu_pkg::STEP_KV_WRITE: begin
        step_done = write_done && last_token;
        next_step = two_halves && !half_q ? spu_pkg::STEP_KV_ROUND : spu_pkg::STEP_KV_WRITE_SCALE;
      end
      spu_pkg::STEP_KV_WRITE_SCALE: begin
        step_done = write_done && last_token;
        next_step = spu_pkg::STEP_IDLE;
      end
      spu_pkg::STEP_SOFTMAX_WAIT: begin
        step_done = scores_ahead != '0 && !scores_ahead[7];
        next_step = spu_pkg::STEP_SOFTMAX_ROUND;
      end
      spu_pkg::STEP_SOFTMAX_ROUND: begin
        step_done = wait_q == 4'd2;
        next_step = spu_pkg::STEP_SOFTMAX_EXP;
      end
      spu_pkg::STEP_SOFTMAX_EXP: next_step = spu_pkg::STEP_SOFTMAX_WEIGHT;
      spu_pkg::STEP_SOFTMAX_WEIGHT: if (last_weights) next_step = spu_pkg::STEP_SOFTMAX_TOTAL;
      spu_pkg::STEP_SOFTMAX_TOTAL: begin
        step_done = total_done[0];
        next_step = spu_pkg::STEP_SOFTMAX_SUM;
      end
      spu_pkg::STEP_SOFTMAX_SUM: next_step = spu_pkg::STEP_RECIPROCAL1;
      spu_pkg::STEP_OUTPUT_HEAD: if (last_pair) next_step = spu_pkg::STEP_IDLE;
      spu_pkg::STEP_SWIGLU_IN: next_step = spu_pkg::STEP_SWIGLU_EXP;
      spu_pkg::STEP_SWIGLU_EXP: next_step = spu_pkg::STEP_SWIGLU_ONE;
      spu_pkg::STEP_SWIGLU_ONE: next_step = spu_pkg::STEP_RECIPROCAL1;
      spu_pkg::STEP_SWIGLU_SILU: next_step = spu_pkg::STEP_SWIGLU_OUT;
      spu_pkg::STEP_SWIGLU_OUT: next_step = last_block ? spu_pkg::STEP_FINISH : spu_pkg::STEP_SWIGLU_IN;
      spu_pkg::STEP_LOGITS_BEAT: next_step = spu_pkg::STEP_LOGITS_WRITE;
      spu_pkg::STEP_LOGITS_WRITE: begin
        step_done = write_done && last_token;
        next_step = left_q <= 24'd16 ? spu_pkg::STEP_IDLE : spu_pkg::STEP_LOGITS_BEAT;
      end
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
      default: begin  // spu_pkg::STEP_FINISH
        step_done = all_idle;
        next_step = is_softmax && !last_pair_round ? spu_pkg::STEP_SOFTMAX_ROUND : spu_pkg::STEP_IDLE;
      end
    endcase
  end

  logic [6:0] pairs_q;
  always_ff @(posedge clk_i) pairs_q <= 7'(tokens_i * heads_per_kv_i);

  wire [23:0] vector_size =
      instruction_i.opcode == brim_pkg::OP_SWIGLU ? header_i.hidden[23:0] :
      instruction_i.opcode == brim_pkg::OP_LOGITS ? header_i.vocabulary[23:0] : header_i.dim[23:0];
  wire weights_complete;
  always_ff @(posedge clk_i) begin
    wait_q <= step_done ? '0 : wait_q + 4'(wait_q != '1);
    if (step_q == spu_pkg::STEP_EMBED_ROW && embed_valid_i) row_beats_q <= row_beats_q + 1;
    if (weights_complete) softmax_done_q <= softmax_done_q + 1;
    if (step_done) begin
      step_q <= next_step;
      case (step_q)
        spu_pkg::STEP_IDLE: begin
          in_q             <= instruction_i;
          left_q           <= vector_size;
          base_q           <= '0;
          parameter_base_q <= {instruction_i.param[9:0], 4'b0};
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
          row_beats_q      <= '0;
        end
        spu_pkg::STEP_EMBED_ROW: row_beats_q <= '0;
        spu_pkg::STEP_EMBED_BLOCK:
        if (!last_token) begin
          left_q <= left_q - 24'd128;
          base_q <= base_q + 12'd128;
          if (last_block) begin
            left_q  <= header_i.dim[23:0];
            base_q  <= '0;
            token_q <= token_q + 1;
          end
        end
        spu_pkg::STEP_NORM_SQUARE: begin
          left_q           <= left_q - 24'd128;
          base_q           <= base_q + 12'd128;
          parameter_base_q <= parameter_base_q + 14'd128;
        end
        spu_pkg::STEP_HEAD_SCALE: parameter_base_q <= {in_q.param2[9:0], 4'b0};
        spu_pkg::STEP_KV_WRITE: half_q <= 1'b1;
        spu_pkg::STEP_SOFTMAX_EXP: left_q <= end_position;
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
    // Writes go from token to token.
    if (step_q == spu_pkg::STEP_KV_WRITE || step_q == spu_pkg::STEP_KV_WRITE_SCALE || step_q == spu_pkg::STEP_LOGITS_WRITE) begin
      if (write_done) token_q <= last_token ? '0 : token_q + 1;
    end
    if (!rst_ni) begin
      step_q          <= spu_pkg::STEP_IDLE;
      softmax_count_q <= '0;
      softmax_done_q  <= '0;
      output_count_q  <= 1'b0;
    end
  end
  assign softmax_done_o = softmax_done_q;
  assign idle_o = step_q == spu_pkg::STEP_IDLE && all_idle;

  // ------------------------------------------------------------------ an element: indices and lanes
  wire [6:0] index = {i[6] | (step_q == spu_pkg::STEP_KV_ROUND && half_q), i[5:0]};
  wire [11:0] x_index = base_q + 12'(i[6:0]);
  wire [13:0] parameter_index = parameter_base_q + 14'(i[6:0]);
  wire [23:0] score_position = score_position_q + i;
  wire [ScoreBits:0] score_index = {softmax_count_q[0], score_base_q + ScoreBits'(i)};

  // The last element of a sum, of an A16 vector, or of a part of it that no later one of the instruction goes on
  // with.
  logic ends_vector;
  always_comb begin
    case (step_q)
      spu_pkg::STEP_HEAD_SQUARE, spu_pkg::STEP_ROPE_COSINE, spu_pkg::STEP_SOFTMAX_EXP: ends_vector = 1'b1;
      spu_pkg::STEP_SOFTMAX_WEIGHT: ends_vector = last_weights;
      spu_pkg::STEP_OUTPUT_HEAD: ends_vector = in_q.head + 16'd1 == header_i.kv_heads && last_head;
      default: ends_vector = last_block;
    endcase
  end

  logic [TOKENS-1:0] lanes;
  wire [TOKENS-1:0] attends;
  always_comb begin
    case (step_q)
      spu_pkg::STEP_EMBED_BLOCK, spu_pkg::STEP_OUTPUT_HEAD: lanes = TOKENS'(1) << token_q;
      spu_pkg::STEP_KV_ROUND: lanes = {TOKENS{{9'b0, index} < header_i.head_size}};
      spu_pkg::STEP_SOFTMAX_EXP: lanes = attends;
      default: lanes = '1;
    endcase
  end

  wire spu_pkg::micro_t micro2, micro3;
  wire odd3, negate, halve;
  wire [2:0] post;
  wire [TOKENS-1:0] early_lanes, out_lanes;
  wire out_valid, out_last, out_odd;
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
      .micro2_o(micro2), .micro3_o(micro3), .odd3_o(odd3), .negate_o(negate), .halve_o(halve), .post_o(post),
      .early_lanes_o(early_lanes), .valid_o(out_valid), .result_o(out_result), .last_o(out_last), .odd_o(out_odd),
      .index_o(out_index), .address_o(out_address), .lanes_o(out_lanes));

  // ------------------------------------------------------------------ A16: where vectors go, and progress
  wire start_normed = start &&
      (instruction_i.opcode == brim_pkg::OP_EMBED || instruction_i.opcode == brim_pkg::OP_RESIDUAL);
  wire start_hidden = start && instruction_i.opcode == brim_pkg::OP_SWIGLU;
  wire start_attention = start && instruction_i.opcode == brim_pkg::OP_OUTPUT && instruction_i.head == '0;
  wire start_queries = start && instruction_i.opcode == brim_pkg::OP_KEY && instruction_i.head == '0;
  // The elements of the query before have arrived when those of this one are issued.
  wire start_query = issue && i == '0 && step_q == spu_pkg::STEP_ROPE_COSINE && is_query;
  wire start_weights = step_q == spu_pkg::STEP_SOFTMAX_ROUND && wait_q == '0;
  wire a16_start = start_normed || start_hidden || start_query || start_weights;
  logic [WordBits-1:0] a16_address;
  logic [1:0] a16_to;
  always_comb begin
    a16_to      = spu_pkg::A16_ACTIVATIONS;
    a16_address = start_hidden ? WordBits'(4096) : '0;
    if (start_query) begin
      a16_to      = spu_pkg::A16_QUERIES;
      a16_address = WordBits'({in_q.head[5:0], 5'b0});
    end else if (start_weights) begin
      a16_to      = spu_pkg::A16_WEIGHTS;
      a16_address = WordBits'({softmax_count_q[0], row_q[ScoreBits-1:2]});
    end
  end

  wire [TOKENS-1:0] a16_block, a16_vector, attention_block;
  wire [2*TOKENS-1:0] a16_block_to;
  wire [LaneBits-1:0] last_token_lane = LaneBits'(tokens_i - 4'd1);
  assign weights_complete = a16_vector[0] && a16_block_to[1:0] == spu_pkg::A16_WEIGHTS && last_pair_round;
  a16_progress u_progress (
      .clk_i, .rst_ni, .start_normed_i(start_normed), .start_attention_i(start_attention), .start_hidden_i(start_hidden),
      .start_queries_i(start_queries), .generation_i, .block_i(a16_block[last_token_lane]),
      .block_to_i(a16_block_to[1:0]), .attention_block_i(attention_block[last_token_lane]), .generations_o, .blocks_o,
      .q_generation_o, .q_heads_o);

  // ------------------------------------------------------------------ shared memories
  // P: a word of sixteen, then one of them.
  wire [511:0] parameter_word;
  wire [3:0] parameter_select;
  ram #(.WIDTH(512), .DEPTH(1024), .STYLE("ultra")) u_parameters (
      .clk_i, .we_i(parameter_we_i), .waddress_i(parameter_address_i), .wdata_i(beat_i),
      .raddress_i(parameter_index[13:4]), .rdata_o(parameter_word));
  delay #(.WIDTH(4), .CYCLES(2)) u_parameter_select (.clk_i, .d_i(parameter_index[3:0]), .q_o(parameter_select));
  logic [31:0] parameter_q;
  always_ff @(posedge clk_i) parameter_q <= parameter_word[32*parameter_select+:32];

  wire [2:0] own_token;
  wire [15:0] own_scale, value_scale, lane_scale;
  // The scales of one KV head come before the stream goes on with its scores.
  value_scales #(.CONTEXT(CONTEXT)) u_value_scales (
      .clk_i, .we_i(value_scale_we_i), .write_generation_i(scores_done_i[0]), .beat_i(scale_beat_i), .data_i(beat_i),
      .first_own_i(position_i), .generation_i(softmax_count_q[0]), .position_i(score_position),
      .own_token_o(own_token), .own_scale_i(own_scale), .scale_o(value_scale));

  wire written = write_valid_o && write_ready_i;
  wire [511:0] lane_beat;
  local_kv #(.TOKENS(TOKENS)) u_local (
      .clk_i, .write_row_i({in_q.head[4:0], token_q[2:0], is_value}), .write_half_i(half_q),
      .row_we_i(step_q == spu_pkg::STEP_KV_WRITE && written), .row_i(lane_beat),
      .scale_we_i(step_q == spu_pkg::STEP_KV_WRITE_SCALE && written), .scale_i(lane_scale), .row_address_i(local_address_i),
      .row_o(local_data_o), .scale_address_i(local_scale_address_i), .scale_o(local_scale_o),
      .value_address_i({in_q.head[4:0], own_token, 1'b1}), .value_scale_o(own_scale));

  assign embed_ready_o = step_q == spu_pkg::STEP_EMBED_ROW;
  wire [31:0] embed_value, embed_scale;
  embedding_row u_embedding (
      .clk_i, .q8_i(in_q.shape == brim_pkg::EMBEDDING_Q8), .q4_i(in_q.shape == brim_pkg::EMBEDDING_Q4),
      .dim_i(header_i.dim), .we_i(embed_ready_o && embed_valid_i), .beat_i(row_beats_q[6:0]), .data_i(beat_i),
      .fetch_i(step_q == spu_pkg::STEP_EMBED_FETCH), .fetch_cycle_i(wait_q), .fetched_o(fetched), .element_i(x_index),
      .value_o(embed_value), .scale_o(embed_scale));

  // ------------------------------------------------------------------ lanes
  // Each sum and each maximum starts with its instruction or, in a softmax, its round.
  wire clear = step_q == spu_pkg::STEP_IDLE || step_q == spu_pkg::STEP_SOFTMAX_ROUND;
  assign max_read_o = {softmax_count_q[0], round_q};

  // 1 / denominator of the pair: of the lane that served it.
  wire [3:0] denominator_read;
  wire [LaneBits-1:0] denominator_lane;
  wire [32*TOKENS-1:0] denominators;
  delay #(.WIDTH(4 + LaneBits), .CYCLES(2)) u_denominator (
      .clk_i, .d_i({output_count_q, round_q, lane_q}), .q_o({denominator_read, denominator_lane}));
  logic [31:0] denominator_q;
  always_ff @(posedge clk_i) denominator_q <= denominators[32*denominator_lane+:32];

  wire [TOKENS-1:0] overflow;
  wire [512*TOKENS-1:0] beats;
  wire [16*TOKENS-1:0] kv_scales;
  for (genvar t = 0; t < TOKENS; t++) begin : gen_lane
    logic [23:0] limit_q;  // positions that the lane's query head attends to
    logic [31:0] max_q;
    always_ff @(posedge clk_i) begin
      if (step_q == spu_pkg::STEP_SOFTMAX_ROUND) begin
        limit_q <= position_i + 24'(lane_tokens_i[3*t+:3]) + 24'd1;
        max_q   <= max_i[32*t+:32];
      end
    end
    assign attends[t] = i < limit_q;
    spu_lane #(.SCORES(SCORES), .ADDRESS(WordBits)) u_lane (
        .clk_i, .rst_ni, .micro_i(micro), .index_i(index), .x_index_i(x_index), .score_index_i(score_index),
        .result_i(result_i[32*t+:32]), .micro2_i(micro2), .micro3_i(micro3), .parameter_i(parameter_q),
        .value_scale_i(value_scale), .embed_i(embed_value), .embed_scale_i(embed_scale), .odd_i(odd3),
        .denominator_i(denominator_q), .max_score_i(max_q), .norm_eps_i(header_i.norm_eps),
        .inverse_dim_i(header_i.inverse_dim), .inverse_head_size_i(header_i.inverse_head_size), .negate_i(negate),
        .halve_i(halve), .post_i(post), .early_counts_i(early_lanes[t]), .out_valid_i(out_valid),
        .out_result_i(out_result), .out_index_i(out_index), .out_address_i(out_address), .out_odd_i(out_odd),
        .out_last_i(out_last), .out_counts_i(out_lanes[t]), .clear_sum_i(clear), .total_done_o(total_done[t]),
        .clear_max_i(clear), .denominator_write_i({softmax_count_q[0], round_q}),
        .denominator_read_i(denominator_read), .denominator_o(denominators[32*t+:32]), .a16_start_i(a16_start),
        .a16_address_i(a16_address), .a16_to_i(a16_to), .attention_start_i(start_attention),
        .token_counts_i(4'(t) < tokens_i), .pair_counts_i(7'(t) < pairs_left_q), .a16_room_o(a16_room[t]),
        .attention_room_o(attention_room[t]), .a16_idle_o(a16_idle[t]), .a16_block_o(a16_block[t]),
        .a16_vector_o(a16_vector[t]), .a16_block_to_o(a16_block_to[2*t+:2]), .attention_block_o(attention_block[t]),
        .overflow_o(overflow[t]), .beat_o(beats[512*t+:512]), .kv_scale_o(kv_scales[16*t+:16]),
        .rope_we_i(rope_we_i && rope_address_i[5:3] == 3'(t)), .rope_beat_i(rope_address_i[2:0]), .rope_data_i(beat_i),
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
  assign lane_beat  = beats[512*token_q[LaneBits-1:0]+:512];
  assign lane_scale = kv_scales[16*token_q[LaneBits-1:0]+:16];
  spu_writes u_writes (
      .step_i(step_q), .instruction_i(in_q), .header_i, .position_i(position_i + 24'(token_q)), .half_i(half_q),
      .token_i(token_q), .wanted_i(token_q >= first_logits_i), .logits_beat_i(logit_q), .logits_left_i(left_q),
      .beat_i(lane_beat), .scale_i(lane_scale), .valid_o(write_valid), .address_o(write_address_o),
      .data_o(write_data_o), .strobe_o(write_strobe_o));
  assign write_valid_o = write_valid && empty;

  wire unused = &{1'b0, header_i, in_q, instruction_i, micro, total_done, a16_vector, a16_block_to, rope_address_i};
endmodule
`default_nettype wire
