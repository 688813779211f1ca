// Takes the VPU's instructions in order and gives every beat of the stream to whom it belongs.
//
// A page of weights is let in only when its activation blocks are there and, if it is the last of a row
// block, a slot of the result buffer is free. What has been let in never waits again.
`default_nettype none
module unpacker (
    input wire clk_i,
    input wire rst_ni,

    input wire [15:0] head_size_i,
    input wire        key_four_bits_i,    // in the cache, as value_four_bits_i
    input wire        value_four_bits_i,
    input wire [23:0] position_i,
    input wire [ 3:0] tokens_i,

    input  wire                        instruction_valid_i,
    output wire                        instruction_ready_o,
    input  wire brim_pkg::instruction_t instruction_i,
    input  wire [7:0]                  generation_i,
    // The one under way, and its generation.
    output wire brim_pkg::instruction_t instruction_o,
    output wire [7:0]                  generation_o,

    input  wire         beat_valid_i,
    output logic        beat_ready_o,

    // Memories that take their beats as they come.
    output wire        parameter_we_o,   // P
    output wire [ 9:0] parameter_address_o,
    output wire        rope_we_o,        // R
    output wire [ 5:0] rope_address_o,   // {token, beat of the row}
    output wire        metadata_we_o,
    output wire [ 7:0] metadata_address_o,
    output wire        scale_we_o,       // K or V scales
    output wire        scale_value_o,
    output wire [ 9:0] scale_beat_o,

    // For the checksums, of the beat that is taken: first or last of its page or load.
    output wire check_metadata_o,
    output wire check_weights_o,
    output wire check_first_o,
    output wire check_last_o,

    // Embedding rows.
    output wire embed_valid_o,
    input  wire embed_ready_i,

    // A matrix: start_o in the cycle after its instruction, then the beats of its pages, with what belongs to a page.
    output wire        matvec_start_o,
    output wire [19:0] matvec_row_blocks_o,
    output wire        weight_valid_o,
    input  wire        weight_ready_i,
    output wire        page_start_o,      // with a page's first beat
    output wire [ 2:0] page_columns_o,
    output wire        page_first_o,      // of its row block
    output wire        page_last_o,
    output wire [ 7:0] page_rows_o,       // of the row block that count
    output wire [ 7:0] page_record_o,     // first beat of its record in the metadata buffer
    input  wire        activations_ready_i,
    input  wire        result_ready_i,

    // Attention: start_o likewise; then records of K or V; done_i when all of it has been issued.
    output wire kv_start_o,
    output wire kv_valid_o,
    input  wire kv_ready_i,
    input  wire kv_done_i,
    input  wire kv_may_start_i,

    output wire idle_o,
    output wire stall_activation_o,
    output wire stall_result_o
);
  typedef enum logic [3:0] {
    IDLE,
    LOAD,
    ROPE,
    EMBED,
    METADATA,
    WEIGHTS,
    SCALES,
    KV,
    KV_WAIT
  } state_t;
  // The stream's `ready` starts here and goes far, so a state must not have to be decoded.
`ifdef YOSYS
  (* fsm_encoding = "one-hot" *) state_t state_q;
