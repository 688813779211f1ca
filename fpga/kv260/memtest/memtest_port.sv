// One port of the memory tester: reads and writes bursts over AXI4, 128 bits wide, as fast as the port takes them.
//
// Burst k stands at base + (k * stride mod wrap). Its data are those of an LFSR that its address seeds, so that what was
// written is known when it is read. Latencies, from a burst's address to its first transfer, go into a histogram.
`default_nettype none
module memtest_port (
    input wire clk_i,
    input wire rst_ni,

    input  wire        start_i,        // one cycle; what follows is stable until busy_o falls
    input  wire        read_i,
    input  wire        write_i,
    input  wire [31:0] bursts_i,       // of each direction, at least 1
    input  wire [ 7:0] length_i,       // transfers of a burst, less 1
    input  wire [ 4:0] outstanding_i,  // bursts of a direction under way, 1 to 16
    input  wire [31:0] stride_i,       // these and the bases: in units of 64 bytes
    input  wire [31:0] wrap_i,         // bits of the offset that count
    input  wire [31:0] read_base_i,
    input  wire [31:0] write_base_i,
    output wire        busy_o,

    output wire [ 39:0] araddr_o,
    output wire [  7:0] arlen_o,
    output wire         arvalid_o,
    input  wire         arready_i,
    input  wire [127:0] rdata_i,
    input  wire [  1:0] rresp_i,
    input  wire         rlast_i,
    input  wire         rvalid_i,
    output wire         rready_o,

    output wire [ 39:0] awaddr_o,
    output wire [  7:0] awlen_o,
    output wire         awvalid_o,
    input  wire         awready_i,
    output wire [127:0] wdata_o,
    output wire         wlast_o,
    output wire         wvalid_o,
    input  wire         wready_i,
    input  wire [  1:0] bresp_i,
    input  wire         bvalid_i,
    output wire         bready_o,

    output wire [31:0] cycles_o,         // from start_i until busy_o fell
    output wire [31:0] read_o,           // transfers
    output wire [31:0] written_o,        // transfers
    output wire [31:0] errors_o,         // transfers that were wrong, and responses
    output wire [31:0] error_address_o,  // of the burst of the first one
    output wire [31:0] latency_min_o,    // cycles
    output wire [31:0] latency_max_o,
    output wire [31:0] latency_sum_o,    // over all bursts
    input  wire [ 4:0] bin_i,            // of the histogram: 32 cycles each, the last one and more
    output wire [31:0] bin_o
);
  function automatic logic [31:0] seed(input logic [31:0] address);
    seed = {address[30:0] ^ {30'b0, address[31]}, 1'b1};
  endfunction
  // x^32 + x^22 + x^2 + x + 1, Galois.
  function automatic logic [31:0] step(input logic [31:0] x);
    step = {1'b0, x[31:1]} ^ (x[0] ? 32'h8020_0003 : 32'h0);
  endfunction
  function automatic logic [127:0] word(input logic [31:0] x);
    word = {x, ~x, x[15:0], x[31:16], x ^ 32'h5A5A_5A5A};
  endfunction

  logic busy_q;
  logic [31:0] cycles_q;

  // Read addresses.
  logic [31:0] asked_q, answered_q, ar_offset_q;
  logic [4:0] reads_q;  // under way
  logic arvalid_q;
  logic [31:0] araddr_q;
  wire ar_go = busy_q && read_i && asked_q != bursts_i && reads_q < outstanding_i && (!arvalid_q || arready_i);
  wire last = rvalid_i && rlast_i;

  always_ff @(posedge clk_i) begin
    if (ar_go) begin
      araddr_q    <= read_base_i + ar_offset_q;
      ar_offset_q <= (ar_offset_q + stride_i) & wrap_i;
      asked_q     <= asked_q + 1;
    end
    if (!arvalid_q || arready_i) arvalid_q <= ar_go;
    reads_q <= reads_q + 5'(ar_go) - 5'(last);
    if (last) answered_q <= answered_q + 1;
    if (!rst_ni || start_i) begin
      ar_offset_q <= '0;
      asked_q     <= '0;
      answered_q  <= '0;
      reads_q     <= '0;
      arvalid_q   <= 1'b0;
    end
  end

  // Read data: what comes, what should, and then whether both are equal.
  logic first_q;  // the next transfer is the first of its burst
  logic [31:0] check_offset_q, x_q;
  wire [31:0] check_address = read_base_i + check_offset_q;
  wire [31:0] x = first_q ? seed(check_address) : x_q;
  logic [127:0] data_q, expected_q;
  logic [31:0] address_q, wrong_address_q;
  logic valid_q, refused_q, wrong_valid_q;
  logic [3:0] wrong_q;
  logic [31:0] read_q, errors_q, error_address_q;
  logic wrote_wrong_q;
  wire wrong = wrong_valid_q && wrong_q != 0;

  always_ff @(posedge clk_i) begin
    if (rvalid_i) begin
      first_q <= rlast_i;
      x_q     <= step(x);
      read_q  <= read_q + 1;
      if (rlast_i) check_offset_q <= (check_offset_q + stride_i) & wrap_i;
    end
    valid_q    <= rvalid_i;
    data_q     <= rdata_i;
    expected_q <= word(x);
    address_q  <= check_address;
    refused_q  <= rresp_i != 2'b00;

    wrong_valid_q <= valid_q;
    for (int i = 0; i < 4; i++) wrong_q[i] <= data_q[32*i+:32] != expected_q[32*i+:32] || refused_q;
    wrong_address_q <= address_q;
    wrote_wrong_q   <= bvalid_i && bresp_i != 2'b00;
    errors_q        <= errors_q + 32'(wrong) + 32'(wrote_wrong_q);
    if (wrong && errors_q == 0) error_address_q <= wrong_address_q;
    if (!rst_ni || start_i) begin
      first_q         <= 1'b1;
      check_offset_q  <= '0;
      read_q          <= '0;
      errors_q        <= '0;
      error_address_q <= '0;
      valid_q         <= 1'b0;
      wrong_valid_q   <= 1'b0;
      wrote_wrong_q   <= 1'b0;
    end
  end

  // Latencies: when each burst under way was asked for.
  (* ram_style = "distributed" *) logic [31:0] times[16];
  logic [3:0] time_in_q, time_out_q;
  wire begins = rvalid_i && first_q;
  logic sample_q;
  logic [31:0] latency_q, min_q, max_q, sum_q;
  (* ram_style = "distributed" *) logic [31:0] histogram[32];
  logic [31:0] seen_q;  // bins that have been written since the start
  wire [4:0] bin = latency_q[31:10] != 0 ? 5'd31 : latency_q[9:5];

  always_ff @(posedge clk_i) begin
    if (arvalid_q && arready_i) times[time_in_q] <= cycles_q;
    if (sample_q) histogram[bin] <= seen_q[bin] ? histogram[bin] + 1 : 32'd1;
  end
  always_ff @(posedge clk_i) begin
    if (arvalid_q && arready_i) time_in_q <= time_in_q + 1;
    if (begins) time_out_q <= time_out_q + 1;
    sample_q  <= begins;
    latency_q <= cycles_q - times[time_out_q];
    if (sample_q) begin
      seen_q[bin] <= 1'b1;
      sum_q <= sum_q + latency_q;
      if (latency_q < min_q) min_q <= latency_q;
      if (latency_q > max_q) max_q <= latency_q;
    end
    if (!rst_ni || start_i) begin
      time_in_q  <= '0;
      time_out_q <= '0;
      sample_q   <= 1'b0;
      seen_q     <= '0;
      sum_q      <= '0;
      min_q      <= '1;
      max_q      <= '0;
    end
  end

  // Write addresses and data, neither of which waits for the other.
  logic [31:0] sent_q, aw_offset_q, bursts_out_q, w_offset_q, responded_q, written_q, wx_q;
  logic [7:0] w_count_q;
  logic awvalid_q, wvalid_q, wlast_q;
  logic [31:0] awaddr_q;
  logic [127:0] wdata_q;
  wire aw_go = busy_q && write_i && sent_q != bursts_i && sent_q - responded_q < 32'(outstanding_i)
               && (!awvalid_q || awready_i);
  wire w_go = busy_q && write_i && bursts_out_q != bursts_i && bursts_out_q - responded_q < 32'(outstanding_i)
              && (!wvalid_q || wready_i);
  wire w_last = w_count_q == length_i;
  wire [31:0] wx = w_count_q == 0 ? seed(write_base_i + w_offset_q) : wx_q;

  always_ff @(posedge clk_i) begin
    if (aw_go) begin
      awaddr_q    <= write_base_i + aw_offset_q;
      aw_offset_q <= (aw_offset_q + stride_i) & wrap_i;
      sent_q      <= sent_q + 1;
    end
    if (!awvalid_q || awready_i) awvalid_q <= aw_go;
    if (w_go) begin
      wdata_q   <= word(wx);
      wlast_q   <= w_last;
      wx_q      <= step(wx);
      w_count_q <= w_last ? '0 : w_count_q + 1;
      written_q <= written_q + 1;
      if (w_last) begin
        w_offset_q   <= (w_offset_q + stride_i) & wrap_i;
        bursts_out_q <= bursts_out_q + 1;
      end
    end
    if (!wvalid_q || wready_i) wvalid_q <= w_go;
    if (bvalid_i) responded_q <= responded_q + 1;
    if (!rst_ni || start_i) begin
      sent_q       <= '0;
      aw_offset_q  <= '0;
      bursts_out_q <= '0;
      w_offset_q   <= '0;
      responded_q  <= '0;
      written_q    <= '0;
      w_count_q    <= '0;
      awvalid_q    <= 1'b0;
      wvalid_q     <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (busy_q) cycles_q <= cycles_q + 1;
    if ((!read_i || answered_q == bursts_i) && (!write_i || responded_q == bursts_i)) busy_q <= 1'b0;
    if (start_i) begin
      busy_q   <= 1'b1;
      cycles_q <= '0;
    end
    if (!rst_ni) busy_q <= 1'b0;
  end

  assign busy_o = busy_q;
  assign araddr_o = {2'b0, araddr_q, 6'b0};
  assign arlen_o = length_i;
  assign arvalid_o = arvalid_q;
  assign rready_o = 1'b1;
  assign awaddr_o = {2'b0, awaddr_q, 6'b0};
  assign awlen_o = length_i;
  assign awvalid_o = awvalid_q;
  assign wdata_o = wdata_q;
  assign wlast_o = wlast_q;
  assign wvalid_o = wvalid_q;
  assign bready_o = 1'b1;
  assign cycles_o = cycles_q;
  assign read_o = read_q;
  assign written_o = written_q;
  assign errors_o = errors_q;
  assign error_address_o = error_address_q;
  assign latency_min_o = min_q;
  assign latency_max_o = max_q;
  assign latency_sum_o = sum_q;
  assign bin_o = seen_q[bin_i] ? histogram[bin_i] : '0;
endmodule
`default_nettype wire
