// The memory tester: five ports as the accelerator has them, and registers that say what they do and what they saw. For the
// first time that a board is switched on, and wherever the way to memory is in doubt. docs/memtest.md.
`default_nettype none
module memtest #(
    parameter int CLOCK_KHZ = 300000
) (
    input wire clk_i,
    input wire rst_ni,

    input  wire [11:0] s_awaddr_i,
    input  wire        s_awvalid_i,
    output wire        s_awready_o,
    input  wire [31:0] s_wdata_i,
    input  wire        s_wvalid_i,
    output wire        s_wready_o,
    output wire        s_bvalid_o,
    input  wire        s_bready_i,
    input  wire [11:0] s_araddr_i,
    input  wire        s_arvalid_i,
    output wire        s_arready_o,
    output wire [31:0] s_rdata_o,
    output wire        s_rvalid_o,
    input  wire        s_rready_i,

    // Ports 0 to 3 are those of the stream, 4 is aux; port 0 in the low bits.
    output wire [ 5*40-1:0] araddr_o,
    output wire [  5*8-1:0] arlen_o,
    output wire [      4:0] arvalid_o,
    input  wire [      4:0] arready_i,
    input  wire [5*128-1:0] rdata_i,
    input  wire [  5*2-1:0] rresp_i,
    input  wire [      4:0] rlast_i,
    input  wire [      4:0] rvalid_i,
    output wire [      4:0] rready_o,
    output wire [ 5*40-1:0] awaddr_o,
    output wire [  5*8-1:0] awlen_o,
    output wire [      4:0] awvalid_o,
    input  wire [      4:0] awready_i,
    output wire [5*128-1:0] wdata_o,
    output wire [      4:0] wlast_o,
    output wire [      4:0] wvalid_o,
    input  wire [      4:0] wready_i,
    input  wire [  5*2-1:0] bresp_i,
    input  wire [      4:0] bvalid_i,
    output wire [      4:0] bready_o
);
  // Registers, by word address: src/memtest/registers.h.
  localparam logic [31:0] Id = 32'h424D_454D, Version = 32'd1;

  logic [4:0] mask_q, start_q;
  logic [1:0] mode_q;  // reads, writes
  logic [31:0] bursts_q, stride_q, wrap_q;
  logic [7:0] length_q;
  logic [4:0] outstanding_q;
  logic [31:0] read_base_q[5], write_base_q[5];
  wire [4:0] busy;
  wire [31:0] value[5][16];
  wire [31:0] bin[5];

  // Writes: address and data are taken together.
  logic bvalid_q;
  wire write = s_awvalid_i && s_wvalid_i && !bvalid_q;
  wire [2:0] write_port = s_awaddr_i[10:8] - 3'd1;

  always_ff @(posedge clk_i) begin
    start_q <= '0;
    if (bvalid_q && s_bready_i) bvalid_q <= 1'b0;
    if (write) begin
      bvalid_q <= 1'b1;
      if (s_awaddr_i[11:8] == 0) begin
        case (s_awaddr_i[7:2])
          6'h03: if (s_wdata_i[0] && busy == 0) start_q <= mask_q;
          6'h04: mask_q <= s_wdata_i[4:0];
          6'h05: mode_q <= s_wdata_i[1:0];
          6'h06: bursts_q <= s_wdata_i;
          6'h07: length_q <= s_wdata_i[7:0];
          6'h08: outstanding_q <= s_wdata_i[4:0];
          6'h09: stride_q <= s_wdata_i;
          6'h0A: wrap_q <= s_wdata_i;
          default: ;
        endcase
      end else if (write_port < 3'd5) begin
        if (s_awaddr_i[7:2] == 6'h00) read_base_q[write_port] <= s_wdata_i;
        if (s_awaddr_i[7:2] == 6'h01) write_base_q[write_port] <= s_wdata_i;
      end
    end
    if (!rst_ni) begin
      bvalid_q <= 1'b0;
      start_q  <= '0;
    end
  end
  assign s_awready_o = write;
  assign s_wready_o = write;
  assign s_bvalid_o = bvalid_q;

  // Reads.
  logic rvalid_q, pending_q;
  logic [11:2] raddress_q;
  logic [31:0] rdata_q, general;
  wire read = s_arvalid_i && !rvalid_q && !pending_q;
  wire [2:0] read_port = raddress_q[10:8] - 3'd1;
  always_comb begin
    case (raddress_q[7:2])
      6'h00: general = Id;
      6'h01: general = Version;
      6'h02: general = 32'(CLOCK_KHZ);
      6'h03: general = {27'b0, busy | start_q};
      6'h04: general = {27'b0, mask_q};
      6'h05: general = {30'b0, mode_q};
      6'h06: general = bursts_q;
      6'h07: general = {24'b0, length_q};
      6'h08: general = {27'b0, outstanding_q};
      6'h09: general = stride_q;
      6'h0A: general = wrap_q;
      default: general = '0;
    endcase
  end
  always_ff @(posedge clk_i) begin
    if (read) raddress_q <= s_araddr_i[11:2];
    pending_q <= read;
    if (pending_q) begin
      rvalid_q <= 1'b1;
      if (raddress_q[11:8] == 0) rdata_q <= general;
      else if (read_port < 3'd5)
        rdata_q <= raddress_q[7] ? bin[read_port] : value[read_port][raddress_q[5:2]];
      else rdata_q <= '0;
    end else if (s_rready_i) rvalid_q <= 1'b0;
    if (!rst_ni) begin
      rvalid_q  <= 1'b0;
      pending_q <= 1'b0;
    end
  end
  assign s_arready_o = read;
  assign s_rdata_o = rdata_q;
  assign s_rvalid_o = rvalid_q;

  for (genvar i = 0; i < 5; i++) begin : gen_port
    assign value[i][0] = read_base_q[i];
    assign value[i][1] = write_base_q[i];
    for (genvar k = 10; k < 16; k++) begin : gen_unused
      assign value[i][k] = '0;
    end
    memtest_port u_port (
        .clk_i, .rst_ni, .start_i(start_q[i]), .read_i(mode_q[0]), .write_i(mode_q[1]), .bursts_i(bursts_q),
        .length_i(length_q), .outstanding_i(outstanding_q), .stride_i(stride_q), .wrap_i(wrap_q),
        .read_base_i(read_base_q[i]), .write_base_i(write_base_q[i]), .busy_o(busy[i]),
        .araddr_o(araddr_o[40*i+:40]), .arlen_o(arlen_o[8*i+:8]), .arvalid_o(arvalid_o[i]),
        .arready_i(arready_i[i]), .rdata_i(rdata_i[128*i+:128]), .rresp_i(rresp_i[2*i+:2]), .rlast_i(rlast_i[i]),
        .rvalid_i(rvalid_i[i]), .rready_o(rready_o[i]), .awaddr_o(awaddr_o[40*i+:40]),
        .awlen_o(awlen_o[8*i+:8]), .awvalid_o(awvalid_o[i]), .awready_i(awready_i[i]),
        .wdata_o(wdata_o[128*i+:128]), .wlast_o(wlast_o[i]), .wvalid_o(wvalid_o[i]), .wready_i(wready_i[i]),
        .bresp_i(bresp_i[2*i+:2]), .bvalid_i(bvalid_i[i]), .bready_o(bready_o[i]), .cycles_o(value[i][2]),
        .read_o(value[i][3]), .written_o(value[i][4]), .errors_o(value[i][5]), .error_address_o(value[i][6]),
        .latency_min_o(value[i][7]), .latency_max_o(value[i][8]), .latency_sum_o(value[i][9]),
        .bin_i(raddress_q[6:2]), .bin_o(bin[i]));
  end
  wire unused = &{1'b0, s_awaddr_i[1:0], s_araddr_i[1:0]};
endmodule
`default_nettype wire
