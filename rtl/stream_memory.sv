// What the stream brings for all lanes of the SPU, in one ultra RAM: P, the embedding row, the RoPE rows, and the V
// scales of two generations. One word of one of them is read at a time.
`default_nettype none
module stream_memory (
    input wire clk_i,

    input wire [511:0] data_i,
    input wire         parameter_we_i,
    input wire [  9:0] parameter_address_i,
    input wire         embed_we_i,
    input wire [  6:0] embed_address_i,
    input wire         rope_we_i,
    input wire [  5:0] rope_address_i,   // {token, beat}
    input wire         scale_we_i,
    input wire [ 10:0] scale_address_i,  // {generation, beat}

    // Words of 32 bits; of P unless another is chosen.
    input  wire [13:0] parameter_i,    // 0
    input  wire        from_embed_i,   // 0
    input  wire [10:0] embed_i,        // 0
    input  wire [ 1:0] byte_i,         // 0: of the word
    input  wire        from_rope_i,    // 0
    input  wire [ 9:0] rope_i,         // 0
    input  wire        from_scales_i,  // 0
    input  wire [14:0] scales_i,       // 0
    output wire [31:0] word_o,         // 3
    output wire [ 7:0] byte_o          // 3
);
  wire we = parameter_we_i || embed_we_i || rope_we_i || scale_we_i;
  logic [11:0] waddress;
  logic [15:0] read;
  always_comb begin
    waddress = {2'd0, parameter_address_i};
    if (embed_we_i) waddress = {5'b01000, embed_address_i};
    if (rope_we_i) waddress = {6'b011000, rope_address_i};
    if (scale_we_i) waddress = {1'b1, scale_address_i};
    case ({from_scales_i, from_rope_i, from_embed_i})
      3'b001: read = {5'b01000, embed_i};
      3'b010: read = {6'b011000, rope_i};
      3'b100: read = {1'b1, scales_i};
      default: read = {2'd0, parameter_i};
    endcase
  end

  wire [511:0] beat;
  ram #(.WIDTH(512), .DEPTH(4096), .STYLE("ultra")) u_beats (
      .clk_i, .we_i(we), .waddress_i(waddress), .wdata_i(data_i), .raddress_i(read[15:4]), .rdata_o(beat));
  wire [3:0] select;
  wire [1:0] byte_select;
  delay #(.WIDTH(6), .CYCLES(latency_pkg::STREAM_WORD - 1)) u_select (
      .clk_i, .d_i({read[3:0], byte_i}), .q_o({select, byte_select}));
  if (latency_pkg::STREAM_WORD != latency_pkg::RAM + 1) begin : gen_never
    $error("word_q follows the memory's word");
  end
  wire [31:0] word = beat[32*select+:32];
  logic [31:0] word_q;
  logic [7:0] byte_q;
  always_ff @(posedge clk_i) begin
    word_q <= word;
    byte_q <= word[8*byte_select+:8];
  end
  assign word_o = word_q;
  assign byte_o = byte_q;
endmodule
`default_nettype wire
