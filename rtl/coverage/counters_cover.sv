// Functional points of counters: every reason for a beat not taken.
`default_nettype none
module counters_cover (
    input wire       clk_i,
    input wire       rst_ni,
    input wire       activation_q,
    input wire       result_q,
    input wire       softmax_q,
    input wire       scores_q,
    input wire       local_q,
    input wire       empty_q,
    input wire       pass_q,
    input wire       full_q,
    input wire       idle_q,
    input wire [4:0] read_i,
    input wire       write_i
);
  default clocking @(posedge clk_i);
  endclocking
  waits_for_activations: cover property (rst_ni && activation_q);
  waits_for_a_result_slot: cover property (rst_ni && result_q);
  waits_for_a_softmax: cover property (rst_ni && softmax_q);
  waits_for_query_heads: cover property (rst_ni && scores_q);
  waits_for_anything_else: cover property (rst_ni && local_q);
  stream_empty: cover property (rst_ni && empty_q);
  before_or_behind_the_stream: cover property (rst_ni && pass_q);
  fifo_full: cover property (rst_ni && full_q);
  port_idle: cover property (rst_ni && idle_q);
  all_ports_at_once: cover property (rst_ni && read_i == '1);
  read_and_write_at_once: cover property (rst_ni && read_i != '0 && write_i);
endmodule
bind counters counters_cover u_cover (.*);
`default_nettype wire
