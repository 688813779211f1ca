// Functional points of fetch: lengths of bursts, room, stops and errors.
`default_nettype none
module fetch_cover (
    input wire       clk_i,
    input wire       rst_ni,
    input wire       asking_q,
    input wire       ask,
    input wire [3:0] size_q,
    input wire       first,
    input wire       later,
    input wire       stop_i,
    input wire       room_q,
    input wire       arready_i,
    input wire       take,
    input wire       bad,
    input wire [1:0] rresp_i,
    input wire       header_q,
    input wire       idle_o,
    input wire       start_i,
    input wire       instruction_valid_o,
    input wire       instruction_ready_i
);
  default clocking @(posedge clk_i);
  endclocking
  first_burst_is_short: cover property (rst_ni && ask && first && size_q < 4'd8);
  first_burst_is_whole: cover property (rst_ni && ask && first && size_q == 4'd8);
  later_burst_is_whole: cover property (rst_ni && ask && later && size_q == 4'd8);
  last_burst_is_short: cover property (rst_ni && ask && later && size_q < 4'd8);
  program_in_one_burst: cover property (rst_ni && later && !asking_q && size_q == '0);
  waits_for_room: cover property (rst_ni && later && !asking_q && size_q != '0 && !room_q);
  stopped_before_a_burst: cover property (rst_ni && later && !asking_q && size_q != '0 && stop_i);
  stopped_in_a_burst: cover property (rst_ni && stop_i && !idle_o);
  address_waits: cover property (rst_ni && asking_q && !arready_i);
  slave_error: cover property (rst_ni && take && rresp_i == 2'd2);
  decode_error: cover property (rst_ni && take && rresp_i == 2'd3);
  error_in_the_header: cover property (rst_ni && take && bad && !header_q);
  error_in_the_instructions: cover property (rst_ni && take && bad && header_q);
  instruction_waits: cover property (rst_ni && instruction_valid_o && !instruction_ready_i);
  starts_with_instructions_left_over: cover property (rst_ni && start_i && instruction_valid_o);
endmodule
bind fetch fetch_cover u_cover (.first(phase_q == FIRST), .later(phase_q == ASK), .*);
`default_nettype wire
