// Micro-operations of the SPU, docs/rtl/spu.md. One computes, for element i = 0 ... n - 1 of vectors,
//   out[i] = post(a[i] * b[i] + c[i]),
// each step rounded, in all lanes at once.
// verilator lint_off UNUSEDPARAM
`default_nettype none
package spu_pkg;
  localparam logic [3:0] A_VECTOR = 4'd0;
  localparam logic [3:0] A_RESULT = 4'd1;  // the next result of the VPU
  localparam logic [3:0] A_X = 4'd2;       // the residual
  localparam logic [3:0] A_SCORE = 4'd3;
  localparam logic [3:0] A_SUM = 4'd4;     // Sum16 of the elements so marked
  localparam logic [3:0] A_MAX = 4'd5;     // the largest magnitude, or the largest number of KV4
  localparam logic [3:0] A_EMBED = 4'd6;
  localparam logic [3:0] A_NONE = 4'd7;    // 0; as FORM_ONE_TWO 1
  localparam logic [3:0] A_LOW = 4'd8;     // minus the least number of KV4

  localparam logic [1:0] FORM_PLAIN = 2'd0;
  localparam logic [1:0] FORM_NEGATE = 2'd1;
  localparam logic [1:0] FORM_ONE_TWO = 2'd2;   // m of reciprocal: in [1, 2)
  localparam logic [1:0] FORM_ONE_FOUR = 2'd3;  // u of rsqrt: in [1, 4)

  localparam logic [3:0] B_ONE = 4'd0;
  localparam logic [3:0] B_VECTOR = 4'd1;
  localparam logic [3:0] B_SEED_RECIPROCAL = 4'd2;  // of the vector
  localparam logic [3:0] B_SEED_RSQRT = 4'd3;
  localparam logic [3:0] B_SQUARE = 4'd4;           // b = a
  localparam logic [3:0] B_PARAMETER = 4'd5;
  localparam logic [3:0] B_SCALAR = 4'd6;
  localparam logic [3:0] B_DENOMINATOR = 4'd7;      // 1 / denominator of the pair's lane
  localparam logic [3:0] B_INVERSE_DIM = 4'd8;
  localparam logic [3:0] B_INVERSE_HEAD = 4'd9;
  localparam logic [3:0] B_INVERSE_127 = 4'd10;
  localparam logic [3:0] B_ROPE = 4'd11;           // cosine or sine of the pair, from the vector
  localparam logic [3:0] B_VALUE_SCALE = 4'd12;
  localparam logic [3:0] B_EMBED = 4'd13;           // scale of the group
  localparam logic [3:0] B_INVERSE_15 = 4'd14;
  localparam logic [3:0] B_GELU = 4'd15;            // of GELU's cubic term

  localparam logic [3:0] C_NONE = 4'd0;  // -0
  localparam logic [3:0] C_ONE = 4'd1;
  localparam logic [3:0] C_TWO = 4'd2;
  localparam logic [3:0] C_ONE_AND_A_HALF = 4'd3;
  localparam logic [3:0] C_EPSILON = 4'd4;
  localparam logic [3:0] C_ROPE = 4'd5;      // the vector, negated where i is even
  localparam logic [3:0] C_A = 4'd6;         // c = a
  localparam logic [3:0] C_X = 4'd7;
  localparam logic [3:0] C_PARAMETER = 4'd8;
  localparam logic [3:0] C_MAX = 4'd9;       // minus the largest score
  localparam logic [3:0] C_VECTOR = 4'd10;
  localparam logic [3:0] C_LOW = 4'd11;      // minus the least number of KV4
  localparam logic [3:0] C_ZERO = 4'd12;     // zero-point of KV4
  localparam logic [3:0] C_GELU = 4'd13;     // of GELU's linear term

  localparam logic [2:0] POST_NONE = 3'd0;
  localparam logic [2:0] POST_RECIPROCAL = 3'd1;  // sign, exponent and special cases from the c vector
  localparam logic [2:0] POST_RSQRT = 3'd2;
  localparam logic [2:0] POST_EXP = 3'd3;         // exp_fp32; 0 for positions past the token's own
  localparam logic [2:0] POST_FP16 = 3'd4;        // rounded to FP16, as scale of KV8 or KV4
  localparam logic [2:0] POST_INT8 = 3'd5;        // rounded to -127 ... 127, to KV8
  localparam logic [2:0] POST_INT4 = 3'd6;        // rounded to 0 ... 15, to KV4; with TO_NOTHING its zero-point

  localparam logic [2:0] TO_NOTHING = 3'd0;
  localparam logic [2:0] TO_VECTOR = 3'd1;
  localparam logic [2:0] TO_PAIR = 3'd2;     // even elements to the vector, odd ones to the next vector
  localparam logic [2:0] TO_X = 3'd3;
  localparam logic [2:0] TO_SCORE = 3'd4;
  localparam logic [2:0] TO_A16 = 3'd5;
  localparam logic [2:0] TO_SCALAR = 3'd6;
  localparam logic [2:0] TO_BEAT = 3'd7;     // the lane's 512-bit output register: 16 words, 64 bytes, or 128 nibbles

  localparam logic [2:0] SCALAR_RMS = 3'd0;         // r
  localparam logic [2:0] SCALAR_HEAD = 3'd1;        // r of a head norm
  localparam logic [2:0] SCALAR_KV = 3'd2;          // 1 / scale of KV8 or KV4
  localparam logic [2:0] SCALAR_DENOMINATOR = 3'd3; // 1 / sum of a softmax
  localparam logic [2:0] SCALAR_EXPERT = 3'd4;      // 1 / sum of a route's softmax, then an expert's weight
  localparam logic [2:0] SCALAR_QUERIES = 3'd5;     // r of a norm over all heads of q,
  localparam logic [2:0] SCALAR_KEYS = 3'd6;        // and of k

  // TO_A16: which vector.
  localparam logic [1:0] A16_ACTIVATIONS = 2'd0;  // normed, hidden
  localparam logic [1:0] A16_QUERIES = 2'd1;
  localparam logic [1:0] A16_WEIGHTS = 2'd2;      // of attention; blocks of 64
  localparam logic [1:0] A16_ATTENTION = 2'd3;    // filled over several instructions

  typedef struct packed {
    logic [3:0] a;
    logic [2:0] a_vector;
    logic       a_swap;      // element i ^ 1
    logic [1:0] a_form;
    logic [3:0] b;
    logic [2:0] b_vector;
    logic [2:0] scalar;      // read or written
    logic       sine;        // B_ROPE: odd words of the row, else even ones
    logic [3:0] c;
    logic [2:0] c_vector;
    logic       butterfly;   // c is the other element of a butterfly, a is negated where it is the upper one
    logic       negate;      // the product
    logic       halve;       // the product
    logic [2:0] post;
    logic [2:0] to;
    logic [2:0] to_vector;
    logic [1:0] a16;
    logic       sum;         // Sum16 of out
    logic       max;         // largest magnitude of out
    logic       extremes;    // largest and least of out and 0
    logic       scaled_max;  // out takes the place of the largest score
    logic       choice;      // out is an expert's number: the largest is kept, one that is not finite overflows
    logic       after_all;   // begins when everything before is complete, not just its first element
  } micro_t;

  // What an element's result needs to know.
  typedef struct packed {
    logic [2:0]  post;      // of its micro-operation, as those that follow
    logic [2:0]  to;
    logic [2:0]  to_vector;
    logic [2:0]  scalar;
    logic [1:0]  a16;
    logic        sum;
    logic        max;
    logic        extremes;
    logic        scaled_max;
    logic        choice;
    logic        last;      // ends an A16 vector, or a sum
    logic        odd;       // of the micro-operation's elements
    logic [6:0]  index;     // in the vector that it goes to
    logic [16:0] address;   // of X, or of the scores with their generation
  } result_t;

  // By which way it came, in the cycle in which it is there.
  typedef struct packed {
    logic valid;
    logic from_exp;
    logic from_half;  // a conversion
  } way_t;

  // A16 vectors whose elements come next: where they go, in words of the memory `to`. The one of attention has a
  // converter and a place of its own.
  typedef struct packed {
    logic        start;
    logic [1:0]  to;
    logic [15:0] address;
    logic        attention_start;
  } a16_start_t;

  // The instruction under way.
  typedef struct packed {
    logic query;
    logic value;
    logic swiglu;
    logic all_heads;       // one norm for all heads
    logic key_scale;
    logic chosen_softmax;  // of a route: over the chosen experts
    logic rotated;         // q and k are
    logic four_bits;       // KV4, of K or V as the instruction says
    logic embed_q8;
    logic embed_q4;  // neither: FP16
  } kind_t;

  // Where a sequence stands.
  typedef struct packed {
    logic        first;           // first cycle of the step
    logic [3:0]  cycle;           // since it began, up to 15
    logic [23:0] left;            // elements of the vector from the block on,
    logic        last_block;      // of 128 elements at most,
    logic        last_weights;    // of 64
    logic [4:0]  block;           // X: of 128
    logic [13:0] first_parameter; // P: the block's first
    logic [3:0]  token;           // of a sequence over tokens
    logic        last_turn;       // of a token that writes: it is the last one,
    logic        wanted;          // what it writes is wanted
    logic [2:0]  lane;            // of a sequence over pairs
    logic [2:0]  round;
    logic        last_head;       // of the last KV head
    logic [6:0]  first_element;   // of scratch vectors: KV8 in halves, the weight of an expert
    logic        half;            // KV8: elements 64 ... 127,
    logic        two_halves;      // which there are
    logic        half_beats;      // KV4: records are half a beat
    logic [6:0]  distance;        // of a rotation's butterflies,
    logic        last_rotation;   // which are the last ones
    logic [6:0]  head_last;       // element of a head
    logic        softmax;         // parity of the softmaxes so far
    logic        out;             // of the outputs
    logic [23:0] score_position;  // first position of the block
    logic [16:0] score_row;       // scores: round * context,
    logic [16:0] score_base;      // and its sum with that position
    logic [6:0]  pairs_left;      // softmax: from this round on,
    logic        last_round;      // which is the last
    logic [23:0] logits_beat;
    logic [6:0]  row_beat;        // of an embedding row
  } place_t;

  // What the sequencer does; those that are micro-operations are spelt out in spu_microcode.sv.
  typedef enum logic [6:0] {
    STEP_IDLE,
    STEP_EMBED_ROW,  // take a token's row
    STEP_EMBED_FETCH,  // scale and zero-point of a block
    STEP_EMBED_BLOCK,
    STEP_RESIDUAL_ADD,
    STEP_POST_TAKE,    // results that are normed before they are added wait where scores do
    STEP_POST_SQUARE,
    STEP_POST_WEIGHT,
    STEP_POST_ADD,
    STEP_NORM_MULTIPLY,
    STEP_NORM_SQUARE,
    STEP_NORM_TOTAL,  // wait for the sum of squares, of results or of X
    STEP_NORM_MEAN,
    STEP_NORM_PLAIN,  // r is 1
    STEP_HEAD_SCALE,
    STEP_HEAD_SQUARE,
    STEP_HEAD_WEIGHT,
    STEP_HEAD_TOTAL,  // likewise
    STEP_HEAD_MEAN,
    STEP_HEAD_FACTOR,
    STEP_ALL_ADD,   // the sum of squares of all heads,
    STEP_ALL_MEAN,  // and their mean
    STEP_ROPE_LOAD,  // a token's row, for the first head of a pass
    STEP_ROPE_SINE,
    STEP_ROPE_COSINE,
    STEP_ROTATE,    // butterflies over one distance
    STEP_KV_RANGE,  // KV4: from the least to the greatest
    STEP_KV_SCALE,
    STEP_KV_ZERO,  // KV4
    STEP_KV_ROUND,
    STEP_KV_WRITE,  // a beat of every token
    STEP_KV_WRITE_SCALE,
    STEP_KEY_LOAD,  // a token's scale of K, to its lane
    STEP_KEY_SCALE,
    STEP_SOFTMAX_WAIT,
    STEP_SOFTMAX_ROUND,  // limits and maxima of the round's query heads
    STEP_SOFTMAX_MAX,    // the largest score, negated,
    STEP_SOFTMAX_SCALE,  // and scaled as the scores are
    STEP_SOFTMAX_EXP,
    STEP_SOFTMAX_WEIGHT,
    STEP_SOFTMAX_TOTAL,  // wait for the sum of exponentials
    STEP_SOFTMAX_SUM,
    STEP_OUTPUT_HEAD,
    STEP_SWIGLU_IN,
    STEP_GELU_SQUARE,
    STEP_GELU_FACTOR,  // what the gate is multiplied with for its exponential
    STEP_SWIGLU_EXP,
    STEP_SWIGLU_ONE,
    STEP_SWIGLU_SILU,
    STEP_SWIGLU_OUT,
    STEP_LOGITS_BEAT,
    STEP_LOGITS_WRITE,
    STEP_ROUTE_IN,
    STEP_ROUTE_CHOOSE,  // wait for the largest
    STEP_ROUTE_AGAIN,   // those that are not chosen yet
    STEP_ROUTE_EXP,
    STEP_ROUTE_TOTAL,   // wait for the sum of exponentials
    STEP_ROUTE_SUM,
    STEP_ROUTE_WEIGHT,
    STEP_MIX_WEIGHT,
    STEP_MIX_ADD,
    STEP_RECIPROCAL1,
    STEP_RECIPROCAL2,
    STEP_RECIPROCAL3,
    STEP_RECIPROCAL4,
    STEP_RSQRT1,
    STEP_RSQRT2,
    STEP_RSQRT3,
    STEP_RSQRT4,
    STEP_RSQRT5,
    STEP_RSQRT6,
    STEP_FINISH  // wait for A16
  } step_t;
endpackage
`default_nettype wire
// verilator lint_on UNUSEDPARAM
