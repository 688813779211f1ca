// The SPU's micro-operations: for each step that is one, what it computes and over how many elements.
// docs/rtl/spu.md says what the steps are for.
`default_nettype none
module spu_microcode (
    input wire spu_pkg::step_t step_i,

    // The instruction.
    input wire embed_fp16_i,  // rows are not quantised
    input wire bias_i,
    input wire is_query_i,
    input wire all_heads_i,   // one norm for all heads,
    input wire first_head_i,  // of which this is the first
    input wire is_value_i,
    input wire softmax_i,
    input wire swiglu_i,
    input wire gelu_i,
    input wire route_i,
    input wire plain_i,       // X is not normed
    input wire rms_i,         // rsqrt is that of the residual, not of a head or of results,
    input wire key_scale_i,   // or of all keys; in a softmax of all queries
    input wire four_bits_i,   // KV4

    // Rotation: there is one; of the step the vector from which it takes, and whether it is the last.
    input wire rotated_i,
    input wire rotation_vector_i,
    input wire last_rotation_i,

    // Sizes.
    input wire [15:0] head_last_i,        // the last element of a head
    input wire        two_halves_i,       // that is beyond 64
    input wire [23:0] left_i,             // elements of the vector, from the block on
    input wire [23:0] position_last_i,    // the last position that is attended to
    input wire        position_single_i,  // it is 0

    output logic            is_micro_o,
    output spu_pkg::micro_t micro_o,
    output logic     [23:0] last_o,      // index of the last element
    output logic            single_o     // that is 0
);
  // What a micro-operation goes over: the elements of a head, positions, or blocks of so many.
  typedef enum logic [2:0] {
    OVER_ONE,
    OVER_HEAD,
    OVER_POSITIONS,
    OVER_BEAT,   // the bytes of a beat, or the nibbles of a record
    OVER_PAIRS,  // gate and up of a block
    OVER_128,
    OVER_64,
    OVER_16
  } over_t;
  over_t over;

  // Of a block of 128, 64 or 16 elements, or of what is left.
  wire [6:0] last_left = left_i[6:0] - 7'd1;
  wire [6:0] last_of_128 = left_i[23:7] != '0 ? 7'd127 : last_left;
  wire [5:0] last_of_64 = left_i[23:6] != '0 ? 6'd63 : last_left[5:0];
  wire [3:0] last_of_16 = left_i[23:4] != '0 ? 4'd15 : last_left[3:0];
  wire one_left = left_i == 24'd1;
  logic to_head;
  always_comb begin
    to_head    = 1'b0;
    micro_o    = '0;
    is_micro_o = 1'b1;
    over       = OVER_ONE;
    case (step_i)
      spu_pkg::STEP_EMBED_BLOCK: begin
        micro_o.a  = spu_pkg::A_EMBED;
        micro_o.b  = embed_fp16_i ? spu_pkg::B_ONE : spu_pkg::B_EMBED;
        micro_o.to = spu_pkg::TO_X;
        over       = OVER_128;
      end
      spu_pkg::STEP_RESIDUAL_ADD: begin
        micro_o.a  = spu_pkg::A_RESULT;
        micro_o.c  = spu_pkg::C_X;
        micro_o.to = spu_pkg::TO_X;
        over       = OVER_128;
      end
      spu_pkg::STEP_POST_TAKE: begin
        micro_o.a  = spu_pkg::A_RESULT;
        micro_o.to = spu_pkg::TO_SCORE;
        over       = OVER_128;
      end
      spu_pkg::STEP_POST_SQUARE: begin
        micro_o.a   = spu_pkg::A_SCORE;
        micro_o.b   = spu_pkg::B_SQUARE;
        micro_o.sum = 1'b1;
        over        = OVER_128;
      end
      spu_pkg::STEP_POST_WEIGHT: begin
        micro_o.a  = spu_pkg::A_SCORE;
        micro_o.b  = spu_pkg::B_PARAMETER;
        micro_o.to = spu_pkg::TO_VECTOR;
        over       = OVER_128;
      end
      spu_pkg::STEP_POST_ADD: begin
        micro_o.b      = spu_pkg::B_SCALAR;
        micro_o.scalar = spu_pkg::SCALAR_HEAD;
        micro_o.c      = spu_pkg::C_X;
        micro_o.to     = spu_pkg::TO_X;
        over           = OVER_128;
      end
      spu_pkg::STEP_NORM_MULTIPLY: begin
        micro_o.a  = spu_pkg::A_X;
        micro_o.b  = plain_i ? spu_pkg::B_ONE : spu_pkg::B_PARAMETER;
        micro_o.to = spu_pkg::TO_A16;
        over       = OVER_128;
      end
      spu_pkg::STEP_NORM_SQUARE: begin
        micro_o.a   = spu_pkg::A_X;
        micro_o.b   = spu_pkg::B_SQUARE;
        micro_o.sum = 1'b1;
        over        = OVER_128;
      end
      spu_pkg::STEP_NORM_PLAIN: begin
        micro_o.a      = spu_pkg::A_NONE;
        micro_o.a_form = spu_pkg::FORM_ONE_TWO;
        micro_o.to     = spu_pkg::TO_SCALAR;
        micro_o.scalar = spu_pkg::SCALAR_RMS;
      end
      spu_pkg::STEP_NORM_MEAN, spu_pkg::STEP_HEAD_MEAN: begin
        micro_o.a         = spu_pkg::A_SUM;
        micro_o.b         = step_i == spu_pkg::STEP_NORM_MEAN ? spu_pkg::B_INVERSE_DIM : spu_pkg::B_INVERSE_HEAD;
        micro_o.c         = spu_pkg::C_EPSILON;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
      end
      spu_pkg::STEP_HEAD_SCALE: begin
        micro_o.a      = spu_pkg::A_RESULT;
        micro_o.b      = spu_pkg::B_SCALAR;
        micro_o.scalar = spu_pkg::SCALAR_RMS;
        micro_o.c      = bias_i ? spu_pkg::C_PARAMETER : spu_pkg::C_NONE;
        micro_o.to     = spu_pkg::TO_VECTOR;
        micro_o.max      = is_value_i && !four_bits_i;
        micro_o.extremes = is_value_i && four_bits_i;
        over             = OVER_HEAD;
      end
      spu_pkg::STEP_HEAD_SQUARE: begin
        micro_o.b   = spu_pkg::B_SQUARE;
        micro_o.sum = 1'b1;
        over        = OVER_HEAD;
      end
      spu_pkg::STEP_HEAD_WEIGHT: begin
        micro_o.b  = spu_pkg::B_PARAMETER;
        micro_o.to = spu_pkg::TO_VECTOR;
        over       = OVER_HEAD;
      end
      spu_pkg::STEP_HEAD_FACTOR: begin
        micro_o.b      = spu_pkg::B_SCALAR;
        micro_o.scalar = spu_pkg::SCALAR_HEAD;
        micro_o.to     = spu_pkg::TO_VECTOR;
        over           = OVER_HEAD;
      end
      // Vectors 6 and 7 hold the sums of squares of all queries and of all keys.
      spu_pkg::STEP_ALL_ADD: begin
        micro_o.a         = spu_pkg::A_SUM;
        micro_o.c         = first_head_i ? spu_pkg::C_NONE : spu_pkg::C_VECTOR;
        micro_o.c_vector  = {2'b11, !is_query_i};
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = {2'b11, !is_query_i};
      end
      spu_pkg::STEP_ALL_MEAN: begin
        micro_o.a_vector  = {2'b11, key_scale_i};
        micro_o.b         = spu_pkg::B_INVERSE_HEAD;
        micro_o.c         = spu_pkg::C_EPSILON;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
      end
      // Vector 5 keeps the token's row.
      spu_pkg::STEP_ROPE_LOAD: begin
        micro_o.a         = spu_pkg::A_NONE;
        micro_o.a_form    = spu_pkg::FORM_ONE_TWO;
        micro_o.b         = spu_pkg::B_PARAMETER;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd5;
        over              = OVER_HEAD;
      end
      // Vector 1: the other element of the pair times the sine.
      spu_pkg::STEP_ROPE_SINE: begin
        micro_o.a_swap    = 1'b1;
        micro_o.b         = spu_pkg::B_ROPE;
        micro_o.sine      = 1'b1;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd1;
        over              = OVER_HEAD;
      end
      spu_pkg::STEP_ROPE_COSINE: begin
        micro_o.b        = spu_pkg::B_ROPE;
        micro_o.c        = spu_pkg::C_ROPE;
        micro_o.c_vector = 3'd1;
        to_head          = !rotated_i;
        // So that the rotation, which goes from one to the other of two vectors and back, ends in vector 0.
        micro_o.to_vector = {2'b0, rotated_i && rotation_vector_i};
        over             = OVER_HEAD;
      end
      spu_pkg::STEP_ROTATE: begin
        micro_o.a_vector  = {2'b0, rotation_vector_i};
        micro_o.c         = spu_pkg::C_VECTOR;
        micro_o.c_vector  = {2'b0, rotation_vector_i};
        micro_o.butterfly = 1'b1;
        micro_o.after_all = 1'b1;
        to_head           = last_rotation_i;
        micro_o.to_vector = {2'b0, !rotation_vector_i};
        over              = OVER_HEAD;
      end
      spu_pkg::STEP_KV_RANGE: begin
        micro_o.a         = spu_pkg::A_MAX;
        micro_o.after_all = 1'b1;
        micro_o.c         = spu_pkg::C_LOW;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
      end
      spu_pkg::STEP_KV_SCALE: begin
        micro_o.a         = four_bits_i ? spu_pkg::A_VECTOR : spu_pkg::A_MAX;
        micro_o.a_vector  = 3'd2;
        micro_o.after_all = 1'b1;
        micro_o.b         = four_bits_i ? spu_pkg::B_INVERSE_15 : spu_pkg::B_INVERSE_127;
        micro_o.post      = spu_pkg::POST_FP16;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
      end
      spu_pkg::STEP_KV_ZERO: begin
        micro_o.a         = spu_pkg::A_LOW;
        micro_o.after_all = 1'b1;
        micro_o.b         = spu_pkg::B_SCALAR;
        micro_o.scalar    = spu_pkg::SCALAR_KV;
        micro_o.post      = spu_pkg::POST_INT4;
      end
      spu_pkg::STEP_KV_ROUND: begin
        micro_o.b      = spu_pkg::B_SCALAR;
        micro_o.scalar = spu_pkg::SCALAR_KV;
        micro_o.c      = four_bits_i ? spu_pkg::C_ZERO : spu_pkg::C_NONE;
        micro_o.post   = four_bits_i ? spu_pkg::POST_INT4 : spu_pkg::POST_INT8;
        micro_o.to     = spu_pkg::TO_BEAT;
        over           = OVER_BEAT;
      end
      // The scale of K in the cache, times the factor of all keys.
      spu_pkg::STEP_KEY_LOAD: begin
        micro_o.a         = spu_pkg::A_NONE;
        micro_o.a_form    = spu_pkg::FORM_ONE_TWO;
        micro_o.b         = spu_pkg::B_VALUE_SCALE;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
      end
      spu_pkg::STEP_KEY_SCALE: begin
        micro_o.a_vector  = 3'd2;
        micro_o.b         = spu_pkg::B_SCALAR;
        micro_o.scalar    = spu_pkg::SCALAR_KEYS;
        micro_o.post      = spu_pkg::POST_FP16;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
      end
      spu_pkg::STEP_SOFTMAX_MAX: begin
        micro_o.a         = spu_pkg::A_NONE;
        micro_o.c         = spu_pkg::C_MAX;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
      end
      spu_pkg::STEP_SOFTMAX_SCALE: begin
        micro_o.a_vector   = 3'd2;
        micro_o.b          = spu_pkg::B_SCALAR;
        micro_o.scalar     = spu_pkg::SCALAR_QUERIES;
        micro_o.negate     = 1'b1;
        micro_o.scaled_max = 1'b1;
      end
      spu_pkg::STEP_SOFTMAX_EXP: begin
        micro_o.a      = spu_pkg::A_SCORE;
        micro_o.b      = all_heads_i ? spu_pkg::B_SCALAR : spu_pkg::B_ONE;
        micro_o.scalar = spu_pkg::SCALAR_QUERIES;
        micro_o.c      = spu_pkg::C_MAX;
        micro_o.post   = spu_pkg::POST_EXP;
        micro_o.to     = spu_pkg::TO_SCORE;
        micro_o.sum    = 1'b1;
        over           = OVER_POSITIONS;
      end
      spu_pkg::STEP_SOFTMAX_SUM, spu_pkg::STEP_ROUTE_SUM: begin
        micro_o.a         = spu_pkg::A_SUM;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
      end
      spu_pkg::STEP_SOFTMAX_WEIGHT: begin
        micro_o.a   = spu_pkg::A_SCORE;
        micro_o.b   = spu_pkg::B_VALUE_SCALE;
        micro_o.to  = spu_pkg::TO_A16;
        micro_o.a16 = spu_pkg::A16_WEIGHTS;
        over        = OVER_64;
      end
      spu_pkg::STEP_OUTPUT_HEAD: begin
        micro_o.a   = spu_pkg::A_RESULT;
        micro_o.b   = spu_pkg::B_DENOMINATOR;
        micro_o.to  = spu_pkg::TO_A16;
        micro_o.a16 = spu_pkg::A16_ATTENTION;
        over        = OVER_HEAD;
      end
      // Vectors 0: gate, 1: up, 2: 1 + e^-gate, of GELU 1 + e^-(gate * its factor), 4: its reciprocal, then silu or gelu.
      spu_pkg::STEP_SWIGLU_IN: begin
        micro_o.a      = spu_pkg::A_RESULT;
        micro_o.b      = spu_pkg::B_SCALAR;
        micro_o.scalar = spu_pkg::SCALAR_RMS;
        micro_o.to     = spu_pkg::TO_PAIR;
        over           = OVER_PAIRS;
      end
      spu_pkg::STEP_GELU_SQUARE: begin
        micro_o.b         = spu_pkg::B_SQUARE;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
        over              = OVER_128;
      end
      spu_pkg::STEP_GELU_FACTOR: begin
        micro_o.a_vector  = 3'd2;
        micro_o.b         = spu_pkg::B_GELU;
        micro_o.c         = spu_pkg::C_GELU;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
        over              = OVER_128;
      end
      spu_pkg::STEP_SWIGLU_EXP: begin
        micro_o.b         = gelu_i ? spu_pkg::B_VECTOR : spu_pkg::B_ONE;
        micro_o.b_vector  = 3'd2;
        micro_o.negate    = 1'b1;
        micro_o.post      = spu_pkg::POST_EXP;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
        over              = OVER_128;
      end
      spu_pkg::STEP_SWIGLU_ONE: begin
        micro_o.a_vector  = 3'd2;
        micro_o.c         = spu_pkg::C_ONE;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd2;
        over              = OVER_128;
      end
      spu_pkg::STEP_SWIGLU_SILU: begin
        micro_o.b         = spu_pkg::B_VECTOR;
        micro_o.b_vector  = 3'd4;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd4;
        over              = OVER_128;
      end
      spu_pkg::STEP_SWIGLU_OUT: begin
        micro_o.a_vector = 3'd4;
        micro_o.b        = spu_pkg::B_VECTOR;
        micro_o.b_vector = 3'd1;
        micro_o.to       = spu_pkg::TO_A16;
        over             = OVER_128;
      end
      spu_pkg::STEP_LOGITS_BEAT: begin
        micro_o.a      = spu_pkg::A_RESULT;
        micro_o.b      = spu_pkg::B_SCALAR;
        micro_o.scalar = spu_pkg::SCALAR_RMS;
        micro_o.to     = spu_pkg::TO_BEAT;
        over           = OVER_16;
      end
      // Vectors 6: the router's numbers, 7: their exponentials, then the weights.
      spu_pkg::STEP_ROUTE_IN: begin
        micro_o.a         = spu_pkg::A_RESULT;
        micro_o.b         = spu_pkg::B_SCALAR;
        micro_o.scalar    = spu_pkg::SCALAR_RMS;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd6;
        micro_o.choice    = 1'b1;
        over              = OVER_128;
      end
      spu_pkg::STEP_ROUTE_AGAIN: begin
        micro_o.a_vector = 3'd6;
        micro_o.choice   = 1'b1;
        over             = OVER_128;
      end
      spu_pkg::STEP_ROUTE_EXP: begin
        micro_o.a_vector  = 3'd6;
        micro_o.c         = spu_pkg::C_MAX;
        micro_o.post      = spu_pkg::POST_EXP;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd7;
        micro_o.sum       = 1'b1;
        over              = OVER_128;
      end
      spu_pkg::STEP_ROUTE_WEIGHT: begin
        micro_o.a_vector  = 3'd7;
        micro_o.b         = spu_pkg::B_SCALAR;
        micro_o.scalar    = spu_pkg::SCALAR_EXPERT;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd7;
        over              = OVER_128;
      end
      spu_pkg::STEP_MIX_WEIGHT: begin
        micro_o.a_vector = 3'd7;
        micro_o.to       = spu_pkg::TO_SCALAR;
        micro_o.scalar   = spu_pkg::SCALAR_EXPERT;
      end
      spu_pkg::STEP_MIX_ADD: begin
        micro_o.a      = spu_pkg::A_RESULT;
        micro_o.b      = spu_pkg::B_SCALAR;
        micro_o.scalar = spu_pkg::SCALAR_EXPERT;
        micro_o.c      = spu_pkg::C_X;
        micro_o.to     = spu_pkg::TO_X;
        over           = OVER_128;
      end
      // Vector 2 holds x, vector 3 the terms, vector 4 the second step's. A swiglu wants the reciprocals of a vector.
      spu_pkg::STEP_RECIPROCAL1: begin  // 2 - m y0
        micro_o.a_vector  = 3'd2;
        micro_o.a_form    = spu_pkg::FORM_ONE_TWO;
        micro_o.b         = spu_pkg::B_SEED_RECIPROCAL;
        micro_o.b_vector  = 3'd2;
        micro_o.negate    = 1'b1;
        micro_o.c         = spu_pkg::C_TWO;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd3;
        over              = swiglu_i ? OVER_128 : OVER_ONE;
      end
      spu_pkg::STEP_RECIPROCAL2: begin  // y1
        micro_o.a_vector  = 3'd3;
        micro_o.b         = spu_pkg::B_SEED_RECIPROCAL;
        micro_o.b_vector  = 3'd2;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd3;
        over              = swiglu_i ? OVER_128 : OVER_ONE;
      end
      spu_pkg::STEP_RECIPROCAL3: begin  // 1 - m y1
        micro_o.a_vector  = 3'd2;
        micro_o.a_form    = spu_pkg::FORM_ONE_TWO;
        micro_o.b         = spu_pkg::B_VECTOR;
        micro_o.b_vector  = 3'd3;
        micro_o.negate    = 1'b1;
        micro_o.c         = spu_pkg::C_ONE;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd4;
        over              = swiglu_i ? OVER_128 : OVER_ONE;
      end
      spu_pkg::STEP_RECIPROCAL4: begin
        micro_o.a_vector  = 3'd3;
        micro_o.b         = spu_pkg::B_VECTOR;
        micro_o.b_vector  = 3'd4;
        micro_o.c         = spu_pkg::C_A;
        micro_o.c_vector  = 3'd2;
        micro_o.post      = spu_pkg::POST_RECIPROCAL;
        micro_o.to        = swiglu_i ? spu_pkg::TO_VECTOR : spu_pkg::TO_SCALAR;
        micro_o.to_vector = 3'd4;
        micro_o.scalar    = softmax_i ? spu_pkg::SCALAR_DENOMINATOR : route_i ? spu_pkg::SCALAR_EXPERT : spu_pkg::SCALAR_KV;
        over              = swiglu_i ? OVER_128 : OVER_ONE;
      end
      spu_pkg::STEP_RSQRT1: begin  // u y0
        micro_o.a_vector  = 3'd2;
        micro_o.a_form    = spu_pkg::FORM_ONE_FOUR;
        micro_o.b         = spu_pkg::B_SEED_RSQRT;
        micro_o.b_vector  = 3'd2;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd3;
      end
      spu_pkg::STEP_RSQRT2: begin  // 1.5 - u y0 y0 / 2
        micro_o.a_vector  = 3'd3;
        micro_o.b         = spu_pkg::B_SEED_RSQRT;
        micro_o.b_vector  = 3'd2;
        micro_o.halve     = 1'b1;
        micro_o.negate    = 1'b1;
        micro_o.c         = spu_pkg::C_ONE_AND_A_HALF;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd3;
      end
      spu_pkg::STEP_RSQRT3: begin  // y1
        micro_o.a_vector  = 3'd3;
        micro_o.b         = spu_pkg::B_SEED_RSQRT;
        micro_o.b_vector  = 3'd2;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd4;
      end
      spu_pkg::STEP_RSQRT4: begin  // u y1
        micro_o.a_vector  = 3'd2;
        micro_o.a_form    = spu_pkg::FORM_ONE_FOUR;
        micro_o.b         = spu_pkg::B_VECTOR;
        micro_o.b_vector  = 3'd4;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd3;
      end
      spu_pkg::STEP_RSQRT5: begin  // 1 - u y1 y1
        micro_o.a_vector  = 3'd3;
        micro_o.b         = spu_pkg::B_VECTOR;
        micro_o.b_vector  = 3'd4;
        micro_o.negate    = 1'b1;
        micro_o.c         = spu_pkg::C_ONE;
        micro_o.to        = spu_pkg::TO_VECTOR;
        micro_o.to_vector = 3'd3;
      end
      spu_pkg::STEP_RSQRT6: begin
        micro_o.a_vector = 3'd4;
        micro_o.b        = spu_pkg::B_VECTOR;
        micro_o.b_vector = 3'd3;
        micro_o.halve    = 1'b1;
        micro_o.c        = spu_pkg::C_A;
        micro_o.c_vector = 3'd2;
        micro_o.post     = spu_pkg::POST_RSQRT;
        micro_o.to       = spu_pkg::TO_SCALAR;
        micro_o.scalar   = rms_i ? spu_pkg::SCALAR_RMS : softmax_i ? spu_pkg::SCALAR_QUERIES :
            key_scale_i ? spu_pkg::SCALAR_KEYS : spu_pkg::SCALAR_HEAD;
      end
      default: is_micro_o = 1'b0;
    endcase
    // A head's query or key as it is meant.
    if (to_head) begin
      micro_o.to       = is_query_i ? spu_pkg::TO_A16 : spu_pkg::TO_VECTOR;
      micro_o.a16      = spu_pkg::A16_QUERIES;
      micro_o.max      = !is_query_i && !four_bits_i;
      micro_o.extremes = !is_query_i && four_bits_i;
    end else if (step_i == spu_pkg::STEP_ROPE_COSINE || step_i == spu_pkg::STEP_ROTATE) begin
      micro_o.to = spu_pkg::TO_VECTOR;
    end
  end

  always_comb begin
    single_o = 1'b0;
    case (over)
      OVER_HEAD: last_o = 24'(head_last_i);
      OVER_POSITIONS: begin
        last_o   = position_last_i;
        single_o = position_single_i;
      end
      OVER_BEAT: last_o = four_bits_i && two_halves_i ? 24'd127 : 24'd63;
      OVER_PAIRS: last_o = {16'b0, last_of_128, 1'b1};
      OVER_128: begin
        last_o   = 24'(last_of_128);
        single_o = one_left;
      end
      OVER_64: begin
        last_o   = 24'(last_of_64);
        single_o = one_left;
      end
      OVER_16: begin
        last_o   = 24'(last_of_16);
        single_o = one_left;
      end
      default: begin
        last_o   = '0;
        single_o = 1'b1;
      end
    endcase
  end
endmodule
`default_nettype wire
