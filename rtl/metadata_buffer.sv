// The metadata of two chunks. For a pair of groups (port p, rows 2 j and 2 j + 1 of its sub-block) it looks up
// two scales and two zero-points: two reads, in the two slots of the pair.
`default_nettype none
module metadata_buffer (
    input  wire         clk_i,
    input  wire         we_i,
    input  wire [  7:0] waddress_i,
    input  wire [511:0] wdata_i,
    // Cycles -1 and 0: the slots of a pair, half_i = 0 and 1.
    input  wire         half_i,
    input  wire [  1:0] port_i,
    input  wire [  3:0] j_i,
    input  wire [  7:0] record_i,
    output wire [ 31:0] scales_o,  // cycle METADATA, FP16: {row b, row a}
    output wire [  7:0] zeros_o    // cycle METADATA
);
  // A record: a beat of zero-points, then a beat of scales for each port.
  wire [7:0] raddress = {record_i[7], record_i[6:0] + (half_i ? 7'd0 : 7'd1 + {5'b0, port_i})};
  wire [511:0] word;
  ram #(.WIDTH(512), .DEPTH(256), .STYLE("block")) u_ram (
      .clk_i, .we_i, .waddress_i, .wdata_i, .raddress_i(raddress), .rdata_o(word));

  // word holds the scales in cycle RAM - 1 = 1 and the zero-points in cycle RAM = 2. Selection in steps of four to one.
  wire [1:0] port1, port2;
  wire [3:0] j1, j2;
  delay #(.WIDTH(6), .CYCLES(1)) u_select1 (.clk_i, .d_i({port_i, j_i}), .q_o({port1, j1}));
  delay #(.WIDTH(6), .CYCLES(1)) u_select2 (.clk_i, .d_i({port1, j1}), .q_o({port2, j2}));

  logic [127:0] scales_q, zeros_q;
  logic [1:0] scales_j_q;
  logic [3:0] zeros_j_q;
  logic [31:0] scales2_q, zeros2_q;
  logic [1:0] zeros2_j_q;
  logic [7:0] zeros3_q;
  always_ff @(posedge clk_i) begin
    scales_q   <= word[128*j1[3:2]+:128];
    scales_j_q <= j1[1:0];
    scales2_q  <= scales_q[32*scales_j_q+:32];

    zeros_q    <= word[128*port2+:128];
    zeros_j_q  <= j2;
    zeros2_q   <= zeros_q[32*zeros_j_q[3:2]+:32];
    zeros2_j_q <= zeros_j_q[1:0];
    zeros3_q   <= zeros2_q[8*zeros2_j_q+:8];
  end
  localparam int Scales2 = latency_pkg::RAM - 1 + 2;  // cycle in which scales2_q stands
  localparam int Zeros3 = latency_pkg::RAM + 3;
  delay #(.WIDTH(32), .CYCLES(latency_pkg::METADATA - Scales2)) u_scales (.clk_i, .d_i(scales2_q), .q_o(scales_o));
  delay #(.WIDTH(8), .CYCLES(latency_pkg::METADATA - Zeros3)) u_zeros (.clk_i, .d_i(zeros3_q), .q_o(zeros_o));
  if (latency_pkg::RAM != 2) begin : gen_never
    $error("port and j are delayed for words of two cycles");
  end
  wire unused = &{1'b0, port1};
endmodule
`default_nettype wire
