// The score buffer of a lane and generation: numbers of 32 bits, two to a word, as ultra RAM has 72 bits and a
// write enable for each byte. The number read is there two cycles after its address, and zero if it is not wanted.
`default_nettype none
module score_buffer #(
    parameter int SCORES = 16384
) (
    input  wire                      clk_i,
    input  wire                      we_i,
    input  wire [$clog2(SCORES)-1:0] waddress_i,
    input  wire [              31:0] wdata_i,
    input  wire [$clog2(SCORES)-1:0] raddress_i,  // 0
    input  wire                      wanted_i,    // 1
    output wire [              31:0] rdata_o      // 2
);
  localparam int Top = $clog2(SCORES) - 1;
  (* ram_style = "ultra" *) logic [63:0] memory[SCORES/2];
  logic [63:0] read_q;
  logic [31:0] out_q;
  logic odd_q;
  always_ff @(posedge clk_i) begin
    if (we_i && !waddress_i[0]) memory[waddress_i[Top:1]][31:0] <= wdata_i;
    if (we_i && waddress_i[0]) memory[waddress_i[Top:1]][63:32] <= wdata_i;
    read_q <= memory[raddress_i[Top:1]];
    odd_q  <= raddress_i[0];
    out_q  <= '0;
    if (wanted_i) out_q <= odd_q ? read_q[63:32] : read_q[31:0];
  end
  assign rdata_o = out_q;
endmodule
`default_nettype wire
