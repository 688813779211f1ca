// port_fifo: transfers come out in order, once, four to a beat; with no more inside than there is room for, which
// axi_read_port reserves, none is lost; empty_o says what it says.
//: sources port_fifo.sv
//: method pdr
//: plant port_fifo.sv => wire word_advance = !word_valid_q || !last || out_advance; => wire word_advance = 1'b1;
//: plant port_fifo.sv => if (waiting) read_q <= read_q + 1; => read_q <= read_q + 1;
//: plant port_fifo.sv => && !out_valid_q && turn_q == '0; => && !out_valid_q;
`default_nettype none
module port_fifo_proof (
    input wire clk_i,
    input wire valid_i,
    input wire data_i,
    input wire ready_i,
    input wire watch_i
);
  localparam int Beats = 2;
  logic rst_nq = 0, before_nq = 0;
  always_ff @(posedge clk_i) begin
    rst_nq    <= 1;
    before_nq <= rst_nq;
  end
  wire valid_o, empty_o;
  wire [511:0] data_o;
  port_fifo #(.BEATS(Beats)) u_unit (
      .clk_i, .rst_ni(rst_nq), .valid_i, .data_i({127'b0, data_i}), .valid_o, .ready_i, .data_o, .empty_o);
  wire [3:0] shown = {data_o[384], data_o[256], data_o[128], data_o[0]};
  order #(.CAPACITY(4 * Beats), .TOGETHER(4)) u_order (
      .clk_i, .rst_ni(rst_nq), .in_i(valid_i), .data_i, .watch_i, .out_i(valid_o && ready_i), .valid_i(valid_o),
      .data_o_i(shown));
  held #(.WIDTH(4)) u_held (.clk_i, .rst_ni(rst_nq), .valid_i(valid_o), .ready_i, .data_i(shown));

  logic [4:0] inside_q;
  logic none_q;
  always_ff @(posedge clk_i) begin
    inside_q <= rst_nq ? inside_q + 5'(valid_i) - (valid_o && ready_i ? 5'd4 : 5'd0) : '0;
    none_q   <= inside_q == '0 && !valid_i;
  end
  // Of the unit's registers, what makes the proof short.
  (* hierconn *) wire [3:0] \u_unit.write_q ;
  (* hierconn *) wire [3:0] \u_unit.read_q ;
  (* hierconn *) wire [1:0] \u_unit.turn_q ;
  (* hierconn *) wire \u_unit.read_valid_q ;
  (* hierconn *) wire \u_unit.word_valid_q ;
  wire [3:0] waiting = u_unit.write_q - u_unit.read_q;

  always_comb begin
    assume (!valid_i || (rst_nq && inside_q < 5'(4 * Beats)));  // axi_read_port_proof
    if (before_nq) assert (empty_o == none_q);
    if (rst_nq)
      assert (inside_q == 5'(waiting) + 5'(u_unit.read_valid_q) + 5'(u_unit.word_valid_q) + 5'(u_unit.turn_q) + {2'b0, valid_o, 2'b0});
  end
endmodule
`default_nettype wire
