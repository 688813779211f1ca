// queue: what goes in comes out, in order, once; no more than DEPTH + 1 are inside; empty_o says so.
//: sources queue.sv
//: method pdr
//: plant queue.sv => ready_q <= used < (Bits + 1)'(DEPTH - 1); => ready_q <= used < (Bits + 1)'(DEPTH);
//: plant queue.sv => empty_q <= !valid_i && !waiting && !out_valid_q; => empty_q <= !waiting && !out_valid_q;
`default_nettype none
module queue_proof (
    input wire clk_i,
    input wire valid_i,
    input wire data_i,
    input wire ready_i,
    input wire watch_i
);
  logic rst_nq = 0, before_nq = 0;
  always_ff @(posedge clk_i) begin
    rst_nq    <= 1;
    before_nq <= rst_nq;
  end
  wire ready_o, valid_o, data_o, empty_o;
  queue #(.WIDTH(1), .DEPTH(4)) u_unit (
      .clk_i, .rst_ni(rst_nq), .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o, .empty_o);
  order #(.CAPACITY(5)) u_order (
      .clk_i, .rst_ni(rst_nq), .in_i(valid_i && ready_o), .data_i, .watch_i, .out_i(valid_o && ready_i),
      .valid_i(valid_o), .data_o_i(data_o));
  held #(.WIDTH(1)) u_held (.clk_i, .rst_ni(rst_nq), .valid_i(valid_o), .ready_i, .data_i(data_o));

  // Nothing was in it, nor came, in the cycle before.
  logic [3:0] inside_q;
  logic none_q;
  always_ff @(posedge clk_i) begin
    inside_q <= rst_nq ? inside_q + 4'(valid_i && ready_o) - 4'(valid_o && ready_i) : '0;
    none_q   <= inside_q == '0 && !valid_i;
  end
  always_comb if (before_nq) assert (empty_o == none_q);
endmodule
`default_nettype wire
