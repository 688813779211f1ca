// FIFO of a read port: 128-bit transfers in, 512-bit beats out. Four banks, one for each transfer of a beat, so that
// the join may take a beat per cycle from one port when its beats are there.
//
// It has no full flag: a burst's room is reserved before the burst is asked for.
`default_nettype none
module port_fifo #(
    parameter int BEATS = 64  // a power of two
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
  localparam int Bits = $clog2(BEATS);

  logic [1:0] transfer_q;          // of the beat that is arriving
  logic [Bits:0] write_q, read_q;  // beats; equal when none is complete
  logic out_valid_q;

  wire advance = !out_valid_q || ready_i;
  wire waiting = write_q != read_q;

  for (genvar i = 0; i < 4; i++) begin : gen_bank
    (* ram_style = "distributed" *) logic [127:0] memory[BEATS];
    logic [127:0] out_q;
    always_ff @(posedge clk_i) begin
      if (valid_i && transfer_q == 2'(i)) memory[write_q[Bits-1:0]] <= data_i;
      if (advance) out_q <= memory[read_q[Bits-1:0]];
    end
    assign data_o[128*i+:128] = out_q;
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      transfer_q <= transfer_q + 1;
      if (transfer_q == 2'd3) write_q <= write_q + 1;
    end
    if (advance) begin
      out_valid_q <= waiting;
      if (waiting) read_q <= read_q + 1;
    end
    if (!rst_ni) begin
      transfer_q  <= '0;
      write_q     <= '0;
      read_q      <= '0;
      out_valid_q <= 1'b0;
    end
  end

  assign valid_o = out_valid_q;
  assign empty_o = !out_valid_q && !waiting && transfer_q == 2'd0;
endmodule
`default_nettype wire
