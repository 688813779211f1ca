// Functional points of mcu_join: each port is the one that is waited for, rounds end at each port.
`default_nettype none
module mcu_join_cover (
    input wire       clk_i,
    input wire       rst_ni,
    input wire       active_q,
    input wire       take,
    input wire [1:0] turn_q,
    input wire [1:0] last_q,
    input wire [4:0] rounds_q,
    input wire [3:0] port_valid_i,
    input wire       beat_valid_o,
    input wire       beat_ready_i
);
  default clocking @(posedge clk_i);
  endclocking
  for (genvar i = 0; i < 4; i++) begin : gen_port
    waits_for_this_port_alone: cover property (rst_ni && active_q && turn_q == 2'(i) && port_valid_i == ~(4'd1 << i));
    round_ends_here: cover property (rst_ni && take && turn_q == 2'(i) && last_q == 2'(i));
  end
  joins_a_beat_of_all_ports: cover property (rst_ni && active_q && port_valid_i == '1);
  longest_run: cover property (rst_ni && active_q && rounds_q == '1);
  beat_waits_for_the_fifo: cover property (rst_ni && beat_valid_o && !beat_ready_i);
endmodule
bind mcu_join mcu_join_cover u_cover (.*);
`default_nettype wire
