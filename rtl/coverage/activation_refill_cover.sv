// Functional points of activation_refill: its waits.
`default_nettype none
module activation_refill_cover (
    input wire clk_i,
    input wire rst_ni,
    input wire busy_q,
    input wire full,
    input wire complete,
    input wire claim_i,
    input wire release_i
);
  default clocking @(posedge clk_i);
  endclocking
  waits_for_a_block: cover property (rst_ni && busy_q && !complete && !full);
  waits_for_a_slot: cover property (rst_ni && busy_q && complete && full);
  claim_and_release: cover property (rst_ni && claim_i && release_i);
endmodule
bind activation_refill activation_refill_cover u_cover (.*);
`default_nettype wire
