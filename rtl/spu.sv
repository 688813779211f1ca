// The SPU: takes its instructions in order and runs each as a sequence of micro-operations, in all lanes at
// once. docs/rtl/spu.md lists the sequences.
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
  localparam int Address = ScoreBits - 1 > 13 ? ScoreBits - 1 : 13;
  localparam int LaneBits = TOKENS > 1 ? $clog2(TOKENS) : 1;
  // Cycles from the issue of an element to its result: operands, multiplier, sign and half, adder, post.
  localparam int Result = 4 + fp_pkg::MUL + 1 + fp_pkg::ADD + 1;
  localparam int ResultInt8 = Result + fp_pkg::FP_TO_INT;
  localparam int ResultExp = Result + fp_pkg::EXP;
  localparam int ScaleBits = $clog2(CONTEXT / 32);

  typedef enum logic [5:0] {
    IDLE,
    EMBED_ROW,      // take a token's row
    EMBED_FETCH,    // scale and zero-point of a block
    EMBED_BLOCK,
    RESIDUAL_ADD,
    NORM_MULTIPLY,
    NORM_SQUARE,
    NORM_TOTAL,
    NORM_MEAN,
    HEAD_SCALE,
    HEAD_SQUARE,
    HEAD_TOTAL,
    HEAD_MEAN,
    HEAD_WEIGHT,
    HEAD_FACTOR,
    ROPE_SINE,
    ROPE_COSINE,
    KV_SCALE,
    KV_ROUND,
    KV_WRITE,
    KV_WRITE_SCALE,
    SOFTMAX_WAIT,
    SOFTMAX_ROUND,  // limits and maxima of the round's query heads
    SOFTMAX_EXP,
    SOFTMAX_TOTAL,
    SOFTMAX_SUM,
    SOFTMAX_WEIGHT,
    OUTPUT_HEAD,
    SWIGLU_IN,
    SWIGLU_EXP,
    SWIGLU_ONE,
    SWIGLU_SILU,
    SWIGLU_OUT,
    LOGITS_BEAT,
    LOGITS_WRITE,
    RECIPROCAL1,
    RECIPROCAL2,
    RECIPROCAL3,
    RECIPROCAL4,
    RSQRT1,
    RSQRT2,
    RSQRT3,
    RSQRT4,
    RSQRT5,
    RSQRT6,
    FINISH          // wait for A16
  } step_t;
  step_t step_q, next_step, after_q;  // after_q: what follows reciprocal or rsqrt

  brim_pkg::instruction_t in_q;
  wire [7:0] op = in_q.opcode;
  wire is_query = op == brim_pkg::OP_QUERY;
  wire is_value = op == brim_pkg::OP_VALUE;
  wire bias = in_q.flags[brim_pkg::FLAG_BIAS_BIT];
  wire head_norm = in_q.flags[brim_pkg::FLAG_NORM_BIT];

  logic [23:0] left_q;             // elements of the vector from the block on
  logic [11:0] base_q;             // X: first element of the block
  logic [13:0] parameter_base_q;   // P: likewise
  logic [3:0] token_q;             // of a sequence over tokens
  logic [3:0] head_q;              // of a sequence over pairs
  logic [LaneBits-1:0] lane_q;
  logic [2:0] round_q;
  logic half_q;                    // KV8: elements 64 ... 127
  logic [7:0] softmax_count_q;
  logic output_count_q;            // parity of the outputs so far
  logic [ScoreBits-1:0] row_q;     // round * context
  logic [23:0] logit_q;
  logic [31:0] row_beats_q;        // embedding row: beats that are in

  wire [15:0] d = header_i.head_size;
  wire two_halves = d > 16'd64;
  wire [23:0] end_position = position_i + 24'(tokens_i);
  wire [7:0] block_count = left_q >= 24'd128 ? 8'd128 : left_q[7:0];
  wire last_block = left_q <= 24'd128;
  wire last_token = token_q + 4'd1 == tokens_i;
  wire last_head = head_q + 4'd1 == heads_per_kv_i;
  wire last_pair = last_token && last_head;
  // Rounds of the softmax: pairs in groups of TOKENS.
  logic [6:0] pairs_left_q;
  wire last_pair_round = pairs_left_q <= 7'(TOKENS);
  wire last_lane = lane_q == LaneBits'(TOKENS - 1);

  // ------------------------------------------------------------------ micro-operations
  spu_pkg::micro_t micro;
  logic is_micro;
  logic [23:0] count;
  always_comb begin
    micro    = '0;
    is_micro = 1'b1;
    count    = 24'd1;
    case (step_q)
      EMBED_BLOCK: begin
        micro.a  = spu_pkg::A_EMBED;
        micro.b  = in_q.shape == brim_pkg::EMBEDDING_FP16 ? spu_pkg::B_ONE : spu_pkg::B_EMBED;
        micro.to = spu_pkg::TO_X;
        count    = 24'(block_count);
      end
      RESIDUAL_ADD: begin
        micro.a  = spu_pkg::A_RESULT;
        micro.c  = spu_pkg::C_X;
        micro.to = spu_pkg::TO_X;
        count    = 24'(block_count);
      end
      NORM_MULTIPLY: begin
        micro.a  = spu_pkg::A_X;
        micro.b  = spu_pkg::B_PARAMETER;
        micro.to = spu_pkg::TO_A16;
        count    = 24'(block_count);
      end
      NORM_SQUARE: begin
        micro.a   = spu_pkg::A_X;
        micro.b   = spu_pkg::B_SQUARE;
        micro.sum = 1'b1;
        count     = 24'(block_count);
      end
      NORM_MEAN, HEAD_MEAN: begin
        micro.a         = spu_pkg::A_SUM;
        micro.b         = step_q == NORM_MEAN ? spu_pkg::B_INVERSE_DIM : spu_pkg::B_INVERSE_HEAD;
        micro.c         = spu_pkg::C_EPSILON;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd2;
      end
      HEAD_SCALE: begin
        micro.a      = spu_pkg::A_RESULT;
        micro.b      = spu_pkg::B_SCALAR;
        micro.scalar = spu_pkg::SCALAR_RMS;
        micro.c      = bias ? spu_pkg::C_PARAMETER : spu_pkg::C_NONE;
        micro.to     = spu_pkg::TO_VECTOR;
        micro.max    = is_value;
        count        = 24'(d);
      end
      HEAD_SQUARE: begin
        micro.b   = spu_pkg::B_SQUARE;
        micro.sum = 1'b1;
        count     = 24'(d);
      end
      HEAD_WEIGHT: begin
        micro.b  = spu_pkg::B_PARAMETER;
        micro.to = spu_pkg::TO_VECTOR;
        count    = 24'(d);
      end
      HEAD_FACTOR: begin
        micro.b      = spu_pkg::B_SCALAR;
        micro.scalar = spu_pkg::SCALAR_HEAD;
        micro.to     = spu_pkg::TO_VECTOR;
        count        = 24'(d);
      end
      // Vector 1: the other element of the pair times the sine.
      ROPE_SINE: begin
        micro.a_swap    = 1'b1;
        micro.b         = spu_pkg::B_ROPE;
        micro.sine      = 1'b1;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd1;
        count           = 24'(d);
      end
      ROPE_COSINE: begin
        micro.b        = spu_pkg::B_ROPE;
        micro.c        = spu_pkg::C_ROPE;
        micro.c_vector = 3'd1;
        micro.to       = is_query ? spu_pkg::TO_A16 : spu_pkg::TO_VECTOR;
        micro.max      = 1'b1;
        count          = 24'(d);
      end
      KV_SCALE: begin
        micro.a         = spu_pkg::A_MAX;
        micro.b         = spu_pkg::B_INVERSE_127;
        micro.post      = spu_pkg::POST_FP16;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd2;
      end
      KV_ROUND: begin
        micro.b      = spu_pkg::B_SCALAR;
        micro.scalar = spu_pkg::SCALAR_KV;
        micro.post   = spu_pkg::POST_INT8;
        micro.to     = spu_pkg::TO_BEAT;
        count        = 24'd64;
      end
      SOFTMAX_EXP: begin
        micro.a    = spu_pkg::A_SCORE;
        micro.c    = spu_pkg::C_MAX;
        micro.post = spu_pkg::POST_EXP;
        micro.to   = spu_pkg::TO_SCORE;
        micro.sum  = 1'b1;
        count      = end_position;
      end
      SOFTMAX_SUM: begin
        micro.a         = spu_pkg::A_SUM;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd2;
      end
      SOFTMAX_WEIGHT: begin
        micro.a  = spu_pkg::A_SCORE;
        micro.b  = spu_pkg::B_VALUE_SCALE;
        micro.to = spu_pkg::TO_A16;
        count    = left_q >= 24'd64 ? 24'd64 : left_q;
      end
      OUTPUT_HEAD: begin
        micro.a  = spu_pkg::A_RESULT;
        micro.b  = spu_pkg::B_DENOMINATOR;
        micro.to = spu_pkg::TO_A16;
        count    = 24'(d);
      end
      // Vectors 0: gate, 1: up, 2: 1 + e^-gate, 4: its reciprocal, then silu.
      SWIGLU_IN: begin
        micro.a      = spu_pkg::A_RESULT;
        micro.b      = spu_pkg::B_SCALAR;
        micro.scalar = spu_pkg::SCALAR_RMS;
        micro.to     = spu_pkg::TO_PAIR;
        count        = {15'b0, block_count, 1'b0};
      end
      SWIGLU_EXP: begin
        micro.a_form    = spu_pkg::FORM_NEGATE;
        micro.post      = spu_pkg::POST_EXP;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd2;
        count           = 24'(block_count);
      end
      SWIGLU_ONE: begin
        micro.a_vector  = 3'd2;
        micro.c         = spu_pkg::C_ONE;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd2;
        count           = 24'(block_count);
      end
      SWIGLU_SILU: begin
        micro.b         = spu_pkg::B_VECTOR;
        micro.b_vector  = 3'd4;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd4;
        count           = 24'(block_count);
      end
      SWIGLU_OUT: begin
        micro.a_vector = 3'd4;
        micro.b        = spu_pkg::B_VECTOR;
        micro.b_vector = 3'd1;
        micro.to       = spu_pkg::TO_A16;
        count          = 24'(block_count);
      end
      LOGITS_BEAT: begin
        micro.a      = spu_pkg::A_RESULT;
        micro.b      = spu_pkg::B_SCALAR;
        micro.scalar = spu_pkg::SCALAR_RMS;
        micro.to     = spu_pkg::TO_BEAT;
        count        = left_q >= 24'd16 ? 24'd16 : left_q;
      end
      // Vector 2 holds x, vector 3 the terms, vector 4 the second step's.
      RECIPROCAL1: begin  // 2 - m y0
        micro.a_vector  = 3'd2;
        micro.a_form    = spu_pkg::FORM_ONE_TWO;
        micro.b         = spu_pkg::B_SEED_RECIPROCAL;
        micro.b_vector  = 3'd2;
        micro.negate    = 1'b1;
        micro.c         = spu_pkg::C_TWO;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      RECIPROCAL2: begin  // y1
        micro.a_vector  = 3'd3;
        micro.b         = spu_pkg::B_SEED_RECIPROCAL;
        micro.b_vector  = 3'd2;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      RECIPROCAL3: begin  // 1 - m y1
        micro.a_vector  = 3'd2;
        micro.a_form    = spu_pkg::FORM_ONE_TWO;
        micro.b         = spu_pkg::B_VECTOR;
        micro.b_vector  = 3'd3;
        micro.negate    = 1'b1;
        micro.c         = spu_pkg::C_ONE;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd4;
      end
      RECIPROCAL4: begin
        micro.a_vector  = 3'd3;
        micro.b         = spu_pkg::B_VECTOR;
        micro.b_vector  = 3'd4;
        micro.c         = spu_pkg::C_A;
        micro.c_vector  = 3'd2;
        micro.post      = spu_pkg::POST_RECIPROCAL;
        micro.to        = op == brim_pkg::OP_SWIGLU ? spu_pkg::TO_VECTOR : spu_pkg::TO_SCALAR;
        micro.to_vector = 3'd4;
        micro.scalar    = op == brim_pkg::OP_SOFTMAX ? spu_pkg::SCALAR_DENOMINATOR : spu_pkg::SCALAR_KV;
      end
      RSQRT1: begin  // u y0
        micro.a_vector  = 3'd2;
        micro.a_form    = spu_pkg::FORM_ONE_FOUR;
        micro.b         = spu_pkg::B_SEED_RSQRT;
        micro.b_vector  = 3'd2;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      RSQRT2: begin  // 1.5 - u y0 y0 / 2
        micro.a_vector  = 3'd3;
        micro.b         = spu_pkg::B_SEED_RSQRT;
        micro.b_vector  = 3'd2;
        micro.halve     = 1'b1;
        micro.negate    = 1'b1;
        micro.c         = spu_pkg::C_ONE_AND_A_HALF;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      RSQRT3: begin  // y1
        micro.a_vector  = 3'd3;
        micro.b         = spu_pkg::B_SEED_RSQRT;
        micro.b_vector  = 3'd2;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd4;
      end
      RSQRT4: begin  // u y1
        micro.a_vector  = 3'd2;
        micro.a_form    = spu_pkg::FORM_ONE_FOUR;
        micro.b         = spu_pkg::B_VECTOR;
        micro.b_vector  = 3'd4;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      RSQRT5: begin  // 1 - u y1 y1
        micro.a_vector  = 3'd3;
        micro.b         = spu_pkg::B_VECTOR;
        micro.b_vector  = 3'd4;
        micro.negate    = 1'b1;
        micro.c         = spu_pkg::C_ONE;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      RSQRT6: begin
        micro.a_vector = 3'd4;
        micro.b        = spu_pkg::B_VECTOR;
        micro.b_vector = 3'd3;
        micro.halve    = 1'b1;
        micro.c        = spu_pkg::C_A;
        micro.c_vector = 3'd2;
        micro.post     = spu_pkg::POST_RSQRT;
        micro.to       = spu_pkg::TO_SCALAR;
        micro.scalar   = after_q == FINISH ? spu_pkg::SCALAR_RMS : spu_pkg::SCALAR_HEAD;
      end
      default: is_micro = 1'b0;
    endcase
    // A vector's reciprocal rather than a number's.
    if (op == brim_pkg::OP_SWIGLU &&
        (step_q == RECIPROCAL1 || step_q == RECIPROCAL2 || step_q == RECIPROCAL3 || step_q == RECIPROCAL4))
      count = 24'(block_count);
  end

  // Issue of the elements, then the wait for the last result.
  logic [23:0] i_q;
  logic draining_q;
  logic [6:0] drain_q;
  wire from_result = micro.a == spu_pkg::A_RESULT;
  wire issue = is_micro && !draining_q && (!from_result || result_valid_i) && rst_ni;
  wire issue_last = i_q + 24'd1 == count;
  assign result_ready_o = is_micro && !draining_q && from_result;
  wire micro_done = draining_q && drain_q == '0;
  always_ff @(posedge clk_i) begin
    if (issue) begin
      i_q <= i_q + 1;
      if (issue_last) begin
        i_q        <= '0;
        draining_q <= 1'b1;
        drain_q    <= micro.post == spu_pkg::POST_EXP ? 7'(ResultExp + 1) : 7'(ResultInt8 + 1);
      end
    end else if (draining_q) begin
      drain_q <= drain_q - 1;
      if (drain_q == '0) draining_q <= 1'b0;
    end
    if (!rst_ni) begin
      i_q        <= '0;
      draining_q <= 1'b0;
    end
  end

  // ------------------------------------------------------------------ the sequences
  logic [3:0] wait_q;
  wire total_done;
  wire a16_idle;
  wire [7:0] scores_ahead = scores_done_i - softmax_count_q;
  wire write_done = write_valid_o ? write_ready_i : 1'b1;
  logic step_done;
  always_comb begin
    next_step = step_q;
    step_done = micro_done;
    case (step_q)
      IDLE: begin
        step_done = instruction_valid_i;
        case (instruction_i.opcode)
          brim_pkg::OP_EMBED: next_step = EMBED_ROW;
          brim_pkg::OP_RESIDUAL: next_step = RESIDUAL_ADD;
          brim_pkg::OP_QUERY, brim_pkg::OP_KEY, brim_pkg::OP_VALUE: next_step = HEAD_SCALE;
          brim_pkg::OP_SOFTMAX: next_step = SOFTMAX_WAIT;
          brim_pkg::OP_OUTPUT: next_step = OUTPUT_HEAD;
          brim_pkg::OP_SWIGLU: next_step = SWIGLU_IN;
          brim_pkg::OP_LOGITS: next_step = LOGITS_BEAT;
          default: next_step = IDLE;
        endcase
      end
      EMBED_ROW: begin
        step_done = embed_valid_i && row_beats_q + 32'd1 == in_q.count;
        next_step = in_q.shape == brim_pkg::EMBEDDING_FP16 ? EMBED_BLOCK : EMBED_FETCH;
      end
      EMBED_FETCH: begin
        step_done = wait_q == 4'd10;
        next_step = EMBED_BLOCK;
      end
      EMBED_BLOCK:
      if (!last_block) next_step = in_q.shape == brim_pkg::EMBEDDING_FP16 ? EMBED_BLOCK : EMBED_FETCH;
      else next_step = last_token ? NORM_MULTIPLY : EMBED_ROW;
      RESIDUAL_ADD: next_step = NORM_MULTIPLY;
      NORM_MULTIPLY: next_step = NORM_SQUARE;
      NORM_SQUARE:
      next_step = last_block ? NORM_TOTAL : op == brim_pkg::OP_EMBED ? NORM_MULTIPLY : RESIDUAL_ADD;
      NORM_TOTAL: begin
        step_done = total_done;
        next_step = NORM_MEAN;
      end
      NORM_MEAN, HEAD_MEAN: next_step = RSQRT1;
      HEAD_SCALE: next_step = head_norm ? HEAD_SQUARE : is_value ? KV_SCALE : ROPE_SINE;
      HEAD_SQUARE: next_step = HEAD_TOTAL;
      HEAD_TOTAL: begin
        step_done = total_done;
        next_step = HEAD_MEAN;
      end
      HEAD_WEIGHT: next_step = HEAD_FACTOR;
      HEAD_FACTOR: next_step = ROPE_SINE;
      ROPE_SINE: next_step = ROPE_COSINE;
      ROPE_COSINE: next_step = is_query ? FINISH : KV_SCALE;
      KV_SCALE: next_step = RECIPROCAL1;
      KV_ROUND: next_step = KV_WRITE;
      KV_WRITE: begin
        step_done = write_done && last_token;
        next_step = two_halves && !half_q ? KV_ROUND : KV_WRITE_SCALE;
      end
      KV_WRITE_SCALE: begin
        step_done = write_done && last_token;
        next_step = IDLE;
      end
      SOFTMAX_WAIT: begin
        step_done = scores_ahead != '0 && !scores_ahead[7];
        next_step = SOFTMAX_ROUND;
      end
      SOFTMAX_ROUND: begin
        step_done = wait_q == 4'd2;
        next_step = SOFTMAX_EXP;
      end
      SOFTMAX_EXP: next_step = SOFTMAX_TOTAL;
      SOFTMAX_TOTAL: begin
        step_done = total_done;
        next_step = SOFTMAX_SUM;
      end
      SOFTMAX_SUM: next_step = RECIPROCAL1;
      SOFTMAX_WEIGHT: if (left_q <= 24'd64) next_step = FINISH;
      OUTPUT_HEAD: if (last_pair) next_step = FINISH;
      SWIGLU_IN: next_step = SWIGLU_EXP;
      SWIGLU_EXP: next_step = SWIGLU_ONE;
      SWIGLU_ONE: next_step = RECIPROCAL1;
      SWIGLU_SILU: next_step = SWIGLU_OUT;
      SWIGLU_OUT: next_step = last_block ? FINISH : SWIGLU_IN;
      LOGITS_BEAT: next_step = LOGITS_WRITE;
      LOGITS_WRITE: begin
        step_done = write_done && last_token;
        next_step = left_q <= 24'd16 ? IDLE : LOGITS_BEAT;
      end
      RECIPROCAL1: next_step = RECIPROCAL2;
      RECIPROCAL2: next_step = RECIPROCAL3;
      RECIPROCAL3: next_step = RECIPROCAL4;
      RECIPROCAL4, RSQRT6: next_step = after_q;
      RSQRT1: next_step = RSQRT2;
      RSQRT2: next_step = RSQRT3;
      RSQRT3: next_step = RSQRT4;
      RSQRT4: next_step = RSQRT5;
      RSQRT5: next_step = RSQRT6;
      default: begin  // FINISH
        step_done = wait_q == 4'd3 && a16_idle;
        next_step = op == brim_pkg::OP_SOFTMAX && !last_pair_round ? SOFTMAX_ROUND : IDLE;
      end
    endcase
  end

  logic [6:0] pairs_q;
  always_ff @(posedge clk_i) pairs_q <= 7'(tokens_i * heads_per_kv_i);

  wire [23:0] vector_size =
      instruction_i.opcode == brim_pkg::OP_SWIGLU ? header_i.hidden[23:0] :
      instruction_i.opcode == brim_pkg::OP_LOGITS ? header_i.vocabulary[23:0] : header_i.dim[23:0];
  always_ff @(posedge clk_i) begin
    wait_q <= step_done || wait_q == '1 ? '0 : wait_q + 4'(step_q != FINISH || wait_q != 4'd3);
    if (step_q == EMBED_ROW && embed_valid_i) row_beats_q <= row_beats_q + 1;
    if (step_done) begin
      step_q <= next_step;
      case (step_q)
        IDLE: begin
          in_q             <= instruction_i;
          left_q           <= vector_size;
          base_q           <= '0;
          parameter_base_q <= {instruction_i.param[9:0], 4'b0};
          token_q          <= '0;
          head_q           <= '0;
          round_q          <= '0;
          row_q            <= '0;
          row_beats_q      <= '0;
          half_q           <= 1'b0;
          logit_q          <= '0;
          pairs_left_q     <= pairs_q;
          lane_q           <= '0;
        end
        EMBED_ROW: row_beats_q <= '0;
        EMBED_BLOCK: begin
          left_q <= left_q - 24'd128;
          base_q <= base_q + 12'd128;
          if (last_block) begin
            left_q  <= header_i.dim[23:0];
            base_q  <= '0;
            token_q <= token_q + 1;
          end
        end
        NORM_SQUARE: begin
          left_q           <= left_q - 24'd128;
          base_q           <= base_q + 12'd128;
          parameter_base_q <= parameter_base_q + 14'd128;
        end
        NORM_MEAN: after_q <= FINISH;
        HEAD_SCALE: parameter_base_q <= {in_q.param2[9:0], 4'b0};
        HEAD_MEAN: after_q <= HEAD_WEIGHT;
        KV_SCALE: after_q <= KV_ROUND;
        KV_WRITE: half_q <= 1'b1;
        SOFTMAX_SUM: begin
          after_q <= SOFTMAX_WEIGHT;
          left_q  <= end_position;
        end
        SOFTMAX_WEIGHT: left_q <= left_q - 24'd64;
        OUTPUT_HEAD: begin
          head_q           <= last_head ? '0 : head_q + 1;
          token_q          <= token_q + 4'(last_head);
          lane_q           <= last_lane ? '0 : lane_q + 1;
          round_q          <= round_q + 3'(last_lane);
        end
        SWIGLU_ONE: after_q <= SWIGLU_SILU;
        SWIGLU_OUT: left_q <= left_q - 24'd128;
        LOGITS_WRITE: begin
          left_q  <= left_q - 24'd16;
          logit_q <= logit_q + 24'd1;
        end
        FINISH:
        if (op == brim_pkg::OP_SOFTMAX) begin
          round_q      <= round_q + 1;
          row_q        <= row_q + ScoreBits'(header_i.context_size);
          pairs_left_q <= pairs_left_q - 7'(TOKENS);
          if (last_pair_round) softmax_count_q <= softmax_count_q + 1;
        end else if (op == brim_pkg::OP_OUTPUT) output_count_q <= !output_count_q;
        default: ;
      endcase
    end
    // Writes go from token to token.
    if (step_q == KV_WRITE || step_q == KV_WRITE_SCALE || step_q == LOGITS_WRITE) begin
      if (write_done) token_q <= last_token ? '0 : token_q + 1;
    end
    if (!rst_ni) begin
      step_q          <= IDLE;
      softmax_count_q <= '0;
      output_count_q  <= 1'b0;
    end
  end
  wire generation = op == brim_pkg::OP_OUTPUT ? output_count_q : softmax_count_q[0];
  assign instruction_ready_o = step_q == IDLE;
  assign softmax_done_o = softmax_count_q;
  assign idle_o = step_q == IDLE;

  // ------------------------------------------------------------------ A16: where vectors go, and progress
  wire start = step_q == IDLE && instruction_valid_i;
  wire start_normed = start &&
      (instruction_i.opcode == brim_pkg::OP_EMBED || instruction_i.opcode == brim_pkg::OP_RESIDUAL);
  wire start_hidden = start && instruction_i.opcode == brim_pkg::OP_SWIGLU;
  wire start_attention = start && instruction_i.opcode == brim_pkg::OP_OUTPUT && instruction_i.head == '0;
  wire start_query = start && instruction_i.opcode == brim_pkg::OP_QUERY;
  wire start_weights = step_q == SOFTMAX_ROUND && wait_q == '0;
  wire start_q_generation = start && instruction_i.opcode == brim_pkg::OP_KEY && instruction_i.head == '0;
  logic [1:0] a16_to_q, buffer_q;
  wire a16_start = start_normed || start_hidden || start_query || start_weights;
  logic [Address-1:0] a16_address;
  always_comb begin
    if (start_normed) a16_address = '0;
    else if (start_hidden) a16_address = Address'(4096);
    else if (start_query) a16_address = Address'({instruction_i.head[5:0], 5'b0});
    else a16_address = Address'({softmax_count_q[0], row_q[ScoreBits-1:2]});
  end

  logic [7:0] generations_q[3];
  logic [7:0] blocks_q[3];
  logic [7:0] q_generation_q, q_heads_q;
  wire [TOKENS-1:0] a16_block;
  wire block_done = a16_block[LaneBits'(tokens_i-4'd1)];
  always_ff @(posedge clk_i) begin
    if (start && instruction_i.opcode == brim_pkg::OP_OUTPUT) begin
      a16_to_q <= 2'd3;
      buffer_q <= 2'd1;
    end
    if (start_normed || start_hidden) begin
      a16_to_q <= 2'd0;
      buffer_q <= start_normed ? 2'd0 : 2'd2;
    end
    if (start_query) a16_to_q <= 2'd1;
    if (start_weights) a16_to_q <= 2'd2;

    if (block_done && (a16_to_q == 2'd0 || a16_to_q == 2'd3)) blocks_q[buffer_q] <= blocks_q[buffer_q] + 1;
    if (block_done && a16_to_q == 2'd1) q_heads_q <= q_heads_q + 1;
    if (start_normed) begin
      generations_q[0] <= generation_i;
      blocks_q[0]      <= '0;
    end
    if (start_attention) begin
      generations_q[1] <= generation_i;
      blocks_q[1]      <= '0;
    end
    if (start_hidden) begin
      generations_q[2] <= generation_i;
      blocks_q[2]      <= '0;
    end
    if (start_q_generation) begin
      q_generation_q <= generation_i;
      q_heads_q      <= '0;
    end
    if (!rst_ni) begin
      generations_q[0] <= '0;
      generations_q[1] <= '0;
      generations_q[2] <= '0;
      q_generation_q   <= '0;
    end
  end
  assign generations_o = {generations_q[2], generations_q[1], generations_q[0]};
  assign blocks_o = {blocks_q[2], blocks_q[1], blocks_q[0]};
  assign q_generation_o = q_generation_q;
  assign q_heads_o = q_heads_q;

  // ------------------------------------------------------------------ indices
  wire second_half = step_q == KV_ROUND && half_q;
  wire [6:0] index = {i_q[6] | second_half, i_q[5:0]};
  wire [11:0] x_index = base_q + 12'(i_q[6:0]);
  wire [13:0] parameter_index = parameter_base_q + 14'(i_q[6:0]);
  wire [23:0] score_position = step_q == SOFTMAX_WEIGHT ? end_position - left_q + i_q : i_q;
  wire [ScoreBits:0] score_index = {softmax_count_q[0], row_q + ScoreBits'(score_position)};
  wire [6:0] out_index = step_q == SWIGLU_IN ? i_q[7:1] : index;
  // The last element of an A16 vector, or of a block that another instruction does not go on with.
  wire vector_end = issue_last && (step_q == SOFTMAX_WEIGHT || step_q == ROPE_COSINE ||
      (step_q == OUTPUT_HEAD ? in_q.head + 16'd1 == header_i.kv_heads && last_head : last_block));

  // Beside cycle OUT - 1, for each of the three latencies.
  localparam int OutBits = 1 + 1 + 1 + 7 + 12 + (ScoreBits + 1) + 24;
  wire [OutBits-1:0] line, line_convert, line_exp, out_line;
  delay #(.WIDTH(OutBits), .CYCLES(Result - 1)) u_line (
      .clk_i, .d_i({issue, vector_end, i_q[0], out_index, x_index, score_index, i_q}), .q_o(line));
  delay #(.WIDTH(OutBits), .CYCLES(fp_pkg::FP_TO_INT)) u_line_convert (.clk_i, .d_i(line), .q_o(line_convert));
  // Elements of other micro-operations must not come out of the long line during a later one with exp.
  wire is_exp = micro.post == spu_pkg::POST_EXP;
  delay #(.WIDTH(OutBits), .CYCLES(fp_pkg::EXP)) u_line_exp (
      .clk_i, .d_i({line[OutBits-1] && is_exp, line[OutBits-2:0]}), .q_o(line_exp));
  assign out_line = is_exp ? line_exp :
      micro.post == spu_pkg::POST_FP16 || micro.post == spu_pkg::POST_INT8 ? line_convert : line;
  logic [OutBits-25:0] out_q;
  always_ff @(posedge clk_i) out_q <= out_line[OutBits-1:24];
  wire out_valid, out_last, out_odd;
  wire [6:0] out_index_now;
  wire [11:0] out_x_index;
  wire [ScoreBits:0] out_score_index;
  assign {out_valid, out_last, out_odd, out_index_now, out_x_index, out_score_index} = out_q;
  wire [23:0] out_position = out_line[23:0];  // one cycle before
  wire past_head = {9'b0, out_line[24+ScoreBits+1+12+:7]} >= d;

  wire odd3;
  delay #(.WIDTH(1), .CYCLES(3)) u_odd (.clk_i, .d_i(i_q[0]), .q_o(odd3));

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

  // V scales, two generations, and those of the pass's own positions.
  wire value_scale_parity;
  wire [511:0] scale_word;
  ram #(.WIDTH(512), .DEPTH(CONTEXT / 16), .STYLE("block")) u_scales (
      .clk_i, .we_i(value_scale_we_i), .waddress_i({value_scale_parity, scale_beat_i[ScaleBits-1:0]}),
      .wdata_i(beat_i), .raddress_i({softmax_count_q[0], score_position[5+:ScaleBits]}), .rdata_o(scale_word));
  // The scales of one KV head come before the stream goes on with its scores.
  assign value_scale_parity = scores_done_i[0];
  wire own = score_position >= position_i;
  wire [2:0] own_index = 3'(score_position - position_i);
  wire own2;
  wire [4:0] scale_select;
  delay #(.WIDTH(6), .CYCLES(2)) u_scale_select (.clk_i, .d_i({own, score_position[4:0]}), .q_o({own2, scale_select}));
  wire [15:0] own_scale;
  logic [15:0] value_scale_q;
  always_ff @(posedge clk_i) value_scale_q <= own2 ? own_scale : scale_word[16*scale_select+:16];

  // Local KV: rows and scales of the pass's tokens.
  wire local_we = step_q == KV_WRITE && write_valid_o && write_ready_i;
  wire scale_we = step_q == KV_WRITE_SCALE && write_valid_o && write_ready_i;
  wire [511:0] lane_beat;
  wire [15:0] lane_scale;
  ram #(.WIDTH(512), .DEPTH(1024), .STYLE("block")) u_local (
      .clk_i, .we_i(local_we), .waddress_i({in_q.head[4:0], token_q[2:0], is_value, half_q}), .wdata_i(lane_beat),
      .raddress_i(local_address_i), .rdata_o(local_data_o));
  ram #(.WIDTH(16), .DEPTH(512)) u_local_scales (
      .clk_i, .we_i(scale_we), .waddress_i({in_q.head[4:0], token_q[2:0], is_value}), .wdata_i(lane_scale),
      .raddress_i(local_scale_address_i), .rdata_o(local_scale_o));
  ram #(.WIDTH(16), .DEPTH(512)) u_own_scales (
      .clk_i, .we_i(scale_we), .waddress_i({in_q.head[4:0], token_q[2:0], is_value}), .wdata_i(lane_scale),
      .raddress_i({in_q.head[4:0], own_index, 1'b1}), .rdata_o(own_scale));

  // ------------------------------------------------------------------ embedding rows
  // A row in a buffer of 128 beats. Its elements: FP16, int8, or u4; scales and zero-points behind them.
  assign embed_ready_o = step_q == EMBED_ROW;
  wire [11:0] element = base_q + 12'(i_q[6:0]);
  wire [4:0] group = base_q[11:7];
  wire [5:0] groups = header_i.dim[12:7] + 6'(header_i.dim[6:0] != '0);
  wire q8 = in_q.shape == brim_pkg::EMBEDDING_Q8;
  wire q4 = in_q.shape == brim_pkg::EMBEDDING_Q4;
  // Byte of the group's scale, and of its zero-point.
  wire [12:0] scale_byte = (q8 ? {groups, 7'b0} : {1'b0, groups, 6'b0}) + {7'b0, group, 1'b0};
  wire [12:0] zero_byte = {1'b0, groups, 6'b0} + {6'b0, groups, 1'b0} + {8'b0, group};
  logic [12:0] embed_byte;
  always_comb begin
    if (step_q == EMBED_FETCH) embed_byte = wait_q < 4'd5 ? scale_byte : zero_byte;
    else if (q8) embed_byte = {1'b0, element};
    else if (q4) embed_byte = {2'b0, element[11:1]};
    else embed_byte = {element, 1'b0};
  end
  wire [511:0] embed_word;
  ram #(.WIDTH(512), .DEPTH(128), .STYLE("block")) u_embed (
      .clk_i, .we_i(step_q == EMBED_ROW && embed_valid_i), .waddress_i(row_beats_q[6:0]), .wdata_i(beat_i),
      .raddress_i(embed_byte[12:6]), .rdata_o(embed_word));
  wire [5:0] embed_select;
  wire embed_odd;
  delay #(.WIDTH(7), .CYCLES(2)) u_embed_select (
      .clk_i, .d_i({element[0], embed_byte[5:0]}), .q_o({embed_odd, embed_select}));
  wire [15:0] embed_half = embed_word[16*embed_select[5:1]+:16];
  wire [7:0] embed_char = embed_select[0] ? embed_half[15:8] : embed_half[7:0];
  logic [7:0] zero_q;
  logic [15:0] embed_scale_q;
  // An integer of 9 bits is 2^24 times the FP16 number with that fraction.
  wire signed [8:0] embed_integer = q8 ? 9'(signed'(embed_char)) :
      9'({5'b0, embed_odd ? embed_char[7:4] : embed_char[3:0]}) - {1'b0, zero_q};
  wire [8:0] embed_magnitude = embed_integer[8] ? -embed_integer : embed_integer;
  logic [15:0] embed_q;
  always_ff @(posedge clk_i) begin
    embed_q <= q8 || q4 ? {embed_integer[8], 6'b0, embed_magnitude} : embed_half;
    if (step_q == EMBED_FETCH && wait_q == 4'd4) embed_scale_q <= embed_half;
    if (step_q == EMBED_FETCH && wait_q == 4'd9) zero_q <= embed_char;
  end
  wire [31:0] embed_fp, embed_value, embed_scale;
  fp16_to_fp u_embed_fp (.x_i(embed_q), .result_o(embed_fp));
  fp_scale u_embed_value (.x_i(embed_fp), .exponent_i(q8 || q4 ? 8'sd24 : 8'sd0), .result_o(embed_value));
  fp16_to_fp u_embed_scale (.x_i(embed_scale_q), .result_o(embed_scale));

  // ------------------------------------------------------------------ lanes
  logic [TOKENS-1:0] enabled;
  always_comb begin
    enabled = '1;
    if (step_q == EMBED_BLOCK || step_q == OUTPUT_HEAD) enabled = TOKENS'(1) << token_q;
  end
  // Each sum and each maximum starts with its instruction or, in a softmax, its round.
  wire clear = step_q == IDLE || step_q == SOFTMAX_ROUND;
  wire is_total = step_q == NORM_TOTAL || step_q == HEAD_TOTAL || step_q == SOFTMAX_TOTAL;
  wire total_start = is_total && wait_q == 4'd14 && !total_started_q;
  logic total_started_q;
  always_ff @(posedge clk_i) total_started_q <= is_total && (total_started_q || total_start);

  assign max_read_o = {softmax_count_q[0], round_q};
  wire [TOKENS-1:0] total_done_lane, a16_idle_lane, overflow_lane;
  wire [32*TOKENS-1:0] denominators;
  wire [512*TOKENS-1:0] beats;
  wire [16*TOKENS-1:0] kv_scales;
  wire [31:0] denominator = denominators[32*lane_q+:32];
  assign total_done = total_done_lane[0];
  assign a16_idle = a16_idle_lane == '1;
  for (genvar t = 0; t < TOKENS; t++) begin : gen_lane
    logic [23:0] limit_q;  // positions that count
    logic [31:0] max_q;
    always_ff @(posedge clk_i) begin
      if (step_q == SOFTMAX_ROUND) begin
        limit_q <= position_i + 24'(lane_tokens_i[3*t+:3]) + 24'd1;
        max_q   <= max_i[32*t+:32];
      end
    end
    wire masked = micro.post == spu_pkg::POST_INT8 ? past_head :
        step_q == SOFTMAX_EXP && out_position >= limit_q;
    spu_lane #(.SCORES(SCORES), .ADDRESS(Address)) u_lane (
        .clk_i, .rst_ni, .micro_i(micro), .enabled_i(enabled[t]),
        .valid_i(issue), .index_i(index), .x_index_i(x_index), .score_index_i(score_index),
        .result_i(result_i[32*t+:32]), .parameter_i(parameter_q), .value_scale_i(value_scale_q),
        .embed_i(embed_value), .embed_scale_i(embed_scale), .odd_i(odd3), .denominator_i(denominator),
        .max_score_i(max_q), .norm_eps_i(header_i.norm_eps), .inverse_dim_i(header_i.inverse_dim),
        .inverse_head_size_i(header_i.inverse_head_size),
        .out_valid_i(out_valid), .out_index_i(out_index_now), .out_x_index_i(out_x_index),
        .out_score_index_i(out_score_index), .out_odd_i(out_odd), .out_last_i(out_last), .out_masked_i(masked),
        .clear_sum_i(clear), .total_i(total_start), .total_done_o(total_done_lane[t]), .clear_max_i(clear),
        .denominator_index_i({generation, round_q}), .denominator_o(denominators[32*t+:32]),
        .a16_start_i(a16_start), .a16_short_i(start_weights), .attention_start_i(start_attention), .a16_address_i(a16_address), .a16_to_i(a16_to_q),
        .a16_idle_o(a16_idle_lane[t]), .a16_block_o(a16_block[t]), .overflow_o(overflow_lane[t]),
        .beat_o(beats[512*t+:512]), .kv_scale_o(kv_scales[16*t+:16]),
        .rope_we_i(rope_we_i && rope_address_i[5:3] == 3'(t)), .rope_beat_i(rope_address_i[2:0]), .rope_data_i(beat_i),
        .score_we_i, .score_address_i, .score_i(score_i[32*t+:32]),
        .activation_address_i, .activation_data_o(activation_data_o[64*t+:64]),
        .activation_exponent_o(activation_exponent_o[8*t+:8]),
        .q_address_i, .q_data_o(q_data_o[64*t+:64]), .q_exponent_o(q_exponent_o[8*t+:8]),
        .weight_address_i, .weight_data_o(weight_data_o[64*t+:64]),
        .exponent_address_i, .exponent_data_o(exponent_data_o[8*t+:8])
    );
  end

  // Lanes past the pass's tokens hold nothing of value.
  logic overflow_q;
  always_ff @(posedge clk_i) begin
    for (int t = 0; t < TOKENS; t++) if (overflow_lane[t] && overflow_counts[t]) overflow_q <= 1'b1;
    if (!rst_ni) overflow_q <= 1'b0;
  end
  wire [TOKENS-1:0] overflow_counts;
  for (genvar t = 0; t < TOKENS; t++) begin : gen_counts
    // In a softmax a lane serves a pair, not a token.
    assign overflow_counts[t] = op == brim_pkg::OP_SOFTMAX ? 7'(t) < pairs_left_q : 4'(t) < tokens_i;
  end
  assign overflow_o = overflow_q;

  // ------------------------------------------------------------------ writes
  assign lane_beat  = beats[512*token_q[LaneBits-1:0]+:512];
  assign lane_scale = kv_scales[16*token_q[LaneBits-1:0]+:16];
  wire [23:0] position = position_i + 24'(token_q);
  // A record of 64 bytes: 128 to a page; of 128 bytes: 64. Token t of a page stands in sub-block t mod 4.
  wire [23:0] record_beat = two_halves ?
      {position[22:6], position[1:0], position[5:2], half_q} : {position[23:7], position[1:0], position[6:2]};
  // A beat of logits whose tail lies past the vocabulary is shifted by what is missing.
  wire [4:0] logits_here = left_q >= 24'd16 ? 5'd16 : left_q[4:0];
  wire [4:0] missing = 5'd16 - logits_here;
  wire wanted = token_q >= first_logits_i;

  logic write_valid;
  logic [31:0] write_address;
  logic [511:0] write_data;
  logic [63:0] write_strobe;
  always_comb begin
    write_valid   = 1'b0;
    write_address = in_q.address + 32'(record_beat);
    write_data    = lane_beat;
    write_strobe  = '1;
    case (step_q)
      KV_WRITE: write_valid = 1'b1;
      KV_WRITE_SCALE: begin
        write_valid   = 1'b1;
        write_address = in_q.address2 + 32'(position[23:5]);
        write_data    = {32{lane_scale}};
        write_strobe  = 64'd3 << {position[4:0], 1'b0};
      end
      LOGITS_WRITE: begin
        write_valid   = wanted;
        write_address = in_q.address + 32'(token_q) * header_i.logits_stride + 32'(logit_q);
        write_data    = lane_beat >> {missing, 5'b0};
        write_strobe  = {64{1'b1}} >> {missing, 2'b0};
      end
      default: ;
    endcase
  end
  assign write_valid_o   = write_valid;
  assign write_address_o = write_address;
  assign write_data_o    = write_data;
  assign write_strobe_o  = write_strobe;

  wire unused = &{1'b0, header_i, in_q, instruction_i, total_done_lane, a16_block, scale_beat_i, rope_address_i, kv_scales};
endmodule
`default_nettype wire
