// write_port: addresses and data stay until they are taken; a burst's data comes once its address is shown, never waits
// for more than three cycles, and ends with WLAST. After a stop no burst begins, and those that have begun are finished;
// idle_o says when. At most BURSTS are under way. Whether a beat joins the burst before it is free here.
//: sources ram.sv write_port.sv
//: with write_port.sv => wire joins = write_address_i == follower_q && follower_q[5:0] != '0; => wire joins = write_address_i[0];
//: method pdr
//: plant write_port.sv => wire burst_room = !ask_q && room_q && !stop_i; => wire burst_room = room_q && !stop_i;
//: plant write_port.sv => wire last = beats_q == sending[37:32]; => wire last = beats_q == run_more_q;
//: plant write_port.sv => assign loaded = pushed_q != sent_q => assign loaded = !stop_i && pushed_q != sent_q
//: plant write_port.sv => room_q <= under_way < (BurstBits + 1)'(BURSTS - 1) => room_q <= under_way < (BurstBits + 1)'(BURSTS + 1)
`default_nettype none
module write_port_proof #(
    parameter int Beats  = 4,  // not 256; two, not 64, are sent at once
    parameter int Bursts = 2   // not 16
) (
    input wire clk_i,
    input wire write_valid_i, joins_i, data_i, flush_i, stop_i, awready_i, wready_i, bvalid_i,
    input wire [1:0] bresp_i
);
  logic rst_nq = 0, before_nq = 0;
  always_ff @(posedge clk_i) begin
    rst_nq    <= 1;
    before_nq <= rst_nq;
  end

  wire write_ready, idle, error, awvalid, wlast, wvalid, bready;
  wire [31:0] error_address;
  wire [39:0] awaddr;
  wire [7:0] awlen;
  wire [127:0] wdata;
  wire [15:0] wstrb;
  write_port #(.BEATS(Beats), .DRAIN_BEATS(2), .BURSTS(Bursts)) u_unit (
      .clk_i, .rst_ni(rst_nq), .write_valid_i, .write_ready_o(write_ready), .write_address_i({31'b0, joins_i}),
      .write_data_i({255'b0, data_i, 256'b0}), .write_strobe_i('0), .flush_i, .stop_i, .idle_o(idle), .error_o(error),
      .error_address_o(error_address), .awaddr_o(awaddr), .awlen_o(awlen), .awvalid_o(awvalid), .awready_i,
      .wdata_o(wdata), .wstrb_o(wstrb), .wlast_o(wlast), .wvalid_o(wvalid), .wready_i, .bresp_i, .bvalid_i,
      .bready_o(bready));
  wire asked = awvalid && awready_i;
  wire transferred = wvalid && wready_i;

  // Bursts that are shown; of those, what is not yet taken, sent and answered; lengths of those to be sent.
  localparam int Bits = $clog2(Bursts) + 1;
  logic shown_q;  // AW, and not taken
  wire begins = awvalid && !shown_q;
  logic [7:0] lengths[Bursts];
  logic [Bits-1:0] begun_q, asked_q, sent_q, answered_q;
  logic [7:0] transfer_q;
  logic [2:0] gap_q;
  logic stop_q, bad_q;
  wire sending = begun_q != sent_q;
  always_ff @(posedge clk_i) begin
    shown_q <= awvalid && !awready_i;
    if (begins) lengths[begun_q[Bits-2:0]] <= awlen;
    begun_q    <= begun_q + Bits'(begins);
    asked_q    <= asked_q + Bits'(asked);
    sent_q     <= sent_q + Bits'(transferred && wlast);
    answered_q <= answered_q + Bits'(bvalid_i);
    if (transferred) transfer_q <= wlast ? '0 : transfer_q + 1;
    gap_q  <= sending && !wvalid ? gap_q + 1 : '0;
    stop_q <= stop_i;
    bad_q  <= bvalid_i && bresp_i != 2'b00;
    if (!rst_nq) begin
      shown_q    <= 1'b0;
      begun_q    <= '0;
      asked_q    <= '0;
      sent_q     <= '0;
      answered_q <= '0;
      transfer_q <= '0;
      gap_q      <= '0;
    end
  end

  held #(.WIDTH(9)) u_address (
      .clk_i, .rst_ni(rst_nq), .valid_i(awvalid), .ready_i(awready_i), .data_i({awaddr[6], awlen}));
  held #(.WIDTH(2)) u_data (
      .clk_i, .rst_ni(rst_nq), .valid_i(wvalid), .ready_i(wready_i), .data_i({wlast, wdata[0]}));

  // Of the unit's registers, what makes the proof short.
  (* hierconn *) wire [1:0] \u_unit.pushed_q ;
  (* hierconn *) wire [1:0] \u_unit.sent_q ;
  (* hierconn *) wire [1:0] \u_unit.acknowledged_q ;
  (* hierconn *) wire [1:0] \u_unit.settled_q ;
  (* hierconn *) wire [1:0] \u_unit.transfer_q ;
  (* hierconn *) wire [5:0] \u_unit.beats_q ;
  (* hierconn *) wire \u_unit.beat_last_q ;
  (* hierconn *) wire [2:0] \u_unit.held_q ;

  always_comb begin
    // Memory answers a burst that it has whole.
    assume (!bvalid_i || (rst_nq && asked_q != answered_q && sent_q != answered_q));
    if (rst_nq) begin
      // Whole beats.
      assert (!awvalid || awlen[1:0] == 2'b11);
      // Data of bursts whose address has been shown, and the last one where it ends.
      assert (!wvalid || sending);
      assert (!wvalid || wlast == (transfer_q == lengths[sent_q[Bits-2:0]]));
      // No burst begins after a stop; the data of one that has goes on.
      assert (!begins || !stop_q);
      assert (gap_q <= 3'd3);
      // Idle: all that has begun is answered; without a stop nothing waits to begin.
      assert (!idle || (!awvalid && !wvalid && begun_q == answered_q));
      assert (!idle || stop_i || u_unit.held_q == '0);
      assert (bready);
      assert (Bits'(begun_q - answered_q) + Bits'(begins) <= Bits'(Bursts));
      if (before_nq) assert (error == bad_q);

      assert (u_unit.pushed_q == begun_q + Bits'(begins));
      assert (u_unit.acknowledged_q == answered_q);
      assert (asked_q == begun_q - Bits'(shown_q));
      assert (u_unit.sent_q == sent_q + Bits'(wvalid && u_unit.beat_last_q));
      assert (!wvalid || u_unit.transfer_q == transfer_q[1:0]);
      assert (wvalid || transfer_q[1:0] == '0);
      assert ((wvalid && u_unit.beat_last_q ? '0 : transfer_q[7:2] + 6'(wvalid)) == u_unit.beats_q);
      assert (gap_q + 3'(u_unit.settled_q) <= 3'd2 || wvalid);
      assert (!wvalid || u_unit.beat_last_q == (transfer_q[7:2] == lengths[sent_q[Bits-2:0]][7:2]));
    end
  end
  wire unused = &{1'b0, error_address, awaddr, wdata, wstrb, write_ready};
endmodule
`default_nettype wire
