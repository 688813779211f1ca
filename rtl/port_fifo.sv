// FIFO of a read port: 128-bit transfers in, 512-bit beats out. Beats are put together behind the block RAM, a transfer
// per cycle, while the last one waits for the join: who takes a beat every fourth cycle always finds one.
//
// It has no full flag: a burst's room is reserved before the burst is asked for.
`default_nettype none
module port_fifo #(
    parameter int BEATS = 128  // a power of two
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    input  wire         valid_i,
    input  wire [127:0] data_i,
    output wire         valid_o,
    input  wire         ready_i,
    output wire [511:0] data_o,
    output wire         empty_o  // nothing was in it, nor came, in the cycle before
);
  localparam int Bits = $clog2(4 * BEATS);

  (* ram_style = "block" *) logic [127:0] memory[4*BEATS];
  logic [Bits:0] write_q, read_q;  // transfers; one bit more than an address: equal when there is none
  logic [127:0] read_word_q;       // of the RAM,
  logic [127:0] word_q;            // and of its output register: transfer turn_q of a beat
  logic [1:0] turn_q;
  logic [383:0] first_q;           // the beat's other three
  logic [511:0] out_q;
  logic read_valid_q, word_valid_q, out_valid_q, empty_q;

  wire waiting = write_q != read_q;
  wire last = turn_q == 2'd3;
  wire out_advance = !out_valid_q || ready_i;
  wire word_advance = !word_valid_q || !last || out_advance;
  wire read_advance = !read_valid_q || word_advance;

  always_ff @(posedge clk_i) begin
    if (valid_i) memory[write_q[Bits-1:0]] <= data_i;
    if (read_advance) read_word_q <= memory[read_q[Bits-1:0]];
    if (word_advance) word_q <= read_word_q;
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) write_q <= write_q + 1;
    if (read_advance) begin
      read_valid_q <= waiting;
      if (waiting) read_q <= read_q + 1;
    end
    if (word_advance) begin
      word_valid_q <= read_valid_q;
      if (word_valid_q) turn_q <= turn_q + 1;
    end
    for (int i = 0; i < 3; i++) if (word_valid_q && turn_q == 2'(i)) first_q[128*i+:128] <= word_q;
    if (out_advance) begin
      out_valid_q <= word_valid_q && last;
      out_q       <= {word_q, first_q};
    end
    empty_q <= !valid_i && !waiting && !read_valid_q && !word_valid_q && !out_valid_q && turn_q == '0;
    if (!rst_ni) begin
      write_q      <= '0;
      read_q       <= '0;
      turn_q       <= '0;
      read_valid_q <= 1'b0;
      word_valid_q <= 1'b0;
      out_valid_q  <= 1'b0;
    end
  end

  assign valid_o = out_valid_q;
  assign data_o  = out_q;
  assign empty_o = empty_q;
endmodule
`default_nettype wire
