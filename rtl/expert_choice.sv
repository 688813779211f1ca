// The experts that a token chooses: takes the router's numbers of all experts once for each choice, those chosen
// before left out, and keeps the largest, of equal ones the lowest. docs/rtl/spu.md.
`default_nettype none
module expert_choice (
    input wire clk_i,

    input  wire        start_i,   // a route begins: nothing is chosen
    input  wire        valid_i,   // a number, in ascending order of experts
    input  wire [ 6:0] expert_i,
    input  wire [31:0] x_i,
    input  wire        choose_i,  // the numbers so far are all, the last of them two cycles ago or earlier

    output wire [31:0] largest_o,  // number of the first choice

    // Whether these experts are chosen, combinational.
    input  wire [6:0] expert_a_i,
    output wire       chosen_a_o,
    input  wire [6:0] expert_b_i,
    output wire       chosen_b_o
);
  localparam int Choices = brim_pkg::MOST_EXPERTS_PER_TOKEN;
  // Keys order as numbers do, as unsigned ones; both zeros are one. No number has a key of 0.
  logic [31:0] key_q, best_key_q, largest_q;
  logic [6:0] expert_q, best_q;
  logic valid_q;
  logic [Choices-1:0] chosen_q;
  logic [7*Choices-1:0] experts_q;
  always_ff @(posedge clk_i) begin
    valid_q  <= valid_i;
    expert_q <= expert_i;
    if (x_i[30:0] == '0) key_q <= 32'h80000000;
    else key_q <= x_i[31] ? ~x_i : {1'b1, x_i[30:0]};
    if (valid_q && key_q > best_key_q) begin
      best_key_q <= key_q;
      best_q     <= expert_q;
    end
    if (choose_i) begin
      if (!chosen_q[0]) largest_q <= best_key_q[31] ? {1'b0, best_key_q[30:0]} : ~best_key_q;
      chosen_q  <= {chosen_q[Choices-2:0], 1'b1};
      experts_q <= {experts_q[7*(Choices-1)-1:0], best_q};
    end
    if (start_i || choose_i) begin
      best_key_q <= '0;
      best_q     <= '0;
    end
    if (start_i) chosen_q <= '0;
  end
  assign largest_o = largest_q;

  logic chosen_a, chosen_b;
  always_comb begin
    chosen_a = 1'b0;
    chosen_b = 1'b0;
    for (int i = 0; i < Choices; i++) begin
      chosen_a |= chosen_q[i] && experts_q[7*i+:7] == expert_a_i;
      chosen_b |= chosen_q[i] && experts_q[7*i+:7] == expert_b_i;
    end
  end
  assign chosen_a_o = chosen_a;
  assign chosen_b_o = chosen_b;
endmodule
`default_nettype wire
