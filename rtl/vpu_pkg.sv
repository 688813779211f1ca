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
    logic        both;         // V: beside it goes the sum of row + 64, the other
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

  // A slot of attention: a record of K or V, or half of one, for the query heads of a round.
  typedef struct packed {
    logic        valid;
    logic        values;      // V, not K
    logic [2:0]  round;
    logic        half;        // which 64 elements of the record; of pairs of K, of both, and which of the two
    logic        half_last;   // the record's last one
    logic        upper;       // which of two records in a word
    logic        first;       // first record of a run: of the page, or of the block
    logic        block_last;  // V: last record of a block of 64
    logic        last_block;  // V: of the last block
    logic [4:0]  record;      // its low bits
    logic [23:0] position;
    logic [16:0] element;     // of a lane's scores or weights: round * context + position
    logic        there;       // no position past those of the pass
    logic        own;         // a position of the pass,
    logic [2:0]  own_index;   // its token
  } kv_slot_t;

  // What attention tells all lanes, in the cycle that latency_pkg names.
  typedef struct packed {
    logic       broadcast_valid;    // -1: attention weights, to be read as {slot, half} from the next cycle on
    logic [4:0] broadcast_address;  // -1
    logic [3:0] broadcast_zero;     // -1: zero-point of the position,
    logic       broadcast_first;    // -1: which is the first of a block,
    logic       broadcast_last;     // -1: the last
    logic [3:0] slot;               // 0
    logic       half;               // 0
    logic       operand_valid;      // OPERANDS
    logic       operand_pairs;      // OPERANDS: of four bits, as weights are
    logic       value_four;         // ACCUMULATED: of both halves of V, sums of four positions,
    logic       value_first;        // ACCUMULATED: the block's first
    logic       separate;           // ACCUMULATE: a slot of V
    logic       value_add;          // ACCUMULATE
    logic       value_dump;         // ACCUMULATED
    logic       kv;                 // CHAINED
    logic       dot_valid;          // SUMMED: a slot of K
    logic       dot_first;          // SUMMED
  } kv_control_t;

  // A word of an activation block, or of a query head, on its way into a lane: four mantissas of 128. The exponent comes
  // with the last word.
  typedef struct packed {
    logic        valid;
    logic [3:0]  slot;
    logic [4:0]  word;
    logic [7:0]  exponent;
    logic [63:0] data;
  } fill_t;

  // What all lanes are told alike; the cycle in which each is sampled as latency_pkg names it, 0 being the issue of a dot
  // product's last slot and D the cycle in which the dot product is there. + k: multiplier k of each chain samples its
  // part k cycles later.
  typedef struct packed {
    logic        broadcast_valid;    // attention weights: one word for all 64 multipliers
    logic [4:0]  broadcast_address;  // to be read as {slot, half} from the next cycle on
    logic [3:0]  broadcast_zero;     // with it: zero-point of the position,
    logic        broadcast_first;    // which is the first of a block,
    logic        broadcast_last;     // the last
    logic [3:0]  slot;           // 0: the activation block,
    logic        half;           // 0: and which 64 of it
    logic        values;         // ACCUMULATE + k: 64 separate sums of products, not one,
    logic        value_add;      // ACCUMULATE + k: which go on,
    logic        value_dump;     // ACCUMULATED + k: and are complete
    logic        value_four;     // ACCUMULATED: of both halves of V, sums of four positions,
    logic        value_first;    // ACCUMULATED: the block's first
    logic        values_both;    // ACCUMULATED + 1: the halves are not apart
    logic        kv;             // CHAINED: one 8-bit operand per multiplier, not two of 4 bits
    logic        dot_first;      // SUMMED: the trees' sum starts
    logic [3:0]  zero;           // D - TAG: zero-point
    logic [3:0]  zero_slot;      // D - TAG: of the activation block
    logic [5:0]  value_select;   // D - SELECT: which of the 64 sums
    logic [1:0]  dot_source;     // D - 1: row a, row b, or one of the 64 sums,
    logic        dot_both;       // D - 1: which value_sums has, with another
    logic [3:0]  scale_slot;     // D + SCALE_SLOT
    logic        scale_values;   // D + SCALE_SLOT: value_exponent_i, not the slot's exponent
    logic [31:0] scale;          // D + SCALE
    logic        pair_add;       // D + PRODUCT: to what is held; else pass
    logic        pair_hold;      // D + PRODUCT
    logic [1:0]  pair_index;     // D + PRODUCT
    logic        quad_add;       // D + PAIR: likewise
    logic        quad_hold;      // D + PAIR
    logic        quad_index;     // D + PAIR
    logic        other_reads;    // D + PRODUCT - RAM: the other's running sum is read,
    logic [8:0]  other_read;     // D + PRODUCT - RAM: {round, row - 64}
    logic        other;          // D + PRODUCT: there is another
    logic        other_first;    // D + PRODUCT: to which +0 is added
    logic        other_write;    // D + PAIR
    logic [8:0]  other_row;      // D + PAIR
    logic        other_result_write;  // D + PAIR: the sum is complete
    logic [8:0]  other_result;   // D + PAIR
    logic [9:0]  row_read;       // D + ROW_READ: the running sum to add to,
    logic        row_first;      // D + QUAD: or +0
    logic        row_write;      // D + ROW
    logic [9:0]  row;            // D + ROW
    logic        result_write;   // D + ROW: the sum is complete
    logic [9:0]  result;         // D + ROW
    logic [9:0]  result_read;    // any: the result is there RAM cycles later
  } lane_control_t;

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
