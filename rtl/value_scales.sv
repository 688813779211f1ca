// V scales of a KV head: those of the stream in two generations, and behind them those of the pass's own
// tokens, which stand in the local KV.
`default_nettype none
module value_scales #(
    parameter int CONTEXT = 8192
) (
    input wire clk_i,

    input wire         we_i,
    input wire         write_generation_i,
    input wire [  9:0] beat_i,              // 32 scales each
    input wire [511:0] data_i,

    input  wire [23:0] first_own_i,         // position of the pass's first token
    input  wire        generation_i,        // 0
    input  wire [23:0] position_i,          // 0
    output wire [ 2:0] own_token_o,         // 0: whose scale is asked for,
    input  wire [15:0] own_scale_i,         // 2: and its answer
    output wire [15:0] scale_o              // 3
);
  localparam int BeatBits = $clog2(CONTEXT / 32);
  wire [511:0] beat;
  ram #(.WIDTH(512), .DEPTH(CONTEXT / 16), .STYLE("block")) u_scales (
      .clk_i, .we_i, .waddress_i({write_generation_i, beat_i[BeatBits-1:0]}), .wdata_i(data_i),
      .raddress_i({generation_i, position_i[5+:BeatBits]}), .rdata_o(beat));
  assign own_token_o = 3'(position_i - first_own_i);
  wire own2;
  wire [4:0] select2;
  delay #(.WIDTH(6), .CYCLES(2)) u_select (
      .clk_i, .d_i({position_i >= first_own_i, position_i[4:0]}), .q_o({own2, select2}));
  logic [15:0] scale_q;
  always_ff @(posedge clk_i) scale_q <= own2 ? own_scale_i : beat[16*select2+:16];
  assign scale_o = scale_q;
  wire unused = &{1'b0, beat_i};
endmodule
`default_nettype wire
