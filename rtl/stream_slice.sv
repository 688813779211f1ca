// A register slice: valid, data and ready all come from registers, so that nothing combinational lies between its two
// sides. A cycle of latency, a transfer per cycle; two places, one of which is used only while the other side waits.
`default_nettype none
module stream_slice #(
    parameter int WIDTH = 32
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire             valid_i,
    output wire             ready_o,
    input  wire [WIDTH-1:0] data_i,
    output wire             valid_o,
    input  wire             ready_i,
    output wire [WIDTH-1:0] data_o
);
  logic valid_q, ready_q, spare_valid_q;
  logic [WIDTH-1:0] data_q, spare_q;
  wire take = valid_i && ready_q;
  wire advance = !valid_q || ready_i;

  // spare_q is free whenever ready_q says so, and takes what data_q cannot.
  always_ff @(posedge clk_i) begin
    if (advance) begin
      valid_q <= take || spare_valid_q;
      data_q  <= spare_valid_q ? spare_q : data_i;
    end
    if (ready_q) spare_q <= data_i;
    spare_valid_q <= !advance && (take || spare_valid_q);
    ready_q       <= advance || !(take || spare_valid_q);
    if (!rst_ni) begin
      valid_q       <= 1'b0;
      spare_valid_q <= 1'b0;
      ready_q       <= 1'b0;
    end
  end
  assign ready_o = ready_q;
  assign valid_o = valid_q;
  assign data_o  = data_q;
endmodule
`default_nettype wire
