// The SPU's micro-operations: for each step that is one, what it computes and over how many elements.
// docs/rtl/spu.md says what the steps are for.
`default_nettype none
module spu_microcode (
    input wire spu_pkg::step_t step_i,

    // The instruction.
    input wire embed_fp16_i,  // rows are not quantised
    input wire bias_i,
    input wire is_query_i,
    input wire is_value_i,
    input wire softmax_i,
    input wire swiglu_i,
    input wire rms_i,         // rsqrt is that of the residual, not of a head

    // Sizes.
    input wire [15:0] head_size_i,
    input wire [ 7:0] block_count_i,  // elements of the block, up to 128
    input wire [23:0] left_i,         // of the vector, from the block on
    input wire [23:0] positions_i,    // that are attended to

    output logic            is_micro_o,
    output spu_pkg::micro_t micro_o,
    output logic     [23:0] count_o
);
  spu_pkg::micro_t micro;
  logic is_micro;
  logic [23:0] count;
  always_comb begin
    micro    = '0;
    is_micro = 1'b1;
    count    = 24'd1;
    case (step_i)
      spu_pkg::STEP_EMBED_BLOCK: begin
        micro.a  = spu_pkg::A_EMBED;
        micro.b  = embed_fp16_i ? spu_pkg::B_ONE : spu_pkg::B_EMBED;
        micro.to = spu_pkg::TO_X;
        count    = 24'(block_count_i);
      end
      spu_pkg::STEP_RESIDUAL_ADD: begin
        micro.a  = spu_pkg::A_RESULT;
        micro.c  = spu_pkg::C_X;
        micro.to = spu_pkg::TO_X;
        count    = 24'(block_count_i);
      end
      spu_pkg::STEP_NORM_MULTIPLY: begin
        micro.a  = spu_pkg::A_X;
        micro.b  = spu_pkg::B_PARAMETER;
        micro.to = spu_pkg::TO_A16;
        count    = 24'(block_count_i);
      end
      spu_pkg::STEP_NORM_SQUARE: begin
        micro.a   = spu_pkg::A_X;
        micro.b   = spu_pkg::B_SQUARE;
        micro.sum = 1'b1;
        count     = 24'(block_count_i);
      end
      spu_pkg::STEP_NORM_MEAN, spu_pkg::STEP_HEAD_MEAN: begin
        micro.a         = spu_pkg::A_SUM;
        micro.b         = step_i == spu_pkg::STEP_NORM_MEAN ? spu_pkg::B_INVERSE_DIM : spu_pkg::B_INVERSE_HEAD;
        micro.c         = spu_pkg::C_EPSILON;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd2;
      end
      spu_pkg::STEP_HEAD_SCALE: begin
        micro.a      = spu_pkg::A_RESULT;
        micro.b      = spu_pkg::B_SCALAR;
        micro.scalar = spu_pkg::SCALAR_RMS;
        micro.c      = bias_i ? spu_pkg::C_PARAMETER : spu_pkg::C_NONE;
        micro.to     = spu_pkg::TO_VECTOR;
        micro.max    = is_value_i;
        count        = 24'(head_size_i);
      end
      spu_pkg::STEP_HEAD_SQUARE: begin
        micro.b   = spu_pkg::B_SQUARE;
        micro.sum = 1'b1;
        count     = 24'(head_size_i);
      end
      spu_pkg::STEP_HEAD_WEIGHT: begin
        micro.b  = spu_pkg::B_PARAMETER;
        micro.to = spu_pkg::TO_VECTOR;
        count    = 24'(head_size_i);
      end
      spu_pkg::STEP_HEAD_FACTOR: begin
        micro.b      = spu_pkg::B_SCALAR;
        micro.scalar = spu_pkg::SCALAR_HEAD;
        micro.to     = spu_pkg::TO_VECTOR;
        count        = 24'(head_size_i);
      end
      // Vector 1: the other element of the pair times the sine.
      spu_pkg::STEP_ROPE_SINE: begin
        micro.a_swap    = 1'b1;
        micro.b         = spu_pkg::B_ROPE;
        micro.sine      = 1'b1;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd1;
        count           = 24'(head_size_i);
      end
      spu_pkg::STEP_ROPE_COSINE: begin
        micro.b        = spu_pkg::B_ROPE;
        micro.c        = spu_pkg::C_ROPE;
        micro.c_vector = 3'd1;
        micro.to       = is_query_i ? spu_pkg::TO_A16 : spu_pkg::TO_VECTOR;
        micro.a16      = spu_pkg::A16_QUERIES;
        micro.max      = !is_query_i;
        count          = 24'(head_size_i);
      end
      spu_pkg::STEP_KV_SCALE: begin
        micro.a         = spu_pkg::A_MAX;
        micro.after_all = 1'b1;
        micro.b         = spu_pkg::B_INVERSE_127;
        micro.post      = spu_pkg::POST_FP16;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd2;
      end
      spu_pkg::STEP_KV_ROUND: begin
        micro.b      = spu_pkg::B_SCALAR;
        micro.scalar = spu_pkg::SCALAR_KV;
        micro.post   = spu_pkg::POST_INT8;
        micro.to     = spu_pkg::TO_BEAT;
        count        = 24'd64;
      end
      spu_pkg::STEP_SOFTMAX_EXP: begin
        micro.a    = spu_pkg::A_SCORE;
        micro.c    = spu_pkg::C_MAX;
        micro.post = spu_pkg::POST_EXP;
        micro.to   = spu_pkg::TO_SCORE;
        micro.sum  = 1'b1;
        count      = positions_i;
      end
      spu_pkg::STEP_SOFTMAX_SUM: begin
        micro.a         = spu_pkg::A_SUM;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd2;
      end
      spu_pkg::STEP_SOFTMAX_WEIGHT: begin
        micro.a  = spu_pkg::A_SCORE;
        micro.b   = spu_pkg::B_VALUE_SCALE;
        micro.to  = spu_pkg::TO_A16;
        micro.a16 = spu_pkg::A16_WEIGHTS;
        count    = left_i >= 24'd64 ? 24'd64 : left_i;
      end
      spu_pkg::STEP_OUTPUT_HEAD: begin
        micro.a  = spu_pkg::A_RESULT;
        micro.b   = spu_pkg::B_DENOMINATOR;
        micro.to  = spu_pkg::TO_A16;
        micro.a16 = spu_pkg::A16_ATTENTION;
        count    = 24'(head_size_i);
      end
      // Vectors 0: gate, 1: up, 2: 1 + e^-gate, 4: its reciprocal, then silu.
      spu_pkg::STEP_SWIGLU_IN: begin
        micro.a      = spu_pkg::A_RESULT;
        micro.b      = spu_pkg::B_SCALAR;
        micro.scalar = spu_pkg::SCALAR_RMS;
        micro.to     = spu_pkg::TO_PAIR;
        count        = {15'b0, block_count_i, 1'b0};
      end
      spu_pkg::STEP_SWIGLU_EXP: begin
        micro.a_form    = spu_pkg::FORM_NEGATE;
        micro.post      = spu_pkg::POST_EXP;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd2;
        count           = 24'(block_count_i);
      end
      spu_pkg::STEP_SWIGLU_ONE: begin
        micro.a_vector  = 3'd2;
        micro.c         = spu_pkg::C_ONE;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd2;
        count           = 24'(block_count_i);
      end
      spu_pkg::STEP_SWIGLU_SILU: begin
        micro.b         = spu_pkg::B_VECTOR;
        micro.b_vector  = 3'd4;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd4;
        count           = 24'(block_count_i);
      end
      spu_pkg::STEP_SWIGLU_OUT: begin
        micro.a_vector = 3'd4;
        micro.b        = spu_pkg::B_VECTOR;
        micro.b_vector = 3'd1;
        micro.to       = spu_pkg::TO_A16;
        count          = 24'(block_count_i);
      end
      spu_pkg::STEP_LOGITS_BEAT: begin
        micro.a      = spu_pkg::A_RESULT;
        micro.b      = spu_pkg::B_SCALAR;
        micro.scalar = spu_pkg::SCALAR_RMS;
        micro.to     = spu_pkg::TO_BEAT;
        count        = left_i >= 24'd16 ? 24'd16 : left_i;
      end
      // Vector 2 holds x, vector 3 the terms, vector 4 the second step's.
      spu_pkg::STEP_RECIPROCAL1: begin  // 2 - m y0
        micro.a_vector  = 3'd2;
        micro.a_form    = spu_pkg::FORM_ONE_TWO;
        micro.b         = spu_pkg::B_SEED_RECIPROCAL;
        micro.b_vector  = 3'd2;
        micro.negate    = 1'b1;
        micro.c         = spu_pkg::C_TWO;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      spu_pkg::STEP_RECIPROCAL2: begin  // y1
        micro.a_vector  = 3'd3;
        micro.b         = spu_pkg::B_SEED_RECIPROCAL;
        micro.b_vector  = 3'd2;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      spu_pkg::STEP_RECIPROCAL3: begin  // 1 - m y1
        micro.a_vector  = 3'd2;
        micro.a_form    = spu_pkg::FORM_ONE_TWO;
        micro.b         = spu_pkg::B_VECTOR;
        micro.b_vector  = 3'd3;
        micro.negate    = 1'b1;
        micro.c         = spu_pkg::C_ONE;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd4;
      end
      spu_pkg::STEP_RECIPROCAL4: begin
        micro.a_vector  = 3'd3;
        micro.b         = spu_pkg::B_VECTOR;
        micro.b_vector  = 3'd4;
        micro.c         = spu_pkg::C_A;
        micro.c_vector  = 3'd2;
        micro.post      = spu_pkg::POST_RECIPROCAL;
        micro.to        = swiglu_i ? spu_pkg::TO_VECTOR : spu_pkg::TO_SCALAR;
        micro.to_vector = 3'd4;
        micro.scalar    = softmax_i ? spu_pkg::SCALAR_DENOMINATOR : spu_pkg::SCALAR_KV;
      end
      spu_pkg::STEP_RSQRT1: begin  // u y0
        micro.a_vector  = 3'd2;
        micro.a_form    = spu_pkg::FORM_ONE_FOUR;
        micro.b         = spu_pkg::B_SEED_RSQRT;
        micro.b_vector  = 3'd2;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      spu_pkg::STEP_RSQRT2: begin  // 1.5 - u y0 y0 / 2
        micro.a_vector  = 3'd3;
        micro.b         = spu_pkg::B_SEED_RSQRT;
        micro.b_vector  = 3'd2;
        micro.halve     = 1'b1;
        micro.negate    = 1'b1;
        micro.c         = spu_pkg::C_ONE_AND_A_HALF;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      spu_pkg::STEP_RSQRT3: begin  // y1
        micro.a_vector  = 3'd3;
        micro.b         = spu_pkg::B_SEED_RSQRT;
        micro.b_vector  = 3'd2;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd4;
      end
      spu_pkg::STEP_RSQRT4: begin  // u y1
        micro.a_vector  = 3'd2;
        micro.a_form    = spu_pkg::FORM_ONE_FOUR;
        micro.b         = spu_pkg::B_VECTOR;
        micro.b_vector  = 3'd4;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      spu_pkg::STEP_RSQRT5: begin  // 1 - u y1 y1
        micro.a_vector  = 3'd3;
        micro.b         = spu_pkg::B_VECTOR;
        micro.b_vector  = 3'd4;
        micro.negate    = 1'b1;
        micro.c         = spu_pkg::C_ONE;
        micro.to        = spu_pkg::TO_VECTOR;
        micro.to_vector = 3'd3;
      end
      spu_pkg::STEP_RSQRT6: begin
        micro.a_vector = 3'd4;
        micro.b        = spu_pkg::B_VECTOR;
        micro.b_vector = 3'd3;
        micro.halve    = 1'b1;
        micro.c        = spu_pkg::C_A;
        micro.c_vector = 3'd2;
        micro.post     = spu_pkg::POST_RSQRT;
        micro.to       = spu_pkg::TO_SCALAR;
        micro.scalar   = rms_i ? spu_pkg::SCALAR_RMS : spu_pkg::SCALAR_HEAD;
      end
      default: is_micro = 1'b0;
    endcase
    // A vector's reciprocal rather than a number's.
    if (swiglu_i && (step_i == spu_pkg::STEP_RECIPROCAL1 || step_i == spu_pkg::STEP_RECIPROCAL2 ||
                     step_i == spu_pkg::STEP_RECIPROCAL3 || step_i == spu_pkg::STEP_RECIPROCAL4))
      count = 24'(block_count_i);
  end
  assign is_micro_o = is_micro;
  assign micro_o    = micro;
  assign count_o    = count;
endmodule
`default_nettype wire
