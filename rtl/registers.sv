// The AXI4-Lite slave: registers of docs/registers.md. Whole words only: a write that does not strobe all four
// bytes changes nothing. Every access is answered OKAY.
`default_nettype none
module registers #(
    parameter int TOKENS = 4,
    parameter int SCORE_BYTES = 524288,
    parameter int CONTEXT = 8192,
    parameter int CLOCK_KHZ = 300000
) (
    input wire clk_i,
    input wire rst_ni,

    // AXI4-Lite, 12-bit addresses, 32 bits.
    input  wire [11:0] awaddr_i,
    input  wire        awvalid_i,
    output wire        awready_o,
    input  wire [31:0] wdata_i,
    input  wire [ 3:0] wstrb_i,
    input  wire        wvalid_i,
    output wire        wready_o,
    output wire [ 1:0] bresp_o,
    output wire        bvalid_o,
    input  wire        bready_i,
    input  wire [11:0] araddr_i,
    input  wire        arvalid_i,
    output wire        arready_o,
    output wire [31:0] rdata_o,
    output wire [ 1:0] rresp_o,
    output wire        rvalid_o,
    input  wire        rready_i,

    // The pass.
    output wire         start_o,       // for one cycle, while control_i is 0
    output wire         soft_reset_o,  // for one cycle
    input  wire [  1:0] control_i,
    input  wire [  2:0] status_i,
    input  wire [  3:0] error_code_i,
    input  wire [ 31:0] error_address_i,
    input  wire [  3:0] error_region_i,
    input  wire [  1:0] ended_i,       // sets bits of INTERRUPT_STATUS
    output wire [ 31:0] watchdog_o,
    output wire [ 31:0] program_o,
    output wire [ 31:0] position_o,
    output wire [ 31:0] tokens_o,
    output wire [ 31:0] first_logits_o,
    output wire [511:0] token_ids_o,
    input  wire [511:0] counters_i,    // words from offset REG_CYCLES on
    input  wire [511:0] logits_crcs_i,

    output wire interrupt_o
);
  // ------------------------------------------------------------------ writes
  // Address and data come independently; the write takes place when both are here.
  logic address_here_q, data_here_q, whole_q, bvalid_q;
  logic [11:0] waddress_q;
  logic [31:0] wdata_q;
  wire write = address_here_q && data_here_q && !bvalid_q;
  always_ff @(posedge clk_i) begin
    if (awvalid_i && awready_o) begin
      address_here_q <= 1'b1;
      waddress_q     <= awaddr_i;
    end
    if (wvalid_i && wready_o) begin
      data_here_q <= 1'b1;
      wdata_q     <= wdata_i;
      whole_q     <= wstrb_i == '1;
    end
    if (write) begin
      address_here_q <= 1'b0;
      data_here_q    <= 1'b0;
      bvalid_q       <= 1'b1;
    end else if (bready_i) bvalid_q <= 1'b0;
    if (!rst_ni) begin
      address_here_q <= 1'b0;
      data_here_q    <= 1'b0;
      bvalid_q       <= 1'b0;
    end
  end
  assign awready_o = !address_here_q;
  assign wready_o  = !data_here_q;
  assign bvalid_o  = bvalid_q;
  assign bresp_o   = 2'b00;

  wire [11:0] word_address = {waddress_q[11:2], 2'b0};
  wire change = write && whole_q;
  wire change_pass = change && control_i == '0;
  wire control_write = change && word_address == brim_pkg::REG_CONTROL;
  logic start_q, soft_reset_q;
  always_ff @(posedge clk_i) begin
    soft_reset_q <= control_write && wdata_q[brim_pkg::CONTROL_SOFT_RESET_BIT] && rst_ni;
    start_q      <= control_write && wdata_q[brim_pkg::CONTROL_START_BIT] &&
        !wdata_q[brim_pkg::CONTROL_SOFT_RESET_BIT] && control_i == '0 && rst_ni;
  end
  assign soft_reset_o = soft_reset_q;
  assign start_o      = start_q;

  logic [31:0] watchdog_q, program_q, position_q, tokens_q, first_logits_q;
  logic [511:0] token_ids_q;
  logic [1:0] interrupt_enable_q, interrupt_status_q;
  logic interrupt_q;
  always_ff @(posedge clk_i) begin
    if (change && word_address == brim_pkg::REG_WATCHDOG) watchdog_q <= wdata_q;
    if (change && word_address == brim_pkg::REG_INTERRUPT_ENABLE) interrupt_enable_q <= wdata_q[1:0];
    interrupt_status_q <= ended_i | (interrupt_status_q &
        ~(change && word_address == brim_pkg::REG_INTERRUPT_STATUS ? wdata_q[1:0] : 2'b0));
    interrupt_q <= |(interrupt_status_q & interrupt_enable_q);
    if (change_pass && word_address == brim_pkg::REG_PROGRAM) program_q <= wdata_q;
    if (change_pass && word_address == brim_pkg::REG_POSITION) position_q <= wdata_q;
    if (change_pass && word_address == brim_pkg::REG_TOKENS) tokens_q <= wdata_q;
    if (change_pass && word_address == brim_pkg::REG_FIRST_LOGITS) first_logits_q <= wdata_q;
    if (!rst_ni) begin
      watchdog_q         <= '0;
      interrupt_enable_q <= '0;
      interrupt_status_q <= '0;
      interrupt_q        <= 1'b0;
      program_q          <= '0;
      position_q         <= '0;
      tokens_q           <= '0;
      first_logits_q     <= '0;
    end
  end
  for (genvar i = 0; i < brim_pkg::TOKEN_IDS; i++) begin : gen_token_id
    always_ff @(posedge clk_i) begin
      if (change_pass && word_address == brim_pkg::REG_TOKEN_ID + 12'(4 * i)) token_ids_q[32*i+:32] <= wdata_q;
      if (!rst_ni) token_ids_q[32*i+:32] <= '0;
    end
  end
  assign watchdog_o     = watchdog_q;
  assign program_o      = program_q;
  assign position_o     = position_q;
  assign tokens_o       = tokens_q;
  assign first_logits_o = first_logits_q;
  assign token_ids_o    = token_ids_q;
  assign interrupt_o    = interrupt_q;

  // ------------------------------------------------------------------ reads
  // A cycle for each group of registers, one to choose the group.
  logic read_q, rvalid_q;
  logic [11:0] raddress_q;
  logic chosen_q;
  logic [31:0] single_q, token_id_q, counter_q, logits_crc_q, rdata_q;
  wire [11:0] read_address = {raddress_q[11:2], 2'b0};
  logic [31:0] single;
  always_comb begin
    case (read_address)
      brim_pkg::REG_ID: single = brim_pkg::ID_VALUE;
      brim_pkg::REG_VERSION: single = brim_pkg::VERSION_VALUE;
      brim_pkg::REG_CAPABILITIES: single = brim_pkg::CAPABILITIES_VALUE;
      brim_pkg::REG_MAX_TOKENS: single = 32'(TOKENS);
      brim_pkg::REG_MAX_CONTEXT: single = 32'(CONTEXT);
      brim_pkg::REG_SCORE_BYTES: single = 32'(SCORE_BYTES);
      brim_pkg::REG_CLOCK_KHZ: single = 32'(CLOCK_KHZ);
      brim_pkg::REG_CONTROL: single = 32'(control_i);
      brim_pkg::REG_STATUS: single = 32'(status_i);
      brim_pkg::REG_ERROR_CODE: single = 32'(error_code_i);
      brim_pkg::REG_ERROR_ADDRESS: single = error_address_i;
      brim_pkg::REG_ERROR_REGION: single = 32'(error_region_i);
      brim_pkg::REG_INTERRUPT_ENABLE: single = 32'(interrupt_enable_q);
      brim_pkg::REG_INTERRUPT_STATUS: single = 32'(interrupt_status_q);
      brim_pkg::REG_WATCHDOG: single = watchdog_q;
      brim_pkg::REG_PROGRAM: single = program_q;
      brim_pkg::REG_POSITION: single = position_q;
      brim_pkg::REG_TOKENS: single = tokens_q;
      brim_pkg::REG_FIRST_LOGITS: single = first_logits_q;
      default: single = '0;
    endcase
  end
  always_ff @(posedge clk_i) begin
    if (arvalid_i && arready_o) begin
      read_q     <= 1'b1;
      raddress_q <= araddr_i;
    end
    chosen_q <= read_q && !chosen_q && !rvalid_q;
    if (read_q && !chosen_q && !rvalid_q) begin
      single_q     <= single;
      token_id_q   <= token_ids_q[32*raddress_q[5:2]+:32];
      counter_q    <= counters_i[32*raddress_q[5:2]+:32];
      logits_crc_q <= logits_crcs_i[32*raddress_q[5:2]+:32];
    end
    if (chosen_q) begin
      rvalid_q <= 1'b1;
      rdata_q  <= raddress_q[11:6] == brim_pkg::REG_TOKEN_ID[11:6] ? token_id_q :
          raddress_q[11:6] == brim_pkg::REG_CYCLES[11:6] ? counter_q :
          raddress_q[11:6] == brim_pkg::REG_LOGITS_CRC[11:6] ? logits_crc_q : single_q;
    end else if (rready_i && rvalid_q) begin
      rvalid_q <= 1'b0;
      read_q   <= 1'b0;
    end
    if (!rst_ni) begin
      read_q   <= 1'b0;
      chosen_q <= 1'b0;
      rvalid_q <= 1'b0;
    end
  end
  assign arready_o = !read_q;
  assign rvalid_o  = rvalid_q;
  assign rdata_o   = rdata_q;
  assign rresp_o   = 2'b00;
  wire unused = &{1'b0, waddress_q[1:0], raddress_q[1:0]};
endmodule
`default_nettype wire
