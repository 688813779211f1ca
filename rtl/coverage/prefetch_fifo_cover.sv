// Functional points of prefetch_fifo: full, empty, and both ends at once.
`default_nettype none
module prefetch_fifo_cover (
    input wire clk_i,
    input wire rst_ni,
    input wire valid_i,
    input wire ready_o,
    input wire valid_o,
    input wire ready_i,
    input wire push,
    input wire pop,
    input wire empty_o,
    input wire full
);
  default clocking @(posedge clk_i);
  endclocking
  full_to_the_last_beat: cover property (rst_ni && full);
  beat_waits_for_room: cover property (rst_ni && valid_i && !ready_o);
  push_and_pop: cover property (rst_ni && push && pop);
  beat_waits_to_be_taken: cover property (rst_ni && valid_o && !ready_i);
  consumer_waits: cover property (rst_ni && ready_i && empty_o);
endmodule
bind prefetch_fifo prefetch_fifo_cover u_cover (.full(count_q == (Bits + 1)'(BEATS)), .*);
`default_nettype wire
