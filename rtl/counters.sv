// The counters of a pass, docs/registers.md: cycles, beats, and why no beat was taken. They stop at 0xFFFFFFFF.
`default_nettype none
module counters (
    input wire clk_i,
    input wire rst_ni,

    input wire clear_i,
    input wire counting_i,     // a pass runs
    input wire no_more_i,      // the stream of this pass is over

    input wire [4:0] read_i,   // transfers of 16 bytes, of each port that reads
    input wire       write_i,
    input wire       beat_valid_i,  // at the head of the stream
    input wire       beat_ready_i,
    input wire       activation_i,  // why it is not taken; at most one
    input wire       result_i,
    input wire       softmax_i,
    input wire       scores_i,
    input wire       blocked_i,     // the prefetch FIFO has no room
    input wire       port_idle_i,   // a port has no burst under way

    output wire [511:0] counters_o  // words from offset REG_CYCLES on
);
  // ------------------------------------------------------------------ events of a cycle
  logic began_q;                     // a beat has been taken
  logic [2:0] transfers_q;
  logic [1:0] read_rest_q, write_rest_q;  // transfers that make no whole beat yet
  logic [1:0] read_q;                // beats
  logic cycle_q, written_q, empty_q, activation_q, result_q, softmax_q, scores_q, pass_q, full_q, idle_q, local_q;
  wire [3:0] transfers = {2'b0, read_rest_q} + {1'b0, transfers_q};
  wire write = counting_i && write_i;
  wire taken = beat_valid_i && beat_ready_i;
  wire pass = !began_q || no_more_i;
  wire waits = counting_i && !taken && !pass && beat_valid_i;
  always_ff @(posedge clk_i) begin
    if (counting_i && taken) began_q <= 1'b1;
    // Bursts that outlast a pass, as the watchdog does not wait for them, are not the pass's any more.
    transfers_q  <= counting_i ? 3'(read_i[0]) + 3'(read_i[1]) + 3'(read_i[2]) + 3'(read_i[3]) + 3'(read_i[4]) : '0;
    read_rest_q  <= transfers[1:0];
    read_q       <= transfers[3:2];
    write_rest_q <= write_rest_q + 2'(write);
    written_q    <= write && write_rest_q == '1;
    cycle_q      <= counting_i;
    pass_q       <= counting_i && !taken && pass;
    empty_q      <= counting_i && !pass && !beat_valid_i;
    activation_q <= waits && activation_i;
    result_q     <= waits && result_i;
    softmax_q    <= waits && softmax_i;
    scores_q     <= waits && scores_i;
    local_q      <= waits && !activation_i && !result_i && !softmax_i && !scores_i;
    full_q       <= counting_i && blocked_i;
    idle_q       <= counting_i && port_idle_i;
    if (clear_i || !rst_ni) begin
      began_q      <= 1'b0;
      transfers_q  <= '0;
      read_rest_q  <= '0;
      write_rest_q <= '0;
    end
  end

  // ------------------------------------------------------------------ counters
  // Place of a register among the words.
  localparam int Cycles = 32'(brim_pkg::REG_CYCLES[5:2]);
  localparam int BeatsRead = 32'(brim_pkg::REG_BEATS_READ[5:2]);
  localparam int BeatsWritten = 32'(brim_pkg::REG_BEATS_WRITTEN[5:2]);
  localparam int Empty = 32'(brim_pkg::REG_STALL_EMPTY[5:2]);
  localparam int Activation = 32'(brim_pkg::REG_STALL_ACTIVATION[5:2]);
  localparam int Result = 32'(brim_pkg::REG_STALL_RESULT[5:2]);
  localparam int Softmax = 32'(brim_pkg::REG_STALL_SOFTMAX[5:2]);
  localparam int Scores = 32'(brim_pkg::REG_STALL_SCORES[5:2]);
  localparam int Pass = 32'(brim_pkg::REG_STALL_PASS[5:2]);
  localparam int Full = 32'(brim_pkg::REG_FIFO_FULL[5:2]);
  localparam int Idle = 32'(brim_pkg::REG_PORT_IDLE[5:2]);
  localparam int Local = 32'(brim_pkg::REG_STALL_LOCAL[5:2]);
  logic [31:0] events;  // two bits each
  always_comb begin
    events                      = '0;
    events[2*Cycles+:2]         = {1'b0, cycle_q};
    events[2*BeatsRead+:2]      = read_q;
    events[2*BeatsWritten+:2]   = {1'b0, written_q};
    events[2*Empty+:2]          = {1'b0, empty_q};
    events[2*Activation+:2]     = {1'b0, activation_q};
    events[2*Result+:2]         = {1'b0, result_q};
    events[2*Softmax+:2]        = {1'b0, softmax_q};
    events[2*Scores+:2]         = {1'b0, scores_q};
    events[2*Pass+:2]           = {1'b0, pass_q};
    events[2*Full+:2]           = {1'b0, full_q};
    events[2*Idle+:2]           = {1'b0, idle_q};
    events[2*Local+:2]          = {1'b0, local_q};
  end
  // Words without a register stay 0.
  for (genvar i = 0; i < 16; i++) begin : gen_counter
    counter u_counter (
        .clk_i, .clear_i(clear_i || !rst_ni), .add_i(events[2*i+:2]), .count_o(counters_o[32*i+:32]));
  end
endmodule
`default_nettype wire
