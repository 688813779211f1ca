// prefetch_fifo: what goes in comes out, in order, once; no more than there is room for is inside.
//: sources ultra_ram.sv prefetch_fifo.sv
//: method pdr
//: plant prefetch_fifo.sv => waiting_q <= push || => waiting_q <= valid_i ||
`default_nettype none
module prefetch_fifo_proof (
    input wire clk_i,
    input wire valid_i,
    input wire data_i,
    input wire ready_i,
    input wire watch_i
);
  logic rst_nq = 0;
  always_ff @(posedge clk_i) rst_nq <= 1;
  wire ready_o, valid_o, empty_o;
  wire [511:0] data_o;
  prefetch_fifo #(.BEATS(4)) u_unit (
      .clk_i, .rst_ni(rst_nq), .valid_i, .ready_o, .data_i({511'b0, data_i}), .valid_o, .ready_i, .data_o, .empty_o);
  order #(.CAPACITY(6)) u_order (
      .clk_i, .rst_ni(rst_nq), .in_i(valid_i && ready_o), .data_i, .watch_i, .out_i(valid_o && ready_i),
      .valid_i(valid_o), .data_o_i(data_o[0]));
  held #(.WIDTH(1)) u_held (.clk_i, .rst_ni(rst_nq), .valid_i(valid_o), .ready_i, .data_i(data_o[0]));
endmodule
`default_nettype wire
