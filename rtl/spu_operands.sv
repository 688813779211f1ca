// The operands b and c of an element that are the same in all lanes. What is not chosen is zero, so that an OR joins
// them with those of a lane. The number in a comment is the cycle from the element's issue.
`default_nettype none
module spu_operands (
    input wire clk_i,

    input wire spu_pkg::micro_t micro_i,        // 3
    input wire [31:0] parameter_i,              // 3: of P, or of a RoPE row
    input wire [31:0] denominator_i,            // 3
    input wire [31:0] embed_scale_i,            // stable, as all that follow
    input wire [31:0] inverse_dim_i,
    input wire [31:0] inverse_head_size_i,
    input wire [31:0] norm_eps_i,

    output wire [31:0] b_o,                     // 4
    output wire [31:0] c_o                      // 4
);
  logic [31:0] b_q, c_q;
  always_ff @(posedge clk_i) begin
    case (micro_i.b)
      spu_pkg::B_ONE: b_q <= brim_pkg::FP_ONE;
      spu_pkg::B_PARAMETER: b_q <= parameter_i;
      spu_pkg::B_DENOMINATOR: b_q <= denominator_i;
      spu_pkg::B_INVERSE_DIM: b_q <= inverse_dim_i;
      spu_pkg::B_INVERSE_HEAD: b_q <= inverse_head_size_i;
      spu_pkg::B_INVERSE_127: b_q <= brim_pkg::FP_INVERSE_127;
      spu_pkg::B_INVERSE_15: b_q <= brim_pkg::FP_INVERSE_15;
      spu_pkg::B_GELU: b_q <= brim_pkg::FP_GELU_CUBIC;
      spu_pkg::B_EMBED: b_q <= embed_scale_i;
      default: b_q <= '0;
    endcase
    case (micro_i.c)
      spu_pkg::C_NONE: c_q <= 32'h80000000;
      spu_pkg::C_ONE: c_q <= brim_pkg::FP_ONE;
      spu_pkg::C_TWO: c_q <= brim_pkg::FP_TWO;
      spu_pkg::C_ONE_AND_A_HALF: c_q <= brim_pkg::FP_ONE_AND_A_HALF;
      spu_pkg::C_EPSILON: c_q <= norm_eps_i;
      spu_pkg::C_GELU: c_q <= brim_pkg::FP_GELU_LINEAR;
      spu_pkg::C_PARAMETER: c_q <= parameter_i;
      default: c_q <= '0;
    endcase
  end
  assign b_o = b_q;
  assign c_o = c_q;
  wire unused = &{1'b0, micro_i};
endmodule
`default_nettype wire
