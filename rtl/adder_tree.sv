// The sum of LEAVES signed numbers, a power of two, one level per cycle. Each leaf brings a carry bit to be
// added as well: a node's adder takes the carry of its left child, that of the right one goes on to the
// parent. So the carries cost no adder; one is left over at the root, carry_o.
`default_nettype none
module adder_tree #(
    parameter int LEAVES = 64,
    parameter int WIDTH  = 24
) (
    input  wire                                     clk_i,
    input  wire        [LEAVES*WIDTH-1:0]           leaves_i,
    input  wire        [LEAVES-1:0]                 carries_i,
    output wire signed [WIDTH+$clog2(LEAVES)-1:0]   sum_o,
    output wire                                     carry_o
);
  if (LEAVES == 1) begin : gen_leaf
    assign sum_o   = leaves_i;
    assign carry_o = carries_i[0];
    wire unused = clk_i;
  end else begin : gen_node
    localparam int Half = LEAVES / 2;
    localparam int SumWidth = WIDTH + $clog2(LEAVES);
    wire signed [SumWidth-2:0] left, right;
    wire left_carry, right_carry;
    adder_tree #(.LEAVES(Half), .WIDTH(WIDTH)) u_left (
        .clk_i, .leaves_i(leaves_i[Half*WIDTH-1:0]), .carries_i(carries_i[Half-1:0]),
        .sum_o(left), .carry_o(left_carry));
    adder_tree #(.LEAVES(Half), .WIDTH(WIDTH)) u_right (
        .clk_i, .leaves_i(leaves_i[LEAVES*WIDTH-1:Half*WIDTH]), .carries_i(carries_i[LEAVES-1:Half]),
        .sum_o(right), .carry_o(right_carry));

    // One adder with a carry input: the lowest bits make the carry.
    logic [SumWidth:0] sum_q;
    logic carry_q;
    always_ff @(posedge clk_i) begin
      sum_q   <= {left[SumWidth-2], left, 1'b1} + {right[SumWidth-2], right, left_carry};
      carry_q <= right_carry;
    end
    assign sum_o   = sum_q[SumWidth:1];
    assign carry_o = carry_q;
    wire unused = sum_q[0];
  end
endmodule
`default_nettype wire
