// Runs a pass from its start to its end, whatever happens: header, checks, instructions, last writes; faults,
// watchdog and soft reset. docs/rtl/top.md has the states.
`default_nettype none
module pass_control (
    input wire clk_i,
    input wire rst_ni,

    // Registers.
    input  wire        start_i,       // for one cycle, while control_o is 0
    input  wire        soft_reset_i,  // for one cycle
    input  wire [31:0] watchdog_i,
    input  wire [31:0] program_i,
    output wire [ 1:0] control_o,
    output wire [ 2:0] status_o,
    output wire [ 3:0] error_code_o,
    output wire [31:0] error_address_o,
    output wire [ 3:0] error_region_o,
    output wire [ 1:0] ended_o,       // sets bits of INTERRUPT_STATUS

    // Counters.
    output wire clear_o,    // for one cycle
    output wire counting_o, // a pass runs
    input  wire progress_i, // a transfer of read or write data

    // Units.
    output wire unit_rst_no,  // of all units
    output wire stop_o,       // to all masters: nothing new
    output wire fetch_o,      // for one cycle
    input  wire header_i,     // for one cycle: the header is there
    output wire check_o,      // for one cycle
    input  wire checked_i,    // for one cycle
    input  wire bad_program_i,
    input  wire bad_pass_i,
    output wire run_o,        // instructions may be dispatched
    input  wire dispatched_i, // all of them
    input  wire units_idle_i, // queues are empty, nothing is at work
    output wire flush_o,      // send what the write port holds
    input  wire reads_idle_i, // of both masters that read: no burst under way
    input  wire writes_idle_i,

    // Faults, with addresses in beats.
    input wire        damaged_program_i,
    input wire [31:0] damaged_program_address_i,
    input wire        damage_i,
    input wire        damage_load_i,
    input wire [31:0] damage_address_i,
    input wire        fetch_error_i,
    input wire [31:0] fetch_error_address_i,
    input wire        mcu_error_i,
    input wire [31:0] mcu_error_address_i,
    input wire        write_error_i,
    input wire [31:0] write_error_address_i,
    input wire        instruction_error_i,
    input wire [31:0] instruction_address_i,
    input wire        overflow_i
);
  typedef enum logic [3:0] {
    RESET,     // units are held in reset
    IDLE,
    HEADER,
    CHECK,
    RUN,
    DRAIN,     // no further instruction; units finish
    FLUSH,     // last writes
    STOPPING,  // after a fault: masters finish
    FAILED,
    FINISHING  // before a soft reset: masters finish
  } state_t;
  state_t state_q;

  wire running = state_q == HEADER || state_q == CHECK || state_q == RUN || state_q == DRAIN || state_q == FLUSH;
  wire busy = running || state_q == STOPPING;

  // ------------------------------------------------------------------ watchdog
  logic [31:0] silence_q;  // cycles without progress
  logic expired_q;
  always_ff @(posedge clk_i) begin
    silence_q <= !busy || progress_i || expired_q ? '0 : silence_q + 1;
    expired_q <= busy && watchdog_i != '0 && silence_q >= watchdog_i && !progress_i && !expired_q;
  end

  // ------------------------------------------------------------------ faults: the first one counts
  logic fault_q;
  logic [3:0] fault_code_q;
  logic [31:0] fault_address_q;
  logic [3:0] fault_region_q;
  always_ff @(posedge clk_i) begin
    fault_q         <= 1'b1;
    fault_code_q    <= brim_pkg::ERROR_READ_ERROR;
    fault_address_q <= program_i;
    fault_region_q  <= '0;
    if (damaged_program_i) begin
      fault_code_q    <= brim_pkg::ERROR_DAMAGED;
      fault_address_q <= damaged_program_address_i;
      fault_region_q  <= brim_pkg::REGION_PROGRAM;
    end else if (damage_i) begin
      fault_code_q    <= brim_pkg::ERROR_DAMAGED;
      fault_address_q <= damage_address_i;
      fault_region_q  <= damage_load_i ? brim_pkg::REGION_PARAMETERS : brim_pkg::REGION_WEIGHTS;
    end else if (fetch_error_i) fault_address_q <= fetch_error_address_i;
    else if (mcu_error_i) fault_address_q <= mcu_error_address_i;
    else if (write_error_i) begin
      fault_code_q    <= brim_pkg::ERROR_WRITE_ERROR;
      fault_address_q <= write_error_address_i;
    end else if (checked_i && bad_program_i) fault_code_q <= brim_pkg::ERROR_BAD_PROGRAM;
    else if (checked_i && bad_pass_i) fault_code_q <= brim_pkg::ERROR_BAD_PASS;
    else if (instruction_error_i) begin
      fault_code_q    <= brim_pkg::ERROR_BAD_INSTRUCTION;
      fault_address_q <= instruction_address_i;
    end else if (overflow_i) fault_code_q <= brim_pkg::ERROR_OVERFLOW;
    else if (expired_q) fault_code_q <= brim_pkg::ERROR_NO_PROGRESS;
    else fault_q <= 1'b0;
  end

  // ------------------------------------------------------------------ states
  // What is waited for must hold for four cycles: longer than a fault needs to get here, and than an instruction
  // needs from a queue to its unit.
  logic [1:0] quiet_q;
  logic quiet;
  always_comb begin
    case (state_q)
      DRAIN: quiet = units_idle_i && reads_idle_i;
      FLUSH: quiet = writes_idle_i;
      STOPPING, FINISHING: quiet = reads_idle_i && writes_idle_i;
      default: quiet = 1'b0;
    endcase
  end
  wire over = quiet && quiet_q == '1;

  logic [7:0] reset_q;
  logic unit_rst_nq = 1'b0;  // units are in reset before the first cycle, too
  logic stop_q, run_q, flush_q;
  logic [2:0] status_q;
  logic [3:0] error_code_q;
  logic [31:0] error_address_q;
  logic [3:0] error_region_q;
  logic [1:0] ended_q;
  logic clear_q, fetch_q, check_q;
  always_ff @(posedge clk_i) begin
    quiet_q <= quiet && !over ? quiet_q + 1 : '0;
    run_q   <= state_q == RUN;
    flush_q <= state_q == FLUSH;
    ended_q <= '0;
    clear_q <= 1'b0;
    fetch_q <= 1'b0;
    check_q <= 1'b0;
    case (state_q)
      RESET: begin
        stop_q  <= 1'b0;
        reset_q <= reset_q + 1;
        if (reset_q == '1) begin
          unit_rst_nq <= 1'b1;
          state_q     <= IDLE;
        end
      end
      IDLE:
      if (start_i) begin
        clear_q         <= 1'b1;
        fetch_q         <= 1'b1;
        status_q        <= 3'(1 << brim_pkg::STATUS_BUSY_BIT);
        error_code_q    <= brim_pkg::ERROR_NONE;
        error_address_q <= '0;
        error_region_q  <= '0;
        state_q         <= HEADER;
      end
      HEADER:
      if (header_i) begin
        check_q <= 1'b1;
        state_q <= CHECK;
      end
      CHECK: if (checked_i && !bad_program_i && !bad_pass_i) state_q <= RUN;
      RUN: if (dispatched_i) state_q <= DRAIN;
      DRAIN: if (over) state_q <= FLUSH;
      FLUSH:
      if (over) begin
        status_q <= 3'(1 << brim_pkg::STATUS_DONE_BIT);
        ended_q  <= 2'(1 << brim_pkg::STATUS_DONE_BIT);
        state_q  <= IDLE;
      end
      STOPPING:
      if (over || expired_q) begin
        status_q <= 3'(1 << brim_pkg::STATUS_ERROR_BIT);
        ended_q  <= 2'(1 << brim_pkg::STATUS_ERROR_BIT);
        state_q  <= FAILED;
      end
      // A start ends at once, with the same error.
      FAILED: if (start_i) ended_q <= 2'(1 << brim_pkg::STATUS_ERROR_BIT);
      default:
      if (over) begin
        clear_q         <= 1'b1;
        status_q        <= '0;
        error_code_q    <= brim_pkg::ERROR_NONE;
        error_address_q <= '0;
        error_region_q  <= '0;
        unit_rst_nq     <= 1'b0;
        reset_q         <= '0;
        state_q         <= RESET;
      end
    endcase
    if (running && fault_q) begin
      stop_q          <= 1'b1;
      error_code_q    <= fault_code_q;
      error_address_q <= fault_address_q;
      error_region_q  <= fault_region_q;
      state_q         <= STOPPING;
      ended_q         <= '0;
      status_q        <= 3'(1 << brim_pkg::STATUS_BUSY_BIT);
      // Memory that does not answer need not be waited for to say so.
      if (fault_code_q == brim_pkg::ERROR_NO_PROGRESS) begin
        status_q <= 3'(1 << brim_pkg::STATUS_ERROR_BIT);
        ended_q  <= 2'(1 << brim_pkg::STATUS_ERROR_BIT);
        state_q  <= FAILED;
      end
    end
    if (soft_reset_i && state_q != RESET) begin
      stop_q  <= 1'b1;
      ended_q <= '0;
      state_q <= FINISHING;
    end
    if (!rst_ni) begin
      state_q         <= RESET;
      reset_q         <= '0;
      unit_rst_nq     <= 1'b0;
      stop_q          <= 1'b0;
      status_q        <= '0;
      error_code_q    <= brim_pkg::ERROR_NONE;
      error_address_q <= '0;
      error_region_q  <= '0;
    end
  end

  assign control_o[brim_pkg::CONTROL_START_BIT]      = busy;
  assign control_o[brim_pkg::CONTROL_SOFT_RESET_BIT] = state_q == RESET || state_q == FINISHING;
  assign status_o        = status_q;
  assign error_code_o    = error_code_q;
  assign error_address_o = error_address_q;
  assign error_region_o  = error_region_q;
  assign ended_o         = ended_q;
  assign clear_o         = clear_q;
  assign counting_o      = busy;
  assign unit_rst_no     = unit_rst_nq;
  assign stop_o          = stop_q;
  assign fetch_o         = fetch_q;
  assign check_o         = check_q;
  assign run_o           = run_q;
  assign flush_o         = flush_q;
endmodule
`default_nettype wire
