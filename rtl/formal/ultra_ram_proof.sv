// ultra_ram: URAM288s and what simulation takes for them give the same, for all inputs at all times. Of four words each, not 4,096:
// one with its own output register, two side by side; and two above one another, of words in two parts.
//: sources formal/ultrascale_plus.sv ultra_ram.sv
//: method scorr
//: with ultra_ram.sv => localparam int Bits = 12; => localparam int Bits = 2;
//: with formal/ultrascale_plus.sv => localparam int Bits = 12; => localparam int Bits = 2;
//: twin ultra_ram.sv ULTRASCALE_PLUS
//: plant ultra_ram.sv => .OREG_CE_A(out_i) => .OREG_CE_A(read_i)
//: plant ultra_ram.sv => if (read_i) row_q <= => row_q <=
//: plant ultra_ram.sv => .BWE_B(byte_we[9*c+:9]) => .BWE_B({1'b0, byte_we[9*c+:8]})
//: plant ultra_ram.sv => if (we_i[p]) memory => if (we_i[0]) memory
`default_nettype none
module ultra_ram_proof (
    input wire        clk_i,
    input wire [ 1:0] we_i,
    input wire [ 2:0] waddress_i,
    input wire [79:0] wdata_i,
    input wire        read_i,
    input wire [ 2:0] raddress_i,
    input wire        out_i
);
  wire [79:0] wide[2];
  ultra_ram #(.WIDTH(80), .DEPTH(4)) u_wide (
      .clk_i, .we_i(we_i[0]), .waddress_i(waddress_i[1:0]), .wdata_i, .read_i, .raddress_i(raddress_i[1:0]), .out_i,
      .rdata_o(wide[0]));
  ultra_ram_twin #(.WIDTH(80), .DEPTH(4)) u_wide_twin (
      .clk_i, .we_i(we_i[0]), .waddress_i(waddress_i[1:0]), .wdata_i, .read_i, .raddress_i(raddress_i[1:0]), .out_i,
      .rdata_o(wide[1]));
  wire [63:0] deep[2], scores[2];
  ultra_ram #(.WIDTH(64), .DEPTH(8)) u_deep (
      .clk_i, .we_i(we_i[0]), .waddress_i, .wdata_i(wdata_i[63:0]), .read_i, .raddress_i, .out_i, .rdata_o(deep[0]));
  ultra_ram_twin #(.WIDTH(64), .DEPTH(8)) u_deep_twin (
      .clk_i, .we_i(we_i[0]), .waddress_i, .wdata_i(wdata_i[63:0]), .read_i, .raddress_i, .out_i, .rdata_o(deep[1]));
  ultra_ram #(.WIDTH(64), .DEPTH(8), .PARTS(2), .REGISTERED(0)) u_scores (
      .clk_i, .we_i, .waddress_i, .wdata_i(wdata_i[63:0]), .read_i, .raddress_i, .out_i, .rdata_o(scores[0]));
  ultra_ram_twin #(.WIDTH(64), .DEPTH(8), .PARTS(2), .REGISTERED(0)) u_scores_twin (
      .clk_i, .we_i, .waddress_i, .wdata_i(wdata_i[63:0]), .read_i, .raddress_i, .out_i, .rdata_o(scores[1]));
  always_comb begin
    assert (wide[0] == wide[1]);
    assert (deep[0] == deep[1]);
    assert (scores[0] == scores[1]);
  end
endmodule
`default_nettype wire
