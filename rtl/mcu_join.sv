// Joins the beats of the four ports into one stream: rounds of a beat from port 0, then port 1, ... up to the
// last port of the round.
`default_nettype none
module mcu_join #(
    parameter int BEATS = 128  // of a port FIFO: so many rounds may be waiting, each has a beat from port 0
) (
    input wire clk_i,
    input wire rst_ni,

    // Rounds to come: how many (minus 1), and the last port of each. Never more than there is room for.
    input wire       rounds_valid_i,
    input wire [4:0] rounds_i,
    input wire [1:0] last_port_i,

    input  wire [     3:0] port_valid_i,
    output wire [     3:0] port_ready_o,
    input  wire [4*512-1:0] port_data_i,

    output wire         beat_valid_o,
    input  wire         beat_ready_i,
    output wire [511:0] beat_data_o,
    output wire         idle_o  // no round is under way, no beat waits
);
  wire next_valid, queue_ready, queue_empty;
  wire [4:0] next_rounds;
  wire [1:0] next_last;
  logic active_q, beat_valid_q;
  logic [4:0] rounds_q;
  logic [1:0] last_q, turn_q;
  logic [511:0] beat_q;

  wire take = active_q && port_valid_i[turn_q] && (!beat_valid_q || beat_ready_i);
  wire round_ends = turn_q == last_q;
  wire load = !active_q || (take && round_ends && rounds_q == 0);

  queue #(.WIDTH(7), .DEPTH(BEATS)) u_rounds (
      .clk_i, .rst_ni, .valid_i(rounds_valid_i), .ready_o(queue_ready), .data_i({rounds_i, last_port_i}),
      .valid_o(next_valid), .ready_i(load), .data_o({next_rounds, next_last}),
      .empty_o(queue_empty));

  always_ff @(posedge clk_i) begin
    if (take) begin
      turn_q   <= round_ends ? 2'd0 : turn_q + 1;
      rounds_q <= rounds_q - 5'(round_ends);
      beat_q   <= port_data_i[512*turn_q+:512];
    end
    if (take || beat_ready_i) beat_valid_q <= take;
    if (load) begin
      active_q <= next_valid;
      rounds_q <= next_rounds;
      last_q   <= next_last;
      turn_q   <= 2'd0;
    end
    if (!rst_ni) begin
      active_q     <= 1'b0;
      beat_valid_q <= 1'b0;
    end
    assert (!rst_ni || !rounds_valid_i || queue_ready);
  end

  // Whether the port has a beat it knows itself.
  for (genvar i = 0; i < 4; i++) begin : gen_ready
    assign port_ready_o[i] = active_q && turn_q == 2'(i) && (!beat_valid_q || beat_ready_i);
  end
  assign beat_valid_o = beat_valid_q;
  assign beat_data_o = beat_q;
  assign idle_o = !active_q && queue_empty && !beat_valid_q;
endmodule
`default_nettype wire
