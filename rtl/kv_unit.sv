// Attention's part of the VPU. `scores`: loads the query heads into the lanes, one per lane and round; then
// collects K pages, those rows of the page that the stream brings and those of the pass's own tokens from the
// local KV buffer, and issues each page once per round. `values` likewise with V pages and attention weights.
//
// Pairs of a token and a query head of the KV head are numbered token by token; pair i is lane i mod TOKENS,
// round i / TOKENS.
//
// Cycles: a slot leaves the issue machine in cycle I, and is the lanes' cycle 0 in I + 4.
`default_nettype none
module kv_unit #(
    parameter int TOKENS = 4,
    parameter int CONTEXT = 8192,
    parameter int SCORES = 16384  // per lane and generation
) (
    input wire clk_i,
    input wire rst_ni,

    input wire [15:0] head_size_i,
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

    // Rows and K scales from the stream.
    input  wire         beat_valid_i,
    output wire         beat_ready_o,
    input  wire [511:0] beat_i,
    input  wire         scale_we_i,
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
    output wire [   TOKENS-1:0] fill_valid_o,
    output wire [          3:0] fill_slot_o,
    output wire [          4:0] fill_word_o,
    output wire [         63:0] fill_data_o,
    output wire [          7:0] fill_exponent_o,

    // Local KV: rows, and scales of K; data two cycles later.
    output wire [  9:0] local_address_o,        // {KV head, token, value, half}
    input  wire [511:0] local_data_i,
    output wire [  8:0] local_scale_address_o,  // {KV head, token, value}
    input  wire [ 15:0] local_scale_i,

    // Attention weights of all lanes, four positions a word, and exponents of 64; data two cycles later.
    output wire [$clog2(SCORES)-2:0] weight_address_o,
    input  wire [     64*TOKENS-1:0] weight_data_i,
    output wire [$clog2(SCORES)-6:0] exponent_address_o,
    input  wire [      8*TOKENS-1:0] exponent_data_i,

    // To the lanes.
    output wire                 reserve_o,         // a result slot for each round
    output wire [          3:0] reserve_lanes_o,
    input  wire [          2:0] result_slot_i,
    output wire                 broadcast_valid_o,    // attention weights, in the cycle before 0
    output wire [          4:0] broadcast_address_o,
    output wire [16*TOKENS-1:0] weights_o,
    output wire [          3:0] slot_o,            // 0
    output wire                 half_o,            // 0
    output wire [        511:0] operand_o,         // 1
    output wire                 operand_valid_o,   // 1
    output wire                 separate_o,        // 3: a slot of V
    output wire                 value_add_o,       // 3
    output wire                 value_dump_o,      // 4
    output wire                 kv_o,              // 7
    output wire                 dot_valid_o,       // 11: a slot of K
    output wire                 dot_first_o,       // 11
    output wire vpu_pkg::tag_t  tag_o,             // D - 3
    output wire [         31:0] scale_o,           // D + 5 of K
    output wire [ 8*TOKENS-1:0] value_exponent_o,  // D + 5 of V
    output wire [   TOKENS-1:0] masked_o           // D + 13 of K: the position is past the token's own
);
  localparam int LaneBits = TOKENS > 1 ? $clog2(TOKENS) : 1;
  localparam int AddressBits = $clog2(SCORES);

  // ------------------------------------------------------------------ the instruction
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
  wire pages_done, issue_idle;

  logic two_beats_q;
  logic [23:0] end_position_q;
  logic [2:0] last_token_q, last_head_q;
  always_ff @(posedge clk_i) begin
    two_beats_q    <= head_size_i > 16'd64;
    end_position_q <= position_i + 24'(tokens_i);
    last_token_q   <= tokens_i[2:0] - 3'd1;
    last_head_q    <= heads_per_kv_i[2:0] - 3'd1;
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
      // The first cycle is for end_head_q.
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
        if (pages_done && issue_idle) state_q <= DRAIN;
      end
      default: begin
        drain_q <= drain_q + 1;
        done_q  <= drain_q == (is_values_q ? 7'd79 : 7'd39);
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
  delay #(.WIDTH(1 + 3 + LaneBits + 3 + 5), .CYCLES(2)) u_load (
      .clk_i, .d_i({state_q == LOAD && rst_ni, token_q, lane_q, round_q, word_q}),
      .q_o({loads, load_token, load_lane, load_round, load_word}));
  logic [TOKENS-1:0] fill_valid_q;
  logic [2:0] fill_round_q;
  logic [4:0] fill_word_q;
  logic [63:0] fill_data_q;
  logic [7:0] fill_exponent_q;
  always_ff @(posedge clk_i) begin
    fill_valid_q    <= loads ? TOKENS'(1) << load_lane : '0;
    fill_round_q    <= load_round;
    fill_word_q     <= load_word;
    fill_data_q     <= q_data_i[64*load_token[LaneBits-1:0]+:64];
    fill_exponent_q <= q_exponent_i[8*load_token[LaneBits-1:0]+:8];
  end
  assign fill_valid_o    = fill_valid_q;
  assign fill_slot_o     = {1'b0, fill_round_q};
  assign fill_word_o     = fill_word_q;
  assign fill_data_o     = fill_data_q;
  assign fill_exponent_o = fill_exponent_q;

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

  // ------------------------------------------------------------------ collecting pages
  typedef enum logic [1:0] {
    STREAM,
    LOCAL,
    LOCAL_WAIT,
    FULL
  } fill_t;
  fill_t fill_q;
  logic [4:0] fill_four_q;          // m: records 4 m ... 4 m + 3
  logic [1:0] fill_port_q;
  logic fill_half_q;
  logic [2:0] fill_token_q, fill_wait_q;
  logic filled_q, issued_q;         // pages, modulo 2
  logic [1:0] pages_q;              // that are filled and not yet issued
  logic fills_done_q;

  // Where the pass's first token stands, counted from the page's first record on: records before it come from the
  // stream. What follows from that for the next page is computed while the page is filled, which takes six cycles at
  // least; for the first page, before the run.
  logic signed [24:0] own_record_q, next_own_record_q;
  logic stream_some_q, next_stream_some_q;
  logic [6:0] stream_last_q, next_stream_last_q;  // record
  logic own_some_q, next_own_some_q, last_page_q, next_last_page_q;
  wire signed [24:0] page_records = two_beats_q ? 25'sd64 : 25'sd128;
  wire page_starts = fill_q == FULL || !running;
  always_ff @(posedge clk_i) begin
    next_own_record_q  <= running ? own_record_q - page_records : signed'({1'b0, position_i});
    next_stream_some_q <= next_own_record_q > 0;
    next_stream_last_q <= next_own_record_q >= page_records ? page_records[6:0] - 7'd1 : next_own_record_q[6:0] - 7'd1;
    next_own_some_q    <= next_own_record_q < page_records;
    next_last_page_q   <= next_own_record_q + 25'(tokens_i) <= page_records;
    if (page_starts) begin
      own_record_q  <= next_own_record_q;
      stream_some_q <= next_stream_some_q;
      stream_last_q <= next_stream_last_q;
      own_some_q    <= next_own_some_q;
      last_page_q   <= next_last_page_q;
    end
  end

  wire [6:0] fill_record = {fill_four_q, fill_port_q};
  wire next_in_four = fill_port_q != 2'd3 && fill_record != stream_last_q;
  wire more_fours = fill_four_q != stream_last_q[6:2];
  wire page_free = pages_q != 2'd2;


  // A register, so that little stands between the page buffer and the FIFO: beats are taken from the second cycle of
  // STREAM on.
  logic ready_q;
  wire take = beat_valid_i && ready_q;
  wire ends_stream = take && !next_in_four && !more_fours && (!two_beats_q || fill_half_q);
  always_ff @(posedge clk_i)
    ready_q <= running && !fills_done_q && fill_q == STREAM && stream_some_q && page_free && !ends_stream;
  assign beat_ready_o = ready_q;

  always_ff @(posedge clk_i) begin
    if (!running) begin
      fill_q       <= STREAM;
      fill_four_q  <= '0;
      fill_port_q  <= '0;
      fill_half_q  <= 1'b0;
      fill_token_q <= '0;
      filled_q     <= 1'b0;
      fills_done_q <= 1'b0;
    end else
      case (fill_q)
        STREAM:
        if (!fills_done_q && page_free && !stream_some_q) fill_q <= LOCAL;
        else if (take) begin
          if (next_in_four) fill_port_q <= fill_port_q + 1;
          else begin
            fill_port_q <= '0;
            fill_half_q <= two_beats_q && !fill_half_q;
            if (!two_beats_q || fill_half_q) begin
              fill_four_q <= fill_four_q + 1;
              if (!more_fours) fill_q <= own_some_q ? LOCAL : FULL;
            end
          end
        end
        LOCAL: begin
          fill_wait_q <= 3'd4;
          fill_half_q <= two_beats_q && !fill_half_q;
          if (!two_beats_q || fill_half_q) begin
            fill_token_q <= fill_token_q + 1;
            if (fill_token_q == last_token_q) fill_q <= LOCAL_WAIT;
          end
        end
        LOCAL_WAIT: begin
          fill_wait_q <= fill_wait_q - 1;
          if (fill_wait_q == '0) fill_q <= FULL;
        end
        default: begin
          filled_q     <= !filled_q;
          fill_four_q  <= '0;
          fill_token_q <= '0;
          fills_done_q <= last_page_q;
          fill_q       <= STREAM;
        end
      endcase
  end
  assign pages_done = fills_done_q;

  // Word of the page buffer: record by record. Words of the local buffer come two cycles late.
  logic local_q, local_write_q, half_later_q, local_half_q;
  logic signed [24:0] local_record_q;
  logic [6:0] local_place_q;
  assign local_address_o = {kv_head_i[4:0], fill_token_q, is_values_q, fill_half_q};
  always_ff @(posedge clk_i) begin
    local_q        <= rst_ni && running && fill_q == LOCAL;
    local_record_q <= own_record_q + 25'(fill_token_q);
    half_later_q   <= fill_half_q;
    local_write_q  <= local_q && local_record_q[24:7] == '0 && !(two_beats_q && local_record_q[6]);
    local_place_q  <= local_record_q[6:0];
    local_half_q   <= half_later_q;
  end
  wire [6:0] write_record = local_write_q ? local_place_q : fill_record;
  wire write_half = local_write_q ? local_half_q : fill_half_q;
  wire [6:0] write_word = two_beats_q ? {write_record[5:0], write_half} : write_record;

  // ------------------------------------------------------------------ issuing slots
  logic [23:0] issue_base_q;            // position of the page's first record
  logic [2:0] issue_round_q;
  logic [AddressBits-1:0] issue_row_q;  // round * context + that position: element of the score buffer
  logic issue_block_q;                  // values: which 64 records of the page
  logic issue_half_q;
  logic [6:0] issue_record_q;           // scores: of the page; values: of the block

  // Positions from the page's first record on, and the page's last record; likewise ahead of the page.
  logic [23:0] left_q, next_left_q;
  logic [6:0] last_record_q, next_last_record_q;

  wire go = running && pages_q != '0;
  wire two_blocks = !two_beats_q && last_record_q[6];
  wire round_end = issue_round_q == last_round_q;
  wire record_end = is_values_q ? issue_record_q == 7'd63 : issue_record_q == last_record_q;
  wire half_end = !two_beats_q || issue_half_q;
  wire block_end = !two_blocks || issue_block_q;
  // Scores: rounds, records, halves. Values: rounds, blocks, halves, records.
  wire end_of_round = record_end && half_end && (block_end || !is_values_q);
  wire end_of_page = go && end_of_round && round_end;
  wire [6:0] record = {is_values_q && issue_block_q, 6'b0} | issue_record_q;
  wire [23:0] next_base = issue_base_q + 24'(page_records);

  always_ff @(posedge clk_i) begin
    next_left_q        <= running ? left_q - 24'(page_records) : end_position_q;
    next_last_record_q <= next_left_q >= 24'(page_records) ? page_records[6:0] - 7'd1 : next_left_q[6:0] - 7'd1;
    if (end_of_page || !running) begin
      left_q        <= next_left_q;
      last_record_q <= next_last_record_q;
    end
  end
  always_ff @(posedge clk_i) begin
    if (!running) begin
      issued_q       <= 1'b0;
      issue_base_q   <= '0;
      issue_round_q  <= '0;
      issue_row_q    <= '0;
      issue_block_q  <= 1'b0;
      issue_half_q   <= 1'b0;
      issue_record_q <= '0;
    end else if (go) begin
      if (is_values_q) begin
        issue_record_q <= record_end ? '0 : issue_record_q + 1;
        if (record_end) begin
          issue_half_q <= two_beats_q && !issue_half_q;
          if (half_end) issue_block_q <= !block_end;
        end
      end else begin
        issue_half_q <= two_beats_q && !issue_half_q;
        if (half_end) issue_record_q <= record_end ? '0 : issue_record_q + 1;
      end
      if (end_of_round) begin
        issue_round_q <= round_end ? '0 : issue_round_q + 1;
        issue_row_q   <= round_end ? AddressBits'(next_base) : issue_row_q + AddressBits'(context_i);
        if (round_end) begin
          issued_q     <= !issued_q;
          issue_base_q <= next_base;
        end
      end
    end
  end
  always_ff @(posedge clk_i) pages_q <= running ? pages_q + 2'(fill_q == FULL) - 2'(end_of_page) : '0;
  assign issue_idle = pages_q == '0;

  // A page's first position is a multiple of its records.
  wire [23:0] slot_position = issue_base_q | 24'(record);
  wire [AddressBits-1:0] element = issue_row_q + AddressBits'(record);
  wire own = slot_position >= position_i;
  wire [2:0] own_index = slot_position[2:0] - position_i[2:0];
  wire last_block = left_q <= (issue_block_q ? 24'd128 : 24'd64);

  wire [511:0] page_word;
  wire [7:0] read_word = {issued_q, two_beats_q ? {record[5:0], issue_half_q} : record};
  wire [7:0] read_word_later;
  delay #(.WIDTH(8), .CYCLES(3)) u_read_word (.clk_i, .d_i(read_word), .q_o(read_word_later));
  ram #(.WIDTH(512), .DEPTH(256), .STYLE("block")) u_pages (
      .clk_i, .we_i(take || local_write_q), .waddress_i({filled_q, write_word}),
      .wdata_i(local_write_q ? local_data_i : beat_i), .raddress_i(read_word_later), .rdata_o(page_word));
  assign operand_o = page_word;

  // Cycle I + 4 is the lanes' cycle 0. A weight goes to the place of its record; the lanes hold 32.
  wire go3, go4, values3, values4;
  wire [4:0] place, place3;
  assign place = is_values_q ? issue_record_q[4:0] : {1'b0, issue_round_q, issue_half_q};
  delay #(.WIDTH(7), .CYCLES(3)) u_slot3 (.clk_i, .d_i({go && rst_ni, is_values_q, place}), .q_o({go3, values3, place3}));
  delay #(.WIDTH(7), .CYCLES(1)) u_slot4 (.clk_i, .d_i({go3, values3, place3}), .q_o({go4, values4, slot_o, half_o}));
  assign broadcast_valid_o   = go3 && values3;
  assign broadcast_address_o = place3;
  delay #(.WIDTH(1), .CYCLES(1)) u_operand_valid (.clk_i, .d_i(go4), .q_o(operand_valid_o));
  delay #(.WIDTH(1), .CYCLES(3)) u_separate (.clk_i, .d_i(go4 && values4), .q_o(separate_o));
  delay #(.WIDTH(1), .CYCLES(7)) u_kv (.clk_i, .d_i(go4), .q_o(kv_o));

  // Attention weights: word at I + 2, the weight at I + 3.
  assign weight_address_o = {values_count_q[0], element[AddressBits-1:2]};
  wire [1:0] weight_select;
  delay #(.WIDTH(2), .CYCLES(2)) u_weight_select (.clk_i, .d_i(element[1:0]), .q_o(weight_select));
  for (genvar l = 0; l < TOKENS; l++) begin : gen_weight
    logic [15:0] weight_q;
    always_ff @(posedge clk_i) weight_q <= weight_data_i[64*l+16*weight_select+:16];
    assign weights_o[16*l+:16] = weight_q;
  end

  // Sums of V: records of a block after its first, and its last one, in the lanes' cycles 3 and 4.
  wire sum_add_d = go && rst_ni && is_values_q && issue_record_q != '0;
  wire sum_last_d = go && rst_ni && is_values_q && record_end;
  delay #(.WIDTH(1), .CYCLES(7)) u_sum_add (.clk_i, .d_i(sum_add_d), .q_o(value_add_o));
  delay #(.WIDTH(1), .CYCLES(8)) u_sum_last (.clk_i, .d_i(sum_last_d), .q_o(value_dump_o));

  // ------------------------------------------------------------------ tags of scores
  delay #(.WIDTH(2), .CYCLES(15)) u_dot (
      .clk_i, .d_i({go && !is_values_q && rst_ni, !issue_half_q}), .q_o({dot_valid_o, dot_first_o}));

  vpu_pkg::tag_t score_tag, score_tag_later, value_tag;
  always_comb begin
    score_tag           = '0;
    score_tag.valid     = go && rst_ni && !is_values_q && half_end;
    score_tag.score     = 1'b1;
    score_tag.source    = vpu_pkg::SOURCE_A;
    score_tag.slot      = {1'b0, issue_round_q};
    score_tag.position  = 32'({scores_parity_q, element});
    score_tag.round     = issue_round_q;
    score_tag.run_first = issue_record_q == '0;
    score_tag.first     = slot_position == '0;
    score_tag.own       = own;
    score_tag.own_index = own_index;
  end
  delay #(.WIDTH($bits(score_tag)), .CYCLES(14)) u_score_tag (.clk_i, .d_i(score_tag), .q_o(score_tag_later));

  // K scale: FP16 of the position, times 1 / sqrt(d).
  wire [511:0] scale_word;
  ram #(.WIDTH(512), .DEPTH(CONTEXT / 32), .STYLE("block")) u_scales (
      .clk_i, .we_i(scale_we_i), .waddress_i(scale_beat_i[$clog2(CONTEXT/32)-1:0]), .wdata_i(beat_i),
      .raddress_i(slot_position[5+:$clog2(CONTEXT/32)]), .rdata_o(scale_word));
  assign local_scale_address_o = {kv_head_i[4:0], own_index, 1'b0};
  wire [4:0] scale_select2;
  wire own2;
  delay #(.WIDTH(6), .CYCLES(2)) u_scale_select (
      .clk_i, .d_i({slot_position[4:0], own}), .q_o({scale_select2, own2}));
  logic [127:0] scale8_q;
  logic [15:0] local_scale_q, scale16_q;
  logic [2:0] scale_select_q;
  logic own_q;
  wire [31:0] scale_fp, scale_product;
  logic [31:0] scale_fp_q;
  fp16_to_fp u_scale_fp (.x_i(scale16_q), .result_o(scale_fp));
  always_ff @(posedge clk_i) begin
    scale8_q       <= scale_word[128*scale_select2[4:3]+:128];
    scale_select_q <= scale_select2[2:0];
    local_scale_q  <= local_scale_i;
    own_q          <= own2;
    scale16_q      <= own_q ? local_scale_q : scale8_q[16*scale_select_q+:16];
    scale_fp_q     <= scale_fp;
  end
  // scale_fp_q stands in I + 5; D + 5 is I + 22.
  fp_mul u_scale (.clk_i, .a_i(scale_fp_q), .b_i(inverse_sqrt_head_size_i), .product_o(scale_product));
  delay #(.WIDTH(32), .CYCLES(17 - fp_pkg::MUL)) u_scale_later (.clk_i, .d_i(scale_product), .q_o(scale_o));

  // Lanes whose token stands before the position: D + 13 is I + 30.
  wire own_later;
  wire [2:0] own_index_later, round_later;
  delay #(.WIDTH(7), .CYCLES(29)) u_mask (
      .clk_i, .d_i({own, own_index, issue_round_q}), .q_o({own_later, own_index_later, round_later}));
  for (genvar l = 0; l < TOKENS; l++) begin : gen_mask
    logic masked_q;
    wire [2:0] tokens_of_lane[vpu_pkg::ROUNDS];
    for (genvar r = 0; r < vpu_pkg::ROUNDS; r++) begin : gen_round
      assign tokens_of_lane[r] = tokens_q[TOKENS*r+l];
    end
    assign lane_tokens_o[3*l+:3] = tokens_of_lane[round_i];
    always_ff @(posedge clk_i) masked_q <= own_later && own_index_later > tokens_of_lane[round_later];
    assign masked_o[l] = masked_q;
  end

  // ------------------------------------------------------------------ tags of values: 64 per block
  // The block just complete, from the lanes' cycle 4 of its last record on: I + 8.
  wire dump;
  wire [2:0] dump_round;
  wire dump_half, dump_first, dump_last, dump_last_half;
  logic busy_q, half_q, first_q, last_q, last_half_q;
  logic [2:0] value_round_q;
  logic [5:0] value_q;
  wire [AddressBits-7:0] dump_block;
  wire [AddressBits-7:0] block = element[AddressBits-1:6];
  delay #(.WIDTH(8 + AddressBits - 6), .CYCLES(7)) u_dump (
      .clk_i,
      .d_i({sum_last_d, issue_round_q, issue_half_q, slot_position[23:6] == '0, last_block, half_end, block}),
      .q_o({dump, dump_round, dump_half, dump_first, dump_last, dump_last_half, dump_block}));
  always_ff @(posedge clk_i) begin
    if (dump) begin
      busy_q        <= 1'b1;
      value_q       <= '0;
      value_round_q <= dump_round;
      half_q        <= dump_half;
      first_q       <= dump_first;
      last_q        <= dump_last;
      last_half_q   <= dump_last_half;
    end else begin
      value_q <= value_q + 1;
      if (value_q == '1) busy_q <= 1'b0;
    end
    if (!rst_ni) busy_q <= 1'b0;
  end
  always_comb begin
    value_tag             = '0;
    value_tag.valid       = busy_q;
    value_tag.source      = vpu_pkg::SOURCE_VALUE;
    value_tag.row_valid   = 1'b1;
    value_tag.row_first   = first_q;
    value_tag.row_last    = last_q;
    value_tag.result_done = last_q && last_half_q && value_q == '1;
    value_tag.result_slot = first_slot_q + value_round_q;
    value_tag.row         = {value_round_q, half_q, value_q};
  end
  assign tag_o = busy_q ? value_tag : score_tag_later;

  // Exponents of the weights, held for the block: the first tag is D - 3 in I + 8.
  assign exponent_address_o = {values_count_q[0], dump_block};
  wire dump_later;
  delay #(.WIDTH(1), .CYCLES(2)) u_exponent (.clk_i, .d_i(dump), .q_o(dump_later));
  logic [8*TOKENS-1:0] exponent_q;
  always_ff @(posedge clk_i) if (dump_later) exponent_q <= exponent_data_i;
  // exponent_q changes in I + 10, the first D + 5 is I + 16.
  delay #(.WIDTH(8 * TOKENS), .CYCLES(6)) u_exponent_later (.clk_i, .d_i(exponent_q), .q_o(value_exponent_o));

  wire unused = &{1'b0, context_i, scale_beat_i, load_token, kv_head_i, q_heads_i};
endmodule
`default_nettype wire
