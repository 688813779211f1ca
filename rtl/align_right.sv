// Shifts right by 0 ... 31 in two cycles, but for a last step by one, which is left to the user: there it costs
// nothing, in the look-up tables of an adder. Every one that is shifted out is kept in bit 0 (the sticky bit).
`default_nettype none
module align_right #(
    parameter int WIDTH = 27
) (
    input  wire             clk_i,
    input  wire [WIDTH-1:0] value_i,
    input  wire [      4:0] shift_i,
    output wire [WIDTH-1:0] value_o,
    output wire             once_more_o  // value_o is still to be shifted by one
);
  logic [WIDTH-1:0] coarse_q, fine_q;
  logic [2:0] shift_q;
  logic once_more_q;

  // The bits that are lost, rather than what would come back: half the logic.
  wire coarse_lost = (shift_i[4:3] >= 2'd1 && value_i[7:0] != '0) ||
      (shift_i[4:3] >= 2'd2 && value_i[15:8] != '0) || (shift_i[4:3] == 2'd3 && value_i[23:16] != '0);
  wire fine_lost = (shift_q[2:1] >= 2'd1 && coarse_q[1:0] != '0) ||
      (shift_q[2:1] >= 2'd2 && coarse_q[3:2] != '0) || (shift_q[2:1] == 2'd3 && coarse_q[5:4] != '0);
  wire [WIDTH-1:0] coarse = value_i >> {shift_i[4:3], 3'b0};
  wire [WIDTH-1:0] fine = coarse_q >> {shift_q[2:1], 1'b0};

  always_ff @(posedge clk_i) begin
    shift_q     <= shift_i[2:0];
    coarse_q    <= coarse | WIDTH'(coarse_lost);
    fine_q      <= fine | WIDTH'(fine_lost);
    once_more_q <= shift_q[0];
  end
  assign value_o     = fine_q;
  assign once_more_o = once_more_q;
endmodule
`default_nettype wire