`else
  (* fsm_encoding = "one_hot" *) state_t state_q;  // Vivado's spelling
`endif

  brim_pkg::instruction_t instruction_q;
  logic [ 7:0] generation_q;
  logic        matvec_start_q, kv_start_q;
  logic [31:0] count_q;        // beats, or pages of a matrix, that are to come
  logic        count_one_q;    // it is 1
  logic [ 6:0] beat_q;         // of the page
  logic        new_page_q, last_beat_q;  // it is 0, 127
  logic [ 2:0] token_q;
  logic [ 2:0] row_beat_q;
  logic [ 4:0] chunk_pages_q;  // that the metadata at hand still describes
  logic [ 6:0] record_q;       // beat of the metadata half
  logic        half_q;         // of the metadata buffer
  // Of the row block: columns from the next page on, rows from this block on. What follows from them for the next
  // page is there when it begins: pages take 128 beats, and the first one waits for its activations.
  logic [14:0] columns_left_q;
  logic [31:0] rows_left_q;
  logic        first_page_q, last_page_q, page_allowed_q;
  logic [ 7:0] page_rows_q;
  logic        load_first_q;   // the load's first beat is to come
  logic [ 9:0] address_q;
  logic        value_q;        // V scales

  logic [7:0] shape_rows_q;  // rows of a page

  // Beats of 32 scales or, of four bits, 16; records of one beat or two or, of four bits, two to a beat (of tokens t and
  // t + 4) or one.
  wire wide = head_size_i > 16'd64;
  wire [19:0] short_scales = 20'((position_i + 24'd31) >> 5);
  wire [19:0] long_scales = 20'((position_i + 24'd15) >> 4);
  wire [24:0] pairs = {2'b0, position_i[23:3], 2'b0} + {22'b0, position_i[2] ? 3'd4 : position_i[2:0]};
  wire [24:0] bytes_beats = wide ? {position_i, 1'b0} : {1'b0, position_i};
  wire [24:0] nibbles_beats = wide ? {1'b0, position_i} : pairs;
  logic [19:0] key_scales_q, value_scales_q;
  logic [24:0] key_beats_q, value_beats_q;
  logic no_position_q;
  logic [2:0] last_token_q;
  always_ff @(posedge clk_i) begin
    key_scales_q   <= key_four_bits_i ? long_scales : short_scales;
    value_scales_q <= value_four_bits_i ? long_scales : short_scales;
    key_beats_q    <= key_four_bits_i ? nibbles_beats : bytes_beats;
    value_beats_q  <= value_four_bits_i ? nibbles_beats : bytes_beats;
    no_position_q  <= position_i == '0;
    last_token_q   <= tokens_i[2:0] - 3'd1;

    shape_rows_q   <= instruction_q.shape[2] ? 8'd32 : instruction_q.shape[1] ? 8'd64 : 8'd128;
    last_page_q    <= columns_left_q <= 15'(instruction_q.shape[2:0]);
    page_rows_q    <= rows_left_q < 32'(shape_rows_q) ? rows_left_q[7:0] : shape_rows_q;
    page_allowed_q <= state_q != IDLE && activations_ready_i && (result_ready_i || !last_page_q);
  end

  wire weight_allowed = !new_page_q || page_allowed_q;
  always_comb begin
    case (state_q)
      LOAD, ROPE, METADATA, SCALES: beat_ready_o = 1'b1;
      EMBED: beat_ready_o = embed_ready_i;
      WEIGHTS: beat_ready_o = weight_ready_i && weight_allowed;
      KV: beat_ready_o = kv_ready_i;
      default: beat_ready_o = 1'b0;
    endcase
  end
  wire take = beat_valid_i && beat_ready_o;
  wire take_weights = beat_valid_i && weight_ready_i && weight_allowed;  // in WEIGHTS
  wire take_of_page = state_q == METADATA ? beat_valid_i : state_q == WEIGHTS && take_weights;

  wire op_kv = instruction_i.opcode == brim_pkg::OP_SCORES || instruction_i.opcode == brim_pkg::OP_VALUES;
  assign instruction_ready_o = state_q == IDLE && (!op_kv || kv_may_start_i);
  wire accept = instruction_valid_i && instruction_ready_o;

  assign matvec_row_blocks_o =
      20'(vpu_pkg::row_blocks(instruction_q.rows, instruction_q.shape[1], instruction_q.shape[2]));
  assign matvec_start_o = matvec_start_q;
  assign kv_start_o = kv_start_q;
  assign instruction_o = instruction_q;
  assign generation_o = generation_q;

  // What is counted next: where an instruction begins, the next token's row, V scales after K scales, records after
  // scales. Whether that or a decrement does not depend on the beat.
  logic [31:0] next_count;
  logic next_count_one;
  wire count_ends = take && count_one_q;
  wire count_load = state_q == IDLE || (count_one_q && (state_q == ROPE || state_q == EMBED || state_q == SCALES));
  always_comb begin
    next_count     = instruction_q.count;
    next_count_one = instruction_q.count == 32'd1;
    if (state_q == IDLE) begin
      next_count     = instruction_i.count;
      next_count_one = instruction_i.count == 32'd1;
    end
    if (state_q == IDLE && instruction_i.opcode == brim_pkg::OP_SCORES) begin
      next_count     = 32'(key_scales_q);
      next_count_one = key_scales_q == 20'd1;
    end
    if (state_q == SCALES && !value_q) begin
      next_count     = 32'(value_scales_q);
      next_count_one = value_scales_q == 20'd1;
    end
    if (state_q == SCALES && value_q) begin
      next_count     = 32'(key_beats_q);
      next_count_one = key_beats_q == 25'd1;
    end
    if (state_q == IDLE && instruction_i.opcode == brim_pkg::OP_VALUES) begin
      next_count     = 32'(value_beats_q);
      next_count_one = value_beats_q == 25'd1;
    end
  end
  wire page_ends = take_of_page && last_beat_q;
  wire counts = state_q == WEIGHTS ? page_ends : take;

  always_ff @(posedge clk_i) begin
    matvec_start_q <= accept && instruction_i.opcode == brim_pkg::OP_MATVEC && rst_ni;
    kv_start_q     <= accept && op_kv && rst_ni;
    if (accept || (counts && state_q != METADATA)) begin
      count_q     <= count_load ? next_count : count_q - 1;
      count_one_q <= count_load ? next_count_one : count_q == 32'd2;
    end
    if (take_of_page) begin
      beat_q      <= beat_q + 1;
      new_page_q  <= last_beat_q;
      last_beat_q <= beat_q == 7'd126;
    end
    case (state_q)
      IDLE:
      if (accept) begin
        instruction_q  <= instruction_i;
        generation_q   <= generation_i;
        address_q      <= instruction_i.opcode == brim_pkg::OP_SCORES ? '0 : instruction_i.param[9:0];
        token_q        <= '0;
        row_beat_q     <= '0;
        beat_q         <= '0;
        new_page_q     <= 1'b1;
        load_first_q   <= 1'b1;
        last_beat_q    <= 1'b0;
        columns_left_q <= instruction_i.groups[14:0];
        rows_left_q    <= instruction_i.rows;
        first_page_q   <= 1'b1;
        value_q        <= 1'b0;
        case (instruction_i.opcode)
          brim_pkg::OP_STREAM: chunk_pages_q <= '0;
          brim_pkg::OP_LOAD: state_q <= LOAD;
          brim_pkg::OP_ROPE: state_q <= ROPE;
          brim_pkg::OP_EMBED: state_q <= EMBED;
          brim_pkg::OP_MATVEC: state_q <= chunk_pages_q == '0 ? METADATA : WEIGHTS;
          brim_pkg::OP_SCORES: state_q <= no_position_q ? KV_WAIT : SCALES;
          brim_pkg::OP_VALUES: state_q <= no_position_q ? KV_WAIT : KV;
          default: ;
        endcase
      end
      LOAD:
      if (beat_valid_i) begin
        address_q    <= address_q + 1;
        load_first_q <= 1'b0;
        if (count_one_q) state_q <= IDLE;
      end
      SCALES:
      if (beat_valid_i) begin
        address_q <= address_q + 1;
        if (count_one_q) begin
          value_q   <= 1'b1;
          address_q <= '0;
          if (value_q) state_q <= KV;
        end
      end
      ROPE, EMBED: begin
        if (take) row_beat_q <= row_beat_q + 1;
        if (count_ends) begin
          row_beat_q <= '0;
          token_q    <= token_q + 1;
          if (token_q == last_token_q) state_q <= IDLE;
        end
      end
      METADATA:
      if (page_ends) begin
        chunk_pages_q <= 5'(brim_pkg::PAGES_PER_CHUNK);
        half_q        <= !half_q;
        record_q      <= '0;
        state_q       <= WEIGHTS;
      end
      WEIGHTS: begin
        if (take_weights && new_page_q) begin
          first_page_q   <= last_page_q;
          columns_left_q <= last_page_q ? instruction_q.groups[14:0] :
              columns_left_q - 15'(instruction_q.shape[2:0]);
          if (last_page_q) rows_left_q <= rows_left_q - 32'(shape_rows_q);
        end
        if (page_ends) begin
          chunk_pages_q <= chunk_pages_q - 1;
          record_q      <= record_q + 7'd5;
          if (count_one_q) state_q <= IDLE;
          else if (chunk_pages_q == 1) state_q <= METADATA;
        end
      end
      KV: if (count_ends) state_q <= KV_WAIT;
      default: if (kv_done_i) state_q <= IDLE;
    endcase
    if (!rst_ni) begin
      state_q       <= IDLE;
      chunk_pages_q <= '0;
      half_q        <= 1'b0;
    end
  end

  // Beat k of a page is page offset (k mod 4) * 2048 + (k / 4) * 64: four ports in turn.
  wire [6:0] page_beat = {beat_q[1:0], beat_q[6:2]};

  assign parameter_we_o      = beat_valid_i && state_q == LOAD;
  assign parameter_address_o = address_q;
  assign rope_we_o           = beat_valid_i && state_q == ROPE;
  assign rope_address_o      = {token_q, row_beat_q};
  assign embed_valid_o       = beat_valid_i && state_q == EMBED;
  assign check_metadata_o    = beat_valid_i && state_q == METADATA;
  assign check_weights_o     = take_weights && state_q == WEIGHTS;
  assign check_first_o       = state_q == LOAD ? load_first_q : new_page_q;
  assign check_last_o        = state_q == LOAD ? count_one_q : last_beat_q;
  assign metadata_we_o       = beat_valid_i && state_q == METADATA;
  assign metadata_address_o  = {half_q, page_beat};
  assign scale_we_o          = beat_valid_i && state_q == SCALES;
  assign scale_value_o       = value_q;
  assign scale_beat_o        = address_q;
  assign kv_valid_o          = beat_valid_i && state_q == KV;

  assign weight_valid_o = beat_valid_i && state_q == WEIGHTS && weight_allowed;
  assign page_start_o   = take_weights && state_q == WEIGHTS && new_page_q;
  assign page_columns_o = instruction_q.shape[2:0];
  assign page_first_o   = first_page_q;
  assign page_last_o    = last_page_q;
  assign page_rows_o    = page_rows_q;
  // half_q has moved on since the metadata came.
  assign page_record_o  = {!half_q, record_q};

  assign idle_o = state_q == IDLE;
  assign stall_activation_o = state_q == WEIGHTS && beat_valid_i && !weight_allowed && !activations_ready_i;
  assign stall_result_o = state_q == WEIGHTS && beat_valid_i && !weight_allowed && activations_ready_i;

  wire unused = &{1'b0, instruction_q, tokens_i[3]};
endmodule
`default_nettype wire
