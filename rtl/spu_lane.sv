// The SPU's data path and vector buffers for one token: one multiplier and one adder in a row, exp, Sum16, the
// largest magnitude, A16 conversion, and the memories between SPU and VPU. spu.sv says what to do.
//
// The number in a comment is the cycle in which an input is sampled, 0 being the issue of an element; OUT is
// that of its result.
`default_nettype none
module spu_lane #(
    parameter int SCORES = 16384,
    parameter int ADDRESS = 13     // of a word of A16 memories
) (
    input wire clk_i,
    input wire rst_ni,

    // An element at its issue, and what accompanies it.
    input wire spu_pkg::micro_t micro_i,     // 0
    input wire [ 6:0] index_i,         // 0: element of the vectors
    input wire [11:0] x_index_i,       // 0
    input wire [$clog2(SCORES):0] score_index_i,  // 0: {generation, element}
    input wire [31:0] result_i,        // 0
    input wire spu_pkg::micro_t micro2_i,    // 2
    input wire spu_pkg::micro_t micro3_i,    // 3
    input wire [31:0] parameter_i,     // 3
    input wire [15:0] value_scale_i,   // 3
    input wire [31:0] embed_i,         // 3
    input wire [31:0] embed_scale_i,   // 3
    input wire        odd_i,           // 3
    input wire [31:0] denominator_i,   // 3
    input wire [31:0] max_score_i,     // stable
    input wire [31:0] norm_eps_i, inverse_dim_i, inverse_head_size_i,
    input wire        negate_i,        // product
    input wire        halve_i,         // product
    input wire [ 2:0] post_i,          // sum

    input wire        early_counts_i,  // OUT - 1: out_counts_i
    input wire        out_valid_i,     // OUT
    input wire spu_pkg::result_t out_result_i,
    input wire [ 6:0] out_index_i,
    input wire [$clog2(SCORES):0] out_address_i,  // element of X, or of the scores with their generation
    input wire        out_odd_i,
    input wire        out_last_i,      // ends a vector
    input wire        out_counts_i,    // it is written; of exp and int8, it is not zero

    input  wire        clear_sum_i,
    output wire        total_done_o,
    input  wire        clear_max_i,
    input  wire [ 3:0] denominator_write_i,  // {generation, round}
    input  wire [ 3:0] denominator_read_i,   // 2
    output wire [31:0] denominator_o,        // 2

    // A16.
    input  wire               a16_start_i,
    input  wire [ADDRESS-1:0] a16_address_i,
    input  wire [        1:0] a16_to_i,
    input  wire               attention_start_i,
    input  wire               token_counts_i,   // the lane serves a token of the pass
    input  wire               pair_counts_i,    // in attention, a query head
    output wire               a16_room_o,
    output wire               attention_room_o,
    output wire               a16_idle_o,
    output wire               a16_block_o,
    output wire               a16_vector_o,     // and the vector's last
    output wire [        1:0] a16_block_to_o,
    output wire               attention_block_o,
    output wire               overflow_o,

    // Beats for memory, and the scale of KV8.
    output wire [511:0] beat_o,
    output wire [ 15:0] kv_scale_o,

    // RoPE row.
    input wire         rope_we_i,
    input wire [  2:0] rope_beat_i,
    input wire [511:0] rope_data_i,

    // The VPU's side: scores in, A16 vectors out (two cycles after the address).
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
  localparam int ScoreBits = $clog2(SCORES);
  wire [31:0] out;
  wire zeroes = out_result_i.post == spu_pkg::POST_EXP || out_result_i.post == spu_pkg::POST_INT8;
  wire write = out_valid_i && (out_counts_i || zeroes);

  // ------------------------------------------------------------------ memories: cycle 0 to cycle 2
  // Eight vectors of 128, in three copies, one for each operand.
  wire to_vector = write && (out_result_i.to == spu_pkg::TO_VECTOR || out_result_i.to == spu_pkg::TO_PAIR);
  wire [9:0] vector_write = out_result_i.to == spu_pkg::TO_PAIR ?
      {out_result_i.to_vector + 3'(out_odd_i), out_index_i} : {out_result_i.to_vector, out_index_i};
  wire [31:0] vector_a, vector_b, vector_c, x, score0, score1;
  ram #(.WIDTH(32), .DEPTH(1024)) u_vector_a (
      .clk_i, .we_i(to_vector), .waddress_i(vector_write), .wdata_i(out),
      .raddress_i({micro_i.a_vector, index_i ^ 7'(micro_i.a_swap)}), .rdata_o(vector_a));
  ram #(.WIDTH(32), .DEPTH(1024)) u_vector_b (
      .clk_i, .we_i(to_vector), .waddress_i(vector_write), .wdata_i(out),
      .raddress_i({micro_i.b_vector, index_i}), .rdata_o(vector_b));
  ram #(.WIDTH(32), .DEPTH(1024)) u_vector_c (
      .clk_i, .we_i(to_vector), .waddress_i(vector_write), .wdata_i(out),
      .raddress_i({micro_i.c_vector, index_i}), .rdata_o(vector_c));
  ram #(.WIDTH(32), .DEPTH(4096)) u_x (
      .clk_i, .we_i(write && out_result_i.to == spu_pkg::TO_X), .waddress_i(out_address_i[11:0]), .wdata_i(out),
      .raddress_i(x_index_i), .rdata_o(x));

  // Scores: two generations. The VPU writes one while the SPU works on the other.
  for (genvar g = 0; g < 2; g++) begin : gen_score
    wire vpu_write = score_we_i && score_address_i[ScoreBits] == 1'(g);
    wire spu_write = write && out_result_i.to == spu_pkg::TO_SCORE && out_address_i[ScoreBits] == 1'(g);
    wire [31:0] score;
    score_buffer #(.SCORES(SCORES)) u_scores (
        .clk_i, .we_i(vpu_write || spu_write),
        .waddress_i(vpu_write ? score_address_i[ScoreBits-1:0] : out_address_i[ScoreBits-1:0]),
        .wdata_i(vpu_write ? score_i : out), .raddress_i(score_index_i[ScoreBits-1:0]), .rdata_o(score));
  end
  assign score0 = gen_score[0].score;
  assign score1 = gen_score[1].score;

  (* ram_style = "distributed" *) logic [511:0] rope[8];
  logic [511:0] rope_q;
  logic [3:0] rope_word_q;
  logic [31:0] rope2_q;
  always_ff @(posedge clk_i) begin
    if (rope_we_i) rope[rope_beat_i] <= rope_data_i;
    rope_q      <= rope[index_i[6:4]];
    rope_word_q <= {index_i[3:1], micro_i.sine};
    rope2_q     <= rope_q[32*rope_word_q+:32];
  end

  // ------------------------------------------------------------------ operands: cycles 3 and 4
  wire [31:0] result2;
  wire generation2;
  delay #(.WIDTH(33), .CYCLES(2)) u_early (
      .clk_i, .d_i({result_i, score_index_i[ScoreBits]}), .q_o({result2, generation2}));
  wire [31:0] sum, max;
  logic [31:0] scalars_q[3];
  logic [31:0] a_raw_q, b_raw_q, c_raw_q, x_q, seed_q, seed_rsqrt_q, rope3_q;
  always_ff @(posedge clk_i) begin
    case (micro2_i.a)
      spu_pkg::A_RESULT: a_raw_q <= result2;
      spu_pkg::A_X: a_raw_q <= x;
      spu_pkg::A_SCORE: a_raw_q <= generation2 ? score1 : score0;
      spu_pkg::A_SUM: a_raw_q <= sum;
      spu_pkg::A_MAX: a_raw_q <= max;
      default: a_raw_q <= vector_a;
    endcase
    b_raw_q      <= vector_b;
    c_raw_q      <= vector_c;
    x_q          <= x;
    seed_q       <= brim_pkg::reciprocal_table(vector_b[22:17]);
    seed_rsqrt_q <= brim_pkg::rsqrt_table(vector_b[23:17]);
    rope3_q      <= rope2_q;
  end

  wire [31:0] a_plain = micro3_i.a == spu_pkg::A_EMBED ? embed_i : a_raw_q;
  wire [31:0] value_scale;
  fp16_to_fp u_value_scale (.x_i(value_scale_i), .result_o(value_scale));
  logic [31:0] a, b, c;
  always_comb begin
    case (micro3_i.a_form)
      spu_pkg::FORM_NEGATE: a = {!a_plain[31], a_plain[30:0]};
      spu_pkg::FORM_ONE_TWO: a = {1'b0, 8'd127, a_plain[22:0]};
      spu_pkg::FORM_ONE_FOUR: a = {1'b0, a_plain[23] ? 8'd127 : 8'd128, a_plain[22:0]};
      default: a = a_plain;
    endcase
    case (micro3_i.b)
      spu_pkg::B_VECTOR: b = b_raw_q;
      spu_pkg::B_SEED_RECIPROCAL: b = seed_q;
      spu_pkg::B_SEED_RSQRT: b = seed_rsqrt_q;
      spu_pkg::B_SQUARE: b = a_plain;
      spu_pkg::B_PARAMETER: b = parameter_i;
      spu_pkg::B_SCALAR: b = scalars_q[micro3_i.scalar];
      spu_pkg::B_DENOMINATOR: b = denominator_i;
      spu_pkg::B_INVERSE_DIM: b = inverse_dim_i;
      spu_pkg::B_INVERSE_HEAD: b = inverse_head_size_i;
      spu_pkg::B_INVERSE_127: b = brim_pkg::FP_INVERSE_127;
      spu_pkg::B_ROPE: b = rope3_q;
      spu_pkg::B_VALUE_SCALE: b = value_scale;
      spu_pkg::B_EMBED: b = embed_scale_i;
      default: b = brim_pkg::FP_ONE;
    endcase
    case (micro3_i.c)
      spu_pkg::C_ONE: c = brim_pkg::FP_ONE;
      spu_pkg::C_TWO: c = brim_pkg::FP_TWO;
      spu_pkg::C_ONE_AND_A_HALF: c = brim_pkg::FP_ONE_AND_A_HALF;
      spu_pkg::C_EPSILON: c = norm_eps_i;
      spu_pkg::C_VECTOR: c = c_raw_q;
      spu_pkg::C_ROPE: c = {c_raw_q[31] ^ !odd_i, c_raw_q[30:0]};
      spu_pkg::C_A: c = a_plain;
      spu_pkg::C_X: c = x_q;
      spu_pkg::C_PARAMETER: c = parameter_i;
      spu_pkg::C_MAX: c = {!max_score_i[31], max_score_i[30:0]};
      default: c = 32'h80000000;
    endcase
  end
  logic [31:0] a_q, b_q, c_q, product_q;
  wire [31:0] product, c_later, chain;
  wire tiny = product[30:23] <= 8'd1;  // halved, it would be flushed
  always_ff @(posedge clk_i) begin
    a_q <= a;
    b_q <= b;
    c_q <= c;
    product_q <= {product[31] ^ negate_i,
                  !halve_i || product[30:23] == 8'hFF ? product[30:0] :
                  tiny ? 31'h0 : {product[30:23] - 8'd1, product[22:0]}};
  end

  // ------------------------------------------------------------------ multiply, add: to cycle 21
  fp_mul u_mul (.clk_i, .a_i(a_q), .b_i(b_q), .product_o(product));
  delay #(.WIDTH(32), .CYCLES(fp_pkg::MUL + 1)) u_c (.clk_i, .d_i(c_q), .q_o(c_later));
  fp_add u_add (.clk_i, .a_i(product_q), .b_i(c_later), .sum_o(chain));

  // ------------------------------------------------------------------ post: cycle 22
  wire [31:0] d;  // whose reciprocal or rsqrt it is
  delay #(.WIDTH(32), .CYCLES(1 + fp_pkg::MUL + 1 + fp_pkg::ADD)) u_d (.clk_i, .d_i(c_raw_q), .q_o(d));
  wire d_nan = d[30:0] > 31'h7F800000;
  wire [7:0] field = d[30:23];
  // field = u_field + 2 k with u_field 127 or 128: -k = 64 - ceil(field / 2).
  wire [7:0] minus_k = 8'd64 - {1'b0, field[7:1]} - 8'(field[0]);
  wire chain_nan = chain[30:0] > 31'h7F800000;
  wire beyond_127 = chain[30:0] > brim_pkg::FP_127[30:0];
  logic [31:0] post_q;
  always_ff @(posedge clk_i) begin
    case (post_i)
      spu_pkg::POST_RECIPROCAL:
      if (d_nan) post_q <= brim_pkg::FP_NAN;
      else if (field == 8'd0) post_q <= {d[31], brim_pkg::FP_INFINITY[30:0]};
      else if (field >= 8'd253) post_q <= {d[31], 31'h0};
      else post_q <= {d[31], chain[30:23] + 8'd127 - field, chain[22:0]};
      spu_pkg::POST_RSQRT:
      if (field == 8'd0) post_q <= brim_pkg::FP_INFINITY;
      else if (d_nan || d[31]) post_q <= brim_pkg::FP_NAN;
      else if (field == 8'd255) post_q <= 32'h0;
      else post_q <= {chain[31], chain[30:23] + minus_k, chain[22:0]};
      spu_pkg::POST_INT8:
      post_q <= {chain[31] || chain_nan, beyond_127 ? brim_pkg::FP_127[30:0] : chain[30:0]};
      default: post_q <= chain;
    endcase
  end

  // ------------------------------------------------------------------ exp and conversions
  wire [31:0] exponential;
  fp_exp u_exp (.clk_i, .x_i(chain), .result_o(exponential));
  logic [31:0] exp_q;
  always_ff @(posedge clk_i) exp_q <= early_counts_i ? exponential : 32'h0;

  wire [15:0] half, half_limited;
  wire [31:0] half_fp;
  fp_to_fp16 u_half (.clk_i, .x_i(post_q), .result_o(half));
  assign half_limited = half[14:0] >= 15'h7C00 ? brim_pkg::FP16_MAX : {1'b0, half[14:0]};
  fp16_to_fp u_half_fp (.x_i(half_limited), .result_o(half_fp));
  logic [15:0] kv_scale_q;
  always_ff @(posedge clk_i) if (out_valid_i && out_result_i.post == spu_pkg::POST_FP16) kv_scale_q <= half_limited;
  assign kv_scale_o = kv_scale_q;

  wire signed [7:0] int8;
  fp_to_int #(.WIDTH(8)) u_int8 (.clk_i, .x_i(post_q), .exponent_i(8'sd0), .result_o(int8));

  assign out = out_result_i.post == spu_pkg::POST_EXP ? exp_q :
      out_result_i.post == spu_pkg::POST_FP16 ? half_fp : post_q;

  // ------------------------------------------------------------------ where it goes
  sum16 u_sum (
      .clk_i, .rst_ni, .clear_i(clear_sum_i), .valid_i(write && out_result_i.sum), .x_i(out),
      .last_i(out_last_i), .done_o(total_done_o), .sum_o(sum));

  logic [30:0] max_q;
  always_ff @(posedge clk_i) begin
    if (clear_max_i) max_q <= '0;
    else if (write && out_result_i.max && out[30:0] > max_q) max_q <= out[30:0];
  end
  assign max = {1'b0, max_q};

  // A scale of 0 makes every element 0.
  wire [31:0] scalar = out_result_i.scalar == spu_pkg::SCALAR_KV && kv_scale_q == '0 ? 32'h0 : out;
  (* ram_style = "distributed" *) logic [31:0] denominators[16];
  always_ff @(posedge clk_i) begin
    if (write && out_result_i.to == spu_pkg::TO_SCALAR) begin
      if (out_result_i.scalar == spu_pkg::SCALAR_DENOMINATOR) denominators[denominator_write_i] <= out;
      else scalars_q[out_result_i.scalar] <= scalar;
    end
  end
  assign denominator_o = denominators[denominator_read_i];

  logic [511:0] beat_q;
  always_ff @(posedge clk_i) begin
    if (write && out_result_i.to == spu_pkg::TO_BEAT)
      beat_q <= out_result_i.post == spu_pkg::POST_INT8 ? {out_counts_i ? int8 : 8'h0, beat_q[511:8]} :
          {out, beat_q[511:32]};
  end
  assign beat_o = beat_q;

  // ------------------------------------------------------------------ A16 vectors
  // Attention has a converter of its own, as its blocks fill over several instructions.
  wire a16_valid = write && out_result_i.to == spu_pkg::TO_A16;
  wire to_attention = out_result_i.a16 == spu_pkg::A16_ATTENTION;
  wire a16_we, a16_idle, a16_overflow;
  wire attention_we, attention_idle, attention_overflow;
  wire [1:0] a16_to, a16_overflow_to, attention_to, attention_overflow_to;
  wire [ADDRESS-1:0] a16_address;
  wire [12:0] attention_address;
  wire [63:0] a16_data, attention_data;
  wire [7:0] a16_exponent, attention_exponent;
  wire attention_vector;
  a16_block #(.ADDRESS(ADDRESS)) u_a16 (
      .clk_i, .rst_ni, .start_i(a16_start_i), .address_i(a16_address_i),
      .short_i(a16_to_i == spu_pkg::A16_WEIGHTS), .to_i(a16_to_i), .valid_i(a16_valid && !to_attention), .x_i(out),
      .last_i(out_last_i), .room_o(a16_room_o), .idle_o(a16_idle), .we_o(a16_we), .to_o(a16_to),
      .address_o(a16_address), .data_o(a16_data), .block_o(a16_block_o), .vector_o(a16_vector_o),
      .exponent_o(a16_exponent), .overflow_o(a16_overflow), .overflow_to_o(a16_overflow_to));
  a16_block #(.ADDRESS(13)) u_attention (
      .clk_i, .rst_ni, .start_i(attention_start_i), .address_i(13'd2048), .short_i(1'b0),
      .to_i(spu_pkg::A16_ATTENTION), .valid_i(a16_valid && to_attention), .x_i(out), .last_i(out_last_i),
      .room_o(attention_room_o), .idle_o(attention_idle), .we_o(attention_we), .to_o(attention_to),
      .address_o(attention_address), .data_o(attention_data), .block_o(attention_block_o),
      .vector_o(attention_vector), .exponent_o(attention_exponent), .overflow_o(attention_overflow),
      .overflow_to_o(attention_overflow_to));
  assign a16_idle_o     = a16_idle && attention_idle;
  assign a16_block_to_o = a16_to;
  // Lanes that serve nobody hold nothing of value.
  assign overflow_o = (attention_overflow && token_counts_i) ||
      (a16_overflow && (a16_overflow_to == spu_pkg::A16_WEIGHTS ? pair_counts_i : token_counts_i));

  // The converters never write activations at the same time: such an instruction waits for its blocks.
  wire activation_we = attention_we || (a16_we && a16_to == spu_pkg::A16_ACTIVATIONS);
  wire [12:0] activation_write = attention_we ? attention_address : a16_address[12:0];
  wire [63:0] activation_data = attention_we ? attention_data : a16_data;
  wire [7:0] activation_exponent = attention_we ? attention_exponent : a16_exponent;
  wire q_we = a16_we && a16_to == spu_pkg::A16_QUERIES;
  wire weight_we = a16_we && a16_to == spu_pkg::A16_WEIGHTS;
  ram #(.WIDTH(64), .DEPTH(8192), .STYLE("ultra")) u_activations (
      .clk_i, .we_i(activation_we), .waddress_i(activation_write), .wdata_i(activation_data),
      .raddress_i(activation_address_i), .rdata_o(activation_data_o));
  ram #(.WIDTH(8), .DEPTH(256), .STYLE("distributed")) u_activation_exponents (
      .clk_i, .we_i(activation_we), .waddress_i(activation_write[12:5]), .wdata_i(activation_exponent),
      .raddress_i(activation_address_i[12:5]), .rdata_o(activation_exponent_o));
  ram #(.WIDTH(64), .DEPTH(2048), .STYLE("block")) u_queries (
      .clk_i, .we_i(q_we), .waddress_i(a16_address[10:0]), .wdata_i(a16_data), .raddress_i(q_address_i),
      .rdata_o(q_data_o));
  ram #(.WIDTH(8), .DEPTH(64), .STYLE("distributed")) u_query_exponents (
      .clk_i, .we_i(q_we), .waddress_i(a16_address[10:5]), .wdata_i(a16_exponent), .raddress_i(q_address_i[10:5]),
      .rdata_o(q_exponent_o));
  ram #(.WIDTH(64), .DEPTH(SCORES / 2), .STYLE("ultra")) u_weights (
      .clk_i, .we_i(weight_we), .waddress_i(a16_address[ScoreBits-2:0]), .wdata_i(a16_data),
      .raddress_i(weight_address_i), .rdata_o(weight_data_o));
  ram #(.WIDTH(8), .DEPTH(SCORES / 32)) u_weight_exponents (
      .clk_i, .we_i(weight_we), .waddress_i(a16_address[ScoreBits-2:4]), .wdata_i(a16_exponent),
      .raddress_i(exponent_address_i), .rdata_o(exponent_data_o));

  wire unused = &{1'b0, micro_i, micro2_i, micro3_i, out_result_i, out_address_i, a16_address, half[15], rope_word_q,
                  attention_to, attention_overflow_to, attention_vector};
endmodule
`default_nettype wire
