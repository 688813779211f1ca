// What the MCU's units hand to one another.
// verilator lint_off UNUSEDPARAM
`default_nettype none
package mcu_pkg;
  localparam logic [1:0] PIECE_LINEAR = 2'd0;   // `count` beats at `address`, the ports in turn
  localparam logic [1:0] PIECE_RECORDS = 2'd1;  // pages at `address` that hold `count` KV records
  localparam logic [1:0] PIECE_WEIGHTS = 2'd2;  // the next `count` weight pages, and metadata pages between them
  localparam logic [1:0] PIECE_STREAM = 2'd3;   // likewise, from the start of a run of chunks at `address`

  // A run of addresses to read; addresses in beats. `count` is not 0.
  typedef struct packed {
    logic [ 1:0] kind;
    logic [31:0] address;
    logic [31:0] count;
  } piece_t;
endpackage
`default_nettype wire
// verilator lint_on UNUSEDPARAM
