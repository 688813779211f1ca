// Elements of the embedding row, which stands in the stream memory, as FP32: value and scale of the group. Elements
// are FP16, int8 or u4; behind them stand the scales of the groups of 128 and, of u4, the zero-points.
`default_nettype none
module embedding_row (
    input wire clk_i,

    input wire        q8_i,
    input wire        q4_i,      // neither: FP16
    input wire [31:0] dim_i,     // stable

    // Scale and zero-point of a group are fetched before its elements: high for FETCH + 1 cycles.
    input  wire        fetch_i,
    input  wire [ 3:0] fetch_cycle_i,  // 0 ... FETCH
    output wire        fetched_o,      // in the last but one of them

    input  wire [11:0] element_i,      // 0
    output wire [12:0] address_o,      // 0: of a byte of the row
    input  wire [31:0] word_i,         // 3: its word,
    input  wire [ 7:0] byte_i,         // 3: and that
    input  wire        wanted_i,       // 3
    output wire [31:0] value_o,        // 4; without the scale; 0 if it is not wanted
    output wire [31:0] scale_o         // of the group fetched
);
  // Scales first, whose address stands from the second cycle on; then zero-points, with a cycle to spare.
  localparam logic [3:0] ScaleThere = 4'(1 + latency_pkg::STREAM_WORD);
  localparam logic [3:0] ZeroThere = ScaleThere + 4'(1 + latency_pkg::STREAM_WORD + 1);
  assign fetched_o = fetch_cycle_i == ZeroThere;

  // Where they stand, from the second cycle of a fetch on.
  wire [4:0] group = element_i[11:7];
  logic [5:0] groups_q;
  logic [11:0] scales_q;
  logic [12:0] scale_byte_q, zero_byte_q;
  always_ff @(posedge clk_i) begin
    groups_q     <= dim_i[12:7] + 6'(dim_i[6:0] != '0);
    scales_q     <= {groups_q, 6'b0} + {5'b0, groups_q, 1'b0};
    scale_byte_q <= (q8_i ? {groups_q, 7'b0} : {1'b0, groups_q, 6'b0}) + {7'b0, group, 1'b0};
    zero_byte_q  <= {1'b0, scales_q} + {8'b0, group};
  end
  logic [12:0] byte_address;
  always_comb begin
    if (fetch_i) byte_address = fetch_cycle_i <= ScaleThere ? scale_byte_q : zero_byte_q;
    else if (q8_i) byte_address = {1'b0, element_i};
    else if (q4_i) byte_address = {2'b0, element_i[11:1]};
    else byte_address = {element_i, 1'b0};
  end
  assign address_o = byte_address;
  wire upper, odd;
  delay #(.WIDTH(2), .CYCLES(latency_pkg::STREAM_WORD)) u_select (
      .clk_i, .d_i({element_i[0], byte_address[1]}), .q_o({odd, upper}));
  wire [15:0] half = upper ? word_i[31:16] : word_i[15:0];

  // An integer is kept with both signs, FP16 as it is.
  logic [7:0] zero_q;
  logic [15:0] scale_q, half_q;
  logic signed [8:0] positive_q, negative_q;
  wire signed [8:0] integer9 = q8_i ? 9'(signed'(byte_i)) : {5'b0, odd ? byte_i[7:4] : byte_i[3:0]};
  wire signed [8:0] zero9 = {1'b0, zero_q};  // of int8, 0
  always_ff @(posedge clk_i) begin
    half_q <= '0;
    if (wanted_i && !q8_i && !q4_i) half_q <= half;
    positive_q <= '0;
    negative_q <= '0;
    if (wanted_i && (q8_i || q4_i)) begin
      positive_q <= integer9 - zero9;
      negative_q <= zero9 - integer9;
    end
    if (fetch_i && fetch_cycle_i == ScaleThere) scale_q <= half;
    if (fetch_i && fetch_cycle_i == ZeroThere) zero_q <= q8_i ? '0 : byte_i;
  end
  wire [31:0] from_half;
  fp16_to_fp u_value (.x_i(half_q), .result_o(from_half));
  wire sign = positive_q[8];
  wire [8:0] magnitude = sign ? negative_q : positive_q;
  logic [31:0] from_integer;
  always_comb begin
    casez (magnitude)
      9'b1????????: from_integer = {sign, 8'd135, magnitude[7:0], 15'b0};
      9'b01???????: from_integer = {sign, 8'd134, magnitude[6:0], 16'b0};
      9'b001??????: from_integer = {sign, 8'd133, magnitude[5:0], 17'b0};
      9'b0001?????: from_integer = {sign, 8'd132, magnitude[4:0], 18'b0};
      9'b00001????: from_integer = {sign, 8'd131, magnitude[3:0], 19'b0};
      9'b000001???: from_integer = {sign, 8'd130, magnitude[2:0], 20'b0};
      9'b0000001??: from_integer = {sign, 8'd129, magnitude[1:0], 21'b0};
      9'b00000001?: from_integer = {sign, 8'd128, magnitude[0], 22'b0};
      9'b000000001: from_integer = {sign, 8'd127, 23'b0};
      default:      from_integer = '0;
    endcase
  end
  assign value_o = from_half | from_integer;
  logic [31:0] scale_fp_q;
  wire [31:0] scale_fp;
  fp16_to_fp u_scale (.x_i(scale_q), .result_o(scale_fp));
  always_ff @(posedge clk_i) scale_fp_q <= scale_fp;
  assign scale_o = scale_fp_q;
  wire unused = &{1'b0, dim_i};
endmodule
`default_nettype wire
