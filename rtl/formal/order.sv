// For proofs: what goes into a unit comes out of it in the same order, once, and no more is inside than CAPACITY. One
// element, any one, is a 1 among zeros: it must come out when those before it have, and nothing else may look like it.
// Elements may come out TOGETHER at a time, the first one in bit 0.
`default_nettype none
module order #(
    parameter int CAPACITY = 2,
    parameter int TOGETHER = 1
) (
    input wire clk_i,
    input wire rst_ni,
    input wire in_i,      // an element goes in,
    input wire data_i,    // this one
    input wire watch_i,   // free: it is the one
    input wire out_i,     // elements come out
    input wire valid_i,   // they are shown,
    input wire [TOGETHER-1:0] data_o_i  // these
);
  localparam int Bits = $clog2(CAPACITY + TOGETHER) + 1;
  wire [Bits-1:0] out = out_i ? Bits'(TOGETHER) : '0;
  logic [Bits-1:0] inside_q, ahead_q;  // elements; of those, ahead of the one
  logic chosen_q, passed_q;
  wire chooses = in_i && watch_i && !chosen_q;
  always_ff @(posedge clk_i) begin
    inside_q <= inside_q + Bits'(in_i) - out;
    if (chooses) begin
      chosen_q <= 1'b1;
      ahead_q  <= inside_q - out;
    end else if (chosen_q && !passed_q && out_i) begin
      ahead_q <= ahead_q - out;
      if (ahead_q < out) passed_q <= 1'b1;
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
      assert (!valid_i || inside_q >= Bits'(TOGETHER));
      for (int i = 0; i < TOGETHER; i++)
        assert (!valid_i || data_o_i[i] == (chosen_q && !passed_q && ahead_q == Bits'(i)));
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
