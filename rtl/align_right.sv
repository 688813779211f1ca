// Shifts right by 0 ... 31 in two cycles; every one that is shifted out is kept in bit 0 (the sticky bit).
`default_nettype none
module align_right #(
    parameter int WIDTH = 27
) (
    input  wire             clk_i,
    input  wire [WIDTH-1:0] value_i,
    input  wire [      4:0] shift_i,
    output wire [WIDTH-1:0] value_o
);
  logic [WIDTH-1:0] coarse_q, fine_q;
  logic [2:0] shift_q;

  logic [WIDTH-1:0] coarse, fine;
  logic coarse_lost, fine_lost;
  always_comb begin
    coarse = value_i >> {shift_i[4:3], 3'b0};
    coarse_lost = (coarse << {shift_i[4:3], 3'b0}) != value_i;
    fine = coarse_q >> shift_q;
    fine_lost = (fine << shift_q) != coarse_q;
  end

  always_ff @(posedge clk_i) begin
    shift_q  <= shift_i[2:0];
    coarse_q <= coarse | WIDTH'(coarse_lost);
    fine_q   <= fine | WIDTH'(fine_lost);
  end
  assign value_o = fine_q;
endmodule
`default_nettype wire
