// Brings the activation blocks of a matrix to the lanes, for every row block anew, in a ring of 16 slots; for a
// matrix in two planes twice for every row block. A block is fetched when it is complete and a slot is free: 32 words
// of four mantissas.
`default_nettype none
module activation_refill (
    input wire clk_i,
    input wire rst_ni,

    input wire        start_i,
    input wire        two_planes_i,
    input wire [15:0] groups_i,      // of a row, of both planes
    input wire [19:0] row_blocks_i,
    input wire [ 7:0] buffer_i,
    input wire [ 7:0] generation_i,

    // Progress of the buffers normed, attention, hidden: generation and blocks complete.
    input wire [23:0] generations_i,
    input wire [23:0] blocks_i,

    // Reads of the A16 memory: address of a word of four mantissas; data two cycles later.
    output wire [12:0] read_address_o,

    // To the lanes, with the data of the read.
    output wire       fill_valid_o,
    output wire [3:0] fill_slot_o,
    output wire [4:0] fill_word_o,

    // Pages: claimed when let in, released when their last slot has been issued.
    input  wire       claim_i,
    input  wire [2:0] claim_columns_i,
    input  wire       release_i,
    input  wire [2:0] release_columns_i,
    output wire       ready_o,       // all blocks of the next page are there
    output wire [3:0] claim_slot_o   // of its first column
);
  logic [7:0] group_q, next_group_q, last_group_q;
  logic [20:0] rounds_q;  // of all blocks that are still to come
  logic [1:0] buffer_q;
  logic [7:0] generation_q;
  logic [4:0] word_q;
  logic busy_q;
  // Blocks, modulo 32: fetched (being fetched included), released; modulo 16: claimed by pages.
  logic [4:0] fetched_q, released_q;
  logic [3:0] claimed_q;

  logic [4:0] in_place_q;  // loaded - claimed

  // Whether the block is complete in its buffer: progress of the buffer, then the comparison, with the next block's
  // number beside it for the cycle in which that becomes the block.
  logic [7:0] generation_now_q, blocks_now_q;
  logic complete_q, next_complete_q, starts_q, advances_q;
  wire complete = advances_q ? next_complete_q : complete_q && !starts_q;
  wire [1:0] buffer = busy_q ? buffer_q : buffer_i[1:0];
  wire block_ends = word_q == '1;
  always_ff @(posedge clk_i) begin
    generation_now_q <= generations_i[8*buffer+:8];
    blocks_now_q     <= blocks_i[8*buffer+:8];
    complete_q       <= generation_now_q == generation_q && blocks_now_q > group_q;
    next_complete_q  <= generation_now_q == generation_q && blocks_now_q > next_group_q;
    starts_q         <= start_i;
    advances_q       <= block_ends;
    next_group_q     <= group_q == last_group_q ? '0 : group_q + 1;
  end
  wire full = fetched_q == {!released_q[4], released_q[3:0]};
  wire go = busy_q && (word_q != '0 || (complete && !full));

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      busy_q       <= 1'b1;
      group_q      <= '0;
      last_group_q <= (two_planes_i ? groups_i[8:1] : groups_i[7:0]) - 8'd1;
      rounds_q     <= two_planes_i ? {row_blocks_i, 1'b0} : {1'b0, row_blocks_i};
      buffer_q     <= buffer_i[1:0];
      generation_q <= generation_i;
      word_q       <= '0;
    end else if (go) begin
      word_q <= word_q + 1;
      if (block_ends) begin
        fetched_q <= fetched_q + 1;
        group_q   <= next_group_q;
        if (group_q == last_group_q) begin
          rounds_q <= rounds_q - 1;
          if (rounds_q == 1) busy_q <= 1'b0;
        end
      end
    end
    in_place_q <= in_place_q + 5'(fill_valid_o && fill_word_o == '1) - (claim_i ? {2'b0, claim_columns_i} : 5'd0);
    if (claim_i) claimed_q <= claimed_q + {1'b0, claim_columns_i};
    if (release_i) released_q <= released_q + {2'b0, release_columns_i};
    if (!rst_ni) begin
      busy_q     <= 1'b0;
      fetched_q  <= '0;
      in_place_q <= '0;
      claimed_q  <= '0;
      released_q <= '0;
    end
  end

  // normed 16 KiB, attention 16 KiB, hidden from there on.
  assign read_address_o = {{buffer_q, 6'b0} + group_q, word_q};
  delay #(.WIDTH(10), .CYCLES(latency_pkg::RAM)) u_fill (
      .clk_i, .d_i({go && rst_ni, fetched_q[3:0], word_q}), .q_o({fill_valid_o, fill_slot_o, fill_word_o}));

  assign ready_o = in_place_q >= {2'b0, claim_columns_i};
  assign claim_slot_o = claimed_q;
  wire unused = &{1'b0, groups_i[15:9], buffer_i[7:2]};
endmodule
`default_nettype wire
