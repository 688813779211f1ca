// The accelerator: registers, program control and the stream side around `compute`. docs/rtl/top.md.
`default_nettype none
module brim_top #(
    parameter int TOKENS = 4,            // of a pass, at most: 1, 4, 8
    parameter int SCORE_BYTES = 524288,  // score buffer
    parameter int CONTEXT = 8192,        // positions, at most
    parameter int CLOCK_KHZ = 300000,
    parameter int FIFO_BEATS = 4096,     // prefetch FIFO
    parameter int PORT_BEATS = 128,      // FIFO of a read port: what hides the latency of memory
    parameter int OUTSTANDING = 8        // bursts that a read port may have under way
) (
    input wire aclk,
    input wire aresetn,

    // Registers.
    input  wire [11:0] s_axi_awaddr,
    input  wire [ 2:0] s_axi_awprot,
    input  wire        s_axi_awvalid,
    output wire        s_axi_awready,
    input  wire [31:0] s_axi_wdata,
    input  wire [ 3:0] s_axi_wstrb,
    input  wire        s_axi_wvalid,
    output wire        s_axi_wready,
    output wire [ 1:0] s_axi_bresp,
    output wire        s_axi_bvalid,
    input  wire        s_axi_bready,
    input  wire [11:0] s_axi_araddr,
    input  wire [ 2:0] s_axi_arprot,
    input  wire        s_axi_arvalid,
    output wire        s_axi_arready,
    output wire [31:0] s_axi_rdata,
    output wire [ 1:0] s_axi_rresp,
    output wire        s_axi_rvalid,
    input  wire        s_axi_rready,

    // The stream.
    output wire [ 39:0] m_axi_0_araddr,
    output wire [  7:0] m_axi_0_arlen,
    output wire [  2:0] m_axi_0_arsize,
    output wire [  1:0] m_axi_0_arburst,
    output wire [  3:0] m_axi_0_arcache,
    output wire [  2:0] m_axi_0_arprot,
    output wire         m_axi_0_arvalid,
    input  wire         m_axi_0_arready,
    input  wire [127:0] m_axi_0_rdata,
    input  wire [  1:0] m_axi_0_rresp,
    input  wire         m_axi_0_rlast,
    input  wire         m_axi_0_rvalid,
    output wire         m_axi_0_rready,
    output wire [ 39:0] m_axi_1_araddr,
    output wire [  7:0] m_axi_1_arlen,
    output wire [  2:0] m_axi_1_arsize,
    output wire [  1:0] m_axi_1_arburst,
    output wire [  3:0] m_axi_1_arcache,
    output wire [  2:0] m_axi_1_arprot,
    output wire         m_axi_1_arvalid,
    input  wire         m_axi_1_arready,
    input  wire [127:0] m_axi_1_rdata,
    input  wire [  1:0] m_axi_1_rresp,
    input  wire         m_axi_1_rlast,
    input  wire         m_axi_1_rvalid,
    output wire         m_axi_1_rready,
    output wire [ 39:0] m_axi_2_araddr,
    output wire [  7:0] m_axi_2_arlen,
    output wire [  2:0] m_axi_2_arsize,
    output wire [  1:0] m_axi_2_arburst,
    output wire [  3:0] m_axi_2_arcache,
    output wire [  2:0] m_axi_2_arprot,
    output wire         m_axi_2_arvalid,
    input  wire         m_axi_2_arready,
    input  wire [127:0] m_axi_2_rdata,
    input  wire [  1:0] m_axi_2_rresp,
    input  wire         m_axi_2_rlast,
    input  wire         m_axi_2_rvalid,
    output wire         m_axi_2_rready,
    output wire [ 39:0] m_axi_3_araddr,
    output wire [  7:0] m_axi_3_arlen,
    output wire [  2:0] m_axi_3_arsize,
    output wire [  1:0] m_axi_3_arburst,
    output wire [  3:0] m_axi_3_arcache,
    output wire [  2:0] m_axi_3_arprot,
    output wire         m_axi_3_arvalid,
    input  wire         m_axi_3_arready,
    input  wire [127:0] m_axi_3_rdata,
    input  wire [  1:0] m_axi_3_rresp,
    input  wire         m_axi_3_rlast,
    input  wire         m_axi_3_rvalid,
    output wire         m_axi_3_rready,
    // Program fetch and writes.
    output wire [ 39:0] m_axi_aux_araddr,
    output wire [  7:0] m_axi_aux_arlen,
    output wire [  2:0] m_axi_aux_arsize,
    output wire [  1:0] m_axi_aux_arburst,
    output wire [  3:0] m_axi_aux_arcache,
    output wire [  2:0] m_axi_aux_arprot,
    output wire         m_axi_aux_arvalid,
    input  wire         m_axi_aux_arready,
    input  wire [127:0] m_axi_aux_rdata,
    input  wire [  1:0] m_axi_aux_rresp,
    input  wire         m_axi_aux_rlast,
    input  wire         m_axi_aux_rvalid,
    output wire         m_axi_aux_rready,
    output wire [ 39:0] m_axi_aux_awaddr,
    output wire [  7:0] m_axi_aux_awlen,
    output wire [  2:0] m_axi_aux_awsize,
    output wire [  1:0] m_axi_aux_awburst,
    output wire [  3:0] m_axi_aux_awcache,
    output wire [  2:0] m_axi_aux_awprot,
    output wire         m_axi_aux_awvalid,
    input  wire         m_axi_aux_awready,
    output wire [127:0] m_axi_aux_wdata,
    output wire [ 15:0] m_axi_aux_wstrb,
    output wire         m_axi_aux_wlast,
    output wire         m_axi_aux_wvalid,
    input  wire         m_axi_aux_wready,
    input  wire [  1:0] m_axi_aux_bresp,
    input  wire         m_axi_aux_bvalid,
    output wire         m_axi_aux_bready,

    // verilator lint_off SYMRSVDWORD
    output wire interrupt
    // verilator lint_on SYMRSVDWORD
);
  // INCR bursts of 16-byte transfers; normal memory, bufferable, not cacheable.
  localparam logic [2:0] Size = 3'd4;
  localparam logic [1:0] Burst = 2'b01;
  localparam logic [3:0] Cache = 4'b0011;
  localparam logic [2:0] Prot = 3'b000;

  // ------------------------------------------------------------------ registers and counters
  wire start, soft_reset, clear, counting, unit_rst_n, stop;
  // A register resets the units, a cycle late; the ports are quiet from the first cycle of reset on.
  wire port_rst_n = unit_rst_n && aresetn;
  wire [1:0] control, ended;
  wire [2:0] status;
  wire [3:0] error_code;
  wire [3:0] error_region;
  wire [31:0] error_address, watchdog, program_address, position, tokens, first_logits;
  wire [511:0] token_ids, counts;
  wire [32*TOKENS-1:0] logits_crcs;
  registers #(.TOKENS(TOKENS), .SCORE_BYTES(SCORE_BYTES), .CONTEXT(CONTEXT), .CLOCK_KHZ(CLOCK_KHZ)) u_registers (
      .clk_i(aclk), .rst_ni(aresetn),
      .awaddr_i(s_axi_awaddr), .awvalid_i(s_axi_awvalid), .awready_o(s_axi_awready),
      .wdata_i(s_axi_wdata), .wstrb_i(s_axi_wstrb), .wvalid_i(s_axi_wvalid), .wready_o(s_axi_wready),
      .bresp_o(s_axi_bresp), .bvalid_o(s_axi_bvalid), .bready_i(s_axi_bready),
      .araddr_i(s_axi_araddr), .arvalid_i(s_axi_arvalid), .arready_o(s_axi_arready),
      .rdata_o(s_axi_rdata), .rresp_o(s_axi_rresp), .rvalid_o(s_axi_rvalid), .rready_i(s_axi_rready),
      .start_o(start), .soft_reset_o(soft_reset), .control_i(control), .status_i(status),
      .error_code_i(error_code), .error_address_i(error_address),
      .error_region_i(error_region), .ended_i(ended), .watchdog_o(watchdog), .program_o(program_address), .position_o(position), .tokens_o(tokens), .first_logits_o(first_logits),
      .token_ids_o(token_ids), .counters_i(counts), .logits_crcs_i(512'(logits_crcs)), .interrupt_o(interrupt));

  wire beat_valid, beat_ready, stream_empty, no_more, blocked, port_idle;
  wire stall_activation, stall_result, stall_softmax, stall_scores;
  logic [4:0] read_q;
  logic write_q;
  counters u_counters (
      .clk_i(aclk), .rst_ni(aresetn), .clear_i(clear), .counting_i(counting), .no_more_i(no_more),
      .read_i(read_q), .write_i(write_q), .beat_valid_i(beat_valid), .beat_ready_i(beat_ready),
      .activation_i(stall_activation), .result_i(stall_result), .softmax_i(stall_softmax), .scores_i(stall_scores),
      .blocked_i(blocked), .port_idle_i(port_idle), .counters_o(counts));

  // ------------------------------------------------------------------ control of the pass
  wire fetch_start, header_valid, check_start, checked, bad_program, bad_pass, run, dispatched, flush;
  wire fetch_idle, mcu_idle, writes_idle, compute_idle, mcu_empty, vpu_empty, spu_empty;
  wire fetch_error, mcu_error, write_error, instruction_error, overflow;
  wire damaged_program, damage, damage_load;
  wire [31:0] damaged_program_address, damage_address;
  wire [31:0] fetch_error_address, mcu_error_address, write_error_address, bad_instruction_address;
  logic units_idle_q, compute_idle_q, reads_idle_q, writes_idle_q, progress_q;
  pass_control u_control (
      .clk_i(aclk), .rst_ni(aresetn), .start_i(start), .soft_reset_i(soft_reset), .watchdog_i(watchdog),
      .program_i(program_address), .control_o(control), .status_o(status), .error_code_o(error_code),
      .error_address_o(error_address), .error_region_o(error_region), .ended_o(ended), .clear_o(clear), .counting_o(counting),
      .progress_i(progress_q), .unit_rst_no(unit_rst_n), .stop_o(stop), .fetch_o(fetch_start),
      .header_i(header_valid), .check_o(check_start), .checked_i(checked), .bad_program_i(bad_program),
      .bad_pass_i(bad_pass), .run_o(run), .dispatched_i(dispatched), .units_idle_i(units_idle_q && compute_idle_q),
      .flush_o(flush), .reads_idle_i(reads_idle_q), .writes_idle_i(writes_idle_q),
      .damaged_program_i(damaged_program), .damaged_program_address_i(damaged_program_address),
      .damage_i(damage), .damage_load_i(damage_load), .damage_address_i(damage_address),
      .fetch_error_i(fetch_error), .fetch_error_address_i(fetch_error_address), .mcu_error_i(mcu_error),
      .mcu_error_address_i(mcu_error_address), .write_error_i(write_error),
      .write_error_address_i(write_error_address), .instruction_error_i(instruction_error),
      .instruction_address_i(bad_instruction_address), .overflow_i(overflow));

  // Transfers, on this side of the register slices.
  wire [3:0] port_transfer;
  wire aux_transfer, write_transfer;
  always_ff @(posedge aclk) begin
    read_q         <= {aux_transfer, port_transfer};
    write_q        <= write_transfer;
    progress_q     <= |read_q || write_q;
    units_idle_q   <= mcu_empty && vpu_empty && spu_empty && mcu_idle;
    compute_idle_q <= compute_idle;
    reads_idle_q   <= fetch_idle && mcu_idle;
    writes_idle_q  <= writes_idle;
  end
  assign no_more = dispatched && mcu_empty && mcu_idle && stream_empty;

  // ------------------------------------------------------------------ program
  brim_pkg::program_header_t header;
  wire instruction_valid, instruction_ready;
  brim_pkg::instruction_t instruction;
  wire [31:0] instruction_address;
  wire [39:0] fetch_araddr;
  wire [7:0] fetch_arlen;
  wire [127:0] fetch_rdata;
  wire [1:0] fetch_rresp;
  wire fetch_arvalid, fetch_arready, fetch_rlast, fetch_rvalid, fetch_rready;
  fetch u_fetch (
      .clk_i(aclk), .rst_ni(unit_rst_n), .start_i(fetch_start), .program_i(program_address),
      .stop_i(stop || dispatched), .idle_o(fetch_idle), .header_valid_o(header_valid), .header_o(header),
      .instruction_valid_o(instruction_valid), .instruction_ready_i(instruction_ready),
      .instruction_o(instruction), .instruction_address_o(instruction_address),
      .damage_o(damaged_program), .damage_address_o(damaged_program_address),
      .error_o(fetch_error), .error_address_o(fetch_error_address),
      .araddr_o(fetch_araddr), .arlen_o(fetch_arlen), .arvalid_o(fetch_arvalid), .arready_i(fetch_arready),
      .rdata_i(fetch_rdata), .rresp_i(fetch_rresp), .rlast_i(fetch_rlast), .rvalid_i(fetch_rvalid),
      .rready_o(fetch_rready));
  axi_read_slice u_fetch_slice (
      .clk_i(aclk), .rst_ni(port_rst_n), .araddr_i(fetch_araddr), .arlen_i(fetch_arlen), .arvalid_i(fetch_arvalid),
      .arready_o(fetch_arready), .rdata_o(fetch_rdata), .rresp_o(fetch_rresp), .rlast_o(fetch_rlast),
      .rvalid_o(fetch_rvalid), .rready_i(fetch_rready),
      .araddr_o(m_axi_aux_araddr), .arlen_o(m_axi_aux_arlen), .arvalid_o(m_axi_aux_arvalid),
      .arready_i(m_axi_aux_arready), .rdata_i(m_axi_aux_rdata), .rresp_i(m_axi_aux_rresp),
      .rlast_i(m_axi_aux_rlast), .rvalid_i(m_axi_aux_rvalid), .rready_o(m_axi_aux_rready));
  assign aux_transfer = fetch_rvalid;
  assign m_axi_aux_arsize  = Size;
  assign m_axi_aux_arburst = Burst;
  assign m_axi_aux_arcache = Cache;
  assign m_axi_aux_arprot  = Prot;

  control_pkg::limits_t limits;
  pass_check #(.TOKENS(TOKENS), .SCORE_BYTES(SCORE_BYTES), .CONTEXT(CONTEXT)) u_check (
      .clk_i(aclk), .rst_ni(unit_rst_n), .start_i(check_start), .header_i(header), .position_i(position),
      .tokens_i(tokens), .first_logits_i(first_logits), .token_ids_i(token_ids[32*TOKENS-1:0]), .done_o(checked),
      .bad_program_o(bad_program), .bad_pass_o(bad_pass), .limits_o(limits));

  wire mcu_put, mcu_room, vpu_put, vpu_room, spu_put, spu_room;
  wire [255:0] dispatch_instruction;
  wire [7:0] dispatch_generation;
  wire expert_valid, expert_ready, expert_end;
  wire [6:0] expert;
  sequencer u_sequencer (
      .clk_i(aclk), .rst_ni(unit_rst_n), .start_i(fetch_start), .run_i(run), .limits_i(limits),
      .instruction_valid_i(instruction_valid), .instruction_ready_o(instruction_ready),
      .instruction_i(instruction), .address_i(instruction_address),
      .expert_valid_i(expert_valid), .expert_ready_o(expert_ready), .expert_end_i(expert_end), .expert_i(expert),
      .mcu_valid_o(mcu_put), .mcu_ready_i(mcu_room), .vpu_valid_o(vpu_put), .vpu_ready_i(vpu_room),
      .spu_valid_o(spu_put), .spu_ready_i(spu_room), .instruction_o(dispatch_instruction),
      .generation_o(dispatch_generation), .ended_o(dispatched), .error_o(instruction_error),
      .error_address_o(bad_instruction_address));

  wire mcu_valid, mcu_ready, vpu_valid, vpu_ready, spu_valid, spu_ready;
  wire [255:0] mcu_instruction, vpu_instruction, spu_instruction;
  wire [7:0] vpu_generation, spu_generation;
  queue #(.WIDTH(256), .DEPTH(16)) u_mcu_queue (
      .clk_i(aclk), .rst_ni(unit_rst_n), .valid_i(mcu_put), .ready_o(mcu_room), .data_i(dispatch_instruction),
      .valid_o(mcu_valid), .ready_i(mcu_ready), .data_o(mcu_instruction), .empty_o(mcu_empty));
  queue #(.WIDTH(264), .DEPTH(128)) u_vpu_queue (
      .clk_i(aclk), .rst_ni(unit_rst_n), .valid_i(vpu_put), .ready_o(vpu_room),
      .data_i({dispatch_generation, dispatch_instruction}), .valid_o(vpu_valid), .ready_i(vpu_ready),
      .data_o({vpu_generation, vpu_instruction}), .empty_o(vpu_empty));
  queue #(.WIDTH(264), .DEPTH(128)) u_spu_queue (
      .clk_i(aclk), .rst_ni(unit_rst_n), .valid_i(spu_put), .ready_o(spu_room),
      .data_i({dispatch_generation, dispatch_instruction}), .valid_o(spu_valid), .ready_i(spu_ready),
      .data_o({spu_generation, spu_instruction}), .empty_o(spu_empty));

  // ------------------------------------------------------------------ the stream
  // Ports 3 ... 0, on either side of the register slices.
  wire [4*40-1:0] araddr, port_araddr;
  wire [4*8-1:0] arlen, port_arlen;
  wire [3:0] arvalid, arready, rlast, rvalid, rready, port_arvalid, port_rready;
  wire [4*128-1:0] rdata;
  wire [4*2-1:0] rresp;
  wire joined_valid, joined_ready;
  wire [511:0] joined, beat;
  mcu #(.TOKENS(TOKENS), .OUTSTANDING(OUTSTANDING), .PORT_BEATS(PORT_BEATS)) u_mcu (
      .clk_i(aclk), .rst_ni(unit_rst_n), .header_i(header), .position_i(position[23:0]), .tokens_i(tokens[3:0]),
      .token_ids_i(token_ids[32*TOKENS-1:0]), .instruction_valid_i(mcu_valid), .instruction_ready_o(mcu_ready),
      .instruction_i(mcu_instruction),
      .araddr_o(araddr), .arlen_o(arlen), .arvalid_o(arvalid), .arready_i(arready),
      .rdata_i(rdata), .rresp_i(rresp), .rlast_i(rlast), .rvalid_i(rvalid), .rready_o(rready),
      .beat_valid_o(joined_valid), .beat_ready_i(joined_ready), .beat_data_o(joined), .stop_i(stop),
      .idle_o(mcu_idle), .error_o(mcu_error), .error_address_o(mcu_error_address), .port_idle_o(port_idle),
      .blocked_o(blocked));
  assign port_transfer = rvalid;
  wire [3:0] port_arready = {m_axi_3_arready, m_axi_2_arready, m_axi_1_arready, m_axi_0_arready};
  wire [3:0] port_rlast = {m_axi_3_rlast, m_axi_2_rlast, m_axi_1_rlast, m_axi_0_rlast};
  wire [3:0] port_rvalid = {m_axi_3_rvalid, m_axi_2_rvalid, m_axi_1_rvalid, m_axi_0_rvalid};
  wire [4*128-1:0] port_rdata = {m_axi_3_rdata, m_axi_2_rdata, m_axi_1_rdata, m_axi_0_rdata};
  wire [4*2-1:0] port_rresp = {m_axi_3_rresp, m_axi_2_rresp, m_axi_1_rresp, m_axi_0_rresp};
  for (genvar i = 0; i < 4; i++) begin : gen_port
    axi_read_slice u_slice (
        .clk_i(aclk), .rst_ni(port_rst_n), .araddr_i(araddr[40*i+:40]), .arlen_i(arlen[8*i+:8]),
        .arvalid_i(arvalid[i]), .arready_o(arready[i]), .rdata_o(rdata[128*i+:128]), .rresp_o(rresp[2*i+:2]),
        .rlast_o(rlast[i]), .rvalid_o(rvalid[i]), .rready_i(rready[i]),
        .araddr_o(port_araddr[40*i+:40]), .arlen_o(port_arlen[8*i+:8]), .arvalid_o(port_arvalid[i]),
        .arready_i(port_arready[i]), .rdata_i(port_rdata[128*i+:128]), .rresp_i(port_rresp[2*i+:2]),
        .rlast_i(port_rlast[i]), .rvalid_i(port_rvalid[i]), .rready_o(port_rready[i]));
  end
  assign {m_axi_3_araddr, m_axi_2_araddr, m_axi_1_araddr, m_axi_0_araddr} = port_araddr;
  assign {m_axi_3_arlen, m_axi_2_arlen, m_axi_1_arlen, m_axi_0_arlen} = port_arlen;
  assign {m_axi_3_arvalid, m_axi_2_arvalid, m_axi_1_arvalid, m_axi_0_arvalid} = port_arvalid;
  assign {m_axi_3_rready, m_axi_2_rready, m_axi_1_rready, m_axi_0_rready} = port_rready;
  assign {m_axi_3_arsize, m_axi_2_arsize, m_axi_1_arsize, m_axi_0_arsize} = {4{Size}};
  assign {m_axi_3_arburst, m_axi_2_arburst, m_axi_1_arburst, m_axi_0_arburst} = {4{Burst}};
  assign {m_axi_3_arcache, m_axi_2_arcache, m_axi_1_arcache, m_axi_0_arcache} = {4{Cache}};
  assign {m_axi_3_arprot, m_axi_2_arprot, m_axi_1_arprot, m_axi_0_arprot} = {4{Prot}};
  prefetch_fifo #(.BEATS(FIFO_BEATS)) u_fifo (
      .clk_i(aclk), .rst_ni(unit_rst_n), .valid_i(joined_valid), .ready_o(joined_ready), .data_i(joined),
      .valid_o(beat_valid), .ready_i(beat_ready), .data_o(beat), .empty_o(stream_empty));

  // ------------------------------------------------------------------ compute side and its writes
  wire write_valid, write_ready;
  wire [31:0] write_address;
  wire [511:0] write_data;
  wire [63:0] write_strobe;
  compute #(.TOKENS(TOKENS), .SCORE_BYTES(SCORE_BYTES), .CONTEXT(CONTEXT)) u_compute (
      .clk_i(aclk), .rst_ni(unit_rst_n), .header_i(header), .position_i(position[23:0]), .tokens_i(tokens[3:0]),
      .first_logits_i(first_logits[3:0]), .beat_valid_i(beat_valid), .beat_ready_o(beat_ready), .beat_data_i(beat),
      .vpu_valid_i(vpu_valid), .vpu_ready_o(vpu_ready), .vpu_instruction_i(vpu_instruction),
      .vpu_generation_i(vpu_generation), .spu_valid_i(spu_valid), .spu_ready_o(spu_ready),
      .spu_instruction_i(spu_instruction), .spu_generation_i(spu_generation), .write_valid_o(write_valid),
      .write_ready_i(write_ready), .write_address_o(write_address), .write_data_o(write_data),
      .write_strobe_o(write_strobe), .logits_crcs_o(logits_crcs), .expert_valid_o(expert_valid), .expert_ready_i(expert_ready),
      .expert_end_o(expert_end), .expert_o(expert), .idle_o(compute_idle), .overflow_o(overflow),
      .damage_o(damage), .damage_load_o(damage_load), .damage_address_o(damage_address),
      .stall_activation_o(stall_activation), .stall_result_o(stall_result), .stall_softmax_o(stall_softmax),
      .stall_scores_o(stall_scores));
  wire [39:0] awaddr;
  wire [7:0] awlen;
  wire [127:0] wdata;
  wire [15:0] wstrb;
  wire [1:0] bresp;
  wire awvalid, awready, wlast, wvalid, wready, bvalid, bready;
  write_port u_writes (
      .clk_i(aclk), .rst_ni(unit_rst_n), .write_valid_i(write_valid), .write_ready_o(write_ready),
      .write_address_i(write_address), .write_data_i(write_data), .write_strobe_i(write_strobe), .flush_i(flush),
      .stop_i(stop), .idle_o(writes_idle), .error_o(write_error), .error_address_o(write_error_address),
      .awaddr_o(awaddr), .awlen_o(awlen), .awvalid_o(awvalid), .awready_i(awready),
      .wdata_o(wdata), .wstrb_o(wstrb), .wlast_o(wlast), .wvalid_o(wvalid), .wready_i(wready),
      .bresp_i(bresp), .bvalid_i(bvalid), .bready_o(bready));
  axi_write_slice u_write_slice (
      .clk_i(aclk), .rst_ni(port_rst_n),
      .awaddr_i(awaddr), .awlen_i(awlen), .awvalid_i(awvalid), .awready_o(awready),
      .wdata_i(wdata), .wstrb_i(wstrb), .wlast_i(wlast), .wvalid_i(wvalid), .wready_o(wready),
      .bresp_o(bresp), .bvalid_o(bvalid), .bready_i(bready),
      .awaddr_o(m_axi_aux_awaddr), .awlen_o(m_axi_aux_awlen), .awvalid_o(m_axi_aux_awvalid),
      .awready_i(m_axi_aux_awready), .wdata_o(m_axi_aux_wdata), .wstrb_o(m_axi_aux_wstrb),
      .wlast_o(m_axi_aux_wlast), .wvalid_o(m_axi_aux_wvalid), .wready_i(m_axi_aux_wready),
      .bresp_i(m_axi_aux_bresp), .bvalid_i(m_axi_aux_bvalid), .bready_o(m_axi_aux_bready));
  assign write_transfer = wvalid && wready;
  assign m_axi_aux_awsize  = Size;
  assign m_axi_aux_awburst = Burst;
  assign m_axi_aux_awcache = Cache;
  assign m_axi_aux_awprot  = Prot;

  wire unused = &{1'b0, s_axi_awprot, s_axi_arprot, token_ids};
endmodule
`default_nettype wire
