// The SPU: spu_sequence.sv runs its instructions as sequences of steps, and issues the elements of those that compute;
// what follows from a step and an element is wired here: indices, what goes along to the result (spu_pipeline.sv), shared
// operands, a lane for each token, progress of the A16 buffers, and writes.
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
    output wire [               19:0] local_scale_o,  // {zero-point, scale}

    // Progress of the buffers.
    output wire [23:0] generations_o,
    output wire [23:0] blocks_o,
    output wire [ 7:0] q_generation_o,
    output wire [ 7:0] q_heads_o,

    // Experts that a token of the pass has chosen, ascending, and an end behind them.
    output wire       expert_valid_o,
    input  wire       expert_ready_i,
    output wire       expert_end_o,
    output wire [6:0] expert_o,

    // Writes to memory.
    output wire         write_valid_o,
    input  wire         write_ready_i,
    output wire [ 31:0] write_address_o,
    output wire [511:0] write_data_o,
    output wire [ 63:0] write_strobe_o,

    output wire [32*TOKENS-1:0] logits_crcs_o,  // of the last pass, token by token

    output wire idle_o,
    output wire overflow_o
);
  localparam int ScoreBits = $clog2(SCORES);
  localparam int WordBits = ScoreBits - 1 > 13 ? ScoreBits - 1 : 13;  // address of a word of A16 memories
  if (ScoreBits > 16) begin : gen_never_scores
    $error("result_t has room for 16 bits of a score's address");
  end
  // With more lanes block RAM runs out, and ultra RAM does not, as each lane's scores are smaller.
  localparam QueryStyle = TOKENS > 4 ? "ultra" : "block";
  localparam int LaneBits = TOKENS > 1 ? $clog2(TOKENS) : 1;

  // ------------------------------------------------------------------ the sequence
  wire spu_pkg::step_t step;
  wire spu_pkg::place_t place;
  wire spu_pkg::kind_t kind;
  wire spu_pkg::micro_t micro;
  wire brim_pkg::instruction_t instruction;
  wire [7:0] generation;
  wire [23:0] i;  // of the micro-operation's elements
  wire choose, choices_done;
  wire start, row_beat, write_turn, issue, issue_last, empty, sequence_idle;
  wire fetched, turn_done, turns_done, written, weights_done;
  wire [TOKENS-1:0] total_done, a16_room, attention_room, a16_idle;
  wire [LaneBits-1:0] token_lane = place.token[LaneBits-1:0];

  logic a16_room_q;
  logic [TOKENS-1:0] attention_room_q;
  always_ff @(posedge clk_i) begin
    a16_room_q       <= a16_room == '1;
    attention_room_q <= attention_room;
  end
  // The steps whose results go to A16.
  wire to_query = kind.query && (kind.rotated ? step == spu_pkg::STEP_ROTATE && place.last_rotation :
      step == spu_pkg::STEP_ROPE_COSINE);
  wire fills = step == spu_pkg::STEP_NORM_MULTIPLY || to_query ||
      step == spu_pkg::STEP_SOFTMAX_WEIGHT || step == spu_pkg::STEP_SWIGLU_OUT;
  wire room = step == spu_pkg::STEP_OUTPUT_HEAD ? attention_room_q[token_lane] : !fills || a16_room_q;

  spu_sequence #(.TOKENS(TOKENS), .SCORES(SCORES)) u_sequence (
      .clk_i, .rst_ni, .header_i, .heads_per_kv_i, .position_i, .tokens_i, .first_logits_i,
      .instruction_valid_i, .instruction_ready_o, .instruction_i, .generation_i,
      .rope_we_i, .embed_valid_i, .embed_ready_o, .fetched_i(fetched),
      .result_valid_i, .result_ready_o, .room_i(room), .total_done_i(total_done[0]), .scores_done_i,
      .weights_done_i(weights_done), .turn_done_i(turn_done), .turns_done_i(turns_done), .a16_idle_i(a16_idle == '1),
      .start_o(start), .instruction_o(instruction), .generation_o(generation), .kind_o(kind),
      .step_o(step), .place_o(place), .row_beat_o(row_beat), .write_turn_o(write_turn), .softmax_done_o,
      .choose_o(choose), .choices_done_o(choices_done),
      .micro_o(micro), .issue_o(issue), .issue_last_o(issue_last), .element_o(i), .empty_o(empty),
      .idle_o(sequence_idle));
  assign idle_o = sequence_idle && !write_valid_o;

  // ------------------------------------------------------------------ an element: indices and lanes
  wire [6:0] index = i[6:0] | place.first_element;
  wire [11:0] x_index = {place.block, i[6:0]};
  wire [13:0] parameter_index = place.first_parameter + 14'(i[6:0]);
  wire [23:0] score_position = place.score_position + i;
  wire [ScoreBits-1:0] score_element = place.score_base[ScoreBits-1:0] + ScoreBits'(i);
  wire [16:0] score_index = 17'({place.softmax, score_element});

  // The last element of a sum, of an A16 vector, or of a part of it that no later one of the instruction goes on
  // with.
  logic ends_vector;
  always_comb begin
    case (step)
      spu_pkg::STEP_HEAD_SQUARE, spu_pkg::STEP_ROPE_COSINE, spu_pkg::STEP_ROTATE, spu_pkg::STEP_SOFTMAX_EXP,
      spu_pkg::STEP_ROUTE_EXP:
      ends_vector = 1'b1;
      spu_pkg::STEP_SOFTMAX_WEIGHT: ends_vector = place.last_weights;
      spu_pkg::STEP_OUTPUT_HEAD: ends_vector = place.last_head;
      default: ends_vector = place.last_block;
    endcase
  end

  // In the cycle after the issue.
  spu_pkg::step_t step1_q;
  logic [TOKENS-1:0] token_lane_q, lanes;
  logic in_head_q;
  logic [23:0] i_q;
  wire [TOKENS-1:0] attends, chosen;
  always_ff @(posedge clk_i) begin
    step1_q      <= step;
    token_lane_q <= TOKENS'(1) << place.token;
    in_head_q    <= index <= place.head_last;
    i_q          <= i;
  end
  always_comb begin
    case (step1_q)
      spu_pkg::STEP_EMBED_BLOCK, spu_pkg::STEP_ROPE_LOAD, spu_pkg::STEP_KEY_LOAD, spu_pkg::STEP_OUTPUT_HEAD:
      lanes = token_lane_q;
      spu_pkg::STEP_KV_ROUND: lanes = {TOKENS{in_head_q}};
      spu_pkg::STEP_SOFTMAX_EXP: lanes = attends;
      spu_pkg::STEP_ROUTE_AGAIN: lanes = ~chosen;
      spu_pkg::STEP_ROUTE_EXP: lanes = kind.chosen_softmax ? chosen : '1;
      spu_pkg::STEP_MIX_ADD: lanes = chosen;
      default: lanes = '1;
    endcase
  end

  // Of a butterfly, the other element; the upper one is taken from the lower one.
  wire [6:0] other_index = index ^ (micro.butterfly ? place.distance : '0);
  spu_pkg::micro_t element;
  always_comb begin
    element = micro;
    if (micro.butterfly) element.negate = (i[6:0] & place.distance) != '0;
  end

  wire spu_pkg::micro_t micro1, micro2, micro3;
  wire odd3, negate, halve;
  wire [2:0] post;
  wire [TOKENS-1:0] early_lanes, out_lanes;
  wire spu_pkg::way_t way;
  wire spu_pkg::result_t out;
  spu_pipeline #(.TOKENS(TOKENS)) u_pipeline (
      .clk_i, .rst_ni, .valid_i(issue), .micro_i(element), .last_i(issue_last && ends_vector), .odd_i(i[0]),
      .index_i(micro.to == spu_pkg::TO_PAIR ? i[7:1] : index),
      .address_i(micro.to == spu_pkg::TO_X ? 17'(x_index) : score_index), .lanes_i(lanes),
      .micro1_o(micro1), .micro2_o(micro2), .micro3_o(micro3), .odd3_o(odd3),
      .negate_o(negate), .halve_o(halve), .post_o(post),
      .early_lanes_o(early_lanes), .way_o(way), .result_o(out), .lanes_o(out_lanes));

  // ------------------------------------------------------------------ A16: where vectors go, and progress
  wire [7:0] op = instruction.opcode;
  wire start_normed =
      start && (op == brim_pkg::OP_EMBED || op == brim_pkg::OP_RESIDUAL || op == brim_pkg::OP_NORM);
  wire start_hidden = start && kind.swiglu;
  wire start_route = start && op == brim_pkg::OP_ROUTE;
  wire start_logits = start && op == brim_pkg::OP_LOGITS;
  wire start_attention = start && op == brim_pkg::OP_OUTPUT && instruction.head == '0;
  wire start_queries = start && op == brim_pkg::OP_KEY && instruction.head == '0;
  // The elements of the query before have arrived by then.
  wire start_query = place.first && to_query;
  wire start_weights = place.first && step == spu_pkg::STEP_SOFTMAX_ROUND;
  spu_pkg::a16_start_t a16_q;
  always_ff @(posedge clk_i) begin
    a16_q.start           <= start_normed || start_hidden || start_query || start_weights;
    a16_q.attention_start <= start_attention;
    if (step == spu_pkg::STEP_ROPE_COSINE || step == spu_pkg::STEP_ROTATE) begin
      a16_q.to      <= spu_pkg::A16_QUERIES;
      a16_q.address <= 16'({instruction.head[5:0], 5'b0});
    end else if (step == spu_pkg::STEP_SOFTMAX_ROUND) begin
      a16_q.to      <= spu_pkg::A16_WEIGHTS;
      a16_q.address <= 16'({place.softmax, place.score_row[ScoreBits-1:2]});
    end else begin
      a16_q.to      <= spu_pkg::A16_ACTIVATIONS;
      a16_q.address <= kind.swiglu ? 16'd4096 : '0;
    end
  end

  wire [TOKENS-1:0] a16_block, a16_vector, attention_block;
  wire [2*TOKENS-1:0] a16_block_to;
  wire [LaneBits-1:0] last_token_lane = LaneBits'(tokens_i - 4'd1);
  assign weights_done = a16_vector[0] && a16_block_to[1:0] == spu_pkg::A16_WEIGHTS;
  // The scores of a KV head wait for its queries or, with a norm over all heads, for the scale of K.
  logic scaled_keys_q, key_scaled_q;
  always_ff @(posedge clk_i) begin
    if (start_queries) scaled_keys_q <= kind.all_heads;
    key_scaled_q <= kind.key_scale && turns_done && rst_ni;
  end
  wire query_head = scaled_keys_q ? key_scaled_q :
      a16_block[last_token_lane] && a16_block_to[1:0] == spu_pkg::A16_QUERIES;
  a16_progress u_progress (
      .clk_i, .rst_ni, .start_normed_i(start_normed), .start_attention_i(start_attention),
      .start_hidden_i(start_hidden), .start_queries_i(start_queries), .generation_i(generation),
      .block_i(a16_block[last_token_lane]), .block_to_i(a16_block_to[1:0]),
      .attention_block_i(attention_block[last_token_lane]), .query_head_i(query_head),
      .generations_o, .blocks_o, .q_generation_o, .q_heads_o);

  // ------------------------------------------------------------------ shared memories
  logic fetch_q, from_embed_q, from_rope_q, from_scales_q;
  always_ff @(posedge clk_i) begin
    fetch_q       <= step == spu_pkg::STEP_EMBED_FETCH;
    from_embed_q  <= step == spu_pkg::STEP_EMBED_FETCH || step == spu_pkg::STEP_EMBED_BLOCK;
    from_rope_q   <= step == spu_pkg::STEP_ROPE_LOAD;
    from_scales_q <= step == spu_pkg::STEP_SOFTMAX_WEIGHT;
  end
  if (latency_pkg::STREAM_WORD != latency_pkg::SPU_CHOSEN) begin : gen_never_word
    $error("a word of the stream memory is there when it is chosen among operands");
  end
  wire value_zeros = header_i.value_bits == 8'd4;  // stand behind V's scales
  wire [31:0] word;
  wire [7:0] word_byte;
  wire [12:0] embed_address;
  stream_memory u_stream (
      .clk_i, .data_i(beat_i), .parameter_we_i, .parameter_address_i, .embed_we_i(row_beat),
      .embed_address_i(place.row_beat), .rope_we_i, .rope_address_i, .scale_we_i(value_scale_we_i),
      .scale_address_i({scores_done_i[0], scale_beat_i}),
      .parameter_i(parameter_index), .from_embed_i(from_embed_q), .embed_i(embed_address[12:2]),
      .byte_i(embed_address[1:0]), .from_rope_i(from_rope_q), .rope_i({place.token[2:0], i[6:0]}),
      .from_scales_i(from_scales_q), .scales_i({place.softmax, value_zeros ? score_position[13:0] : score_position[14:1]}),
      .word_o(word), .byte_o(word_byte));

  // Of V in a softmax, of K where its scale is made up for.
  wire [23:0] scale_position =
      step == spu_pkg::STEP_KEY_LOAD ? position_i + 24'(place.token) : score_position;
  wire [2:0] own_token;
  wire [19:0] own_scale;
  wire [31:0] value_scale;
  // The scales of one KV head come before the stream goes on with its scores.
  value_scales u_value_scales (
      .clk_i, .four_bits_i(value_zeros), .first_own_i(position_i), .position_i(scale_position), .own_token_o(own_token),
      .own_scale_i(own_scale[15:0]),
      .word_i(word), .wanted_i(micro3.b == spu_pkg::B_VALUE_SCALE), .scale_o(value_scale));

  wire [511:0] lane_beat;
  logic loads_key_q, writes_beat_q, writes_scale_q;
  always_ff @(posedge clk_i) begin
    loads_key_q    <= step == spu_pkg::STEP_KEY_LOAD;
    writes_beat_q  <= step == spu_pkg::STEP_KV_WRITE;
    writes_scale_q <= step == spu_pkg::STEP_KV_WRITE_SCALE;
  end
  local_kv #(.TOKENS(TOKENS)) u_local (
      .clk_i, .write_row_i({instruction.head[4:0], place.token[2:0], kind.value}), .write_half_i(place.half),
      .row_we_i(writes_beat_q && written), .row_i(lane_beat),
      .scale_we_i(writes_scale_q && written), .scale_i(lane_beat[19:0]),
      .row_address_i(local_address_i), .row_o(local_data_o), .scale_address_i(local_scale_address_i),
      .scale_o(local_scale_o), .value_address_i({instruction.head[4:0], own_token, !loads_key_q}),
      .value_scale_o(own_scale));

  wire [31:0] embed_value, embed_scale;
  embedding_row u_embedding (
      .clk_i, .q8_i(kind.embed_q8), .q4_i(kind.embed_q4), .dim_i(header_i.dim), .fetch_i(fetch_q),
      .fetch_cycle_i(place.cycle), .fetched_o(fetched), .element_i(x_index), .address_o(embed_address), .word_i(word),
      .byte_i(word_byte), .wanted_i(micro3.a == spu_pkg::A_EMBED), .value_o(embed_value), .scale_o(embed_scale));

  // ------------------------------------------------------------------ experts
  // Instructions that are run for an expert say for which; of a route's elements, each stands for one. With i_q.
  wire of_expert = instruction.head[15];
  logic [6:0] expert_q;
  always_ff @(posedge clk_i) expert_q <= of_expert ? instruction.head[6:0] : i[6:0];
  wire [6:0] listed;
  wire [TOKENS-1:0] listed_chosen, token_counts;
  logic list_q;
  always_ff @(posedge clk_i) list_q <= choices_done && rst_ni;
  expert_list u_list (
      .clk_i, .rst_ni, .start_i(list_q), .experts_i(header_i.experts[7:0]), .ask_o(listed),
      .chosen_i((listed_chosen & token_counts) != '0), .valid_o(expert_valid_o), .ready_i(expert_ready_i),
      .end_o(expert_end_o), .expert_o);

  // ------------------------------------------------------------------ lanes
  // Each sum and each maximum starts with its instruction or, in a softmax, its round; the sum of squares of X also
  // behind that of results.
  wire clear = step == spu_pkg::STEP_IDLE || step == spu_pkg::STEP_SOFTMAX_ROUND || step == spu_pkg::STEP_RSQRT1;
  assign max_read_o = {place.softmax, place.round};

  // Scalars: of the lane itself or, 1 / denominator of a pair, of the lane that served it.
  wire [3:0] denominator1;
  wire [LaneBits-1:0] denominator_lane1;
  delay #(.WIDTH(4 + LaneBits), .CYCLES(1)) u_denominator (
      .clk_i, .d_i({place.out, place.round, place.lane[LaneBits-1:0]}), .q_o({denominator1, denominator_lane1}));
  logic [4:0] scalar_read_q;
  logic [TOKENS-1:0] scalar_wanted_q;
  always_ff @(posedge clk_i) begin
    scalar_read_q   <= {2'b10, micro1.scalar};
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

  // A token's scale of K comes with its zero-point.
  wire [TOKENS-1:0] zero_loads;
  delay #(.WIDTH(TOKENS), .CYCLES(latency_pkg::STREAM_WORD)) u_zero_loads (
      .clk_i, .d_i(step == spu_pkg::STEP_KEY_LOAD && issue ? TOKENS'(1) << place.token : '0), .q_o(zero_loads));

  // The scales take the beats' place before they are written.
  wire beat_scale = step == spu_pkg::STEP_KV_WRITE_SCALE && !write_turn;

  wire [TOKENS-1:0] overflow;
  wire [512*TOKENS-1:0] beats;
  for (genvar t = 0; t < TOKENS; t++) begin : gen_lane
    logic [23:0] limit_q;  // positions that the lane's query head attends to
    logic token_counts_q, results_count_q, pair_counts_q;
    always_ff @(posedge clk_i) begin
      if (step == spu_pkg::STEP_SOFTMAX_ROUND) limit_q <= position_i + 24'(lane_tokens_i[3*t+:3]) + 24'd1;
      // An expert that the token has not chosen cannot overflow for it.
      results_count_q <= 4'(t) < tokens_i && (!of_expert || chosen[t]);
      token_counts_q <= 4'(t) < tokens_i;
      pair_counts_q  <= 7'(t) < place.pairs_left;
    end
    assign attends[t] = i_q < limit_q;
    assign token_counts[t] = token_counts_q;
    spu_lane #(.SCORES(SCORES), .ADDRESS(WordBits), .QUERY_STYLE(QueryStyle)) u_lane (
        .clk_i, .rst_ni,
        .micro_i(micro), .index_i(index), .other_i(other_index), .x_index_i(x_index), .score_index_i(score_index),
        .result_i(result_i[32*t+:32]),
        .micro1_i(micro1), .micro2_i(micro2), .micro3_i(micro3), .odd_i(odd3),
        .embed_i(embed_value), .shared_b_i(shared_b | value_scale), .shared_c_i(shared_c),
        .negate_i(negate), .halve_i(halve), .post_i(post),
        .early_counts_i(early_lanes[t]), .way_i(way), .out_i(out), .counts_i(out_lanes[t]),
        .clear_i(clear), .total_done_o(total_done[t]),
        .route_i(start_route), .choose_i(choose), .chosen_load_i(step == spu_pkg::STEP_ROUTE_EXP && place.first),
        .max_load_i(step == spu_pkg::STEP_SOFTMAX_ROUND), .max_score_i(max_i[32*t+:32]), .expert_a_i(expert_q),
        .chosen_a_o(chosen[t]), .expert_b_i(listed), .chosen_b_o(listed_chosen[t]),
        .denominator_write_i({place.softmax, place.round}), .scalar_read_i(scalar_read_q),
        .scalar_wanted_i(scalar_wanted_q[t]), .scalar_o(scalars[32*t+:32]),
        .a16_i(a16_q), .token_counts_i(results_count_q), .pair_counts_i(pair_counts_q),
        .a16_room_o(a16_room[t]), .attention_room_o(attention_room[t]), .a16_idle_o(a16_idle[t]),
        .a16_block_o(a16_block[t]), .a16_vector_o(a16_vector[t]), .a16_block_to_o(a16_block_to[2*t+:2]),
        .attention_block_o(attention_block[t]), .overflow_o(overflow[t]),
        .beat_scale_i(beat_scale), .beat_zero_i(kind.four_bits), .beat_twice_i(place.half_beats), .zero_load_i(zero_loads[t]),
        .zero_i(own_scale[19:16]), .beat_o(beats[512*t+:512]),
        .logits_i(start_logits), .logits_crc_o(logits_crcs_o[32*t+:32]),
        .score_we_i, .score_address_i, .score_i(score_i[32*t+:32]),
        .activation_address_i, .activation_data_o(activation_data_o[64*t+:64]),
        .activation_exponent_o(activation_exponent_o[8*t+:8]),
        .q_address_i, .q_data_o(q_data_o[64*t+:64]), .q_exponent_o(q_exponent_o[8*t+:8]),
        .weight_address_i, .weight_data_o(weight_data_o[64*t+:64]),
        .exponent_address_i, .exponent_data_o(exponent_data_o[8*t+:8]));
  end

  logic overflow_q;
  always_ff @(posedge clk_i) begin
    if (overflow != '0) overflow_q <= 1'b1;
    if (!rst_ni) overflow_q <= 1'b0;
  end
  assign overflow_o = overflow_q;

  // ------------------------------------------------------------------ writes
  assign lane_beat = beats[512*token_lane+:512];
  spu_writes u_writes (
      .clk_i, .rst_ni, .step_i(step), .instruction_i(instruction), .two_halves_i(place.two_halves), .half_beats_i(place.half_beats),
      .four_bits_i(kind.four_bits),
      .logits_stride_i(header_i.logits_stride), .position_i, .turn_i(write_turn), .last_i(place.last_turn),
      .half_i(place.half), .wanted_i(place.wanted), .kept_i(kind.all_heads && !kind.key_scale), .logits_beat_i(place.logits_beat), .logits_left_i(place.left),
      .beat_i(lane_beat), .done_o(turn_done), .all_done_o(turns_done), .written_o(written),
      .valid_o(write_valid_o), .ready_i(write_ready_i), .address_o(write_address_o), .data_o(write_data_o),
      .strobe_o(write_strobe_o));

  wire unused = &{1'b0, header_i, instruction, micro, micro2, out, place, total_done, a16_vector, a16_block_to,
                  score_position, empty};
endmodule
`default_nettype wire
