// mcu_join: the rounds that were announced, in order and no others: a beat from port 0, then 1, ... up to the round's last
// port; each beat comes out once and stays until it is taken. The queue of rounds never overflows if there are no more
// than BEATS whose first beat is still in port 0's FIFO, which reserves so much. With mcu_commands_proof: each beat that is
// asked for is joined, and none is waited for that is not.
//: sources queue.sv mcu_join.sv
//: with mcu_join.sv => [4*512-1:0] port_data_i => [3:0] port_data_i
//: with mcu_join.sv => port_data_i[512*turn_q+:512] => 512'(port_data_i[turn_q])
//: method pdr
//: plant mcu_join.sv => wire load = !active_q || (take && round_ends && rounds_q == 0); => wire load = !active_q || (take && rounds_q == 0);
//: plant mcu_join.sv => if (take || beat_ready_i) beat_valid_q <= take; => beat_valid_q <= take;
//: plant mcu_join.sv => .DEPTH(BEATS)) => .DEPTH(BEATS / 2))
`default_nettype none
module mcu_join_proof #(
    parameter int Beats = 4  // not 128
) (
    input wire clk_i,
    input wire rounds_valid_i,
    input wire mark_i, watch_i,  // the announcement that is watched, any one
    input wire [3:0] rounds_i,
    input wire [1:0] last_port_i,
    input wire [3:0] port_valid_i, port_data_i,
    input wire beat_ready_i
);
  logic before_nq = 0, rst_nq = 0, ran_q = 0;
  always_ff @(posedge clk_i) {ran_q, rst_nq, before_nq} <= {rst_nq, before_nq, 1'b1};

  // The announcement that is watched is of more than 16 rounds, the others of up to 16.
  wire [3:0] port_ready;
  wire beat_valid, idle;
  wire [511:0] beat;
  mcu_join #(.BEATS(Beats)) u_unit (
      .clk_i, .rst_ni(rst_nq), .rounds_valid_i, .rounds_i({mark_i, rounds_i}), .last_port_i, .port_valid_i,
      .port_ready_o(port_ready), .port_data_i, .beat_valid_o(beat_valid), .beat_ready_i,
      .beat_data_o(beat), .idle_o(idle));
  wire take = (port_ready & port_valid_i) != '0;

  // Announcements leave their queue one by one, in order, and the watched one as it came.
  (* hierconn *) wire \u_unit.load ;
  (* hierconn *) wire \u_unit.next_valid ;
  (* hierconn *) wire [4:0] \u_unit.next_rounds ;
  (* hierconn *) wire [1:0] \u_unit.next_last ;
  wire begins = u_unit.load && u_unit.next_valid;
  (* anyconst *) wire [5:0] watched;
  order #(.CAPACITY(Beats + 1)) u_order (
      .clk_i, .rst_ni(rst_nq), .in_i(rounds_valid_i), .data_i(mark_i), .watch_i, .out_i(begins),
      .valid_i(u_unit.next_valid), .data_o_i(u_unit.next_rounds[4]));

  // The announcement at work: rounds behind this one, and the port that is next. Announcements whose first beat has not
  // been joined.
  logic active_q, first_q, take_q, data_q, stays_q;
  logic [4:0] rounds_q;
  logic [1:0] port_q, last_q;
  logic [3:0] waiting_q;
  wire ends = port_q == last_q && rounds_q == '0;
  always_ff @(posedge clk_i) begin
    waiting_q <= waiting_q + 4'(rounds_valid_i) - 4'(take && first_q);
    take_q    <= take;
    data_q    <= port_data_i[port_q];
    stays_q   <= beat_valid && !beat_ready_i;
    if (take) begin
      port_q  <= port_q == last_q ? '0 : port_q + 1;
      if (port_q == last_q) rounds_q <= rounds_q - 1;
      first_q <= 1'b0;
      if (ends) active_q <= 1'b0;
    end
    if (begins) begin
      active_q <= 1'b1;
      first_q  <= 1'b1;
      port_q   <= '0;
      rounds_q <= u_unit.next_rounds;
      last_q   <= u_unit.next_last;
    end
    if (!rst_nq) begin
      waiting_q <= '0;
      active_q  <= 1'b0;
      first_q   <= 1'b0;
      take_q    <= 1'b0;
      stays_q   <= 1'b0;
    end
  end
  held #(.WIDTH(1)) u_held (.clk_i, .rst_ni(rst_nq), .valid_i(beat_valid), .ready_i(beat_ready_i), .data_i(beat[0]));

  // Of the unit's registers, what makes the proof short.
  (* hierconn *) wire \u_unit.active_q ;
  (* hierconn *) wire [4:0] \u_unit.rounds_q ;
  (* hierconn *) wire [1:0] \u_unit.turn_q ;
  (* hierconn *) wire [1:0] \u_unit.last_q ;
  (* hierconn *) wire [2:0] \u_unit.u_rounds.used ;
  (* hierconn *) wire [3:0] \u_order.inside_q ;

  always_comb begin
    // The first burst comes cycles behind a reset.
    assume (!rounds_valid_i || (ran_q && waiting_q < 4'(Beats)));
    assume (!rounds_valid_i || !mark_i || {rounds_i, last_port_i} == watched);
    if (rst_nq) begin
      // One port is asked, the one whose turn it is, as soon as there is room for its beat.
      assert (port_ready == (active_q && (!beat_valid || beat_ready_i) ? 4'd1 << port_q : 4'd0));
      // An announcement begins when all beats of the one before are taken, or with the last of them.
      assert (!begins || !active_q || (take && ends));
      assert (!u_unit.next_valid || !u_unit.next_rounds[4] || {u_unit.next_rounds[3:0], u_unit.next_last} == watched);
      // A beat that was taken from a port is shown in the next cycle, and no other.
      assert (beat_valid == (take_q || stays_q));
      assert (!take_q || beat[0] == data_q);
      assert (!idle || (waiting_q == '0 && !active_q && !beat_valid));

      assert (u_unit.active_q == active_q);
      assert (!active_q || (u_unit.turn_q == port_q && u_unit.last_q == last_q && u_unit.rounds_q == rounds_q && port_q <= last_q));
      assert (waiting_q == u_order.inside_q + 4'(first_q) && (active_q || !first_q));
      assert (u_order.inside_q == 4'(u_unit.u_rounds.used) + 4'(u_unit.next_valid));
      assert (u_unit.next_valid || u_unit.u_rounds.used <= 3'd1);
    end
  end
endmodule
`default_nettype wire
