// The embedding row of one token, up to 128 beats, and its elements as FP32: value and scale of the group.
// Elements are FP16, int8 or u4; behind them stand the scales of the groups of 128 and, of u4, the zero-points.
`default_nettype none
module embedding_row (
    input wire clk_i,

    input wire        q8_i,
    input wire        q4_i,      // neither: FP16
    input wire [31:0] dim_i,

    input wire         we_i,
    input wire [  6:0] beat_i,
    input wire [511:0] data_i,

    // Scale and zero-point of a group are fetched before its elements: high for FETCH + 1 cycles.
    input  wire        fetch_i,
    input  wire [ 3:0] fetch_cycle_i,  // 0 ... FETCH
    output wire        fetched_o,      // in the last of them

    input  wire [11:0] element_i,      // 0
    output wire [31:0] value_o,        // 3; without the scale
    output wire [31:0] scale_o         // 3
);
  // A word is there two cycles after its address: scales first, then zero-points.
  localparam logic [3:0] ScaleThere = 4'd4;
  localparam logic [3:0] ZeroThere = 4'd9;
  assign fetched_o = fetch_cycle_i == ZeroThere + 4'd1;

  wire [4:0] group = element_i[11:7];
  wire [5:0] groups = dim_i[12:7] + 6'(dim_i[6:0] != '0);
  wire [12:0] scale_byte = (q8_i ? {groups, 7'b0} : {1'b0, groups, 6'b0}) + {7'b0, group, 1'b0};
  wire [12:0] zero_byte = {1'b0, groups, 6'b0} + {6'b0, groups, 1'b0} + {8'b0, group};
  logic [12:0] byte_address;
  always_comb begin
    if (fetch_i) byte_address = fetch_cycle_i <= ScaleThere ? scale_byte : zero_byte;
    else if (q8_i) byte_address = {1'b0, element_i};
    else if (q4_i) byte_address = {2'b0, element_i[11:1]};
    else byte_address = {element_i, 1'b0};
  end
  wire [511:0] word;
  ram #(.WIDTH(512), .DEPTH(128), .STYLE("block")) u_row (
      .clk_i, .we_i, .waddress_i(beat_i), .wdata_i(data_i), .raddress_i(byte_address[12:6]), .rdata_o(word));
  wire [5:0] select;
  wire odd;
  delay #(.WIDTH(7), .CYCLES(2)) u_select (.clk_i, .d_i({element_i[0], byte_address[5:0]}), .q_o({odd, select}));
  wire [15:0] half = word[16*select[5:1]+:16];
  wire [7:0] char = select[0] ? half[15:8] : half[7:0];

  // An integer of 9 bits is 2^24 times the FP16 number with that fraction.
  logic [7:0] zero_q;
  logic [15:0] scale_q, element_q;
  wire signed [8:0] integer9 = q8_i ? 9'(signed'(char)) : 9'({5'b0, odd ? char[7:4] : char[3:0]}) - {1'b0, zero_q};
  wire [8:0] magnitude = integer9[8] ? -integer9 : integer9;
  always_ff @(posedge clk_i) begin
    element_q <= q8_i || q4_i ? {integer9[8], 6'b0, magnitude} : half;
    if (fetch_i && fetch_cycle_i == ScaleThere) scale_q <= half;
    if (fetch_i && fetch_cycle_i == ZeroThere) zero_q <= char;
  end
  wire [31:0] fp;
  fp16_to_fp u_value (.x_i(element_q), .result_o(fp));
  fp_scale u_scaled (.x_i(fp), .exponent_i(q8_i || q4_i ? 8'sd24 : 8'sd0), .result_o(value_o));
  fp16_to_fp u_scale (.x_i(scale_q), .result_o(scale_o));
  wire unused = &{1'b0, dim_i};
endmodule
`default_nettype wire
