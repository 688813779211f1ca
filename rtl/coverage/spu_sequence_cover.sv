// Functional points of spu_sequence: instructions by tokens, heads per KV head and rounds; what they wait for.
`default_nettype none
module spu_sequence_cover #(
    parameter int TOKENS = 4
) (
    input wire       clk_i,
    input wire       rst_ni,
    input wire       start,
    input wire [7:0] op,
    input wire [3:0] tokens_i,
    input wire [3:0] heads_per_kv_i,
    input wire [3:0] first_logits_i,
    input wire [2:0] round_q,
    input wire       weights_complete,
    input wire       waits_to_start,
    input wire       result_ready_o,
    input wire       result_valid_i,
    input wire       waits_for_scores,
    input wire       no_scores
);
  default clocking @(posedge clk_i);
  endclocking
  for (genvar t = 1; t <= TOKENS; t++) begin : gen_tokens
    embed: cover property (rst_ni && start && op == brim_pkg::OP_EMBED && tokens_i == 4'(t));
    softmax: cover property (rst_ni && start && op == brim_pkg::OP_SOFTMAX && tokens_i == 4'(t));
    logits_from_here: cover property (rst_ni && start && op == brim_pkg::OP_LOGITS && first_logits_i == 4'(t - 1));
  end
  for (genvar i = 1; i <= 8; i++) begin : gen_heads_per_kv
    output_of_heads: cover property (rst_ni && start && op == brim_pkg::OP_OUTPUT && heads_per_kv_i == 4'(i));
  end
  for (genvar i = 0; i < 8; i++) begin : gen_round
    softmax_ends: cover property (rst_ni && weights_complete && round_q == 3'(i));
  end
  instruction_waits_for_the_pipeline: cover property (rst_ni && waits_to_start && !start);
  waits_for_a_result: cover property (rst_ni && result_ready_o && !result_valid_i);
  softmax_waits_for_scores: cover property (rst_ni && waits_for_scores && no_scores);
endmodule
bind spu_sequence spu_sequence_cover #(.TOKENS(TOKENS)) u_cover (
    .weights_complete(weights_done_i && last_pair_round),
    .waits_to_start(step_q == spu_pkg::STEP_IDLE && in_valid_q),
    .waits_for_scores(step_q == spu_pkg::STEP_SOFTMAX_WAIT), .no_scores(scores_done_i == softmax_count_q), .*);
`default_nettype wire
