// Cycles and control of the VPU's data path, docs/rtl/vpu.md.
// verilator lint_off UNUSEDPARAM
`default_nettype none
package vpu_pkg;
  localparam logic [1:0] SOURCE_A = 2'd0;
  localparam logic [1:0] SOURCE_B = 2'd1;
  localparam logic [1:0] SOURCE_VALUE = 2'd2;

  localparam int ROUNDS = 8;        // query heads that share a KV head, at most
  localparam int RESULT_SLOTS = 8;  // of 128 rows

  // Row blocks of a matrix whose pages hold one, two or four columns of 128, 64 or 32 rows.
  function automatic logic [31:0] row_blocks(logic [31:0] rows, logic two_columns, logic four_columns);
    logic part;  // of a block is left over
    part = rows[4:0] != '0 || (!four_columns && rows[5]) || (!four_columns && !two_columns && rows[6]);
    row_blocks = (four_columns ? rows >> 5 : two_columns ? rows >> 6 : rows >> 7) + 32'(part);
  endfunction

  // What accompanies a dot product. One that is only held for a later one ends there.
  typedef struct packed {
    logic        valid;
    logic        score;        // K: the product is a score
    logic [1:0]  source;
    logic [3:0]  zero;
    logic [3:0]  slot;         // of the activation block: exponent and sum of mantissas
    logic        pair_add;
    logic        pair_hold;
    logic [1:0]  pair_index;
    logic        quad_add;
    logic        quad_hold;
    logic        quad_index;
    logic        row_valid;    // reaches the running sum
    logic        row_first;    // which starts from +0
    logic        row_last;     // and is a result
    logic        result_done;  // the last one of its slot
    logic [2:0]  result_slot;
    logic [9:0]  row;          // of the running sums: {round, row}; its low bits count within the result slot
    // Scores only.
    logic [31:0] position;     // element of the score buffer
    logic [2:0]  round;
    logic        run_first;    // first of a run of positions of a round
    logic        first;        // first position of all
    logic        own;          // a position of the pass
    logic [2:0]  own_index;
  } tag_t;

  // What a page of weights brings along.
  typedef struct packed {
    logic [2:0] columns;
    logic       first;
    logic       last;
    logic [3:0] slot0;        // of the columns' activations
    logic [3:0] slot1;
    logic [3:0] slot2;
    logic [3:0] slot3;
    logic [2:0] result_slot;
    logic [7:0] record;
  } page_t;
endpackage
`default_nettype wire
// verilator lint_on UNUSEDPARAM
