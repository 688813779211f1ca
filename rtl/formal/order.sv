// For proofs: what goes into a unit comes out of it in the same order, once, and no more is inside than CAPACITY. One
// element, any one, is a 1 among zeros: it must come out when those before it have, and nothing else may look like it.
`default_nettype none
module order #(
    parameter int CAPACITY = 2
) (
    input wire clk_i,
    input wire rst_ni,
    input wire in_i,      // an element goes in,
    input wire data_i,    // this one
    input wire watch_i,   // free: it is the one
    input wire out_i,     // an element comes out
    input wire valid_i,   // one is shown,
    input wire data_o_i   // this one
);
  localparam int Bits = $clog2(CAPACITY + 1) + 1;
  logic [Bits-1:0] inside_q, ahead_q;  // elements; of those, ahead of the one
  logic chosen_q, passed_q;
  wire chooses = in_i && watch_i && !chosen_q;
  always_ff @(posedge clk_i) begin
    inside_q <= inside_q + Bits'(in_i) - Bits'(out_i);
    if (chooses) begin
      chosen_q <= 1'b1;
      ahead_q  <= inside_q - Bits'(out_i);
    end else if (chosen_q && !passed_q && out_i) begin
      ahead_q <= ahead_q - 1;
      if (ahead_q == '0) passed_q <= 1'b1;
    end
    if (!rst_ni) begin
      inside_q <= '0;
      ahead_q  <= '0;
      chosen_q <= 1'b0;
      passed_q <= 1'b0;
    end
  end
  always_comb begin
    assume (!in_i || data_i == chooses);
    if (rst_ni) begin
      assert (inside_q <= Bits'(CAPACITY));
      assert (!valid_i || inside_q != '0);
      assert (!valid_i || data_o_i == (chosen_q && !passed_q && ahead_q == '0));
    end
  end
endmodule

// valid and data stay until they are taken.
module held #(
    parameter int WIDTH = 1
) (
    input wire             clk_i,
    input wire             rst_ni,
    input wire             valid_i,
    input wire             ready_i,
    input wire [WIDTH-1:0] data_i
);
  logic waits_q;
  logic [WIDTH-1:0] data_q;
  always_ff @(posedge clk_i) begin
    waits_q <= rst_ni && valid_i && !ready_i;
    data_q  <= data_i;
  end
  always_comb if (rst_ni && waits_q) assert (valid_i && data_i == data_q);
endmodule
`default_nettype wire
