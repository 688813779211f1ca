// write_port: beats leave in the order in which they came, each to its own address, in bursts that stay within 4 KiB. One
// beat, any one, is watched: it alone carries a 1.
//: sources ram.sv write_port.sv
//: with ram.sv => (* ram_style = STYLE *) logic => (* mem2reg *) logic
//: with write_port.sv => (* ram_style = "distributed" *) logic [32:0] addresses => (* mem2reg *) logic [32:0] addresses
//: with write_port.sv => (* ram_style = "distributed" *) logic [37:0] bursts => (* mem2reg *) logic [37:0] bursts
//: method induction 25
//: plant write_port.sv => wire joins = write_address_i == follower_q && follower_q[5:0] != '0; => wire joins = write_address_i == follower_q;
//: plant write_port.sv => follower_q         <= write_address_i + 32'd1; => follower_q         <= write_address_i + 32'd2;
//: plant write_port.sv => if (settled_q != '0) settled_q <= settled_q - 1; => settled_q <= '0;
`default_nettype none
module write_address_proof (
    input wire clk_i,
    input wire write_valid_i, watch_i, flush_i, stop_i, awready_i, wready_i, bvalid_i,
    input wire [31:0] write_address_i
);
  localparam int Beats = 4;   // not 256; two, not 64, are sent at once
  localparam int Bursts = 2;  // not 16
  logic rst_nq = 0;
  always_ff @(posedge clk_i) rst_nq <= 1;

  logic watched_q;
  wire chooses = write_valid_i && watch_i && !watched_q;
  wire write_ready, idle, error, awvalid, wlast, wvalid, bready;
  wire [31:0] error_address;
  wire [39:0] awaddr;
  wire [7:0] awlen;
  wire [127:0] wdata;
  wire [15:0] wstrb;
  write_port #(.BEATS(Beats), .DRAIN_BEATS(2), .BURSTS(Bursts)) u_unit (
      .clk_i, .rst_ni(rst_nq), .write_valid_i, .write_ready_o(write_ready), .write_address_i,
      .write_data_i({255'b0, chooses, 256'b0}), .write_strobe_i('0), .flush_i, .stop_i, .idle_o(idle), .error_o(error),
      .error_address_o(error_address), .awaddr_o(awaddr), .awlen_o(awlen), .awvalid_o(awvalid), .awready_i,
      .wdata_o(wdata), .wstrb_o(wstrb), .wlast_o(wlast), .wvalid_o(wvalid), .wready_i, .bresp_i(2'b00), .bvalid_i,
      .bready_o(bready));
  wire put = write_valid_i && write_ready;
  wire transferred = wvalid && wready_i;

  // Bursts that are shown, and their addresses; of those, what is sent and answered.
  logic shown_q;  // AW, and not taken
  wire begins = awvalid && !shown_q;
  logic [31:0] starts[Bursts];
  logic [5:0] more[Bursts];  // beats behind the first
  logic [1:0] begun_q, asked_q, sent_q, answered_q;
  logic [7:0] transfer_q;
  // Beats that came, and that are sent, modulo 32. The watched one: its number and address; it has not been sent yet.
  logic [4:0] put_q, out_q, number_q;
  logic [31:0] address_q;
  logic gone_q;
  wire coming = watched_q && !gone_q;
  always_ff @(posedge clk_i) begin
    shown_q <= awvalid && !awready_i;
    if (begins) begin
      starts[begun_q[0]] <= awaddr[37:6];
      more[begun_q[0]]   <= awlen[7:2];
    end
    begun_q    <= begun_q + 2'(begins);
    asked_q    <= asked_q + 2'(awvalid && awready_i);
    sent_q     <= sent_q + 2'(transferred && wlast);
    answered_q <= answered_q + 2'(bvalid_i);
    put_q      <= put_q + 5'(put);
    if (transferred) begin
      transfer_q <= wlast ? '0 : transfer_q + 1;
      out_q      <= out_q + 5'(transfer_q[1:0] == 2'd3);
      if (transfer_q[1:0] == 2'd3 && out_q == number_q && watched_q) gone_q <= 1'b1;
    end
    if (put && chooses) begin
      watched_q <= 1'b1;
      number_q  <= put_q;
      address_q <= write_address_i;
    end
    if (!rst_nq) begin
      shown_q    <= 1'b0;
      begun_q    <= '0;
      asked_q    <= '0;
      sent_q     <= '0;
      answered_q <= '0;
      transfer_q <= '0;
      put_q      <= '0;
      out_q      <= '0;
      watched_q  <= 1'b0;
      gone_q     <= 1'b0;
    end
  end

  // Of the unit's registers, what makes the proof short.
  (* hierconn *) wire \u_unit.ready_q ;
  (* hierconn *) wire [2:0] \u_unit.held_q ;
  (* hierconn *) wire [1:0] \u_unit.write_q ;
  (* hierconn *) wire [1:0] \u_unit.read_q ;
  (* hierconn *) wire [1:0] \u_unit.scan_q ;
  (* hierconn *) wire [2:0] \u_unit.waiting_q ;
  (* hierconn *) wire [2:0] \u_unit.drain_q ;
  (* hierconn *) wire [31:0] \u_unit.follower_q ;
  (* hierconn *) wire \u_unit.next_valid_q ;
  (* hierconn *) wire [32:0] \u_unit.next_q ;
  (* hierconn *) wire \u_unit.run_valid_q ;
  (* hierconn *) wire [31:0] \u_unit.run_address_q ;
  (* hierconn *) wire [5:0] \u_unit.run_more_q ;
  (* hierconn *) wire \u_unit.room_q ;
  (* hierconn *) wire [1:0] \u_unit.pushed_q ;
  (* hierconn *) wire [1:0] \u_unit.sent_q ;
  (* hierconn *) wire [1:0] \u_unit.acknowledged_q ;
  (* hierconn *) wire [1:0] \u_unit.settled_q ;
  (* hierconn *) wire [1:0] \u_unit.transfer_q ;
  (* hierconn *) wire [5:0] \u_unit.beats_q ;
  (* hierconn *) wire \u_unit.beat_last_q ;
  (* hierconn *) wire [511:0] \u_unit.data_q ;
  (* hierconn *) wire [575:0] \u_unit.u_beats.gen_style.read_q ;
  (* hierconn *) wire [575:0] \u_unit.u_beats.gen_style.out_q ;
  (* hierconn *) wire [32:0] \u_unit.addresses[0] ;
  (* hierconn *) wire [32:0] \u_unit.addresses[1] ;
  (* hierconn *) wire [32:0] \u_unit.addresses[2] ;
  (* hierconn *) wire [32:0] \u_unit.addresses[3] ;
  (* hierconn *) wire [37:0] \u_unit.bursts[0] ;
  (* hierconn *) wire [37:0] \u_unit.bursts[1] ;
  (* hierconn *) wire [575:0] \u_unit.u_beats.gen_style.memory[0] ;
  (* hierconn *) wire [575:0] \u_unit.u_beats.gen_style.memory[1] ;
  (* hierconn *) wire [575:0] \u_unit.u_beats.gen_style.memory[2] ;
  (* hierconn *) wire [575:0] \u_unit.u_beats.gen_style.memory[3] ;
  wire [4*33-1:0] addresses = {\u_unit.addresses[3] , \u_unit.addresses[2] , \u_unit.addresses[1] , \u_unit.addresses[0] };
  wire [2*38-1:0] bursts = {\u_unit.bursts[1] , \u_unit.bursts[0] };
  wire [3:0] marks = {\u_unit.u_beats.gen_style.memory[3] [256], \u_unit.u_beats.gen_style.memory[2] [256],
      \u_unit.u_beats.gen_style.memory[1] [256], \u_unit.u_beats.gen_style.memory[0] [256]};

  // Numbers of beats: the next one to be read, to be looked at, and the first that is in no burst yet.
  wire [4:0] load = out_q + 5'(wvalid);
  wire [3:0] pending = 4'(u_unit.waiting_q) + 4'(u_unit.drain_q);
  wire [4:0] scanned = put_q - 5'(pending);
  wire [4:0] first = scanned - 5'(u_unit.next_valid_q) - (u_unit.run_valid_q ? u_unit.run_more_q[4:0] + 5'd1 : 5'd0);
  wire [1:0] unsent = u_unit.pushed_q - sent_q;  // bursts
  wire [4:0] start = out_q - transfer_q[6:2];    // of the burst that is sent
  wire [37:0] burst = sent_q[0] ? bursts[75:38] : bursts[37:0];
  wire [37:0] burst_after = sent_q[0] ? bursts[37:0] : bursts[75:38];
  wire [4:0] start_after = start + burst[36:32] + 5'd1;
  wire [31:0] run_last = u_unit.run_address_q + 32'(u_unit.run_more_q);
  wire [31:0] last = u_unit.next_valid_q ? u_unit.next_q[31:0] : run_last;
  wire some = u_unit.next_valid_q || u_unit.run_valid_q;
  logic [32:0] entry, before;
  logic [4:0] at;
  logic [1:0] behind;

  always_comb begin
    entry  = '0;
    before = '0;
    at     = '0;
    behind = '0;
    // Memory answers a burst that it has whole.
    assume (!bvalid_i || (rst_nq && asked_q != answered_q && sent_q != answered_q));
    if (rst_nq) begin
      // Within 4 KiB.
      assert (!awvalid || 7'(awaddr[11:6]) + 7'(awlen[7:2]) <= 7'd63);
      // The beat that is sent is the one whose turn it is, and the burst brings it where it belongs.
      assert (!wvalid || transfer_q[1:0] != 2'd2 || wdata[0] == (coming && number_q == out_q));
      assert (!wvalid || !coming || number_q != out_q || starts[sent_q[0]] + 32'(transfer_q[7:2]) == address_q);

      // What is where.
      assert (u_unit.held_q == 3'(put_q - load) && u_unit.held_q <= 3'd4);
      assert (!u_unit.ready_q || u_unit.held_q <= 3'd3);
      assert (u_unit.write_q == put_q[1:0] && u_unit.scan_q == scanned[1:0] && u_unit.read_q == load[1:0]);
      assert (u_unit.drain_q <= 3'd4 && u_unit.waiting_q <= 3'd4 && pending <= 4'(u_unit.held_q));
      assert (5'(first - load) <= 5'd4 && 5'(scanned - load) <= 5'd4 && 5'(first - load) <= 5'(scanned - load));
      assert (!u_unit.run_valid_q || u_unit.run_more_q <= 6'd3);
      assert ((!gone_q || watched_q) && (!coming || 5'(number_q - out_q) < 5'(put_q - out_q)));
      // Bursts.
      assert (u_unit.pushed_q == begun_q + 2'(begins) && u_unit.acknowledged_q == answered_q);
      assert (asked_q == begun_q - 2'(shown_q) && (!shown_q || awvalid));
      assert (2'(begun_q - answered_q) <= 2'd2 && 2'(begun_q - sent_q) <= 2'(begun_q - answered_q) &&
          2'(asked_q - answered_q) <= 2'(begun_q - answered_q));
      assert (2'(u_unit.pushed_q - answered_q) <= 2'd2 && (!u_unit.room_q || 2'(u_unit.pushed_q - answered_q) <= 2'd1));
      assert (unsent <= 2'(u_unit.pushed_q - answered_q));
      assert (!wvalid || begun_q != sent_q);
      assert (!awvalid || {awlen[7:2], awaddr[37:6]} == (u_unit.pushed_q[0] ? bursts[37:0] : bursts[75:38]));
      for (int i = 0; i < 2; i++)
        if (2'(begun_q - sent_q) == 2'd2 || (2'(begun_q - sent_q) == 2'd1 && sent_q[0] == 1'(i)))
          assert ({more[i], starts[i]} == bursts[38*i+:38]);
      // Those that are sent, and to be sent, hold the beats up to the first that is in none.
      if (unsent == 2'd0) assert (first == out_q && transfer_q == '0 && !wvalid);
      if (unsent != 2'd0) assert (burst[37:32] <= 6'd3 && transfer_q[7:2] <= burst[37:32]);
      if (unsent == 2'd1) assert (first == start_after);
      if (unsent == 2'd2) assert (burst_after[37:32] <= 6'd3 && first == start_after + burst_after[36:32] + 5'd1);
      // Data.
      assert (u_unit.sent_q == sent_q + 2'(wvalid && u_unit.beat_last_q));
      assert (wvalid ? u_unit.transfer_q == transfer_q[1:0] : transfer_q[1:0] == '0);
      assert ((wvalid && u_unit.beat_last_q ? '0 : transfer_q[7:2] + 6'(wvalid)) == u_unit.beats_q);
      assert (!wvalid || u_unit.beat_last_q == (transfer_q[7:2] == burst[37:32]));
      assert (u_unit.settled_q <= 2'd2);
      for (int k = 0; k < 4; k++) begin
        behind = 2'(k) - load[1:0];
        at     = load + 5'(behind);
        if (3'(behind) < u_unit.held_q) assert (marks[k] == (coming && number_q == at));
      end
      if ((scanned != load || u_unit.drain_q != '0) && u_unit.settled_q <= 2'd1)
        assert (u_unit.u_beats.gen_style.read_q[256] == (coming && number_q == load));
      if (scanned != load && u_unit.settled_q == '0)
        assert (u_unit.u_beats.gen_style.out_q[256] == (coming && number_q == load));
      if (wvalid && transfer_q[1:0] != 2'd3)
        assert (u_unit.data_q[128*(2-transfer_q[1:0])] == (coming && number_q == out_q));
      // The watched one's address, wherever it is.
      if (coming) begin
        if (5'(number_q - scanned) < 5'(pending)) assert (addresses[33*number_q[1:0]+:32] == address_q);
        if (u_unit.next_valid_q && number_q + 5'd1 == scanned) assert (u_unit.next_q[31:0] == address_q);
        if (u_unit.run_valid_q && 5'(number_q - first) <= u_unit.run_more_q[4:0])
          assert (u_unit.run_address_q + 32'(5'(number_q - first)) == address_q);
        if (unsent != 2'd0 && 5'(number_q - start) <= burst[36:32])
          assert (burst[31:0] + 32'(5'(number_q - start)) == address_q);
        if (unsent == 2'd2 && 5'(number_q - start_after) <= burst_after[36:32])
          assert (burst_after[31:0] + 32'(5'(number_q - start_after)) == address_q);
      end
      // Beats that join stand behind those before them, within 4 KiB; so a run does not leave them.
      for (int i = 0; i < 4; i++)
        if (4'(i) < pending) begin
          entry  = addresses[33*2'(scanned[1:0]+2'(i))+:33];
          before = addresses[33*2'(scanned[1:0]+2'(i-1))+:33];
          if (i == 0) before = {1'b0, last};
          assert (!entry[32] || (i == 0 && !some) || (entry[31:0] == before[31:0] + 1 && entry[5:0] != '0));
          if (4'(i + 1) == pending) assert (u_unit.follower_q == entry[31:0] + 1);
        end
      assert (pending != '0 || !some || u_unit.follower_q == last + 1);
      if (u_unit.next_valid_q && u_unit.run_valid_q && u_unit.next_q[32])
        assert (u_unit.next_q[31:0] == run_last + 1 && u_unit.next_q[5:0] != '0);
      assert (!u_unit.run_valid_q || 7'(u_unit.run_address_q[5:0]) + 7'(u_unit.run_more_q) <= 7'd63);
    end
  end
  wire unused = &{1'b0, error_address, error, idle, bready, wstrb};
endmodule
`default_nettype wire
