// What the MCU's units hand to one another.
// verilator lint_off UNUSEDPARAM
`default_nettype none
package mcu_pkg;
  localparam logic [1:0] PIECE_LINEAR = 2'd0;   // `count` beats at `address`, the ports in turn
  // Pages at `address` that hold `count` KV records, of 64 or 128 bytes; two of 32 bytes count as one.
  localparam logic [1:0] PIECE_RECORDS = 2'd1;
  localparam logic [1:0] PIECE_WEIGHTS = 2'd2;  // the next `count` weight pages, and metadata pages between them
  localparam logic [1:0] PIECE_STREAM = 2'd3;   // likewise, from the start of a run of chunks at `address`

  // A run of addresses to read; addresses in beats. `count` is not 0.
  typedef struct packed {
    logic [ 1:0] kind;
    logic [31:0] address;
    logic [31:0] count;
  } piece_t;

  // A burst of a port, in beats, and what some bursts tell the join: so many more rounds of a beat from port 0
  // to `last_port`. `length` and `rounds` are one less than they mean.
  typedef struct packed {
    logic [ 1:0] port;
    logic [31:0] address;
    logic [ 4:0] length;
    logic        rounds_valid;
    logic [ 4:0] rounds;
    logic [ 1:0] last_port;
  } burst_t;
endpackage
`default_nettype wire
// verilator lint_on UNUSEDPARAM
