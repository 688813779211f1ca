// Registers between a write master and a port of the processing system, in both directions of all three channels.
`default_nettype none
module axi_write_slice (
    input wire clk_i,
    input wire rst_ni,

    // The master.
    input  wire [ 39:0] awaddr_i,
    input  wire [  7:0] awlen_i,
    input  wire         awvalid_i,
    output wire         awready_o,
    input  wire [127:0] wdata_i,
    input  wire [ 15:0] wstrb_i,
    input  wire         wlast_i,
    input  wire         wvalid_i,
    output wire         wready_o,
    output wire [  1:0] bresp_o,
    output wire         bvalid_o,
    input  wire         bready_i,

    // The port.
    output wire [ 39:0] awaddr_o,
    output wire [  7:0] awlen_o,
    output wire         awvalid_o,
    input  wire         awready_i,
    output wire [127:0] wdata_o,
    output wire [ 15:0] wstrb_o,
    output wire         wlast_o,
    output wire         wvalid_o,
    input  wire         wready_i,
    input  wire [  1:0] bresp_i,
    input  wire         bvalid_i,
    output wire         bready_o
);
  stream_slice #(.WIDTH(48)) u_address (
      .clk_i, .rst_ni, .valid_i(awvalid_i), .ready_o(awready_o), .data_i({awlen_i, awaddr_i}),
      .valid_o(awvalid_o), .ready_i(awready_i), .data_o({awlen_o, awaddr_o}));
  stream_slice #(.WIDTH(145)) u_data (
      .clk_i, .rst_ni, .valid_i(wvalid_i), .ready_o(wready_o), .data_i({wlast_i, wstrb_i, wdata_i}),
      .valid_o(wvalid_o), .ready_i(wready_i), .data_o({wlast_o, wstrb_o, wdata_o}));
  stream_slice #(.WIDTH(2)) u_response (
      .clk_i, .rst_ni, .valid_i(bvalid_i), .ready_o(bready_o), .data_i(bresp_i),
      .valid_o(bvalid_o), .ready_i(bready_i), .data_o(bresp_o));
endmodule
`default_nettype wire
