// Functional points of pass_control: every end of a pass, from every state in which it can come.
`default_nettype none
module pass_control_cover (
    input wire       clk_i,
    input wire       rst_ni,
    input wire [3:0] state_q,
    input wire       running,
    input wire       start_i,
    input wire       soft_reset_i,
    input wire       fault_q,
    input wire [3:0] fault_code_q,
    input wire       expired_q,
    input wire       over
);
  default clocking @(posedge clk_i);
  endclocking
  // States in the order of pass_control's state_t.
  localparam logic [3:0] Flush = 4'd6;
  localparam logic [3:0] Stopping = 4'd7;
  localparam logic [3:0] Failed = 4'd8;
  for (genvar code = 1; code <= 32'(brim_pkg::ERROR_DAMAGED); code++) begin : gen_code
    fault: cover property (rst_ni && running && fault_q && fault_code_q == 4'(code));
  end
  for (genvar state = 0; state < 10; state++) begin : gen_state
    soft_reset: cover property (rst_ni && soft_reset_i && state_q == 4'(state));
  end
  for (genvar state = 2; state < 7; state++) begin : gen_running
    fault: cover property (rst_ni && fault_q && state_q == 4'(state));
    silence: cover property (rst_ni && expired_q && state_q == 4'(state));
  end
  pass_done: cover property (rst_ni && state_q == Flush && over);
  failed_when_all_is_quiet: cover property (rst_ni && state_q == Stopping && over);
  failed_as_memory_stays_silent: cover property (rst_ni && state_q == Stopping && expired_q);
  start_while_failed: cover property (rst_ni && state_q == Failed && start_i);
  later_fault_is_not_reported: cover property (rst_ni && state_q == Stopping && fault_q);
endmodule
bind pass_control pass_control_cover u_cover (.*);
`default_nettype wire
