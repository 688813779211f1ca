// Takes the MCU's instructions and says which runs of addresses each one reads (docs/program.md, "Reads of the
// MCU"). A piece per cycle; for a row of a table five cycles, as its address is a product.
`default_nettype none
module mcu_pieces #(
    parameter int TOKENS = 4
) (
    input wire clk_i,
    input wire rst_ni,

    // Of the pass, stable.
    input wire [         31:0] context_i,
    input wire                 wide_heads_i,  // of more than 64 elements
    input wire                 key_four_bits_i,
    input wire                 value_four_bits_i,
    input wire [         23:0] position_i,
    input wire [          3:0] tokens_i,
    input wire [32*TOKENS-1:0] token_ids_i,

    input  wire                         instruction_valid_i,
    output wire                         instruction_ready_o,
    input  wire brim_pkg::instruction_t instruction_i,

    output wire                  piece_valid_o,
    input  wire                  piece_ready_i,
    output wire mcu_pkg::piece_t piece_o,
    output wire                  wide_records_o,  // of 128 bytes
    output wire                  idle_o
);
  localparam logic [2:0] ProductReady = 3'd4;

  brim_pkg::instruction_t instruction_q;
  logic valid_q;
  logic [1:0] step_q;   // of `scores`: K scales, V scales, K records
  logic [2:0] token_q;  // of `rope` and `embed`
  logic [2:0] phase_q;  // cycles since token_q stands, up to ProductReady
  // `stream` reads nothing: the next matrix says where its run of chunks starts.
  logic new_stream_q;
  logic [31:0] stream_q;

  // What kind of instruction it is, and whether it reads anything, found out when it is taken.
  wire next_scores = instruction_i.opcode == brim_pkg::OP_SCORES;
  wire next_records = next_scores || instruction_i.opcode == brim_pkg::OP_VALUES;
  logic of_rows_q, of_scores_q, of_stream_q, nothing_q;
  // Registers, but stable long before the first instruction.
  logic no_past_q;
  logic [2:0] last_token_q;
  always_ff @(posedge clk_i) begin
    no_past_q    <= position_i == '0;
    last_token_q <= 3'(tokens_i - 4'd1);
  end

  // Address of the token's row, one DSP48E2: rows and ids below 2^26, as memory holds no more beats than that.
  wire [8*32-1:0] ids = (8 * 32)'(token_ids_i);
  wire [31:0] id = ids[32*token_q+:32];
  logic [25:0] row_q;
  logic [16:0] beats_q;
  logic [42:0] product_q, product2_q;
  logic [31:0] row_address_q, value_scales_q;
  always_ff @(posedge clk_i) begin
    row_q <= instruction_q.opcode == brim_pkg::OP_ROPE ? {2'b0, position_i} + {23'b0, token_q} : id[25:0];
    beats_q        <= instruction_q.count[16:0];
    product_q      <= row_q * beats_q;
    product2_q     <= product_q;
    row_address_q  <= instruction_q.address + product2_q[31:0];
    value_scales_q <= instruction_q.address2 + (key_four_bits_i ? {4'b0, context_i[31:4]} : {5'b0, context_i[31:5]});
  end

  // Beats of scales, of 4 bytes each or of 2; records, or pairs of them where two, of tokens t and t + 4, share a beat.
  // Registers, but stable long before the first instruction.
  wire [19:0] long_scales = position_i[23:4] + {19'b0, position_i[3:0] != '0};
  wire [19:0] short_scales = {1'b0, position_i[23:5] + {18'b0, position_i[4:0] != '0}};
  wire [23:0] pairs = {1'b0, position_i[23:3], 2'b00} + {21'b0, position_i[2] ? 3'd4 : position_i[2:0]};
  logic [19:0] key_scales_q, value_scale_beats_q;
  logic [23:0] key_records_q, value_records_q;
  always_ff @(posedge clk_i) begin
    key_scales_q        <= key_four_bits_i ? long_scales : short_scales;
    value_scale_beats_q <= value_four_bits_i ? long_scales : short_scales;
    key_records_q       <= key_four_bits_i && !wide_heads_i ? pairs : position_i;
    value_records_q     <= value_four_bits_i && !wide_heads_i ? pairs : position_i;
  end

  mcu_pkg::piece_t piece;
  logic last;  // piece of the instruction
  always_comb begin
    piece.kind    = mcu_pkg::PIECE_LINEAR;
    piece.address = instruction_q.address;
    piece.count   = instruction_q.count;
    last          = 1'b1;
    case (instruction_q.opcode)
      brim_pkg::OP_MATVEC: begin
        piece.kind    = new_stream_q ? mcu_pkg::PIECE_STREAM : mcu_pkg::PIECE_WEIGHTS;
        piece.address = stream_q;
      end
      brim_pkg::OP_ROPE, brim_pkg::OP_EMBED: begin
        piece.address = row_address_q;
        last          = token_q == last_token_q;
      end
      brim_pkg::OP_SCORES, brim_pkg::OP_VALUES: begin
        piece.kind  = mcu_pkg::PIECE_RECORDS;
        piece.count = {8'b0, of_scores_q ? key_records_q : value_records_q};
        if (of_scores_q && step_q != 2'd2) begin
          piece.kind    = mcu_pkg::PIECE_LINEAR;
          piece.address = step_q == 2'd0 ? instruction_q.address2 : value_scales_q;
          piece.count   = {12'b0, step_q == 2'd0 ? key_scales_q : value_scale_beats_q};
          last          = 1'b0;
        end
      end
      default: ;
    endcase
  end

  wire there = !of_rows_q || phase_q == ProductReady;
  assign piece_valid_o = valid_q && !nothing_q && there;
  assign piece_o = piece;
  assign wide_records_o = wide_heads_i && !(of_scores_q ? key_four_bits_i : value_four_bits_i);
  wire push = piece_valid_o && piece_ready_i;
  assign instruction_ready_o = !valid_q || nothing_q || (push && last);
  assign idle_o = !valid_q;

  always_ff @(posedge clk_i) begin
    if (phase_q != ProductReady) phase_q <= phase_q + 1;
    if (push) begin
      step_q  <= step_q + 1;
      token_q <= token_q + 1;
      phase_q <= '0;
    end
    if (instruction_ready_o) begin
      valid_q       <= instruction_valid_i;
      instruction_q <= instruction_i;
      of_rows_q     <= instruction_i.opcode == brim_pkg::OP_ROPE || instruction_i.opcode == brim_pkg::OP_EMBED;
      of_scores_q   <= next_scores;
      of_stream_q   <= instruction_i.opcode == brim_pkg::OP_STREAM;
      nothing_q     <= instruction_i.opcode == brim_pkg::OP_STREAM || (next_records ? no_past_q : instruction_i.count == '0);
      step_q        <= '0;
      token_q       <= '0;
      phase_q       <= '0;
    end
    if (valid_q && of_stream_q) begin
      new_stream_q <= 1'b1;
      stream_q     <= instruction_q.address;
    end else if (push && instruction_q.opcode == brim_pkg::OP_MATVEC) begin
      new_stream_q <= 1'b0;
    end
    if (!rst_ni) valid_q <= 1'b0;
  end
  wire unused = &{1'b0, id[31:26], context_i[3:0], product2_q[42:32], instruction_q};
endmodule
`default_nettype wire
