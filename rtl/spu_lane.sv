// The SPU's data path and vector buffers for one token: one multiplier and one adder in a row, exp, Sum16, the
// largest magnitude, A16 conversion, and the memories between SPU and VPU. spu.sv says what to do.
//
// The number or name in a comment is the cycle in which an input is sampled, 0 being the issue of an element and names
// those of latency_pkg; OUT is that of its result.
`default_nettype none
module spu_lane #(
    parameter int SCORES = 16384,
    parameter int ADDRESS = 13,          // of a word of A16 memories
    parameter     QUERY_STYLE = "block"  // RAM of the queries
) (
    input wire clk_i,
    input wire rst_ni,

    // An element at its issue, and what accompanies it.
    input wire spu_pkg::micro_t  micro_i,        // 0
    input wire            [ 6:0] index_i,        // 0: element of the vectors
    input wire            [ 6:0] other_i,        // 0: that of c, which a butterfly takes elsewhere
    input wire            [11:0] x_index_i,      // 0
    input wire            [16:0] score_index_i,  // 0: {generation, element}
    input wire            [31:0] result_i,       // 0
    input wire spu_pkg::micro_t  micro1_i,       // 1
    input wire spu_pkg::micro_t  micro2_i,       // SPU_MEMORY
    input wire spu_pkg::micro_t  micro3_i,       // SPU_CHOSEN
    input wire                   odd_i,          // SPU_CHOSEN
    input wire            [31:0] embed_i,        // SPU_OPERANDS; zero if it is not wanted, as are the next two
    input wire            [31:0] shared_b_i,     // SPU_OPERANDS: operands that all lanes share
    input wire            [31:0] shared_c_i,     // SPU_OPERANDS
    input wire                   negate_i,       // SPU_PRODUCT
    input wire                   halve_i,        // SPU_PRODUCT
    input wire            [ 2:0] post_i,         // SPU_SUM
    input wire                   early_counts_i, // OUT - 1: counts_i
    input wire spu_pkg::way_t    way_i,          // OUT
    input wire spu_pkg::result_t out_i,          // OUT
    input wire                   counts_i,       // OUT: it is written; of exp and of integers, it is not zero

    input  wire        clear_i,              // a new sum and a new maximum begin
    input  wire        max_load_i,           // of the scores: the largest one
    input  wire [31:0] max_score_i,
    output wire        total_done_o,

    // Experts.
    input  wire        route_i,         // a route begins
    input  wire        choose_i,
    input  wire        chosen_load_i,   // the number of the first one takes the place of the largest score
    input  wire [ 6:0] expert_a_i,      // whether it is chosen
    output wire        chosen_a_o,
    input  wire [ 6:0] expert_b_i,
    output wire        chosen_b_o,

    input  wire [ 3:0] denominator_write_i,  // {generation, round}
    input  wire [ 4:0] scalar_read_i,        // SPU_MEMORY: a denominator, or 16 + one of the other scalars
    input  wire        scalar_wanted_i,      // SPU_MEMORY
    output wire [31:0] scalar_o,             // SPU_CHOSEN; 0 if it is not wanted

    // A16: where a vector goes, whose elements come next.
    input  wire spu_pkg::a16_start_t a16_i,
    input  wire         token_counts_i,      // the lane serves a token of the pass, which the instruction is for
    input  wire         pair_counts_i,       // in attention, a query head
    output wire         a16_room_o,
    output wire         attention_room_o,
    output wire         a16_idle_o,
    output wire         a16_block_o,
    output wire         a16_vector_o,        // and the vector's last
    output wire [  1:0] a16_block_to_o,
    output wire         attention_block_o,
    output wire         overflow_o,

    // A beat for memory: sixteen numbers, 64 bytes of KV8, or 32 times its scale; 128 elements of KV4, or twice 64, or 16
    // times its scale and zero-point.
    input  wire         beat_scale_i,  // take the scale,
    input  wire         beat_zero_i,   // with its zero-point
    input  wire         beat_twice_i,
    input  wire         zero_load_i,   // a zero-point that is in the cache
    input  wire [  3:0] zero_i,
    output wire [511:0] beat_o,

    // The CRC of the token's logits, which leave in order.
    input  wire         logits_i,  // they begin
    output wire [ 31:0] logits_crc_o,

    // The VPU's side: scores in, A16 vectors out (RAM cycles after the address).
    input  wire                      score_we_i,
    input  wire [$clog2(SCORES):0]   score_address_i,
    input  wire [              31:0] score_i,
    input  wire [              12:0] activation_address_i,
    output wire [              63:0] activation_data_o,
    output wire [               7:0] activation_exponent_o,
    input  wire [              10:0] q_address_i,
    output wire [              63:0] q_data_o,
    output wire [               7:0] q_exponent_o,
    input  wire [$clog2(SCORES)-2:0] weight_address_i,
    output wire [              63:0] weight_data_o,
    input  wire [$clog2(SCORES)-6:0] exponent_address_i,
    output wire [               7:0] exponent_data_o
);
  if (latency_pkg::SPU_MEMORY != latency_pkg::RAM || latency_pkg::SPU_OPERANDS != latency_pkg::SPU_MEMORY + 2 ||
      latency_pkg::SPU_SUM != latency_pkg::SPU_PRODUCT + 1 + latency_pkg::ADD ||
      latency_pkg::SPU_RESULT != latency_pkg::SPU_SUM + 1) begin : gen_never_stages
    $error("a_raw_q and a_q stand before the multiplier, product_q before the adder, post_q behind it");
  end
  if (latency_pkg::SPU_CONVERT != latency_pkg::SPU_RESULT + latency_pkg::FP_TO_INT + 1 ||
      latency_pkg::FP_TO_INT != latency_pkg::FP_TO_FP16 ||
      latency_pkg::SPU_EXP != latency_pkg::SPU_SUM + latency_pkg::EXP + 1) begin : gen_never_out
    $error("half_fp_q and int8_q follow their conversions, exp_q follows exp");
  end
  if (latency_pkg::SPU_RESULT < latency_pkg::A16_ROOM) begin : gen_never_room
    $error("elements would arrive before the converter is free");
  end
  localparam int ScoreBits = $clog2(SCORES);
  localparam logic [2:0] RopeVector = 3'd5;  // of STEP_ROPE_LOAD: cosines and sines of the pairs in turn
  wire [31:0] out;
  wire to_byte = out_i.post == spu_pkg::POST_INT8;
  wire to_nibble = out_i.post == spu_pkg::POST_INT4;
  wire zeroes = out_i.post == spu_pkg::POST_EXP || to_byte || to_nibble;
  wire write = way_i.valid && (counts_i || zeroes);

  // ------------------------------------------------------------------ memories: cycle 0 to cycle 2
  // Eight vectors of 128, in three copies, one for each operand.
  wire to_vector = write && (out_i.to == spu_pkg::TO_VECTOR || out_i.to == spu_pkg::TO_PAIR);
  wire [9:0] vector_write = out_i.to == spu_pkg::TO_PAIR ?
      {out_i.to_vector + 3'(out_i.odd), out_i.index} : {out_i.to_vector, out_i.index};
  wire [31:0] vector_a, vector_b, vector_c, x, score0, score1;
  ram #(.WIDTH(32), .DEPTH(1024)) u_vector_a (
      .clk_i, .we_i(to_vector), .waddress_i(vector_write), .wdata_i(out),
      .raddress_i({micro_i.a_vector, index_i ^ 7'(micro_i.a_swap)}), .rdata_o(vector_a));
  wire [9:0] vector_b_read = micro_i.b == spu_pkg::B_ROPE ? {RopeVector, index_i[6:1], micro_i.sine} :
      {micro_i.b_vector, index_i};
  ram #(.WIDTH(32), .DEPTH(1024)) u_vector_b (
      .clk_i, .we_i(to_vector), .waddress_i(vector_write), .wdata_i(out),
      .raddress_i(vector_b_read), .rdata_o(vector_b));
  ram #(.WIDTH(32), .DEPTH(1024)) u_vector_c (
      .clk_i, .we_i(to_vector), .waddress_i(vector_write), .wdata_i(out),
      .raddress_i({micro_i.c_vector, other_i}), .rdata_o(vector_c));
  ram #(.WIDTH(32), .DEPTH(4096)) u_x (
      .clk_i, .we_i(write && out_i.to == spu_pkg::TO_X), .waddress_i(out_i.address[11:0]), .wdata_i(out),
      .raddress_i(x_index_i), .rdata_o(x));

  // Scores: two generations. The VPU writes one while the SPU works on the other.
  logic generation1_q;
  always_ff @(posedge clk_i) generation1_q <= score_index_i[ScoreBits];
  wire score_wanted = micro1_i.a == spu_pkg::A_SCORE;
  for (genvar g = 0; g < 2; g++) begin : gen_score
    wire vpu_write = score_we_i && score_address_i[ScoreBits] == 1'(g);
    wire spu_write = write && out_i.to == spu_pkg::TO_SCORE && out_i.address[ScoreBits] == 1'(g);
    wire [31:0] score;
    score_buffer #(.SCORES(SCORES)) u_scores (
        .clk_i, .we_i(vpu_write || spu_write),
        .waddress_i(vpu_write ? score_address_i[ScoreBits-1:0] : out_i.address[ScoreBits-1:0]),
        .wdata_i(vpu_write ? score_i : out), .raddress_i(score_index_i[ScoreBits-1:0]),
        .wanted_i(score_wanted && generation1_q == 1'(g)), .rdata_o(score));
  end
  assign score0 = gen_score[0].score;
  assign score1 = gen_score[1].score;

  // Scalars: 1 / denominators in two generations, and above them the others.
  (* ram_style = "distributed" *) logic [31:0] scalars[32];
  logic [31:0] scalar_q;
  always_ff @(posedge clk_i) begin
    if (scalar_wanted_i) scalar_q <= scalars[scalar_read_i];
    else scalar_q <= '0;
  end
  assign scalar_o = scalar_q;

  // ------------------------------------------------------------------ operands: cycles 3 to 5
  // What is not chosen is zero, so that an OR joins the rest.
  wire [31:0] sum, max, low;
  logic [31:0] zero;
  logic [31:0] result1_q, result2_q;
  logic [31:0] a_raw_q, b_raw_q, c_raw_q, x_q, seed_q, seed_rsqrt_q;
  always_ff @(posedge clk_i) begin
    result1_q <= result_i;
    if (micro1_i.a == spu_pkg::A_RESULT) result2_q <= result1_q;
    else result2_q <= '0;

    case (micro2_i.a)
      spu_pkg::A_X: a_raw_q <= x;
      spu_pkg::A_SUM: a_raw_q <= sum;
      spu_pkg::A_MAX: a_raw_q <= max;
      spu_pkg::A_LOW: a_raw_q <= low;
      spu_pkg::A_VECTOR: a_raw_q <= vector_a;
      default: a_raw_q <= result2_q | score0 | score1;
    endcase
    b_raw_q      <= '0;
    seed_q       <= '0;
    seed_rsqrt_q <= '0;
    if (micro2_i.b == spu_pkg::B_VECTOR || micro2_i.b == spu_pkg::B_ROPE) b_raw_q <= vector_b;
    if (micro2_i.b == spu_pkg::B_SEED_RECIPROCAL) seed_q <= brim_pkg::reciprocal_table(vector_b[22:17]);
    if (micro2_i.b == spu_pkg::B_SEED_RSQRT) seed_rsqrt_q <= brim_pkg::rsqrt_table(vector_b[23:17]);
    c_raw_q <= vector_c;
    x_q     <= x;
  end

  // The largest score or expert's number, stable while it is subtracted.
  logic [31:0] max_score_q;
  always_ff @(posedge clk_i) begin
    if (max_load_i) max_score_q <= max_score_i;
    if (chosen_load_i) max_score_q <= largest;
    if (write && out_i.scaled_max) max_score_q <= out;
  end

  logic [31:0] a_q, b_q, c_q, product_q;
  logic square_q;
  always_ff @(posedge clk_i) begin
    a_q <= a_raw_q;
    case (micro3_i.a_form)
      spu_pkg::FORM_NEGATE: a_q[31] <= !a_raw_q[31];
      spu_pkg::FORM_ONE_TWO: a_q[31:23] <= {1'b0, 8'd127};
      spu_pkg::FORM_ONE_FOUR: a_q[31:23] <= {1'b0, a_raw_q[23] ? 8'd127 : 8'd128};
      default: ;
    endcase
    square_q <= micro3_i.b == spu_pkg::B_SQUARE;
    b_q      <= b_raw_q | seed_q | seed_rsqrt_q | scalar_q;
    case (micro3_i.c)
      spu_pkg::C_ROPE: c_q <= {c_raw_q[31] ^ !odd_i, c_raw_q[30:0]};
      spu_pkg::C_A: c_q <= a_raw_q;
      spu_pkg::C_X: c_q <= x_q;
      spu_pkg::C_MAX: c_q <= {!max_score_q[31], max_score_q[30:0]};
      spu_pkg::C_VECTOR: c_q <= c_raw_q;
      spu_pkg::C_LOW: c_q <= low;
      spu_pkg::C_ZERO: c_q <= zero;
      default: c_q <= '0;
    endcase
  end
  wire [31:0] a = a_q | embed_i;
  wire [31:0] b = b_q | shared_b_i | (square_q ? a_q : 32'h0);
  wire [31:0] product, c_later, chain, largest;
  wire tiny = product[30:23] <= 8'd1;  // halved, it would be flushed
  always_ff @(posedge clk_i) begin
    product_q <= {product[31] ^ negate_i,
                  !halve_i || product[30:23] == 8'hFF ? product[30:0] :
                  tiny ? 31'h0 : {product[30:23] - 8'd1, product[22:0]}};
  end

  // ------------------------------------------------------------------ multiply, add: to cycle 21
  fp_mul u_mul (.clk_i, .a_i(a), .b_i(b), .product_o(product));
  delay #(.WIDTH(32), .CYCLES(latency_pkg::SPU_PRODUCT + 1 - latency_pkg::SPU_OPERANDS)) u_c (
      .clk_i, .d_i(c_q | shared_c_i), .q_o(c_later));
  fp_add u_add (.clk_i, .a_i(product_q), .b_i(c_later), .sum_o(chain));

  // ------------------------------------------------------------------ post: cycle 22
  // Of the number whose reciprocal or rsqrt it is: sign, what is added to the exponent, and what the result is if it
  // is no number in between.
  localparam logic [1:0] Number = 2'd0, Nan = 2'd1, Infinity = 2'd2, Zero = 2'd3;
  wire [7:0] field = c_raw_q[30:23];
  wire c_nan = field == 8'hFF && c_raw_q[22:0] != '0;
  logic [7:0] to_exponent_q;
  logic [1:0] kind_q;
  logic sign_d_q;
  always_ff @(posedge clk_i) begin
    sign_d_q <= c_raw_q[31];
    if (micro3_i.post == spu_pkg::POST_RECIPROCAL) begin
      to_exponent_q <= 8'd127 - field;
      kind_q <= c_nan ? Nan : field == 8'd0 ? Infinity : field >= 8'd253 ? Zero : Number;
    end else begin
      // field = u_field + 2 k with u_field 127 or 128: -k = 64 - ceil(field / 2).
      to_exponent_q <= 8'd64 - {1'b0, field[7:1]} - 8'(field[0]);
      kind_q <= field == 8'd0 ? Infinity : c_nan || c_raw_q[31] ? Nan : field == 8'd255 ? Zero : Number;
    end
  end
  wire [7:0] to_exponent;
  wire [1:0] kind;
  wire sign_d;
  delay #(.WIDTH(11), .CYCLES(latency_pkg::SPU_SUM - latency_pkg::SPU_OPERANDS)) u_d (
      .clk_i, .d_i({sign_d_q, kind_q, to_exponent_q}), .q_o({sign_d, kind, to_exponent}));
  wire chain_nan = chain[30:23] == '1 && chain[22:0] != '0;
  // From 127.5 on a number would be rounded to 128 or more.
  wire beyond_127 = chain[30:23] > brim_pkg::FP_127[30:23] ||
      (chain[30:23] == brim_pkg::FP_127[30:23] && chain[22:16] == '1);
  wire inverse = post_i == spu_pkg::POST_RECIPROCAL || post_i == spu_pkg::POST_RSQRT;
  logic [31:0] post_q;
  always_ff @(posedge clk_i) begin
    post_q <= {chain[31], chain[30:23] + (inverse ? to_exponent : 8'd0), chain[22:0]};
    if (post_i == spu_pkg::POST_RECIPROCAL) post_q[31] <= sign_d;
    if (inverse && kind != Number) begin
      post_q[30:0] <= kind == Nan ? brim_pkg::FP_NAN[30:0] : kind == Infinity ? brim_pkg::FP_INFINITY[30:0] : 31'h0;
      if (kind == Nan || post_i == spu_pkg::POST_RSQRT) post_q[31] <= 1'b0;
    end
    if (post_i == spu_pkg::POST_INT8) begin
      post_q[31] <= chain[31] || chain_nan;
      if (beyond_127) post_q[30:0] <= brim_pkg::FP_127[30:0];
    end
    if (post_i == spu_pkg::POST_INT4) begin
      if (chain[31] || chain_nan) post_q <= '0;
      else if (chain >= brim_pkg::FP_15) post_q <= brim_pkg::FP_15;
    end
  end

  // ------------------------------------------------------------------ exp and conversions
  wire [31:0] exponential;
  fp_exp u_exp (.clk_i, .x_i(chain), .result_o(exponential));
  logic [31:0] exp_q;
  always_ff @(posedge clk_i) begin
    if (early_counts_i) exp_q <= exponential;
    else exp_q <= '0;
  end

  // A scale: at most the largest number of FP16.
  wire [15:0] half;
  wire [31:0] half_fp;
  fp_to_fp16 u_half (.clk_i, .x_i(post_q), .result_o(half));
  wire [15:0] half_limited = half[14:10] == '1 ? brim_pkg::FP16_MAX : {1'b0, half[14:0]};
  fp16_to_fp u_half_fp (.x_i(half_limited), .result_o(half_fp));
  wire signed [7:0] int8;
  fp_to_int #(.WIDTH(8)) u_int8 (.clk_i, .x_i(post_q), .zero_i(1'b0), .unit_i(9'd150), .result_o(int8));
  logic [15:0] half_q, kv_scale_q;
  logic [31:0] half_fp_q;
  logic [7:0] int8_q;
  logic [3:0] kv_zero_q;
  always_ff @(posedge clk_i) begin
    half_q    <= half_limited;
    half_fp_q <= half_fp;
    int8_q    <= '0;
    if (early_counts_i) int8_q <= int8;
    if (way_i.valid && out_i.post == spu_pkg::POST_FP16) kv_scale_q <= half_q;
    if (way_i.valid && to_nibble && out_i.to == spu_pkg::TO_NOTHING) kv_zero_q <= int8_q[3:0];
    if (zero_load_i) kv_zero_q <= zero_i;
  end

  assign out = way_i.from_exp ? exp_q : way_i.from_half ? half_fp_q : post_q;

  // ------------------------------------------------------------------ where it goes
  sum16 u_sum (
      .clk_i, .rst_ni, .clear_i(clear_i), .valid_i(write && out_i.sum), .x_i(out),
      .last_i(out_i.last), .done_o(total_done_o), .sum_o(sum));

  // The largest magnitude, or that of positive and that of negative numbers apart, without NaNs.
  logic [30:0] max_q, low_q;
  wire extreme = write && out_i.extremes && out[30:0] <= brim_pkg::FP_INFINITY[30:0];
  always_ff @(posedge clk_i) begin
    if (((write && out_i.max) || (extreme && !out[31])) && out[30:0] > max_q) max_q <= out[30:0];
    if (extreme && out[31] && out[30:0] > low_q) low_q <= out[30:0];
    if (clear_i) begin
      max_q <= '0;
      low_q <= '0;
    end
  end
  assign max = {1'b0, max_q};
  assign low = {1'b0, low_q};

  expert_choice u_choice (
      .clk_i, .start_i(route_i), .valid_i(write && out_i.choice), .expert_i(out_i.index), .x_i(out), .choose_i,
      .largest_o(largest), .expert_a_i, .chosen_a_o, .expert_b_i, .chosen_b_o);
  wire choice_overflow = write && out_i.choice && out[30:23] == '1;

  // A scale of 0 makes every element 0.
  wire kv_zero = out_i.scalar == spu_pkg::SCALAR_KV && kv_scale_q == '0;
  wire [4:0] scalar_write = out_i.scalar == spu_pkg::SCALAR_DENOMINATOR ? {1'b0, denominator_write_i} :
      {2'b10, out_i.scalar};
  always_ff @(posedge clk_i) begin
    if (write && out_i.to == spu_pkg::TO_SCALAR) scalars[scalar_write] <= kv_zero ? 32'h0 : out;
  end

  // The zero-point as FP32.
  always_comb begin
    zero = '0;
    for (int i = 0; i < 4; i++) if (kv_zero_q[i]) zero = {1'b0, 8'(127 + i), kv_zero_q << (4 - i), 19'b0};
  end

  // A number, a byte or a nibble stands where its index says.
  wire to_beat = write && out_i.to == spu_pkg::TO_BEAT;
  wire [31:0] beat_word = beat_scale_i ? {beat_zero_i ? {12'b0, kv_zero_q} : kv_scale_q, kv_scale_q} :
      to_nibble ? {8{int8_q[3:0]}} : to_byte ? {4{int8_q}} : out;
  logic [511:0] beat_q;
  for (genvar i = 0; i < 64; i++) begin : gen_byte
    wire nibbles_here = out_i.index[5:1] == 5'(i) && (beat_twice_i || out_i.index[6] == 1'(i / 32));
    wire here = to_nibble ? nibbles_here : to_byte ? out_i.index[5:0] == 6'(i) : out_i.index[3:0] == 4'(i / 4);
    always_ff @(posedge clk_i) begin
      if (beat_scale_i || (to_beat && here && !(to_nibble && out_i.index[0]))) beat_q[8*i+:4] <= beat_word[8*(i%4)+:4];
      if (beat_scale_i || (to_beat && here && !(to_nibble && !out_i.index[0]))) beat_q[8*i+4+:4] <= beat_word[8*(i%4)+4+:4];
    end
  end
  assign beat_o = beat_q;

  logic [31:0] logit_q, logits_crc_q;
  logic logit_valid_q;
  always_ff @(posedge clk_i) begin
    logit_q       <= out;
    logit_valid_q <= to_beat && !to_byte && !to_nibble;
    if (logits_i) logits_crc_q <= '1;
    else if (logit_valid_q) logits_crc_q <= brim_pkg::crc_after_word(logits_crc_q ^ logit_q);
  end
  assign logits_crc_o = ~logits_crc_q;

  // ------------------------------------------------------------------ A16 vectors
  // Attention has a converter of its own, as its blocks fill over several instructions.
  wire a16_valid = write && out_i.to == spu_pkg::TO_A16;
  wire to_attention = out_i.a16 == spu_pkg::A16_ATTENTION;
  wire a16_we, a16_idle, a16_overflow;
  wire attention_we, attention_idle, attention_overflow;
  wire [1:0] a16_to, a16_overflow_to, attention_to, attention_overflow_to;
  wire [ADDRESS-1:0] a16_address;
  wire [12:0] attention_address;
  wire [63:0] a16_data, attention_data;
  wire [7:0] a16_exponent, attention_exponent;
  wire attention_vector;
  a16_block #(.ADDRESS(ADDRESS)) u_a16 (
      .clk_i, .rst_ni, .start_i(a16_i.start), .address_i(a16_i.address[ADDRESS-1:0]),
      .short_i(a16_i.to == spu_pkg::A16_WEIGHTS), .to_i(a16_i.to), .valid_i(a16_valid && !to_attention), .x_i(out),
      .last_i(out_i.last), .room_o(a16_room_o), .idle_o(a16_idle), .we_o(a16_we), .to_o(a16_to),
      .address_o(a16_address), .data_o(a16_data), .block_o(a16_block_o), .vector_o(a16_vector_o),
      .exponent_o(a16_exponent), .overflow_o(a16_overflow), .overflow_to_o(a16_overflow_to));
  a16_block #(.ADDRESS(13)) u_attention (
      .clk_i, .rst_ni, .start_i(a16_i.attention_start), .address_i(13'd2048), .short_i(1'b0),
      .to_i(spu_pkg::A16_ATTENTION), .valid_i(a16_valid && to_attention), .x_i(out), .last_i(out_i.last),
      .room_o(attention_room_o), .idle_o(attention_idle), .we_o(attention_we), .to_o(attention_to),
      .address_o(attention_address), .data_o(attention_data), .block_o(attention_block_o),
      .vector_o(attention_vector), .exponent_o(attention_exponent), .overflow_o(attention_overflow),
      .overflow_to_o(attention_overflow_to));
  assign a16_idle_o     = a16_idle && attention_idle;
  assign a16_block_to_o = a16_to;
  // Lanes that serve nobody hold nothing of value.
  assign overflow_o = ((attention_overflow || choice_overflow) && token_counts_i) ||
      (a16_overflow && (a16_overflow_to == spu_pkg::A16_WEIGHTS ? pair_counts_i : token_counts_i));

  // The converters never write activations at the same time: such an instruction waits for its blocks.
  wire activation_we = attention_we || (a16_we && a16_to == spu_pkg::A16_ACTIVATIONS);
  wire [12:0] activation_write = attention_we ? attention_address : a16_address[12:0];
  wire q_we = a16_we && a16_to == spu_pkg::A16_QUERIES;
  wire weight_we = a16_we && a16_to == spu_pkg::A16_WEIGHTS;
  // A block's exponent stands beside each of its words; that of weights is asked for apart from them.
  ram #(.WIDTH(72), .DEPTH(8192), .STYLE("ultra")) u_activations (
      .clk_i, .we_i(activation_we), .waddress_i(activation_write),
      .wdata_i(attention_we ? {attention_exponent, attention_data} : {a16_exponent, a16_data}),
      .raddress_i(activation_address_i), .rdata_o({activation_exponent_o, activation_data_o}));
  ram #(.WIDTH(72), .DEPTH(2048), .STYLE(QUERY_STYLE)) u_queries (
      .clk_i, .we_i(q_we), .waddress_i(a16_address[10:0]), .wdata_i({a16_exponent, a16_data}),
      .raddress_i(q_address_i), .rdata_o({q_exponent_o, q_data_o}));
  ram #(.WIDTH(64), .DEPTH(SCORES / 2), .STYLE("ultra")) u_weights (
      .clk_i, .we_i(weight_we), .waddress_i(a16_address[ScoreBits-2:0]), .wdata_i(a16_data),
      .raddress_i(weight_address_i), .rdata_o(weight_data_o));
  ram #(.WIDTH(8), .DEPTH(SCORES / 32)) u_weight_exponents (
      .clk_i, .we_i(weight_we), .waddress_i(a16_address[ScoreBits-2:4]), .wdata_i(a16_exponent),
      .raddress_i(exponent_address_i), .rdata_o(exponent_data_o));

  wire unused = &{1'b0, micro_i, micro2_i, micro3_i, out_i, a16_i, score_index_i, a16_address, half[15], micro1_i,
                  attention_to, attention_overflow_to, attention_vector};
endmodule
`default_nettype wire
