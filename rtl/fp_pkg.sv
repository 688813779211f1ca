// Latencies of the FP32 pipelines, in cycles from inputs to output. docs/rtl/fp.md.
// verilator lint_off UNUSEDPARAM
`default_nettype none
package fp_pkg;
  localparam int ADD = 10;
  localparam int ADD_SMALL = 6;
  localparam int MUL = 6;
  localparam int INT_TO_FP = 6;
  localparam int FP_TO_INT = 4;
  localparam int FP_TO_FP16 = 4;
  localparam int EXP = 1 + MUL + FP_TO_INT + INT_TO_FP + MUL + ADD + ADD + MUL + 1 + ADD_SMALL + MUL + ADD_SMALL + 1;
endpackage
`default_nettype wire
// verilator lint_on UNUSEDPARAM
