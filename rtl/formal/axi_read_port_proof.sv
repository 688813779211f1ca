// axi_read_port: a burst that was taken is asked for as it is, in order and at once, whatever else happens, so nothing is
// left half asked; AR stays until it is taken; data is never held up, never lost, and never more than the port FIFO has
// room for, which is what port_fifo_proof takes for granted; errors bear their burst's address. Of the FIFO here stands
// what its neighbours see: it gives four of the transfers inside when it likes.
//: sources axi_read_port.sv
//: method pdr
//: plant axi_read_port.sv => room_q > RoomBits'(burst_length_i) => room_q >= RoomBits'(burst_length_i)
//: plant axi_read_port.sv => wire ask = ar_advance && unasked_q != 0; => wire ask = unasked_q != 0;
//: plant axi_read_port.sv => if (answered) answered_q => if (rvalid_i) answered_q
`default_nettype none
module axi_read_port_proof #(
    parameter int Outstanding = 3,  // not 8
    parameter int Beats       = 4   // not 128
) (
    input wire clk_i,
    input wire burst_valid_i,
    input wire [4:0] burst_length_i,
    input wire mark_i, watch_i,
    input wire arready_i, rvalid_i, rlast_i, rdata_i,
    input wire [1:0] rresp_i,
    input wire beat_ready_i
);
  logic rst_nq = 0;
  always_ff @(posedge clk_i) rst_nq <= 1;

  wire burst_ready, arvalid, rready, beat_valid, busy, empty, error;
  wire [39:0] araddr;
  wire [7:0] arlen;
  wire [511:0] beat;
  wire [31:0] error_address;
  axi_read_port #(.OUTSTANDING(Outstanding), .BEATS(Beats)) u_unit (
      .clk_i, .rst_ni(rst_nq), .burst_valid_i, .burst_ready_o(burst_ready), .burst_address_i({31'b0, mark_i}),
      .burst_length_i, .araddr_o(araddr), .arlen_o(arlen), .arvalid_o(arvalid), .arready_i,
      .rdata_i({127'b0, rdata_i}), .rresp_i, .rlast_i, .rvalid_i, .rready_o(rready), .beat_valid_o(beat_valid),
      .beat_ready_i, .beat_data_o(beat), .busy_o(busy), .empty_o(empty), .error_o(error),
      .error_address_o(error_address));
  wire take = burst_valid_i && burst_ready;
  wire asked = arvalid && arready_i;
  wire answered = rvalid_i && rlast_i;

  logic [6:0] owed_q;  // transfers of bursts that were taken
  logic [2:0] unasked_q, unanswered_q;  // bursts
  logic took_q, came_q, last_q, rdata_q, bad_q;
  logic [4:0] length_q;
  always_ff @(posedge clk_i) begin
    owed_q       <= owed_q + (take ? {burst_length_i, 2'b0} + 7'd4 : '0) - 7'(rvalid_i);
    unasked_q    <= unasked_q + 3'(take) - 3'(asked);
    unanswered_q <= unanswered_q + 3'(asked) - 3'(answered);
    took_q       <= take;
    came_q       <= rvalid_i;
    last_q       <= rlast_i;
    rdata_q      <= rdata_i;
    bad_q        <= rvalid_i && rresp_i != 2'b00;
    if (take && mark_i) length_q <= burst_length_i;
    if (!rst_nq) begin
      owed_q       <= '0;
      unasked_q    <= '0;
      unanswered_q <= '0;
      took_q       <= 1'b0;
      came_q       <= 1'b0;
      bad_q        <= 1'b0;
    end
  end

  // Addresses: the bursts that were taken, in order, each stable until it is taken.
  order #(.CAPACITY(Outstanding)) u_order (
      .clk_i, .rst_ni(rst_nq), .in_i(take), .data_i(mark_i), .watch_i, .out_i(asked), .valid_i(arvalid),
      .data_o_i(araddr[6]));
  held #(.WIDTH(9)) u_held (.clk_i, .rst_ni(rst_nq), .valid_i(arvalid), .ready_i(arready_i), .data_i({araddr[6], arlen}));
  // Responses: in order too; an error is told a cycle later, with the burst's address.
  order #(.CAPACITY(Outstanding + 1)) u_answers (
      .clk_i, .rst_ni(rst_nq), .in_i(take), .data_i(mark_i), .watch_i, .out_i(came_q && last_q), .valid_i(came_q),
      .data_o_i(error_address[0]));

  // Of the unit's registers, what makes the proof short.
  (* hierconn *) wire [2:0] \u_unit.room_q ;
  (* hierconn *) wire [1:0] \u_unit.unasked_q ;
  (* hierconn *) wire [4:0] \u_unit.u_fifo.inside_q ;
  (* hierconn *) wire \u_unit.joined_q ;
  wire [2:0] free = u_unit.room_q + 3'(u_unit.joined_q);

  always_comb begin
    assume (burst_length_i < 5'(Beats));  // the FIFO holds a longest burst
    // Memory brings no more transfers than are owed, and ends no more bursts than it was asked for.
    assume (!rvalid_i || (rst_nq && owed_q != '0 && unanswered_q != '0));
    if (rst_nq) begin
      // All of a burst: whole beats, its length.
      assert (!arvalid || (!arlen[7] && arlen[1:0] == 2'b11));
      assert (!arvalid || !araddr[6] || arlen[6:2] == length_q);
      // What was taken is asked for in the cycle after the next one, or waits behind another one.
      assert (unasked_q == '0 || arvalid || took_q);
      // Under way are those taken and not answered, and no more than OUTSTANDING.
      assert (busy == (unasked_q != '0 || unanswered_q != '0));
      assert (unasked_q + unanswered_q <= 3'(Outstanding));
      // Data never waits, and the FIFO gets each transfer once.
      assert (!rvalid_i || rready);
      assert (beat[128] == came_q && (!came_q || beat[0] == rdata_q));
      assert (error == bad_q);

      assert (3'(u_unit.unasked_q) == unasked_q - 3'(arvalid));
      assert (free <= 3'(Beats));
      assert (7'(4 * Beats) - {2'b0, free, 2'b0} == 7'(u_unit.u_fifo.inside_q) + 7'(came_q) + owed_q);
    end
  end
  wire unused = &{1'b0, empty};
endmodule

module port_fifo #(
    parameter int BEATS = 128
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    input  wire         valid_i,
    input  wire [127:0] data_i,
    output wire         valid_o,
    input  wire         ready_i,
    output wire [511:0] data_o,
    output wire         empty_o
);
  localparam int Bits = $clog2(4 * BEATS) + 1;
  logic [Bits-1:0] inside_q;
  (* anyseq *) wire likes;
  assign valid_o = likes && inside_q >= Bits'(4);
  assign data_o  = {383'b0, valid_i, data_i};
  assign empty_o = inside_q == '0;
  always_ff @(posedge clk_i)
    inside_q <= rst_ni ? inside_q + Bits'(valid_i) - (valid_o && ready_i ? Bits'(4) : '0) : '0;
  always_comb if (rst_ni) assert (!valid_i || inside_q < Bits'(4 * BEATS));
endmodule
`default_nettype wire
