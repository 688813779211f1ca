// The compute side of the accelerator: unpacker, VPU, SPU and vector buffers. docs/rtl/interfaces.md describes
// its ports.
`default_nettype none
module compute #(
    parameter int TOKENS = 4,
    parameter int SCORE_BYTES = 524288,
    parameter int CONTEXT = 8192
) (
    input wire clk_i,
    input wire rst_ni,

    input wire brim_pkg::program_header_t header_i,
    input wire [                   23:0] position_i,
    input wire [                    3:0] tokens_i,
    input wire [                    3:0] first_logits_i,

    input  wire         beat_valid_i,
    output wire         beat_ready_o,
    input  wire [511:0] beat_data_i,

    input  wire                         vpu_valid_i,
    output wire                         vpu_ready_o,
    input  wire brim_pkg::instruction_t vpu_instruction_i,
    input  wire [                  7:0] vpu_generation_i,

    input  wire                         spu_valid_i,
    output wire                         spu_ready_o,
    input  wire brim_pkg::instruction_t spu_instruction_i,
    input  wire [                  7:0] spu_generation_i,

    output wire         write_valid_o,
    input  wire         write_ready_i,
    output wire [ 31:0] write_address_o,
    output wire [511:0] write_data_o,
    output wire [ 63:0] write_strobe_o,

    output wire [32*TOKENS-1:0] logits_crcs_o,  // of the last pass, token by token

    // Experts that a token of the pass has chosen, ascending, and an end behind them; after each `route`.
    output wire       expert_valid_o,
    input  wire       expert_ready_i,
    output wire       expert_end_o,
    output wire [6:0] expert_o,

    output wire idle_o,
    output wire overflow_o,
    output wire        damage_o,          // for one cycle: a checksum of the stream was wrong
    output wire        damage_load_o,     // of parameters, else of weights
    output wire [31:0] damage_address_o,  // in beats
    output wire stall_activation_o,
    output wire stall_result_o,
    output wire stall_softmax_o,
    output wire stall_scores_o
);
  // Elements of a lane's score buffer in one of two generations, 4 bytes each.
  localparam int Scores = SCORE_BYTES / (8 * TOKENS);

  // heads / kv_heads, by counting; the header is there long before the first instruction that asks.
  logic [3:0] heads_per_kv_q, quotient_q;
  logic [16:0] product_q;
  always_ff @(posedge clk_i) begin
    if (product_q >= {1'b0, header_i.heads}) begin
      heads_per_kv_q <= quotient_q;
      quotient_q     <= 4'd1;
      product_q      <= {1'b0, header_i.kv_heads};
    end else begin
      quotient_q <= quotient_q + 1;
      product_q  <= product_q + {1'b0, header_i.kv_heads};
    end
    if (!rst_ni) begin
      quotient_q <= 4'd1;
      product_q  <= {1'b0, header_i.kv_heads};
    end
  end

  wire parameter_we, rope_we, value_scale_we, embed_valid, embed_ready;
  wire [9:0] parameter_address, scale_beat;
  wire [5:0] rope_address;
  wire [23:0] generations, blocks;
  wire [12:0] activation_address;
  wire [64*TOKENS-1:0] activation_data, q_data, weight_data;
  wire [8*TOKENS-1:0] activation_exponent, q_exponent, exponent_data;
  wire [7:0] q_generation, q_heads, softmax_done, scores_done;
  wire [10:0] q_address;
  wire [9:0] local_address;
  wire [511:0] local_data;
  wire [8:0] local_scale_address;
  wire [19:0] local_scale;
  wire [$clog2(Scores)-2:0] weight_address;
  wire [$clog2(Scores)-6:0] exponent_address;
  wire score_we, result_valid, result_ready, vpu_idle, spu_idle;
  wire [$clog2(Scores):0] score_address;
  wire [32*TOKENS-1:0] score, largest, result;
  wire [3*TOKENS-1:0] lane_tokens;
  wire [3:0] max_read;

  vpu #(.TOKENS(TOKENS), .CONTEXT(CONTEXT), .SCORES(Scores)) u_vpu (
      .clk_i, .rst_ni, .head_size_i(header_i.head_size), .key_four_bits_i(header_i.key_bits == 8'd4),
      .value_four_bits_i(header_i.value_bits == 8'd4), .context_i(header_i.context_size),
      .heads_per_kv_i(heads_per_kv_q), .inverse_sqrt_head_size_i(header_i.inverse_sqrt_head_size), .position_i,
      .tokens_i, .instruction_valid_i(vpu_valid_i), .instruction_ready_o(vpu_ready_o),
      .instruction_i(vpu_instruction_i), .generation_i(vpu_generation_i), .beat_valid_i, .beat_ready_o,
      .beat_i(beat_data_i), .parameter_we_o(parameter_we), .parameter_address_o(parameter_address),
      .rope_we_o(rope_we), .rope_address_o(rope_address), .value_scale_we_o(value_scale_we),
      .scale_beat_o(scale_beat), .embed_valid_o(embed_valid), .embed_ready_i(embed_ready),
      .generations_i(generations), .blocks_i(blocks), .activation_address_o(activation_address),
      .activation_data_i(activation_data), .activation_exponent_i(activation_exponent),
      .q_generation_i(q_generation), .q_heads_i(q_heads), .q_address_o(q_address), .q_data_i(q_data),
      .q_exponent_i(q_exponent), .local_address_o(local_address), .local_data_i(local_data),
      .local_scale_address_o(local_scale_address), .local_scale_i(local_scale), .softmax_done_i(softmax_done),
      .weight_address_o(weight_address), .weight_data_i(weight_data), .exponent_address_o(exponent_address),
      .exponent_data_i(exponent_data), .scores_done_o(scores_done), .score_we_o(score_we),
      .score_address_o(score_address), .score_o(score), .max_read_i(max_read), .max_o(largest),
      .lane_tokens_o(lane_tokens), .result_valid_o(result_valid), .result_ready_i(result_ready), .result_o(result),
      .damage_o, .damage_load_o, .damage_address_o, .idle_o(vpu_idle), .stall_activation_o, .stall_result_o, .stall_softmax_o, .stall_scores_o);

  spu #(.TOKENS(TOKENS), .SCORES(Scores)) u_spu (
      .clk_i, .rst_ni, .header_i, .heads_per_kv_i(heads_per_kv_q), .position_i, .tokens_i, .first_logits_i,
      .instruction_valid_i(spu_valid_i), .instruction_ready_o(spu_ready_o), .instruction_i(spu_instruction_i),
      .generation_i(spu_generation_i), .beat_i(beat_data_i), .parameter_we_i(parameter_we),
      .parameter_address_i(parameter_address), .rope_we_i(rope_we), .rope_address_i(rope_address),
      .value_scale_we_i(value_scale_we), .scale_beat_i(scale_beat), .embed_valid_i(embed_valid),
      .embed_ready_o(embed_ready), .result_valid_i(result_valid), .result_ready_o(result_ready), .result_i(result),
      .scores_done_i(scores_done), .score_we_i(score_we), .score_address_i(score_address), .score_i(score),
      .max_read_o(max_read), .max_i(largest), .lane_tokens_i(lane_tokens), .softmax_done_o(softmax_done),
      .activation_address_i(activation_address), .activation_data_o(activation_data),
      .activation_exponent_o(activation_exponent), .q_address_i(q_address), .q_data_o(q_data),
      .q_exponent_o(q_exponent), .weight_address_i(weight_address), .weight_data_o(weight_data),
      .exponent_address_i(exponent_address), .exponent_data_o(exponent_data), .local_address_i(local_address),
      .local_data_o(local_data), .local_scale_address_i(local_scale_address), .local_scale_o(local_scale),
      .generations_o(generations), .blocks_o(blocks), .q_generation_o(q_generation), .q_heads_o(q_heads),
      .expert_valid_o, .expert_ready_i, .expert_end_o, .expert_o, .write_valid_o, .write_ready_i, .write_address_o, .write_data_o, .write_strobe_o, .logits_crcs_o, .idle_o(spu_idle),
      .overflow_o);

  assign idle_o = vpu_idle && spu_idle;
endmodule
`default_nettype wire
