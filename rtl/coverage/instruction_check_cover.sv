// Functional points of instruction_check: every check that can refuse an instruction does, alone.
`default_nettype none
module instruction_check_cover (
    input wire        clk_i,
    input wire        enable_i,
    input wire [ 7:0] opcode_q,
    input wire        shape_wrong_q,
    input wire        groups_wrong_q,
    input wire        rows_wrong_q,
    input wire        flags_wrong_q,
    input wire        query_wrong_q,
    input wire        kv_wrong_q,
    input wire        head_norm_q,
    input wire        bad,
    input wire        bad_q,
    input wire        param_wrong_q,
    input wire        param2_wrong_q,
    input wire        matrix_q,
    input wire        pages_differ
);
  default clocking @(posedge clk_i);
  endclocking
  for (genvar op = 3; op < 17; op++) begin : gen_opcode
    refused: cover property (enable_i && bad && opcode_q == 8'(op));
  end
  unknown_opcode: cover property (enable_i && bad && opcode_q > brim_pkg::OP_LOGITS);
  wire matvec = enable_i && opcode_q == brim_pkg::OP_MATVEC;
  shape_alone: cover property (matvec && shape_wrong_q && !groups_wrong_q && !rows_wrong_q);
  groups_alone: cover property (matvec && !shape_wrong_q && groups_wrong_q && !rows_wrong_q);
  rows_alone: cover property (matvec && !shape_wrong_q && !groups_wrong_q && rows_wrong_q);
  query_head_alone: cover property (enable_i && opcode_q == brim_pkg::OP_QUERY && query_wrong_q && !flags_wrong_q);
  query_flags_alone: cover property (enable_i && opcode_q == brim_pkg::OP_QUERY && !query_wrong_q && flags_wrong_q);
  key_head_alone: cover property (enable_i && opcode_q == brim_pkg::OP_KEY && kv_wrong_q && !flags_wrong_q);
  key_flags_alone: cover property (enable_i && opcode_q == brim_pkg::OP_KEY && !kv_wrong_q && flags_wrong_q);
  value_head_alone: cover property (enable_i && opcode_q == brim_pkg::OP_VALUE && kv_wrong_q && !flags_wrong_q && !head_norm_q);
  value_flags_alone: cover property (enable_i && opcode_q == brim_pkg::OP_VALUE && !kv_wrong_q && flags_wrong_q && !head_norm_q);
  value_norm_alone: cover property (enable_i && opcode_q == brim_pkg::OP_VALUE && !kv_wrong_q && !flags_wrong_q && head_norm_q);
  parameters_alone: cover property (enable_i && !bad_q && param_wrong_q && !param2_wrong_q);
  head_norm_alone: cover property (enable_i && !bad_q && !param_wrong_q && param2_wrong_q);
  pages_alone: cover property (enable_i && !bad_q && matrix_q && pages_differ);
endmodule
bind instruction_check instruction_check_cover u_cover (.pages_differ(count2_q != 32'(matrix_pages_q)), .*);
`default_nettype wire
