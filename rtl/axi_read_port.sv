// One AXI4 read master, 128 bits wide: bursts in, beats of 64 bytes out, in order.
//
// A burst is taken only when the port FIFO has room for all of it, so its data never waits (rready_o is always
// high), and while fewer than OUTSTANDING bursts are under way. A burst that was taken will be finished, whatever
// happens.
`default_nettype none
module axi_read_port #(
    parameter int OUTSTANDING = 8,  // bursts, at least 2
    parameter int BEATS       = 128  // of the port FIFO, a power of two, at least a longest burst
) (
    input wire clk_i,
    input wire rst_ni,

    // Bursts: address in beats, and beats - 1.
    input  wire        burst_valid_i,
    output wire        burst_ready_o,
    input  wire [31:0] burst_address_i,
    input  wire [ 4:0] burst_length_i,

    output wire [ 39:0] araddr_o,
    output wire [  7:0] arlen_o,
    output wire         arvalid_o,
    input  wire         arready_i,
    input  wire [127:0] rdata_i,
    input  wire [  1:0] rresp_i,
    input  wire         rlast_i,
    input  wire         rvalid_i,
    output wire         rready_o,

    output wire         beat_valid_o,
    input  wire         beat_ready_i,
    output wire [511:0] beat_data_o,

    output wire        busy_o,          // a burst is under way
    output wire        empty_o,         // no data waits for the join
    output wire        error_o,         // one cycle: a response was not OKAY
    output wire [31:0] error_address_o  // of its burst, in beats
);
  localparam int SlotBits = $clog2(OUTSTANDING);
  localparam int CountBits = $clog2(OUTSTANDING + 1);
  localparam int RoomBits = $clog2(BEATS) + 1;

  // The bursts under way: written when taken, read once for the address channel and once for their responses.
  (* ram_style = "distributed" *) logic [36:0] bursts[2**SlotBits];
  logic [SlotBits-1:0] taken_q, asked_q, answered_q;  // slots
  logic [CountBits-1:0] under_way_q, unasked_q;
  logic [RoomBits-1:0] room_q;  // beats that no burst has reserved

  assign burst_ready_o = room_q > RoomBits'(burst_length_i) && under_way_q != CountBits'(OUTSTANDING);
  wire take = burst_valid_i && burst_ready_o;
  logic joined_q;  // a beat, in the cycle before
  // -1 - n is ~n: one adder, beside the comparison.
  wire [RoomBits-1:0] room_behind = room_q + ~(RoomBits'(burst_length_i)) + RoomBits'(joined_q);
  wire answered = rvalid_i && rlast_i;

  logic ar_valid_q;
  logic [36:0] ar_q;
  wire ar_advance = !ar_valid_q || arready_i;
  wire ask = ar_advance && unasked_q != 0;

  logic rvalid_q, error_q, ready_q;
  logic [127:0] rdata_q;
  logic [ 31:0] error_address_q;

  function automatic logic [SlotBits-1:0] following(input logic [SlotBits-1:0] slot);
    following = slot == SlotBits'(OUTSTANDING - 1) ? '0 : slot + 1;
  endfunction

  always_ff @(posedge clk_i) begin
    if (take) begin
      bursts[taken_q] <= {burst_length_i, burst_address_i};
      taken_q <= following(taken_q);
    end
    if (ar_advance) begin
      ar_valid_q <= unasked_q != 0;
      ar_q       <= bursts[asked_q];
    end
    if (ask) asked_q <= following(asked_q);
    if (answered) answered_q <= following(answered_q);

    unasked_q   <= unasked_q + CountBits'(take) - CountBits'(ask);
    under_way_q <= under_way_q + CountBits'(take) - CountBits'(answered);
    joined_q    <= beat_valid_o && beat_ready_i;
    room_q      <= take ? room_behind : room_q + RoomBits'(joined_q);

    rvalid_q        <= rvalid_i;
    rdata_q         <= rdata_i;
    error_q         <= rvalid_i && rresp_i != 2'b00;
    error_address_q <= bursts[answered_q][31:0];
    ready_q         <= 1'b1;

    if (!rst_ni) begin
      taken_q     <= '0;
      asked_q     <= '0;
      answered_q  <= '0;
      unasked_q   <= '0;
      under_way_q <= '0;
      joined_q    <= 1'b0;
      room_q      <= RoomBits'(BEATS);
      ar_valid_q  <= 1'b0;
      rvalid_q    <= 1'b0;
      error_q     <= 1'b0;
      ready_q     <= 1'b0;
    end
  end

  wire fifo_empty;
  port_fifo #(.BEATS(BEATS)) u_fifo (
      .clk_i, .rst_ni, .valid_i(rvalid_q), .data_i(rdata_q), .valid_o(beat_valid_o), .ready_i(beat_ready_i),
      .data_o(beat_data_o), .empty_o(fifo_empty));

  assign araddr_o = {2'b0, ar_q[31:0], 6'b0};
  assign arlen_o = {1'b0, ar_q[36:32], 2'b11};
  assign arvalid_o = ar_valid_q;
  assign rready_o = ready_q;
  assign busy_o = under_way_q != 0;
  assign empty_o = fifo_empty && !rvalid_q;
  assign error_o = error_q;
  assign error_address_o = error_address_q;
endmodule
`default_nettype wire
