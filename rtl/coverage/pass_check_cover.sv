// Functional points of pass_check: each group of checks fails alone, for each number of tokens a pass is let in.
`default_nettype none
module pass_check_cover #(
    parameter int TOKENS = 4
) (
    input wire        clk_i,
    input wire        rst_ni,
    input wire        done_o,
    input wire        bad_program_o,
    input wire        bad_pass_o,
    input wire        bad_format_q,
    input wire        bad_size,
    input wire        bad_heads,
    input wire        bad_context,
    input wire        bad_tokens_q,
    input wire        bad_position_q,
    input wire        bad_scores_q,
    input wire        id_bad_q,
    input wire [31:0] tokens_i,
    input wire [31:0] first_logits_i,
    input wire [ 3:0] heads_per_kv_q
);
  default clocking @(posedge clk_i);
  endclocking
  wire [3:0] program_faults = {bad_format_q, bad_size, bad_heads, bad_context};
  wire [3:0] pass_faults = {bad_tokens_q, bad_position_q, bad_scores_q, id_bad_q};
  for (genvar i = 0; i < 4; i++) begin : gen_fault
    program_alone: cover property (rst_ni && done_o && program_faults == 4'd1 << i);
    pass_alone: cover property (rst_ni && done_o && !bad_program_o && pass_faults == 4'd1 << i);
  end
  wire good = rst_ni && done_o && !bad_program_o && !bad_pass_o;
  for (genvar t = 1; t <= TOKENS; t++) begin : gen_tokens
    let_in: cover property (good && tokens_i == 32'(t));
  end
  for (genvar heads = 1; heads <= 8; heads++) begin : gen_heads_per_kv
    let_in: cover property (good && heads_per_kv_q == 4'(heads));
  end
  prompt: cover property (good && first_logits_i == tokens_i);
  logits_of_all: cover property (good && first_logits_i == '0 && tokens_i != 32'd1);
  logits_of_some: cover property (good && first_logits_i != '0 && first_logits_i != tokens_i);
endmodule
bind pass_check pass_check_cover #(.TOKENS(TOKENS)) u_cover (
    .bad_size(bad_dim_q || bad_hidden_q || bad_vocabulary_q),
    .bad_heads(bad_head_size_q || bad_heads_q || bad_kv_heads_q || bad_groups_q),
    .bad_context(bad_context_q || long_context_q), .*);
`default_nettype wire
