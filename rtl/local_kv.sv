// K and V of the pass's own tokens: records, and scales with their zero-points. Read by the VPU and, V scales, by the SPU's
// softmax. A row is addressed by {KV head, token, value}.
`default_nettype none
module local_kv #(
    parameter int TOKENS = 4
) (
    input wire clk_i,

    input wire [  8:0] write_row_i,
    input wire         write_half_i,  // elements 64 ... 127
    input wire         row_we_i,
    input wire [511:0] row_i,
    input wire         scale_we_i,
    input wire [ 19:0] scale_i,      // {zero-point, scale}

    // Data two cycles after the address.
    input  wire [  9:0] row_address_i,    // {row, half}
    output wire [511:0] row_o,
    input  wire [  8:0] scale_address_i,
    output wire [ 19:0] scale_o,
    input  wire [  8:0] value_address_i,
    output wire [ 19:0] value_scale_o
);
  // A place for each token that a pass can have.
  localparam int TokenBits = $clog2(TOKENS);
  localparam int PlaceBits = 6 + TokenBits;

  ram #(.WIDTH(512), .DEPTH(2 << PlaceBits), .STYLE("block")) u_rows (
      .clk_i, .we_i(row_we_i), .waddress_i({write_row_i[8:4], write_row_i[TokenBits:0], write_half_i}), .wdata_i(row_i),
      .raddress_i({row_address_i[9:5], row_address_i[TokenBits+1:0]}), .rdata_o(row_o));
  // A copy for each reader.
  ram #(.WIDTH(20), .DEPTH(1 << PlaceBits), .STYLE("distributed")) u_scales (
      .clk_i, .we_i(scale_we_i), .waddress_i({write_row_i[8:4], write_row_i[TokenBits:0]}), .wdata_i(scale_i),
      .raddress_i({scale_address_i[8:4], scale_address_i[TokenBits:0]}), .rdata_o(scale_o));
  ram #(.WIDTH(20), .DEPTH(1 << PlaceBits), .STYLE("distributed")) u_value_scales (
      .clk_i, .we_i(scale_we_i), .waddress_i({write_row_i[8:4], write_row_i[TokenBits:0]}), .wdata_i(scale_i),
      .raddress_i({value_address_i[8:4], value_address_i[TokenBits:0]}), .rdata_o(value_scale_o));
  // Of addresses, the bits of tokens that there are not.
  wire unused = &{1'b0, write_row_i, row_address_i, scale_address_i, value_address_i};
endmodule
`default_nettype wire
