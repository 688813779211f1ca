// The prefetch FIFO: BEATS x 512 bit in ultra RAM (4,096: 8 URAM288 side by side), a beat in and a beat out
// per cycle. The output is the RAM's output register; a beat is there three cycles after it was pushed.
`default_nettype none
module prefetch_fifo #(
    parameter int BEATS = 4096  // a power of two, at least 4
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    input  wire         valid_i,
    output wire         ready_o,
    input  wire [511:0] data_i,
    output wire         valid_o,
    input  wire         ready_i,
    output wire [511:0] data_o,
    output wire         empty_o  // nothing is in it, not even on its way to the output
);
  localparam int Bits = $clog2(BEATS);

  logic [Bits-1:0] write_q, read_q;
  logic [Bits:0] count_q;  // beats in the RAM proper
  logic waiting_q;         // there is one
  logic word_valid_q, out_valid_q, ready_q;

  wire push = valid_i && ready_q;
  // A stage moves on when the next one is empty or moves on: enables of the RAM and of its output register, so
  // that nothing has to catch what is on its way when the consumer stops.
  wire out_advance = !out_valid_q || ready_i;
  wire word_advance = !word_valid_q || out_advance;
  wire pop = word_advance && waiting_q;
  // The consumer's `ready` must not go through a carry chain: three counts and masks, as of a choice between sums
  // Yosys makes a sum of choices.
  wire [Bits:0] more = count_q + 1;
  wire [Bits:0] less = count_q - 1;

  ultra_ram #(.WIDTH(512), .DEPTH(BEATS)) u_beats (
      .clk_i, .we_i(push), .waddress_i(write_q), .wdata_i(data_i), .read_i(word_advance), .raddress_i(read_q),
      .out_i(out_advance), .rdata_o(data_o));

  always_ff @(posedge clk_i) begin
    if (push) write_q <= write_q + 1;
    if (pop) read_q <= read_q + 1;
    if (word_advance) word_valid_q <= waiting_q;
    if (out_advance) out_valid_q <= word_valid_q;
    count_q <= (more & {(Bits + 1){push && !pop}}) | (less & {(Bits + 1){!push && pop}}) |
        (count_q & {(Bits + 1){push == pop}});
    waiting_q <= push || (waiting_q && !(pop && count_q == 1));
    // A register, as the join must not wait for a comparison: it does not know of this cycle's push, so it
    // leaves room for it.
    ready_q <= count_q < (Bits + 1)'(BEATS - 1);
    if (!rst_ni) begin
      write_q      <= '0;
      read_q       <= '0;
      count_q      <= '0;
      waiting_q    <= 1'b0;
      word_valid_q <= 1'b0;
      out_valid_q  <= 1'b0;
      ready_q      <= 1'b0;
    end
  end

  assign ready_o = ready_q;
  assign valid_o = out_valid_q;
  assign empty_o = !waiting_q && !word_valid_q && !out_valid_q;
endmodule
`default_nettype wire
