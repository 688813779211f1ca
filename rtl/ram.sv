// A memory with one write and one read port. The word read is there two cycles after its address (block and
// ultra RAM with output register). A word written can be read from the next cycle on.
`default_nettype none
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
  // verilator lint_off WIDTH
  if (STYLE == "ultra") begin : gen_ultra
    // verilator lint_on WIDTH
    ultra_ram #(.WIDTH(WIDTH), .DEPTH(DEPTH)) u_ram (
        .clk_i, .we_i, .waddress_i, .wdata_i, .read_i(1'b1), .raddress_i, .out_i(1'b1), .rdata_o);
  end else begin : gen_style
    (* ram_style = STYLE *) logic [WIDTH-1:0] memory[DEPTH];
    logic [WIDTH-1:0] read_q, out_q;
    always_ff @(posedge clk_i) begin
      if (we_i) memory[waddress_i] <= wdata_i;
      read_q <= memory[raddress_i];
      out_q  <= read_q;
    end
    assign rdata_o = out_q;
  end
endmodule
`default_nettype wire
