// Checks a program's header and the registers of a pass against what the accelerator holds, and derives from the
// header what its instructions are checked against. Takes 127 cycles, so that sums can be formed by counting;
// the compute side needs the header 64 cycles before the first instruction anyway.
`default_nettype none
module pass_check #(
    parameter int TOKENS = 4,
    parameter int SCORE_BYTES = 524288,
    parameter int CONTEXT = 8192
) (
    input wire clk_i,
    input wire rst_ni,

    input  wire                             start_i,   // for one cycle; the header stays from then on
    input  wire brim_pkg::program_header_t  header_i,
    input  wire [                     31:0] position_i,
    input  wire [                     31:0] tokens_i,
    input  wire [                     31:0] first_logits_i,
    input  wire [            32*TOKENS-1:0] token_ids_i,

    output wire                             done_o,         // for one cycle
    output wire                             bad_program_o,  // with done_o
    output wire                             bad_pass_o,
    output wire control_pkg::limits_t       limits_o        // from done_o on
);
  localparam int Scores = SCORE_BYTES / (8 * TOKENS);  // of a lane: rounds * context at most
  localparam int TokenBits = $clog2(TOKENS);
  localparam int MaxHeadsPerKv = brim_pkg::MOST_HEADS_PER_KV;

  // When each sum is formed. Heads per KV head are known before they are used.
  localparam logic [6:0] PairsFrom = 7'd16;
  localparam logic [6:0] RoundsAt = 7'd40;
  localparam logic [6:0] ScoresFrom = 7'd41;
  logic [6:0] step_q;
  logic done_q;
  wire busy = step_q != '0;
  always_ff @(posedge clk_i) begin
    if (busy) step_q <= step_q + 1;
    if (start_i) step_q <= 7'd1;
    done_q <= step_q == '1;
    if (!rst_ni) begin
      step_q <= '0;
      done_q <= 1'b0;
    end
  end

  // ------------------------------------------------------------------ sums by counting
  logic [3:0] heads_per_kv_q;
  logic [16:0] kv_multiple_q;         // heads_per_kv_q * kv_heads
  logic [6:0] heads_left_q;
  logic [13:0] attention_q;           // heads * head_size
  logic [6:0] pairs_q;                // of a token and a query head of a KV head
  logic [3:0] rounds_q;
  logic [3:0] rounds_left_q;
  logic [28:0] score_rows_q;          // rounds * context
  logic id_bad_q;
  logic [TOKENS-1:0] id_wrong;
  for (genvar t = 0; t < TOKENS; t++) begin : gen_id
    logic wrong_q;
    always_ff @(posedge clk_i)
      wrong_q <= token_ids_i[32*t+:32] >= header_i.vocabulary && 32'(t) < tokens_i;
    assign id_wrong[t] = wrong_q;
  end

  always_ff @(posedge clk_i) begin
    if (kv_multiple_q < {1'b0, header_i.heads} && heads_per_kv_q <= 4'(MaxHeadsPerKv)) begin
      kv_multiple_q  <= kv_multiple_q + {1'b0, header_i.kv_heads};
      heads_per_kv_q <= heads_per_kv_q + 1;
    end
    if (heads_left_q != '0) begin
      heads_left_q <= heads_left_q - 1;
      attention_q  <= attention_q + 14'(header_i.head_size[7:0]);
    end
    if (step_q >= PairsFrom && step_q < PairsFrom + 7'(tokens_i[4:0]) && step_q < PairsFrom + 7'(TOKENS))
      pairs_q <= pairs_q + 7'(heads_per_kv_q);
    rounds_q <= 4'((8'(pairs_q) + 8'(TOKENS - 1)) >> TokenBits);
    if (step_q == RoundsAt) rounds_left_q <= rounds_q;
    else if (step_q >= ScoresFrom && rounds_left_q != '0) begin
      rounds_left_q <= rounds_left_q - 1;
      score_rows_q  <= score_rows_q + 29'(header_i.context_size[24:0]);
    end
    id_bad_q <= |id_wrong;
    if (start_i) begin
      kv_multiple_q  <= '0;
      heads_per_kv_q <= '0;
      heads_left_q   <= header_i.heads[6:0];
      attention_q    <= '0;
      pairs_q        <= '0;
      score_rows_q   <= '0;
    end
  end

  // ------------------------------------------------------------------ checks
  // In small steps, as there is time.
  logic bad_format_q, bad_dim_q, bad_hidden_q, bad_vocabulary_q, bad_head_size_q, bad_heads_q, bad_kv_heads_q;
  logic bad_groups_q, bad_context_q, long_context_q, bad_experts_q, no_experts_q, bad_program_q;
  logic bad_tokens_q, bad_position_q, bad_scores_q, bad_pass_q;
  logic [32:0] end_position_q;
  always_ff @(posedge clk_i) begin
    bad_format_q <= header_i.magic != brim_pkg::PROGRAM_MAGIC || header_i.version != brim_pkg::PROGRAM_VERSION ||
        header_i.instructions == '0 || (header_i.key_bits != 8'd8 && header_i.key_bits != 8'd4) ||
        (header_i.value_bits != 8'd8 && header_i.value_bits != 8'd4) ||
        (header_i.kv_flags & ~(8'd1 << brim_pkg::KV_ROTATED_BIT)) != '0;
    // All of a mixture's sizes, or none.
    no_experts_q  <= {header_i.experts_per_token, header_i.experts, header_i.expert_hidden} == '0;
    bad_experts_q <= header_i.experts > 16'(brim_pkg::MOST_EXPERTS) || header_i.experts_per_token == '0 ||
        header_i.experts_per_token > 8'(brim_pkg::MOST_EXPERTS_PER_TOKEN) ||
        16'(header_i.experts_per_token) > header_i.experts || header_i.expert_hidden == '0 ||
        header_i.expert_hidden > 16'(brim_pkg::MOST_HIDDEN);
    bad_dim_q        <= header_i.dim == '0 || header_i.dim > 32'(brim_pkg::MOST_DIM);
    bad_hidden_q     <= header_i.hidden == '0 || header_i.hidden > 32'(brim_pkg::MOST_HIDDEN);
    bad_vocabulary_q <= header_i.vocabulary == '0 || header_i.vocabulary > 32'(brim_pkg::MOST_VOCABULARY);
    bad_head_size_q  <= header_i.head_size == '0 || header_i.head_size > 16'd128 || header_i.head_size[0];
    bad_heads_q      <= header_i.heads == '0 || header_i.heads > 16'(brim_pkg::MOST_HEADS);
    bad_kv_heads_q   <= header_i.kv_heads == '0 || header_i.kv_heads > 16'(brim_pkg::MOST_KV_HEADS);
    bad_groups_q     <= kv_multiple_q != {1'b0, header_i.heads} || heads_per_kv_q > 4'(MaxHeadsPerKv);
    bad_context_q    <= header_i.context_size == '0 || header_i.context_size[5:0] != '0;
    long_context_q   <= header_i.context_size > 32'(CONTEXT);
    bad_program_q    <= bad_format_q || bad_dim_q || bad_hidden_q || bad_vocabulary_q || bad_head_size_q ||
        bad_heads_q || bad_kv_heads_q || bad_groups_q || bad_context_q || long_context_q ||
        (bad_experts_q && !no_experts_q);

    bad_tokens_q   <= tokens_i == '0 || tokens_i > 32'(TOKENS) || first_logits_i > tokens_i;
    end_position_q <= {1'b0, position_i} + {1'b0, tokens_i};
    bad_position_q <= end_position_q > {1'b0, header_i.context_size};
    bad_scores_q   <= score_rows_q > 29'(Scores);
    bad_pass_q     <= bad_tokens_q || bad_position_q || bad_scores_q || id_bad_q;
  end
  assign done_o        = done_q;
  assign bad_program_o = bad_program_q;
  assign bad_pass_o    = bad_pass_q;

  // ------------------------------------------------------------------ limits
  control_pkg::limits_t limits_q;
  wire [31:0] dim_up = header_i.dim + 32'd127;
  wire [31:0] hidden_up = header_i.hidden + 32'd127;
  wire [15:0] expert_hidden_up = header_i.expert_hidden + 16'd127;
  always_ff @(posedge clk_i) begin
    limits_q.normed_groups    <= dim_up[13:7];
    limits_q.attention_groups <= 7'((attention_q + 14'd127) >> 7);
    limits_q.hidden_groups    <= hidden_up[13:7];
    limits_q.expert_groups    <= no_experts_q ? hidden_up[13:7] : expert_hidden_up[13:7];
    // embedding_row_bytes of src/isa/layout.h in beats, for at most 32 groups.
    limits_q.fp16_row_beats   <= 8'((header_i.dim[12:0] + 13'd31) >> 5);
    limits_q.q8_row_beats     <= {limits_q.normed_groups, 1'b1};
    limits_q.q4_row_beats     <= 8'(limits_q.normed_groups) + (limits_q.normed_groups > 7'd21 ? 8'd2 : 8'd1);
    limits_q.norm_beats       <= 9'((header_i.dim[12:0] + 13'd15) >> 4);
    limits_q.head_beats       <= 4'((header_i.head_size[7:0] + 8'd15) >> 4);
    limits_q.dim              <= header_i.dim;
    limits_q.hidden_rows      <= {header_i.hidden[30:0], 1'b0};
    limits_q.expert_hidden_rows <= no_experts_q ? {header_i.hidden[30:0], 1'b0} : {15'b0, header_i.expert_hidden, 1'b0};
    limits_q.experts          <= header_i.experts[7:0];
    limits_q.vocabulary       <= header_i.vocabulary;
    limits_q.heads            <= header_i.heads;
    limits_q.kv_heads         <= header_i.kv_heads;
    limits_q.instructions     <= header_i.instructions;
    limits_q.prompt           <= first_logits_i == tokens_i;
  end
  assign limits_o = limits_q;
  wire unused = &{1'b0, header_i, dim_up, hidden_up, expert_hidden_up};
endmodule
`default_nettype wire
