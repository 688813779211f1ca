// The experts that any token of the pass has chosen, in ascending order, and an end behind them. Two cycles for
// each expert of the model. docs/rtl/spu.md.
`default_nettype none
module expert_list (
    input wire clk_i,
    input wire rst_ni,

    input wire       start_i,   // all choices are made
    input wire [7:0] experts_i, // of a layer, at least 1

    // Whether an expert is chosen, combinational.
    output wire [6:0] ask_o,
    input  wire       chosen_i,

    output wire       valid_o,
    input  wire       ready_i,
    output wire       end_o,
    output wire [6:0] expert_o
);
  logic active_q, asked_q, chosen_q, valid_q;
  logic [7:0] expert_q;
  wire past = expert_q == experts_i;
  always_ff @(posedge clk_i) begin
    asked_q  <= active_q && !asked_q && !valid_q;
    chosen_q <= chosen_i;
    if (asked_q) begin
      if (chosen_q || past) valid_q <= 1'b1;
      else expert_q <= expert_q + 1;
    end
    if (valid_q && ready_i) begin
      valid_q  <= 1'b0;
      expert_q <= expert_q + 1;
      if (past) active_q <= 1'b0;
    end
    if (start_i) begin
      active_q <= 1'b1;
      asked_q  <= 1'b0;
      valid_q  <= 1'b0;
      expert_q <= '0;
    end
    if (!rst_ni) begin
      active_q <= 1'b0;
      valid_q  <= 1'b0;
    end
  end
  assign ask_o    = expert_q[6:0];
  assign valid_o  = valid_q;
  assign end_o    = past;
  assign expert_o = expert_q[6:0];
endmodule
`default_nettype wire
