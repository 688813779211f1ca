// The score buffer of a lane and generation: numbers of 32 bits, two to a word of ultra RAM, which are written apart.
// The number read is there two cycles after its address, and zero if it is not wanted.
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
  wire [63:0] word;
  ultra_ram #(.WIDTH(64), .DEPTH(SCORES / 2), .PARTS(2), .REGISTERED(0)) u_words (
      .clk_i, .we_i({we_i && waddress_i[0], we_i && !waddress_i[0]}), .waddress_i(waddress_i[Top:1]), .wdata_i({2{wdata_i}}),
      .read_i(1'b1), .raddress_i(raddress_i[Top:1]), .out_i(1'b0), .rdata_o(word));
  logic [31:0] out_q;
  logic odd_q;
  always_ff @(posedge clk_i) begin
    odd_q <= raddress_i[0];
    out_q <= '0;
    if (wanted_i) out_q <= odd_q ? word[63:32] : word[31:0];
  end
  assign rdata_o = out_q;
endmodule
`default_nettype wire
