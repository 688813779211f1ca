// A memory with one write and one read port. The word read is there two cycles after its address (block and
// ultra RAM with output register). A word written can be read from the next cycle on.
`default_nettype none
// verilator lint_off UNUSEDPARAM
module ram #(
    parameter int WIDTH = 32,
    parameter int DEPTH = 1024,
    parameter     STYLE = "auto"  // ram_style: block, ultra, distributed
) (
    input  wire                     clk_i,
    input  wire                     we_i,
    input  wire [$clog2(DEPTH)-1:0] waddress_i,
    input  wire [        WIDTH-1:0] wdata_i,
    input  wire [$clog2(DEPTH)-1:0] raddress_i,
    output wire [        WIDTH-1:0] rdata_o
);
  (* ram_style = STYLE *) logic [WIDTH-1:0] memory[DEPTH];
  logic [WIDTH-1:0] read_q, out_q;
  always_ff @(posedge clk_i) begin
    if (we_i) memory[waddress_i] <= wdata_i;
    read_q <= memory[raddress_i];
    out_q  <= read_q;
  end
  assign rdata_o = out_q;
endmodule
// verilator lint_on UNUSEDPARAM
`default_nettype wire
