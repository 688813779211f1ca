// Registers between a read master and a port of the processing system: the address channel in both directions; of the
// data channel what comes, as the masters here take data whenever it comes.
`default_nettype none
module axi_read_slice (
    input wire clk_i,
    input wire rst_ni,

    // The master.
    input  wire [ 39:0] araddr_i,
    input  wire [  7:0] arlen_i,
    input  wire         arvalid_i,
    output wire         arready_o,
    output wire [127:0] rdata_o,
    output wire [  1:0] rresp_o,
    output wire         rlast_o,
    output wire         rvalid_o,
    input  wire         rready_i,   // high whenever data may come

    // The port.
    output wire [ 39:0] araddr_o,
    output wire [  7:0] arlen_o,
    output wire         arvalid_o,
    input  wire         arready_i,
    input  wire [127:0] rdata_i,
    input  wire [  1:0] rresp_i,
    input  wire         rlast_i,
    input  wire         rvalid_i,
    output wire         rready_o
);
  stream_slice #(.WIDTH(48)) u_address (
      .clk_i, .rst_ni, .valid_i(arvalid_i), .ready_o(arready_o), .data_i({arlen_i, araddr_i}),
      .valid_o(arvalid_o), .ready_i(arready_i), .data_o({arlen_o, araddr_o}));

  logic rvalid_q, rready_q;
  logic [130:0] r_q;
  always_ff @(posedge clk_i) begin
    rready_q <= rready_i && rst_ni;
    rvalid_q <= rvalid_i && rready_q && rst_ni;
    r_q      <= {rlast_i, rresp_i, rdata_i};
    assert (!rst_ni || !rvalid_q || rready_i);
  end
  assign rready_o = rready_q;
  assign rvalid_o = rvalid_q;
  assign {rlast_o, rresp_o, rdata_o} = r_q;
endmodule
`default_nettype wire
