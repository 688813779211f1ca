// Collects the beats that the compute side writes and sends them through the aux port in long runs, because every
// turn of the memory bus between reads and writes idles it. docs/rtl/write_port.md.
`default_nettype none
module write_port #(
    parameter int BEATS       = 256,  // of the buffer, a power of two: 16 KiB
    parameter int DRAIN_BEATS = 64,   // that are sent at once: 4 KiB
    parameter int BURSTS      = 16    // under way at most: of several tokens most are of one beat
) (
    input wire clk_i,
    input wire rst_ni,

    input  wire         write_valid_i,
    output wire         write_ready_o,
    input  wire [ 31:0] write_address_i,  // in beats
    input  wire [511:0] write_data_i,
    input  wire [ 63:0] write_strobe_i,

    input  wire flush_i,  // send all that is held
    input  wire stop_i,   // no new burst; what is under way is finished
    output wire idle_o,   // nothing held, every burst acknowledged; with stop_i: every burst acknowledged

    output wire        error_o,          // a response was not OKAY (one cycle)
    output wire [31:0] error_address_o,  // of its burst, in beats

    // AXI4 write channels; bursts are INCR of 16-byte transfers.
    output wire [ 39:0] awaddr_o,
    output wire [  7:0] awlen_o,
    output wire         awvalid_o,
    input  wire         awready_i,
    output wire [127:0] wdata_o,
    output wire [ 15:0] wstrb_o,
    output wire         wlast_o,
    output wire         wvalid_o,
    input  wire         wready_i,
    input  wire [  1:0] bresp_i,
    input  wire         bvalid_i,
    output wire         bready_o
);
  localparam int BeatBits = $clog2(BEATS);
  localparam int BurstBits = $clog2(BURSTS);

  // ------------------------------------------------------------------ the buffer
  logic [BeatBits:0] held_q;  // beats, until they are in the output register
  logic [BeatBits-1:0] write_q;
  logic ready_q;
  wire put = write_valid_i && write_ready_o;
  wire loaded;
  assign write_ready_o = ready_q;

  // A beat joins the burst of the beat before it if it stands behind it in the same 4 KiB.
  logic [31:0] follower_q;  // address behind the last beat
  wire joins = write_address_i == follower_q && follower_q[5:0] != '0;
  (* ram_style = "distributed" *) logic [32:0] addresses[BEATS];

  always_ff @(posedge clk_i) begin
    if (put) begin
      addresses[write_q] <= {joins, write_address_i};
      write_q            <= write_q + 1;
      follower_q         <= write_address_i + 32'd1;
    end
    held_q  <= held_q + (BeatBits + 1)'(put) - (BeatBits + 1)'(loaded);
    // A beat that leaves in this cycle makes room in the next one only.
    ready_q <= !held_q[BeatBits] && !(held_q == (BeatBits + 1)'(BEATS - 1) && put) && !stop_i;
    if (!rst_ni) begin
      write_q <= '0;
      held_q  <= '0;
      ready_q <= 1'b0;
    end
  end

  logic [BeatBits-1:0] read_q;
  wire [575:0] read_data;
  ram #(.WIDTH(576), .DEPTH(BEATS), .STYLE("block")) u_beats (
      .clk_i, .we_i(put), .waddress_i(write_q), .wdata_i({write_strobe_i, write_data_i}), .raddress_i(read_q),
      .rdata_o(read_data));

  // ------------------------------------------------------------------ what is to be sent now
  logic [BeatBits:0] waiting_q;  // beats that may not be sent yet
  logic [BeatBits:0] drain_q;    // beats that may, and have not been looked at
  logic [BeatBits-1:0] scan_q;
  logic next_valid_q;
  logic [32:0] next_q;
  wire next_taken;
  wire scan = drain_q != '0 && (!next_valid_q || next_taken);
  wire full_drain = drain_q == '0 && waiting_q >= (BeatBits + 1)'(DRAIN_BEATS);
  wire last_drain = drain_q == '0 && waiting_q != '0 && !full_drain && flush_i;
  wire [BeatBits:0] granted = full_drain ? (BeatBits + 1)'(DRAIN_BEATS) : last_drain ? waiting_q : '0;
  always_ff @(posedge clk_i) begin
    waiting_q <= waiting_q + (BeatBits + 1)'(put) - granted;
    if (full_drain || last_drain) drain_q <= granted;
    if (scan) begin
      drain_q <= drain_q - 1;
      scan_q  <= scan_q + 1;
      next_q  <= addresses[scan_q];
    end
    if (scan) next_valid_q <= 1'b1;
    else if (next_taken) next_valid_q <= 1'b0;
    if (!rst_ni) begin
      waiting_q    <= '0;
      drain_q      <= '0;
      scan_q       <= '0;
      next_valid_q <= 1'b0;
    end
  end

  // ------------------------------------------------------------------ bursts
  logic run_valid_q;
  logic [31:0] run_address_q;
  logic [5:0] run_more_q;  // beats behind the first
  logic ask_q;
  logic [31:0] ask_address_q;
  logic [5:0] ask_more_q;
  logic [BurstBits:0] pushed_q, sent_q, acknowledged_q;  // bursts; one bit more than a place
  logic room_q;  // for one more under way

  wire next_joins = next_q[32];
  wire run_over = run_valid_q && (next_valid_q ? !next_joins : drain_q == '0);
  wire [BurstBits:0] under_way = pushed_q - acknowledged_q;
  wire burst_room = !ask_q && room_q && !stop_i;
  wire run_leaves = run_over && burst_room;
  wire run_grows = run_valid_q && next_valid_q && next_joins;
  assign next_taken = next_valid_q && (!run_valid_q || run_grows || run_leaves);
  wire asked = ask_q && awready_i;
  always_ff @(posedge clk_i) begin
    if (run_grows) run_more_q <= run_more_q + 1;
    else if (next_taken) begin
      run_valid_q   <= 1'b1;
      run_address_q <= next_q[31:0];
      run_more_q    <= '0;
    end else if (run_leaves) run_valid_q <= 1'b0;
    if (run_leaves) begin
      ask_q         <= 1'b1;
      ask_address_q <= run_address_q;
      ask_more_q    <= run_more_q;
    end
    if (asked) ask_q <= 1'b0;
    room_q <= under_way < (BurstBits + 1)'(BURSTS - 1) || (under_way == (BurstBits + 1)'(BURSTS - 1) && !run_leaves);
    if (!rst_ni) begin
      run_valid_q <= 1'b0;
      ask_q       <= 1'b0;
      room_q      <= 1'b0;
    end
  end
  assign awaddr_o  = {2'b0, ask_address_q, 6'b0};
  assign awlen_o   = {ask_more_q, 2'b11};
  assign awvalid_o = ask_q;

  // Data does not wait until the address is taken (IHI 0022, dependencies between channels): a burst whose address is
  // asked for will be sent whole, also after a stop. One address is asked for at a time, so the data of a later burst
  // does not come before an earlier address.
  (* ram_style = "distributed" *) logic [37:0] bursts[BURSTS];
  wire [37:0] sending = bursts[sent_q[BurstBits-1:0]];
  wire [37:0] acknowledging = bursts[acknowledged_q[BurstBits-1:0]];
  wire sent;
  wire acknowledged = bvalid_i && bready_o;
  always_ff @(posedge clk_i) begin
    if (run_leaves) begin
      bursts[pushed_q[BurstBits-1:0]] <= {run_more_q, run_address_q};
      pushed_q <= pushed_q + 1;
    end
    if (sent) sent_q <= sent_q + 1;
    if (acknowledged) acknowledged_q <= acknowledged_q + 1;
    if (!rst_ni) begin
      pushed_q       <= '0;
      sent_q         <= '0;
      acknowledged_q <= '0;
    end
  end

  // ------------------------------------------------------------------ data
  // Shifted by 16 bytes per transfer.
  logic [511:0] data_q;
  logic [63:0] strobe_q;
  logic beat_valid_q, beat_last_q;
  logic [1:0] transfer_q;
  logic [5:0] beats_q;       // of the burst that have been loaded
  logic [1:0] settled_q;     // the word read is there when this is 0
  wire transferred = beat_valid_q && wready_i;
  wire beat_over = transferred && transfer_q == 2'd3;
  assign loaded = pushed_q != sent_q && settled_q == '0 && (!beat_valid_q || beat_over);
  wire last = beats_q == sending[37:32];
  assign sent = loaded && last;
  always_ff @(posedge clk_i) begin
    if (settled_q != '0) settled_q <= settled_q - 1;
    if (transferred) begin
      data_q     <= {128'b0, data_q[511:128]};
      strobe_q   <= {16'b0, strobe_q[63:16]};
      transfer_q <= transfer_q + 1;
    end
    if (loaded) begin
      {strobe_q, data_q} <= read_data;
      beat_valid_q <= 1'b1;
      beat_last_q  <= last;
      transfer_q   <= '0;
      read_q       <= read_q + 1;
      settled_q    <= 2'd2;
      beats_q      <= last ? '0 : beats_q + 1;
    end else if (beat_over) beat_valid_q <= 1'b0;
    if (!rst_ni) begin
      beat_valid_q <= 1'b0;
      read_q       <= '0;
      settled_q    <= 2'd2;
      beats_q      <= '0;
    end
  end
  assign wdata_o  = data_q[127:0];
  assign wstrb_o  = strobe_q[15:0];
  assign wlast_o  = beat_last_q && transfer_q == 2'd3;
  assign wvalid_o = beat_valid_q;

  // ------------------------------------------------------------------ responses
  logic error_q;
  logic [31:0] error_address_q;
  assign bready_o = 1'b1;
  always_ff @(posedge clk_i) begin
    error_q         <= rst_ni && acknowledged && bresp_i != 2'b00;
    error_address_q <= acknowledging[31:0];
  end
  assign error_o         = error_q;
  assign error_address_o = error_address_q;
  assign idle_o = !ask_q && !beat_valid_q && pushed_q == acknowledged_q && (stop_i || held_q == '0);
  wire unused = &{1'b0, sending, acknowledging};
endmodule
`default_nettype wire
