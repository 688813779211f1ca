// A delay line: shift registers in LUTs.
`default_nettype none
module delay #(
    parameter int WIDTH  = 1,
    parameter int CYCLES = 1
) (
    input  wire             clk_i,
    input  wire [WIDTH-1:0] d_i,
    output wire [WIDTH-1:0] q_o
);
  if (CYCLES < 0) begin : gen_never
    $error("what is to be delayed comes after what it accompanies");
  end else if (CYCLES == 0) begin : gen_none
    assign q_o = d_i;
    wire unused = clk_i;
  end else begin : gen_line
    logic [CYCLES*WIDTH-1:0] line_q;
    always_ff @(posedge clk_i) line_q <= (CYCLES * WIDTH)'({line_q, d_i});
    assign q_o = line_q[CYCLES*WIDTH-1-:WIDTH];
  end
endmodule
`default_nettype wire
