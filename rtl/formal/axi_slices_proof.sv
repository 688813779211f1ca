// axi_read_slice and axi_write_slice: on each channel what is shown stays until it is taken, and nothing is lost,
// doubled or out of order (order on the write data channel; the others are the same stream_slice).
//: sources stream_slice.sv axi_read_slice.sv axi_write_slice.sv
//: method pdr
//: plant axi_write_slice.sv => .valid_i(wvalid_i), .ready_o(wready_o) => .valid_i(wvalid_i && wready_i), .ready_o(wready_o)
//: plant axi_read_slice.sv => rvalid_q <= rvalid_i && rready_q && rst_ni; => rvalid_q <= rvalid_i && rst_ni;
//: plant stream_slice.sv => wire advance = !valid_q || ready_i; => wire advance = 1'b1;
`default_nettype none
module axi_slices_proof (
    input wire clk_i,
    input wire arvalid_i, arready_i, rvalid_i, rready_i,
    input wire awvalid_i, awready_i, wvalid_i, wready_i, bvalid_i, bready_i,
    input wire [1:0] ar_i, aw_i, b_i,
    input wire w_i, r_i, watch_i
);
  logic rst_nq = 0;
  always_ff @(posedge clk_i) rst_nq <= 1;

  wire arready, arvalid, rvalid, rready, rlast;
  wire [39:0] araddr, awaddr;
  wire [7:0] arlen, awlen;
  wire [127:0] rdata, wdata;
  wire [1:0] rresp, bresp;
  axi_read_slice u_read (
      .clk_i, .rst_ni(rst_nq), .araddr_i({38'b0, ar_i}), .arlen_i('0), .arvalid_i, .arready_o(arready),
      .rdata_o(rdata), .rresp_o(rresp), .rlast_o(rlast), .rvalid_o(rvalid), .rready_i(rready_i),
      .araddr_o(araddr), .arlen_o(arlen), .arvalid_o(arvalid), .arready_i, .rdata_i({127'b0, r_i}), .rresp_i('0),
      .rlast_i(1'b0), .rvalid_i, .rready_o(rready));
  held #(.WIDTH(2)) u_ar (.clk_i, .rst_ni(rst_nq), .valid_i(arvalid), .ready_i(arready_i), .data_i(araddr[1:0]));

  wire awready, awvalid, wready, wvalid, wlast, bvalid, bready;
  wire [15:0] wstrb;
  axi_write_slice u_write (
      .clk_i, .rst_ni(rst_nq), .awaddr_i({38'b0, aw_i}), .awlen_i('0), .awvalid_i, .awready_o(awready),
      .wdata_i({127'b0, w_i}), .wstrb_i('0), .wlast_i(1'b0), .wvalid_i, .wready_o(wready), .bresp_o(bresp),
      .bvalid_o(bvalid), .bready_i, .awaddr_o(awaddr), .awlen_o(awlen), .awvalid_o(awvalid), .awready_i,
      .wdata_o(wdata), .wstrb_o(wstrb), .wlast_o(wlast), .wvalid_o(wvalid), .wready_i, .bresp_i(b_i), .bvalid_i,
      .bready_o(bready));
  held #(.WIDTH(2)) u_aw (.clk_i, .rst_ni(rst_nq), .valid_i(awvalid), .ready_i(awready_i), .data_i(awaddr[1:0]));
  held #(.WIDTH(1)) u_w (.clk_i, .rst_ni(rst_nq), .valid_i(wvalid), .ready_i(wready_i), .data_i(wdata[0]));
  held #(.WIDTH(2)) u_b (.clk_i, .rst_ni(rst_nq), .valid_i(bvalid), .ready_i(bready_i), .data_i(bresp));
  order #(.CAPACITY(2)) u_order (
      .clk_i, .rst_ni(rst_nq), .in_i(wvalid_i && wready), .data_i(w_i), .watch_i, .out_i(wvalid && wready_i),
      .valid_i(wvalid), .data_o_i(wdata[0]));

  // Read data is a register: what was taken is there a cycle later, once.
  logic came_q, r_q;
  always_ff @(posedge clk_i) begin
    came_q <= rst_nq && rvalid_i && rready;
    r_q    <= r_i;
  end
  always_comb begin
    assume (rready_i);  // the masters take data whenever it comes
    assume (rst_nq || !rvalid_i);
    if (rst_nq) begin
      assert (rvalid == came_q);
      assert (!rvalid || rdata[0] == r_q);
    end
  end
endmodule
`default_nettype wire
