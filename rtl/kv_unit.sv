// Attention's part of the VPU. `scores`: loads the query heads into the lanes, one per lane and round; then K pages are
// collected (kv_collect) and issued once per round (kv_issue), and kv_tags follows their dot products. `values`
// likewise with V pages and attention weights.
//
// Pairs of a token and a query head of the KV head are numbered token by token; pair i is lane i mod TOKENS,
// round i / TOKENS.
//
// Cycles: a slot is issued in cycle I, and is the lanes' cycle 0 latency_pkg::KV_ISSUE cycles later.
`default_nettype none
module kv_unit #(
    parameter int TOKENS = 4,
    parameter int CONTEXT = 8192,
    parameter int SCORES = 16384  // per lane and generation
) (
    input wire clk_i,
    input wire rst_ni,

    input wire [15:0] head_size_i,
    input wire        key_four_bits_i,    // in the cache, as value_four_bits_i
    input wire        value_four_bits_i,
    input wire [31:0] context_i,
    input wire [ 3:0] heads_per_kv_i,
    input wire [31:0] inverse_sqrt_head_size_i,
    input wire [23:0] position_i,
    input wire [ 3:0] tokens_i,

    input  wire        start_i,
    input  wire        values_i,      // instruction: values, not scores
    input  wire [ 7:0] kv_head_i,     // stable until done_o
    input  wire [ 7:0] generation_i,  // of Q; likewise
    output wire        done_o,        // for one cycle
    output wire        idle_o,
    input  wire [  2:0] round_i,        // whose lanes' tokens are asked for, combinational
    output wire [3*TOKENS-1:0] lane_tokens_o,

    // Rows and scales from the stream.
    input  wire         beat_valid_i,
    output wire         beat_ready_o,
    input  wire [511:0] beat_i,
    input  wire         scale_we_i,
    input  wire         scale_value_i,  // of V, not K
    input  wire [  9:0] scale_beat_i,

    // What it waits for.
    input  wire [7:0] q_generation_i,
    input  wire [7:0] q_heads_i,
    input  wire [7:0] softmax_done_i,
    input  wire       results_empty_i,
    output wire       stall_softmax_o,
    output wire       stall_scores_o,

    // Query heads: data two cycles after the address, of all tokens; in the lanes a cycle later.
    output wire [         10:0] q_address_o,  // {head, word}
    input  wire [64*TOKENS-1:0] q_data_i,
    input  wire [ 8*TOKENS-1:0] q_exponent_i,
    output wire [   TOKENS-1:0] fill_lane_o,  // whose it is
    output wire vpu_pkg::fill_t fill_o,

    // Local KV: rows, scales of K and zero-points; data two cycles later.
    output wire [  9:0] local_address_o,        // {KV head, token, value, half}
    input  wire [511:0] local_data_i,
    output wire [  8:0] local_scale_address_o,  // {KV head, token, value}
    input  wire [ 19:0] local_scale_i,          // {zero-point, scale}

    // Attention weights of all lanes, four positions a word, and exponents of 64; data two cycles later.
    output wire [$clog2(SCORES)-2:0] weight_address_o,
    input  wire [     64*TOKENS-1:0] weight_data_i,
    output wire [$clog2(SCORES)-6:0] exponent_address_o,
    input  wire [      8*TOKENS-1:0] exponent_data_i,

    // To the lanes.
    output wire                       reserve_o,         // a result slot for each round
    output wire [                3:0] reserve_lanes_o,
    input  wire [                2:0] result_slot_i,
    output wire vpu_pkg::kv_control_t control_o,
    output wire                       values_both_o,     // V has two elements to a multiplier; stable while it is in the lanes
    output wire [      16*TOKENS-1:0] weights_o,         // with control_o.broadcast_valid
    output wire [              511:0] operand_o,         // OPERANDS
    output wire       vpu_pkg::tag_t  tag_o,             // D - TAG
    output wire [               31:0] scale_o,           // D + SCALE_SLOT of K
    output wire [       8*TOKENS-1:0] value_exponent_o,  // D + SCALE_SLOT of V
    output wire [         TOKENS-1:0] masked_o           // D + PRODUCT of K: the position is past the token's own
);
  localparam int LaneBits = TOKENS > 1 ? $clog2(TOKENS) : 1;
  localparam int AddressBits = $clog2(SCORES);

  // ------------------------------------------------------------------ the instruction
  // DRAIN begins two cycles after the last slot's issue, and done_q is a cycle behind its count.
  localparam logic [6:0] DrainScores = 7'(latency_pkg::KV_SCORES_DONE - 3);
  localparam logic [6:0] DrainValues = 7'(latency_pkg::KV_VALUES_DONE - 3);
  typedef enum logic [2:0] {
    IDLE,
    WAIT,
    LOAD,
    RESERVE,
    RUN,
    DRAIN
  } state_t;
  state_t state_q;
  logic is_values_q;
  logic [5:0] first_head_q;     // query heads: the KV head's first one,
  logic [6:0] end_head_q;       // and the one behind its last
  logic [7:0] values_count_q;   // `values` instructions so far: softmax must be ahead of it
  logic scores_parity_q;        // generation of the score buffer
  logic [4:0] word_q;
  logic [2:0] token_q;
  logic [2:0] head_q;
  logic [LaneBits-1:0] lane_q;
  logic [2:0] round_q, last_round_q;
  logic [3:0] last_lanes_q;     // lanes in use in the last round
  logic [6:0] drain_q;
  logic done_q;                 // the last cycle of DRAIN
  wire collected, page_there;

  logic two_halves_q;
  logic [23:0] end_position_q;
  logic [2:0] last_token_q, last_head_q;
  always_ff @(posedge clk_i) begin
    two_halves_q   <= head_size_i > 16'd64;
    end_position_q <= position_i + 24'(tokens_i);
    last_token_q   <= tokens_i[2:0] - 3'd1;
    last_head_q    <= heads_per_kv_i[2:0] - 3'd1;
  end
  // Of the instruction, from the second cycle of WAIT on.
  wire four_bits = is_values_q ? value_four_bits_i : key_four_bits_i;
  logic four_bits_q, two_beats_q, half_beats_q;
  logic pairs_q;         // of records of K
  logic value_zeros_q;
  logic both_halves_q;   // of records of V
  always_ff @(posedge clk_i) begin
    four_bits_q   <= four_bits;
    two_beats_q   <= two_halves_q && !four_bits;
    half_beats_q  <= !two_halves_q && four_bits;
    pairs_q       <= four_bits && !is_values_q;
    value_zeros_q <= four_bits && is_values_q;
    both_halves_q <= four_bits && is_values_q && two_halves_q;
  end
  wire head_is_last = head_q == last_head_q;
  wire last_pair = token_q == last_token_q && head_is_last;
  wire last_lane = lane_q == LaneBits'(TOKENS - 1);

  wire q_ready = q_generation_i == generation_i && q_heads_i[6:0] >= end_head_q;
  wire ready = is_values_q ? softmax_done_i != values_count_q && results_empty_i : q_ready;

  always_ff @(posedge clk_i) begin
    first_head_q <= 6'(kv_head_i) * 6'(heads_per_kv_i);
    end_head_q   <= 7'(first_head_q) + 7'(heads_per_kv_i);
    case (state_q)
      IDLE:
      if (start_i) begin
        is_values_q <= values_i;
        word_q      <= '0;
        token_q     <= '0;
        head_q      <= '0;
        lane_q      <= '0;
        round_q     <= '0;
        drain_q     <= '0;
        state_q     <= WAIT;
      end
      // The first cycle is for end_head_q and for what follows from the instruction.
      WAIT: begin
        drain_q <= 7'd1;
        if (drain_q[0] && ready) state_q <= is_values_q ? RESERVE : LOAD;
      end
      LOAD: begin
        word_q <= word_q + 1;
        if (word_q == '1) begin
          head_q  <= head_q + 1;
          lane_q  <= last_lane ? '0 : lane_q + 1;
          round_q <= round_q + 3'(last_lane);
          if (head_is_last) begin
            head_q  <= '0;
            token_q <= token_q + 1;
          end
          if (last_pair) begin
            last_round_q <= round_q;
            last_lanes_q <= 4'(lane_q) + 4'd1;
            state_q      <= RUN;
          end
        end
      end
      RESERVE: begin
        round_q <= round_q + 1;
        if (round_q == last_round_q) state_q <= RUN;
      end
      RUN: begin
        drain_q <= '0;
        if (collected && !page_there) state_q <= DRAIN;
      end
      default: begin
        drain_q <= drain_q + 1;
        done_q  <= drain_q == (is_values_q ? DrainValues : DrainScores);
        if (done_q) begin
          done_q  <= 1'b0;
          state_q <= IDLE;
          if (is_values_q) values_count_q <= values_count_q + 1;
          else scores_parity_q <= !scores_parity_q;
        end
      end
    endcase
    if (!rst_ni) begin
      state_q         <= IDLE;
      done_q          <= 1'b0;
      values_count_q  <= '0;
      scores_parity_q <= 1'b0;
    end
  end
  assign done_o = done_q;
  assign idle_o = state_q == IDLE;
  assign stall_scores_o = state_q == WAIT && !is_values_q;
  assign stall_softmax_o = state_q == WAIT && is_values_q;
  wire running = state_q == RUN;

  // ------------------------------------------------------------------ query heads
  assign q_address_o = {first_head_q + 6'(head_q), word_q};
  wire loads;
  wire [2:0] load_token, load_round;
  wire [LaneBits-1:0] load_lane;
  wire [4:0] load_word;
  delay #(.WIDTH(1 + 3 + LaneBits + 3 + 5), .CYCLES(latency_pkg::RAM)) u_load (
      .clk_i, .d_i({state_q == LOAD && rst_ni, token_q, lane_q, round_q, word_q}),
      .q_o({loads, load_token, load_lane, load_round, load_word}));
  logic [TOKENS-1:0] fill_lane_q;
  vpu_pkg::fill_t fill_q;
  always_ff @(posedge clk_i) begin
    fill_lane_q     <= loads ? TOKENS'(1) << load_lane : '0;
    fill_q.valid    <= loads;
    fill_q.slot     <= {1'b0, load_round};
    fill_q.word     <= load_word;
    fill_q.data     <= q_data_i[64*load_token[LaneBits-1:0]+:64];
    fill_q.exponent <= q_exponent_i[8*load_token[LaneBits-1:0]+:8];
  end
  assign fill_lane_o = fill_lane_q;
  assign fill_o      = fill_q;

  // The token of each lane's query heads.
  logic [2:0] tokens_q[TOKENS*vpu_pkg::ROUNDS];
  for (genvar i = 0; i < TOKENS * vpu_pkg::ROUNDS; i++) begin : gen_pair
    always_ff @(posedge clk_i)
      if (state_q == LOAD && round_q == 3'(i / TOKENS) && lane_q == LaneBits'(i % TOKENS)) tokens_q[i] <= token_q;
  end

  assign reserve_o = state_q == RESERVE;
  assign reserve_lanes_o = round_q == last_round_q ? last_lanes_q : 4'(TOKENS);
  logic [2:0] first_slot_q;
  always_ff @(posedge clk_i) if (state_q == RESERVE && round_q == '0) first_slot_q <= result_slot_i;

  // ------------------------------------------------------------------ pages, slots, tags
  wire page_issued;
  wire [7:0] page_address;
  wire [511:0] page_word;
  logic [7:0] page_address_q, page_address2_q;
  wire vpu_pkg::kv_slot_t slot;
  kv_collect u_collect (
      .clk_i, .rst_ni, .run_i(running), .values_i(is_values_q), .kv_head_i(kv_head_i[4:0]), .two_beats_i(two_beats_q),
      .half_beats_i(half_beats_q), .position_i, .tokens_i,
      .beat_valid_i, .beat_ready_o, .beat_i,
      .local_address_o, .local_data_i,
      .there_o(page_there), .issued_i(page_issued), .done_o(collected),
      .raddress_i(pairs_q ? page_address_q : page_address2_q), .rdata_o(page_word));
  kv_issue #(.SCORES(SCORES)) u_issue (
      .clk_i, .rst_ni, .run_i(running), .values_i(is_values_q), .two_beats_i(two_beats_q),
      .half_beats_i(half_beats_q), .pairs_i(pairs_q), .position_i, .end_position_i(end_position_q), .context_i,
      .last_round_i(last_round_q),
      .there_i(page_there), .issued_o(page_issued), .raddress_o(page_address), .slot_o(slot));

  wire [2:0] mask_round, mask_own;
  wire [3:0] value_zero;
  wire [TOKENS-1:0] stands_before;
  kv_tags #(.TOKENS(TOKENS), .CONTEXT(CONTEXT), .SCORES(SCORES)) u_tags (
      .clk_i, .rst_ni, .slot_i(slot), .pairs_i(pairs_q), .value_zeros_i(value_zeros_q),
      .both_halves_i(both_halves_q),
      .scores_generation_i(scores_parity_q),
      .weights_generation_i(values_count_q[0]), .kv_head_i(kv_head_i[4:0]), .first_result_i(first_slot_q),
      .inverse_sqrt_head_size_i,
      .scale_we_i, .scale_value_i, .scale_beat_i, .beat_i, .local_scale_address_o, .local_scale_i,
      .value_zero_o(value_zero), .exponent_address_o, .exponent_data_i,
      .mask_round_o(mask_round), .mask_own_o(mask_own), .before_i(stands_before),
      .tag_o, .scale_o, .value_exponent_o, .masked_o);
  for (genvar l = 0; l < TOKENS; l++) begin : gen_tokens
    wire [2:0] tokens_of_lane[vpu_pkg::ROUNDS];
    for (genvar r = 0; r < vpu_pkg::ROUNDS; r++) begin : gen_round
      assign tokens_of_lane[r] = tokens_q[TOKENS*r+l];
    end
    assign lane_tokens_o[3*l+:3] = tokens_of_lane[round_i];
    assign stands_before[l] = mask_own > tokens_of_lane[mask_round];
  end

  // ------------------------------------------------------------------ operands
  // A word of the page, a register before its memory and one behind its choice; a pair of K has its words a cycle earlier.
  localparam int Chosen = latency_pkg::KV_ISSUE + latency_pkg::OPERANDS - 1;
  always_ff @(posedge clk_i) begin
    page_address_q  <= page_address;
    page_address2_q <= page_address_q;
  end
  if (Chosen != 2 + latency_pkg::RAM) begin : gen_never_word
    $error("page_address2_q and the memory stand before the choice of operands");
  end
  wire chosen_half, chosen_upper;
  delay #(.WIDTH(2), .CYCLES(Chosen)) u_chosen (.clk_i, .d_i({slot.half, slot.upper}), .q_o({chosen_half, chosen_upper}));
  kv_operands u_operands (
      .clk_i, .four_bits_i(four_bits_q), .values_i(is_values_q), .two_halves_i(two_halves_q), .half_i(chosen_half),
      .upper_i(chosen_upper), .word_i(page_word), .operands_o(operand_o));

  // A position's weight goes to the place of its record; the lanes hold 32.
  assign weight_address_o = {values_count_q[0], slot.element[AddressBits-1:2]};
  wire [1:0] weight_select;
  delay #(.WIDTH(2), .CYCLES(latency_pkg::KV_WEIGHT - 1)) u_weight_select (
      .clk_i, .d_i(slot.element[1:0]), .q_o(weight_select));
  for (genvar l = 0; l < TOKENS; l++) begin : gen_weight
    logic [15:0] weight_q;
    always_ff @(posedge clk_i) weight_q <= weight_data_i[64*l+16*weight_select+:16];
    assign weights_o[16*l+:16] = weight_q;
  end
  if (latency_pkg::KV_WEIGHT != latency_pkg::RAM + 1) begin : gen_never
    $error("weight_q follows the word of weights");
  end

  // ------------------------------------------------------------------ control of the lanes
  wire issued, issued_values, at_lanes, values_at_lanes;
  wire [4:0] place, lane_place;
  delay #(.WIDTH(7), .CYCLES(latency_pkg::KV_WEIGHT)) u_weight (
      .clk_i, .d_i({slot.valid, slot.values, slot.values ? slot.record : {1'b0, slot.round, slot.half}}),
      .q_o({issued, issued_values, place}));
  delay #(.WIDTH(7), .CYCLES(latency_pkg::KV_ISSUE - latency_pkg::KV_WEIGHT)) u_slot (
      .clk_i, .d_i({issued, issued_values, place}), .q_o({at_lanes, values_at_lanes, lane_place}));
  wire first_of_block, last_of_block;
  delay #(.WIDTH(2), .CYCLES(latency_pkg::KV_WEIGHT)) u_block (
      .clk_i, .d_i({slot.first, slot.block_last}), .q_o({first_of_block, last_of_block}));
  vpu_pkg::kv_control_t control;
  wire operand_valid, separate, value_add, value_dump, kv, dot_valid, dot_first;
  delay #(.WIDTH(1), .CYCLES(latency_pkg::OPERANDS)) u_operand_valid (.clk_i, .d_i(at_lanes), .q_o(operand_valid));
  delay #(.WIDTH(1), .CYCLES(latency_pkg::ACCUMULATE)) u_separate (
      .clk_i, .d_i(at_lanes && values_at_lanes), .q_o(separate));
  delay #(.WIDTH(1), .CYCLES(latency_pkg::CHAINED)) u_kv (.clk_i, .d_i(at_lanes && !pairs_q), .q_o(kv));
  // Sums of V: records of a block, or of four of them, after the first, and the block's last one.
  delay #(.WIDTH(1), .CYCLES(latency_pkg::KV_ISSUE + latency_pkg::ACCUMULATE)) u_value_add (
      .clk_i, .d_i(slot.valid && slot.values && (both_halves_q ? slot.position[1:0] != '0 : !slot.first)), .q_o(value_add));
  delay #(.WIDTH(1), .CYCLES(latency_pkg::KV_ISSUE + latency_pkg::ACCUMULATED)) u_value_dump (
      .clk_i, .d_i(slot.valid && slot.block_last), .q_o(value_dump));
  // Four positions, of which the block's first four.
  wire value_four, value_first;
  delay #(.WIDTH(2), .CYCLES(latency_pkg::KV_ISSUE + latency_pkg::ACCUMULATED)) u_value_four (
      .clk_i, .d_i({slot.valid && both_halves_q && slot.position[1:0] == 2'd3, slot.position[5:2] == '0}),
      .q_o({value_four, value_first}));
  delay #(.WIDTH(2), .CYCLES(latency_pkg::KV_ISSUE + latency_pkg::SUMMED)) u_dot (
      .clk_i, .d_i({slot.valid && !slot.values, !slot.half}), .q_o({dot_valid, dot_first}));
  always_comb begin
    control.broadcast_valid   = issued && issued_values;
    control.broadcast_address = place;
    control.broadcast_zero    = value_zero;
    control.broadcast_first   = first_of_block;
    control.broadcast_last    = last_of_block;
    control.slot              = lane_place[4:1];
    control.half              = lane_place[0];
    control.operand_valid     = operand_valid;
    control.operand_pairs     = pairs_q || both_halves_q;
    control.value_four        = value_four;
    control.value_first       = value_first;
    control.separate          = separate;
    control.value_add         = value_add;
    control.value_dump        = value_dump;
    control.kv                = kv;
    control.dot_valid         = dot_valid;
    control.dot_first         = dot_first;
  end
  assign control_o = control;
  assign values_both_o = both_halves_q;

  wire unused = &{1'b0, load_token, kv_head_i, q_heads_i, slot};
endmodule
`default_nettype wire
