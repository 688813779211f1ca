// Functional points of kv_issue: halves of records, pairs of records, blocks of a page.
`default_nettype none
module kv_issue_cover (
    input wire clk_i,
    input wire rst_ni,
    input wire values_i,
    input wire two_beats_i,
    input wire half_beats_i,
    input wire pairs_i,
    input wire [23:0] position,
    input wire [23:0] end_position_i,
    input wire go,
    input wire [1:0] block_q,
    input wire half_q
);
  default clocking @(posedge clk_i);
  endclocking
  both_halves_of_scores: cover property (rst_ni && go && !values_i && two_beats_i && half_q);
  both_halves_of_values: cover property (rst_ni && go && values_i && two_beats_i && half_q);
  second_block_of_values: cover property (rst_ni && go && values_i && block_q == 2'd1);
  pairs_of_half_beats: cover property (rst_ni && go && pairs_i && half_beats_i);
  pairs_of_beats: cover property (rst_ni && go && pairs_i && !half_beats_i);
  a_pair_of_which_one_is_not_there: cover property (rst_ni && go && pairs_i && position >= end_position_i);
  values_of_half_beats: cover property (rst_ni && go && values_i && half_beats_i);
  values_of_a_beat: cover property (rst_ni && go && values_i && !two_beats_i && !half_beats_i);
endmodule
bind kv_issue kv_issue_cover u_cover (.*);
`default_nettype wire
