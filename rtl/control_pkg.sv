// What the checks of a pass find out from its header, and the checks of its instructions use.
// verilator lint_off UNUSEDPARAM
`default_nettype none
package control_pkg;
  typedef struct packed {
    logic [6:0]  normed_groups;     // of 128 inputs, of the matrices' input buffers
    logic [6:0]  attention_groups;
    logic [6:0]  hidden_groups;
    logic [6:0]  expert_groups;     // of hidden as the matrices of an expert read it; of a dense model, as all do
    logic [7:0]  fp16_row_beats;    // of an embedding row, by format
    logic [7:0]  q8_row_beats;
    logic [7:0]  q4_row_beats;
    logic [8:0]  norm_beats;        // of a vector of dim parameters
    logic [3:0]  head_beats;        // of a head's parameters, and of a RoPE row
    logic [31:0] dim;
    logic [31:0] hidden_rows;       // gate and up
    logic [31:0] expert_hidden_rows;  // of an expert; of a dense model likewise
    logic [7:0]  experts;
    logic [31:0] vocabulary;
    logic [15:0] heads;
    logic [15:0] kv_heads;
    logic [31:0] instructions;
    logic        prompt;            // no logits are wanted
  } limits_t;
endpackage
`default_nettype wire
// verilator lint_on UNUSEDPARAM
