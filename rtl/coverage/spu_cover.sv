// Functional points of spu: instructions by tokens, heads per KV head and flags; what it waits for; what it writes.
`default_nettype none
module spu_cover #(
    parameter int TOKENS = 4
) (
    input wire                        clk_i,
    input wire                        rst_ni,
    input wire                        start,
    input wire [7:0]                  op,
    input wire [3:0]                  tokens_i,
    input wire [3:0]                  heads_per_kv_i,
    input wire [3:0]                  first_logits_i,
    input wire [2:0]                  round_q,
    input wire                        weights_complete,
    input wire                        waits_to_start,
    input wire                        wants_result,
    input wire                        result_valid_i,
    input wire                        waits_for_scores,
    input wire                        no_scores,
    input wire                        writes_logits,
    input wire                        last_logits,
    input wire [63:0]                 write_strobe_o,
    input wire                        write_valid_o,
    input wire                        write_ready_i,
    input wire                        overflow_o,
    input wire                        half_q
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
  waits_for_a_result: cover property (rst_ni && wants_result && !result_valid_i);
  softmax_waits_for_scores: cover property (rst_ni && waits_for_scores && no_scores);
  write_waits: cover property (rst_ni && write_valid_o && !write_ready_i);
  second_half_of_a_record: cover property (rst_ni && write_valid_o && write_strobe_o == '1 && half_q);
  whole_beat_of_logits: cover property (rst_ni && writes_logits && write_valid_o && write_strobe_o == '1);
  last_beat_of_logits_in_part: cover property (rst_ni && writes_logits && write_valid_o && write_strobe_o != '1);
  logits_that_nobody_wants: cover property (rst_ni && writes_logits && !write_valid_o && last_logits);
  overflow: cover property (rst_ni && overflow_o);
endmodule
bind spu spu_cover #(.TOKENS(TOKENS)) u_cover (
    .waits_to_start(step_q == spu_pkg::STEP_IDLE && in_valid_q), .wants_result(result_ready_o),
    .waits_for_scores(step_q == spu_pkg::STEP_SOFTMAX_WAIT), .no_scores(scores_done_i == softmax_count_q),
    .writes_logits(step_q == spu_pkg::STEP_LOGITS_WRITE), .last_logits(left_q <= 24'd16), .*);
`default_nettype wire
