// pass_control, from every state that its registers can hold (they start with anything): a soft reset ends in IDLE once the
// masters are at rest, and with a watchdog a pass ends, in IDLE or FAILED, however silent memory is. STATUS says at
// most one thing. The reset of the units is 16 cycles here, not 256.
//: sources pass_control.sv
//: with pass_control.sv => if (reset_q == '1) begin => if (reset_q[3:0] == '1) begin
//: method bmc 60
//: plant pass_control.sv => if (over || expired_q) begin => if (over) begin
//: plant pass_control.sv => STOPPING, FINISHING: quiet = reads_idle_i && writes_idle_i; => STOPPING: quiet = reads_idle_i && writes_idle_i;
`default_nettype none
module pass_control_proof (
    input wire clk_i,
    input wire start_i, soft_reset_i, progress_i, header_i, checked_i, bad_program_i, bad_pass_i, dispatched_i,
    input wire units_idle_i, reads_idle_i, writes_idle_i,
    input wire damaged_program_i, damage_i, fetch_error_i, mcu_error_i, write_error_i, instruction_error_i, overflow_i
);
  localparam logic [31:0] Watchdog = 5;
  wire [1:0] control, ended;
  wire [2:0] status;
  wire [3:0] error_code, error_region;
  wire [31:0] error_address;
  wire clear, counting, unit_rst_n, stop, fetch, check, run, flush;
  pass_control u_control (
      .clk_i, .rst_ni(1'b1), .start_i, .soft_reset_i, .watchdog_i(Watchdog), .program_i('0), .control_o(control),
      .status_o(status), .error_code_o(error_code), .error_address_o(error_address),
      .error_region_o(error_region), .ended_o(ended), .clear_o(clear),
      .counting_o(counting), .progress_i, .unit_rst_no(unit_rst_n), .stop_o(stop), .fetch_o(fetch), .header_i,
      .check_o(check), .checked_i, .bad_program_i, .bad_pass_i, .run_o(run), .dispatched_i, .units_idle_i,
      .flush_o(flush), .reads_idle_i, .writes_idle_i, .damaged_program_i,
      .damaged_program_address_i('0), .damage_i, .damage_load_i('0), .damage_address_i('0), .fetch_error_i, .fetch_error_address_i('0), .mcu_error_i,
      .mcu_error_address_i('0), .write_error_i, .write_error_address_i('0), .instruction_error_i,
      .instruction_address_i('0), .overflow_i);

  // Cycles since the last soft reset or start; cycles in which memory has been silent, and the masters at rest.
  logic [5:0] age_q = 0;
  logic [5:0] silent_q = 0, rest_q = 0;
  logic reset_given_q = 0;
  always_ff @(posedge clk_i) begin
    reset_given_q <= reset_given_q || soft_reset_i;
    age_q         <= soft_reset_i ? '0 : age_q + 6'(age_q != '1);
    rest_q        <= soft_reset_i || !(reads_idle_i && writes_idle_i) ? '0 : rest_q + 6'(rest_q != '1);
    silent_q      <= progress_i || start_i || soft_reset_i ? '0 : silent_q + 6'(silent_q != '1);
  end
  wire busy = control[brim_pkg::CONTROL_START_BIT];
  wire resets = control[brim_pkg::CONTROL_SOFT_RESET_BIT];
  always_comb begin
    assume (!start_i || control == 2'b00);
    // Reset of units, quiet for four cycles and a few to notice.
    if (reset_given_q && rest_q > 6'd26) assert (!resets);
    // The watchdog twice: for the fault, and for what is waited for after another fault.
    if (silent_q > 6'd26) assert (!busy);
  end
endmodule
`default_nettype wire
