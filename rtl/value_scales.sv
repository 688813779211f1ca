// The V scale of a position: of the stream or, for the pass's own tokens, of the local KV.
`default_nettype none
module value_scales (
    input wire clk_i,

    input  wire        four_bits_i,     // scales have zero-points behind them
    input  wire [23:0] first_own_i,     // position of the pass's first token
    input  wire [23:0] position_i,      // 0
    output wire [ 2:0] own_token_o,     // 1: whose scale is asked for,
    input  wire [15:0] own_scale_i,     // 3: and its answer
    input  wire [31:0] word_i,          // 3: of the stream's scales, two to a word, or one
    input  wire        wanted_i,        // 3
    output wire [31:0] scale_o          // 4; 0 if it is not wanted
);
  logic [23:0] position_q;
  always_ff @(posedge clk_i) position_q <= position_i;
  assign own_token_o = 3'(position_q - first_own_i);
  if (latency_pkg::STREAM_WORD != 1 + latency_pkg::RAM) begin : gen_never
    $error("the answer of the local KV buffer comes with the stream's word");
  end
  wire own, odd;
  delay #(.WIDTH(2), .CYCLES(latency_pkg::STREAM_WORD - 1)) u_select (
      .clk_i, .d_i({position_q >= first_own_i, position_q[0]}), .q_o({own, odd}));
  wire [31:0] scale;
  fp16_to_fp u_scale (.x_i(own ? own_scale_i : odd && !four_bits_i ? word_i[31:16] : word_i[15:0]), .result_o(scale));
  logic [31:0] scale_q;
  always_ff @(posedge clk_i) begin
    if (wanted_i) scale_q <= scale;
    else scale_q <= '0;
  end
  assign scale_o = scale_q;
endmodule
`default_nettype wire
