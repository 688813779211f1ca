// Functional points of kv_issue: halves of records, blocks of a page.
`default_nettype none
module kv_issue_cover (
    input wire clk_i,
    input wire rst_ni,
    input wire values_i,
    input wire two_beats_i,
    input wire go,
    input wire block_q,
    input wire half_q
);
  default clocking @(posedge clk_i);
  endclocking
  both_halves_of_scores: cover property (rst_ni && go && !values_i && two_beats_i && half_q);
  both_halves_of_values: cover property (rst_ni && go && values_i && two_beats_i && half_q);
  second_block_of_values: cover property (rst_ni && go && values_i && block_q);
endmodule
bind kv_issue kv_issue_cover u_cover (.*);
`default_nettype wire
