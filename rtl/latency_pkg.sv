// When things stand where in the pipelines of VPU and SPU, in cycles, built up from the latencies of the FP32 units. Every
// delay line between data and what accompanies them is a difference of these; docs/rtl/vpu.md and docs/rtl/spu.md draw
// them. A pipeline that has other stages than is said here does not elaborate: see the $error in each module that holds
// stages, and in `delay`, which refuses less than nothing. FP32 units may be given more cycles than they have stages:
// rtl/test builds such an accelerator, whose bits must be the same.
// verilator lint_off UNUSEDPARAM
`default_nettype none
package latency_pkg;
  localparam int RAM = 2;  // from an address to its word: ram.sv, score_buffer.sv

  // ------------------------------------------------------------------ FP32 units: from operands to result
  localparam int ADD = 10;
  localparam int ADD_SMALL = 6;
  localparam int MUL = 6;
  localparam int INT_TO_FP = 6;
  localparam int FP_TO_INT = 4;
  localparam int FP_TO_FP16 = 4;
  localparam int EXP = 1 + MUL + FP_TO_INT + INT_TO_FP + MUL + ADD + ADD + MUL + 1 + ADD_SMALL + MUL + ADD_SMALL + 1;

  // ------------------------------------------------------------------ VPU: from the issue of a dot product's last slot
  localparam int MULTIPLY = 3;  // packed_multiplier: input, product and output register
  localparam int CHAIN = 4;     // multipliers in cascade, each a cycle later than the one before
  localparam int LEAVES = 16;   // chains, and leaves of the adder tree
  localparam int TREE = $clog2(LEAVES);

  localparam int OPERANDS = 1;                              // at the first multiplier of each chain
  localparam int ACCUMULATE = OPERANDS + MULTIPLY - 2;      // 2: it is chosen what the product will be added to
  localparam int ACCUMULATED = OPERANDS + MULTIPLY;         // 4: the sum is there
  localparam int CHAINED = ACCUMULATED + CHAIN - 1;         // 7: that of the chain's last multiplier
  localparam int SUMMED = CHAINED + TREE;                   // 11: of all chains
  localparam int DOT = SUMMED + 2;                          // 13: D of row a and of K: halves added, a row chosen
  localparam int DOT_B = DOT + 1;                           // 14: D of row b
  localparam int VALUE_SUMS = 64;                           // of a lane, for a block of V
  localparam int VALUE_DOT = ACCUMULATED + 3;               // 7: D of the first of 64 sums of V: held, chosen, chosen
  localparam int VALUE_HELD = ACCUMULATED + 3;              // 7: value_sums has the block's first sums
  localparam int VALUE_BOTH_DOT = VALUE_HELD + 2;           // 9: D of the first two of 128 sums of V: chosen, chosen
  localparam int METADATA = 6;                              // scale and zero-point of row a leave the metadata buffer

  // ------------------------------------------------------------------ VPU: from D on, and back
  localparam int TAG = 3;                                   // a tag enters in D - 3, where the zero-point is wanted,
  localparam int SELECT = 2;                                // and says in D - 2 which sum of V is
  localparam int CORRECTED = 1;                             // zero-point * block sum is subtracted
  localparam int FP = CORRECTED + INT_TO_FP;        // 7
  localparam int PRODUCT = FP + MUL;                // 13: times the scale: K's score
  localparam int SCALE = FP - 1;                            // 6: the scale gets the activation's exponent
  localparam int SCALE_SLOT = SCALE - 1;                    // 5: which is looked up
  localparam int SCALE_ROW = SCALE - 2;                     // 4: it is that of row a or b
  localparam int PAIR = PRODUCT + ADD;              // 23: sum of two columns of a page
  localparam int QUAD = PAIR + ADD;                 // 33: of four
  localparam int ROW_READ = QUAD - RAM;                     // 31: the row's running sum is read
  localparam int ROW = QUAD + ADD;                  // 43: and written
  localparam int ROW_AGAIN = 64;                            // cycles until the same row comes again, at least

  // ------------------------------------------------------------------ attention: from the issue of a slot
  localparam int KV_WEIGHT = RAM + 1;                       // 3: a position's weight is chosen, and written
  localparam int KV_ISSUE = KV_WEIGHT + 1;                  // 4: to the lanes by their cycle 0, which this is
  localparam int KV_DOT = KV_ISSUE + DOT;                   // 17: D of a score
  localparam int KV_VALUE_DOT = KV_ISSUE + VALUE_DOT;       // 11: D of a block's first sum, from its last record on
  localparam int KV_SCALE = RAM + 3;                        // 5: K scale as FP32: an eighth, a sixteenth, FP32
  localparam int KV_EXPONENT = KV_VALUE_DOT - TAG - 1;      // 7: a block's exponent is asked for
  // An instruction is over some cycles after what must be past it: the last score is the largest of its head or not
  // (two cycles behind the product), or the last of 64 tags has entered. src/sim/latencies.h counts these cycles.
  localparam int KV_MARGIN = 10;
  localparam int KV_SCORES_DONE = KV_DOT + PRODUCT + 2 + KV_MARGIN;                                  // 42
  localparam int KV_VALUES_DONE = KV_VALUE_DOT - TAG + VALUE_SUMS + KV_MARGIN;        // 82

  // ------------------------------------------------------------------ SPU: from the issue of an element
  localparam int SPU_MEMORY = RAM;                          // 2: words of the vectors
  localparam int SPU_CHOSEN = SPU_MEMORY + 1;               // 3: which of them are operands
  localparam int SPU_OPERANDS = SPU_CHOSEN + 1;             // 4: at the multiplier
  localparam int SPU_PRODUCT = SPU_OPERANDS + MUL;  // 10; then its sign and half
  localparam int SPU_SUM = SPU_PRODUCT + 1 + ADD;   // 21
  localparam int SPU_RESULT = SPU_SUM + 1;                  // 22
  localparam int SPU_CONVERT = SPU_RESULT + FP_TO_INT + 1;  // 27: as FP16 or int8
  localparam int SPU_EXP = SPU_SUM + EXP + 1;       // 91
  localparam int STREAM_WORD = RAM + 1;                     // 3: stream_memory
  localparam int A16_ROOM = 20;                             // a16_block's room is for elements this much later
endpackage
`default_nettype wire
// verilator lint_on UNUSEDPARAM
