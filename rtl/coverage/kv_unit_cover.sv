// Functional points of kv_unit: rounds, heads per KV head, tokens, and what it waits for.
`default_nettype none
module kv_unit_cover #(
    parameter int TOKENS = 4
) (
    input wire       clk_i,
    input wire       rst_ni,
    input wire       start_i,
    input wire       values_i,
    input wire       done_o,
    input wire       is_values_q,
    input wire       both_halves_q,
    input wire [2:0] last_round_q,
    input wire [3:0] last_lanes_q,
    input wire [3:0] heads_per_kv_i,
    input wire [3:0] tokens_i,
    input wire       stall_softmax_o,
    input wire       stall_scores_o,
    input wire       results_empty_i,
    input wire       softmax_is_ahead,
    input wire [TOKENS-1:0] masked_o
);
  default clocking @(posedge clk_i);
  endclocking
  for (genvar i = 0; i < 8; i++) begin : gen_round
    last_of_scores: cover property (rst_ni && done_o && !is_values_q && last_round_q == 3'(i));
    last_of_values: cover property (rst_ni && done_o && is_values_q && last_round_q == 3'(i));
  end
  for (genvar i = 1; i <= 8; i++) begin : gen_heads_per_kv
    scores: cover property (rst_ni && start_i && !values_i && heads_per_kv_i == 4'(i));
  end
  for (genvar i = 1; i <= TOKENS; i++) begin : gen_tokens
    scores: cover property (rst_ni && start_i && !values_i && tokens_i == 4'(i));
    lanes_of_the_last_round: cover property (rst_ni && done_o && last_lanes_q == 4'(i));
  end
  values_of_four_bits_in_both_halves: cover property (rst_ni && done_o && both_halves_q);
  scores_wait_for_queries: cover property (rst_ni && stall_scores_o);
  values_wait_for_the_softmax: cover property (rst_ni && stall_softmax_o && !softmax_is_ahead);
  values_wait_for_result_slots: cover property (rst_ni && stall_softmax_o && softmax_is_ahead && !results_empty_i);
  position_past_the_token: cover property (rst_ni && masked_o != '0);
endmodule
bind kv_unit kv_unit_cover #(.TOKENS(TOKENS)) u_cover (.softmax_is_ahead(softmax_done_i != values_count_q), .*);
`default_nettype wire
