// MCU, read side: reads in program order what the instructions say, through four AXI ports, as far ahead as there
// is room, and joins it into one stream of beats.
`default_nettype none
module mcu #(
    parameter int TOKENS      = 4,
    parameter int OUTSTANDING = 8,   // bursts of a port that may be under way
    parameter int PORT_BEATS  = 128  // of a port FIFO
) (
    input wire clk_i,
    input wire rst_ni,

    // Of the pass, stable.
    input wire brim_pkg::program_header_t header_i,
    input wire [         23:0]            position_i,
    input wire [          3:0]            tokens_i,
    input wire [32*TOKENS-1:0]            token_ids_i,

    input  wire                         instruction_valid_i,
    output wire                         instruction_ready_o,
    input  wire brim_pkg::instruction_t instruction_i,

    // AXI4 read channels of the ports, port 0 in the low bits. INCR bursts of 16-byte transfers.
    output wire [ 4*40-1:0] araddr_o,
    output wire [  4*8-1:0] arlen_o,
    output wire [      3:0] arvalid_o,
    input  wire [      3:0] arready_i,
    input  wire [4*128-1:0] rdata_i,
    input  wire [  4*2-1:0] rresp_i,
    input  wire [      3:0] rlast_i,
    input  wire [      3:0] rvalid_i,
    output wire [      3:0] rready_o,

    output wire         beat_valid_o,
    input  wire         beat_ready_i,
    output wire [511:0] beat_data_o,

    input  wire        stop_i,           // issue no new burst, until reset
    output wire        idle_o,           // nothing is left to do; with stop_i: no burst is under way
    output wire        error_o,          // one cycle: a response was not OKAY
    output wire [31:0] error_address_o,  // of its burst, in beats
    output wire        port_idle_o,      // some port has no burst under way
    output wire        blocked_o         // a beat is joined and is not taken
);
  // Two short queues keep the three steps from waiting for one another in the same cycle.
  wire piece_in_valid, piece_in_ready, piece_valid, piece_ready, pieces_idle, piece_queue_empty;
  mcu_pkg::piece_t piece_in, piece;
  wire piece_in_wide, piece_wide;
  mcu_pieces #(.TOKENS(TOKENS)) u_pieces (
      .clk_i, .rst_ni, .context_i(header_i.context_size), .wide_heads_i(header_i.head_size > 16'd64),
      .key_four_bits_i(header_i.key_bits == 8'd4), .value_four_bits_i(header_i.value_bits == 8'd4), .position_i,
      .tokens_i, .token_ids_i,
      .instruction_valid_i, .instruction_ready_o, .instruction_i, .piece_valid_o(piece_in_valid),
      .piece_ready_i(piece_in_ready), .piece_o(piece_in), .wide_records_o(piece_in_wide), .idle_o(pieces_idle));
  queue #(.WIDTH(1 + $bits(piece_in)), .DEPTH(4)) u_piece_queue (
      .clk_i, .rst_ni, .valid_i(piece_in_valid), .ready_o(piece_in_ready), .data_i({piece_in_wide, piece_in}),
      .valid_o(piece_valid), .ready_i(piece_ready), .data_o({piece_wide, piece}), .empty_o(piece_queue_empty));

  wire burst_in_valid, burst_in_ready, burst_valid, burst_ready, commands_idle, burst_queue_empty;
  mcu_pkg::burst_t burst_in, burst;
  mcu_commands u_commands (
      .clk_i, .rst_ni, .wide_records_i(piece_wide), .piece_valid_i(piece_valid),
      .piece_ready_o(piece_ready), .piece_i(piece), .burst_valid_o(burst_in_valid), .burst_ready_i(burst_in_ready),
      .burst_o(burst_in), .idle_o(commands_idle));
  queue #(.WIDTH($bits(burst_in)), .DEPTH(4)) u_burst_queue (
      .clk_i, .rst_ni, .valid_i(burst_in_valid), .ready_o(burst_in_ready), .data_i(burst_in), .valid_o(burst_valid),
      .ready_i(burst_ready), .data_o(burst), .empty_o(burst_queue_empty));

  wire [3:0] port_burst_ready, port_valid, port_ready, busy, empty, error;
  wire [4*512-1:0] port_data;
  wire [4*32-1:0] error_address;
  assign burst_ready = port_burst_ready[burst.port] && !stop_i;
  for (genvar i = 0; i < 4; i++) begin : gen_port
    axi_read_port #(.OUTSTANDING(OUTSTANDING), .BEATS(PORT_BEATS)) u_port (
        .clk_i, .rst_ni, .burst_valid_i(burst_valid && burst.port == 2'(i) && !stop_i),
        .burst_ready_o(port_burst_ready[i]), .burst_address_i(burst.address), .burst_length_i(burst.length),
        .araddr_o(araddr_o[40*i+:40]), .arlen_o(arlen_o[8*i+:8]), .arvalid_o(arvalid_o[i]),
        .arready_i(arready_i[i]), .rdata_i(rdata_i[128*i+:128]), .rresp_i(rresp_i[2*i+:2]), .rlast_i(rlast_i[i]),
        .rvalid_i(rvalid_i[i]), .rready_o(rready_o[i]), .beat_valid_o(port_valid[i]),
        .beat_ready_i(port_ready[i]), .beat_data_o(port_data[512*i+:512]), .busy_o(busy[i]), .empty_o(empty[i]),
        .error_o(error[i]), .error_address_o(error_address[32*i+:32]));
  end

  // The join hears of rounds a cycle after the ports have their bursts, long before their beats.
  wire join_idle;
  logic rounds_valid_q;
  logic [4:0] rounds_q;
  logic [1:0] last_port_q;
  always_ff @(posedge clk_i) begin
    rounds_valid_q <= rst_ni && burst_valid && burst_ready && burst.rounds_valid;
    rounds_q       <= burst.rounds;
    last_port_q    <= burst.last_port;
  end
  mcu_join #(.BEATS(PORT_BEATS)) u_join (
      .clk_i, .rst_ni, .rounds_valid_i(rounds_valid_q), .rounds_i(rounds_q),
      .last_port_i(last_port_q), .port_valid_i(port_valid), .port_ready_o(port_ready), .port_data_i(port_data),
      .beat_valid_o, .beat_ready_i, .beat_data_o, .idle_o(join_idle));

  // Of errors in one cycle the lowest port's is reported: the first one ends the pass anyway.
  logic error_q;
  logic [31:0] error_address_q;
  always_ff @(posedge clk_i) begin
    error_q <= error != 0 && rst_ni;
    error_address_q <= error[0] ? error_address[31:0] : error[1] ? error_address[63:32]
                     : error[2] ? error_address[95:64] : error_address[127:96];
  end

  // A register, as it is found out from all the steps. None of them says that it is empty before the next one knows
  // what it handed over.
  logic idle_q;
  wire drained = pieces_idle && piece_queue_empty && commands_idle && burst_queue_empty && empty == 4'hF && !rounds_valid_q &&
      join_idle;
  always_ff @(posedge clk_i) idle_q <= busy == 0 && (stop_i || (drained && !instruction_valid_i));
  assign idle_o = idle_q;
  assign error_o = error_q;
  assign error_address_o = error_address_q;
  assign port_idle_o = busy != 4'hF;
  assign blocked_o = beat_valid_o && !beat_ready_i;
  wire unused = &{1'b0, header_i};
endmodule
`default_nettype wire
