// A small queue in LUT memory. Its output is a register; a word is there two cycles after it was pushed.
`default_nettype none
module queue #(
    parameter int WIDTH = 32,
    parameter int DEPTH = 16  // a power of two; the output register holds one word more
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire             valid_i,
    output wire             ready_o,
    input  wire [WIDTH-1:0] data_i,
    output wire             valid_o,
    input  wire             ready_i,
    output wire [WIDTH-1:0] data_o,
    output wire             empty_o  // nothing was in it, nor came, in the cycle before
);
  localparam int Bits = $clog2(DEPTH);

  (* ram_style = "distributed" *) logic [WIDTH-1:0] memory[DEPTH];
  logic [Bits:0] write_q, read_q;  // one bit more than an address: equal when empty
  logic out_valid_q, ready_q, empty_q;
  logic [WIDTH-1:0] out_q;

  wire push = valid_i && ready_o;
  wire advance = !out_valid_q || ready_i;
  wire waiting = write_q != read_q;
  wire [Bits:0] used = write_q - read_q;

  always_ff @(posedge clk_i) begin
    if (push) begin
      memory[write_q[Bits-1:0]] <= data_i;
      write_q <= write_q + 1;
    end
    if (advance) begin
      out_q <= memory[read_q[Bits-1:0]];
      out_valid_q <= waiting;
      if (waiting) read_q <= read_q + 1;
    end
    // Registers, as who waits for them must not wait for comparisons. The room is that without this cycle's push,
    // which it does not know of.
    ready_q <= used < (Bits + 1)'(DEPTH - 1);
    empty_q <= !valid_i && !waiting && !out_valid_q;
    if (!rst_ni) begin
      write_q     <= '0;
      read_q      <= '0;
      out_valid_q <= 1'b0;
      ready_q     <= 1'b0;
    end
  end

  assign ready_o = ready_q;
  assign valid_o = out_valid_q;
  assign data_o  = out_q;
  assign empty_o = empty_q;
endmodule
`default_nettype wire
