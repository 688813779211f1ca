// K and V of the pass's own tokens: rows of int8 and FP16 scales. Read by the VPU and, V scales, by the SPU's
// softmax. A row is addressed by {KV head, token, value}.
`default_nettype none
module local_kv (
    input wire clk_i,

    input wire [  8:0] write_row_i,
    input wire         write_half_i,  // elements 64 ... 127
    input wire         row_we_i,
    input wire [511:0] row_i,
    input wire         scale_we_i,
    input wire [ 15:0] scale_i,

    // Data two cycles after the address.
    input  wire [  9:0] row_address_i,    // {row, half}
    output wire [511:0] row_o,
    input  wire [  8:0] scale_address_i,
    output wire [ 15:0] scale_o,
    input  wire [  8:0] value_address_i,
    output wire [ 15:0] value_scale_o
);
  ram #(.WIDTH(512), .DEPTH(1024), .STYLE("block")) u_rows (
      .clk_i, .we_i(row_we_i), .waddress_i({write_row_i, write_half_i}), .wdata_i(row_i),
      .raddress_i(row_address_i), .rdata_o(row_o));
  // A copy for each reader.
  ram #(.WIDTH(16), .DEPTH(512)) u_scales (
      .clk_i, .we_i(scale_we_i), .waddress_i(write_row_i), .wdata_i(scale_i), .raddress_i(scale_address_i),
      .rdata_o(scale_o));
  ram #(.WIDTH(16), .DEPTH(512)) u_value_scales (
      .clk_i, .we_i(scale_we_i), .waddress_i(write_row_i), .wdata_i(scale_i), .raddress_i(value_address_i),
      .rdata_o(value_scale_o));
endmodule
`default_nettype wire
