// stream_slice: what goes in comes out, in order, once; valid and data stay until they are taken; at most two are inside.
//: sources stream_slice.sv
//: method pdr
//: plant stream_slice.sv => if (ready_q) spare_q <= data_i; => spare_q <= data_i;
//: plant stream_slice.sv => ready_q       <= advance || !(take || spare_valid_q); => ready_q       <= advance || !take;
`default_nettype none
module stream_slice_proof (
    input wire clk_i,
    input wire valid_i,
    input wire data_i,
    input wire ready_i,
    input wire watch_i
);
  logic rst_nq = 0;
  always_ff @(posedge clk_i) rst_nq <= 1;
  wire ready_o, valid_o, data_o;
  stream_slice #(.WIDTH(1)) u_unit (.clk_i, .rst_ni(rst_nq), .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o);

  order #(.CAPACITY(2)) u_order (
      .clk_i, .rst_ni(rst_nq), .in_i(valid_i && ready_o), .data_i, .watch_i, .out_i(valid_o && ready_i), .valid_i(valid_o),
      .data_o_i(data_o));
  held #(.WIDTH(1)) u_held (.clk_i, .rst_ni(rst_nq), .valid_i(valid_o), .ready_i, .data_i(data_o));
endmodule
`default_nettype wire
