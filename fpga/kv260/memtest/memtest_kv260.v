// memtest for Vivado's block design, which takes modules in Verilog only. Names are those of brim_kv260.v, so that design.tcl
// connects either; here every port writes, too.
`default_nettype none
module memtest_kv260 #(
    parameter integer CLOCK_KHZ = 300000
) (
    (* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 aclk CLK" *)
    (* X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF s_axi:m_axi_0:m_axi_1:m_axi_2:m_axi_3:m_axi_aux, ASSOCIATED_RESET aresetn" *)
    input  wire         aclk,
    (* X_INTERFACE_INFO = "xilinx.com:signal:reset:1.0 aresetn RST" *)
    (* X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW" *)
    input  wire         aresetn,
    input  wire [ 11:0] s_axi_awaddr,
    input  wire [  2:0] s_axi_awprot,
    input  wire         s_axi_awvalid,
    output wire         s_axi_awready,
    input  wire [ 31:0] s_axi_wdata,
    input  wire [  3:0] s_axi_wstrb,
    input  wire         s_axi_wvalid,
    output wire         s_axi_wready,
    output wire [  1:0] s_axi_bresp,
    output wire         s_axi_bvalid,
    input  wire         s_axi_bready,
    input  wire [ 11:0] s_axi_araddr,
    input  wire [  2:0] s_axi_arprot,
    input  wire         s_axi_arvalid,
    output wire         s_axi_arready,
    output wire [ 31:0] s_axi_rdata,
    output wire [  1:0] s_axi_rresp,
    output wire         s_axi_rvalid,
    input  wire         s_axi_rready,

    output wire [ 39:0] m_axi_0_araddr,
    output wire [  7:0] m_axi_0_arlen,
    output wire [  2:0] m_axi_0_arsize,
    output wire [  1:0] m_axi_0_arburst,
    output wire [  3:0] m_axi_0_arcache,
    output wire [  2:0] m_axi_0_arprot,
    output wire         m_axi_0_arvalid,
    input  wire         m_axi_0_arready,
    input  wire [127:0] m_axi_0_rdata,
    input  wire [  1:0] m_axi_0_rresp,
    input  wire         m_axi_0_rlast,
    input  wire         m_axi_0_rvalid,
    output wire         m_axi_0_rready,
    output wire [ 39:0] m_axi_0_awaddr,
    output wire [  7:0] m_axi_0_awlen,
    output wire [  2:0] m_axi_0_awsize,
    output wire [  1:0] m_axi_0_awburst,
    output wire [  3:0] m_axi_0_awcache,
    output wire [  2:0] m_axi_0_awprot,
    output wire         m_axi_0_awvalid,
    input  wire         m_axi_0_awready,
    output wire [127:0] m_axi_0_wdata,
    output wire [ 15:0] m_axi_0_wstrb,
    output wire         m_axi_0_wlast,
    output wire         m_axi_0_wvalid,
    input  wire         m_axi_0_wready,
    input  wire [  1:0] m_axi_0_bresp,
    input  wire         m_axi_0_bvalid,
    output wire         m_axi_0_bready,

    output wire [ 39:0] m_axi_1_araddr,
    output wire [  7:0] m_axi_1_arlen,
    output wire [  2:0] m_axi_1_arsize,
    output wire [  1:0] m_axi_1_arburst,
    output wire [  3:0] m_axi_1_arcache,
    output wire [  2:0] m_axi_1_arprot,
    output wire         m_axi_1_arvalid,
    input  wire         m_axi_1_arready,
    input  wire [127:0] m_axi_1_rdata,
    input  wire [  1:0] m_axi_1_rresp,
    input  wire         m_axi_1_rlast,
    input  wire         m_axi_1_rvalid,
    output wire         m_axi_1_rready,
    output wire [ 39:0] m_axi_1_awaddr,
    output wire [  7:0] m_axi_1_awlen,
    output wire [  2:0] m_axi_1_awsize,
    output wire [  1:0] m_axi_1_awburst,
    output wire [  3:0] m_axi_1_awcache,
    output wire [  2:0] m_axi_1_awprot,
    output wire         m_axi_1_awvalid,
    input  wire         m_axi_1_awready,
    output wire [127:0] m_axi_1_wdata,
    output wire [ 15:0] m_axi_1_wstrb,
    output wire         m_axi_1_wlast,
    output wire         m_axi_1_wvalid,
    input  wire         m_axi_1_wready,
    input  wire [  1:0] m_axi_1_bresp,
    input  wire         m_axi_1_bvalid,
    output wire         m_axi_1_bready,

    output wire [ 39:0] m_axi_2_araddr,
    output wire [  7:0] m_axi_2_arlen,
    output wire [  2:0] m_axi_2_arsize,
    output wire [  1:0] m_axi_2_arburst,
    output wire [  3:0] m_axi_2_arcache,
    output wire [  2:0] m_axi_2_arprot,
    output wire         m_axi_2_arvalid,
    input  wire         m_axi_2_arready,
    input  wire [127:0] m_axi_2_rdata,
    input  wire [  1:0] m_axi_2_rresp,
    input  wire         m_axi_2_rlast,
    input  wire         m_axi_2_rvalid,
    output wire         m_axi_2_rready,
    output wire [ 39:0] m_axi_2_awaddr,
    output wire [  7:0] m_axi_2_awlen,
    output wire [  2:0] m_axi_2_awsize,
    output wire [  1:0] m_axi_2_awburst,
    output wire [  3:0] m_axi_2_awcache,
    output wire [  2:0] m_axi_2_awprot,
    output wire         m_axi_2_awvalid,
    input  wire         m_axi_2_awready,
    output wire [127:0] m_axi_2_wdata,
    output wire [ 15:0] m_axi_2_wstrb,
    output wire         m_axi_2_wlast,
    output wire         m_axi_2_wvalid,
    input  wire         m_axi_2_wready,
    input  wire [  1:0] m_axi_2_bresp,
    input  wire         m_axi_2_bvalid,
    output wire         m_axi_2_bready,

    output wire [ 39:0] m_axi_3_araddr,
    output wire [  7:0] m_axi_3_arlen,
    output wire [  2:0] m_axi_3_arsize,
    output wire [  1:0] m_axi_3_arburst,
    output wire [  3:0] m_axi_3_arcache,
    output wire [  2:0] m_axi_3_arprot,
    output wire         m_axi_3_arvalid,
    input  wire         m_axi_3_arready,
    input  wire [127:0] m_axi_3_rdata,
    input  wire [  1:0] m_axi_3_rresp,
    input  wire         m_axi_3_rlast,
    input  wire         m_axi_3_rvalid,
    output wire         m_axi_3_rready,
    output wire [ 39:0] m_axi_3_awaddr,
    output wire [  7:0] m_axi_3_awlen,
    output wire [  2:0] m_axi_3_awsize,
    output wire [  1:0] m_axi_3_awburst,
    output wire [  3:0] m_axi_3_awcache,
    output wire [  2:0] m_axi_3_awprot,
    output wire         m_axi_3_awvalid,
    input  wire         m_axi_3_awready,
    output wire [127:0] m_axi_3_wdata,
    output wire [ 15:0] m_axi_3_wstrb,
    output wire         m_axi_3_wlast,
    output wire         m_axi_3_wvalid,
    input  wire         m_axi_3_wready,
    input  wire [  1:0] m_axi_3_bresp,
    input  wire         m_axi_3_bvalid,
    output wire         m_axi_3_bready,

    output wire [ 39:0] m_axi_aux_araddr,
    output wire [  7:0] m_axi_aux_arlen,
    output wire [  2:0] m_axi_aux_arsize,
    output wire [  1:0] m_axi_aux_arburst,
    output wire [  3:0] m_axi_aux_arcache,
    output wire [  2:0] m_axi_aux_arprot,
    output wire         m_axi_aux_arvalid,
    input  wire         m_axi_aux_arready,
    input  wire [127:0] m_axi_aux_rdata,
    input  wire [  1:0] m_axi_aux_rresp,
    input  wire         m_axi_aux_rlast,
    input  wire         m_axi_aux_rvalid,
    output wire         m_axi_aux_rready,
    output wire [ 39:0] m_axi_aux_awaddr,
    output wire [  7:0] m_axi_aux_awlen,
    output wire [  2:0] m_axi_aux_awsize,
    output wire [  1:0] m_axi_aux_awburst,
    output wire [  3:0] m_axi_aux_awcache,
    output wire [  2:0] m_axi_aux_awprot,
    output wire         m_axi_aux_awvalid,
    input  wire         m_axi_aux_awready,
    output wire [127:0] m_axi_aux_wdata,
    output wire [ 15:0] m_axi_aux_wstrb,
    output wire         m_axi_aux_wlast,
    output wire         m_axi_aux_wvalid,
    input  wire         m_axi_aux_wready,
    input  wire [  1:0] m_axi_aux_bresp,
    input  wire         m_axi_aux_bvalid,
    output wire         m_axi_aux_bready,

    output wire         interrupt
);
  // Bursts of 16-byte transfers at rising addresses, normal memory that is not cached: 0.
  assign m_axi_0_arsize = 3'd4;
  assign m_axi_0_arburst = 2'd1;
  assign m_axi_0_arcache = 4'd3;
  assign m_axi_0_arprot = 3'd0;
  assign m_axi_0_awsize = 3'd4;
  assign m_axi_0_awburst = 2'd1;
  assign m_axi_0_awcache = 4'd3;
  assign m_axi_0_awprot = 3'd0;
  assign m_axi_0_wstrb = 16'hFFFF;
  // Bursts of 16-byte transfers at rising addresses, normal memory that is not cached: 1.
  assign m_axi_1_arsize = 3'd4;
  assign m_axi_1_arburst = 2'd1;
  assign m_axi_1_arcache = 4'd3;
  assign m_axi_1_arprot = 3'd0;
  assign m_axi_1_awsize = 3'd4;
  assign m_axi_1_awburst = 2'd1;
  assign m_axi_1_awcache = 4'd3;
  assign m_axi_1_awprot = 3'd0;
  assign m_axi_1_wstrb = 16'hFFFF;
  // Bursts of 16-byte transfers at rising addresses, normal memory that is not cached: 2.
  assign m_axi_2_arsize = 3'd4;
  assign m_axi_2_arburst = 2'd1;
  assign m_axi_2_arcache = 4'd3;
  assign m_axi_2_arprot = 3'd0;
  assign m_axi_2_awsize = 3'd4;
  assign m_axi_2_awburst = 2'd1;
  assign m_axi_2_awcache = 4'd3;
  assign m_axi_2_awprot = 3'd0;
  assign m_axi_2_wstrb = 16'hFFFF;
  // Bursts of 16-byte transfers at rising addresses, normal memory that is not cached: 3.
  assign m_axi_3_arsize = 3'd4;
  assign m_axi_3_arburst = 2'd1;
  assign m_axi_3_arcache = 4'd3;
  assign m_axi_3_arprot = 3'd0;
  assign m_axi_3_awsize = 3'd4;
  assign m_axi_3_awburst = 2'd1;
  assign m_axi_3_awcache = 4'd3;
  assign m_axi_3_awprot = 3'd0;
  assign m_axi_3_wstrb = 16'hFFFF;
  // Bursts of 16-byte transfers at rising addresses, normal memory that is not cached: aux.
  assign m_axi_aux_arsize = 3'd4;
  assign m_axi_aux_arburst = 2'd1;
  assign m_axi_aux_arcache = 4'd3;
  assign m_axi_aux_arprot = 3'd0;
  assign m_axi_aux_awsize = 3'd4;
  assign m_axi_aux_awburst = 2'd1;
  assign m_axi_aux_awcache = 4'd3;
  assign m_axi_aux_awprot = 3'd0;
  assign m_axi_aux_wstrb = 16'hFFFF;
  assign s_axi_bresp = 2'd0;
  assign s_axi_rresp = 2'd0;
  assign interrupt = 1'b0;

  memtest #(.CLOCK_KHZ(CLOCK_KHZ)) u_memtest (
      .clk_i(aclk),
      .rst_ni(aresetn),
      .s_awaddr_i(s_axi_awaddr),
      .s_awvalid_i(s_axi_awvalid),
      .s_wdata_i(s_axi_wdata),
      .s_wvalid_i(s_axi_wvalid),
      .s_bready_i(s_axi_bready),
      .s_araddr_i(s_axi_araddr),
      .s_arvalid_i(s_axi_arvalid),
      .s_rready_i(s_axi_rready),
      .s_awready_o(s_axi_awready),
      .s_wready_o(s_axi_wready),
      .s_bvalid_o(s_axi_bvalid),
      .s_arready_o(s_axi_arready),
      .s_rdata_o(s_axi_rdata),
      .s_rvalid_o(s_axi_rvalid),
      .araddr_o({m_axi_aux_araddr, m_axi_3_araddr, m_axi_2_araddr, m_axi_1_araddr, m_axi_0_araddr}),
      .arlen_o({m_axi_aux_arlen, m_axi_3_arlen, m_axi_2_arlen, m_axi_1_arlen, m_axi_0_arlen}),
      .arvalid_o({m_axi_aux_arvalid, m_axi_3_arvalid, m_axi_2_arvalid, m_axi_1_arvalid, m_axi_0_arvalid}),
      .arready_i({m_axi_aux_arready, m_axi_3_arready, m_axi_2_arready, m_axi_1_arready, m_axi_0_arready}),
      .rdata_i({m_axi_aux_rdata, m_axi_3_rdata, m_axi_2_rdata, m_axi_1_rdata, m_axi_0_rdata}),
      .rresp_i({m_axi_aux_rresp, m_axi_3_rresp, m_axi_2_rresp, m_axi_1_rresp, m_axi_0_rresp}),
      .rlast_i({m_axi_aux_rlast, m_axi_3_rlast, m_axi_2_rlast, m_axi_1_rlast, m_axi_0_rlast}),
      .rvalid_i({m_axi_aux_rvalid, m_axi_3_rvalid, m_axi_2_rvalid, m_axi_1_rvalid, m_axi_0_rvalid}),
      .rready_o({m_axi_aux_rready, m_axi_3_rready, m_axi_2_rready, m_axi_1_rready, m_axi_0_rready}),
      .awaddr_o({m_axi_aux_awaddr, m_axi_3_awaddr, m_axi_2_awaddr, m_axi_1_awaddr, m_axi_0_awaddr}),
      .awlen_o({m_axi_aux_awlen, m_axi_3_awlen, m_axi_2_awlen, m_axi_1_awlen, m_axi_0_awlen}),
      .awvalid_o({m_axi_aux_awvalid, m_axi_3_awvalid, m_axi_2_awvalid, m_axi_1_awvalid, m_axi_0_awvalid}),
      .awready_i({m_axi_aux_awready, m_axi_3_awready, m_axi_2_awready, m_axi_1_awready, m_axi_0_awready}),
      .wdata_o({m_axi_aux_wdata, m_axi_3_wdata, m_axi_2_wdata, m_axi_1_wdata, m_axi_0_wdata}),
      .wlast_o({m_axi_aux_wlast, m_axi_3_wlast, m_axi_2_wlast, m_axi_1_wlast, m_axi_0_wlast}),
      .wvalid_o({m_axi_aux_wvalid, m_axi_3_wvalid, m_axi_2_wvalid, m_axi_1_wvalid, m_axi_0_wvalid}),
      .wready_i({m_axi_aux_wready, m_axi_3_wready, m_axi_2_wready, m_axi_1_wready, m_axi_0_wready}),
      .bresp_i({m_axi_aux_bresp, m_axi_3_bresp, m_axi_2_bresp, m_axi_1_bresp, m_axi_0_bresp}),
      .bvalid_i({m_axi_aux_bvalid, m_axi_3_bvalid, m_axi_2_bvalid, m_axi_1_bvalid, m_axi_0_bvalid}),
      .bready_o({m_axi_aux_bready, m_axi_3_bready, m_axi_2_bready, m_axi_1_bready, m_axi_0_bready}));
  wire unused = &{1'b0, s_axi_awprot, s_axi_wstrb, s_axi_arprot};
endmodule
`default_nettype wire
