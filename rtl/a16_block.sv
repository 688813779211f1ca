// A16 block converter (to_a16 of numerics/a16.h): takes a vector's elements in order, and writes their
// mantissas, four to a word, and an exponent per block. A block is converted while the next one comes in. The
// block that `last_i` ends is padded with zeros.
`default_nettype none
module a16_block #(
    parameter int ADDRESS = 13
) (
    input wire clk_i,
    input wire rst_ni,

    // A vector: where its blocks go, in words, and how long they are. Between the vectors' elements; the blocks
    // of the one before may still be under conversion.
    input wire               start_i,
    input wire [ADDRESS-1:0] address_i,
    input wire               short_i,    // blocks of 64, not 128
    input wire         [1:0] to_i,       // which memory; comes out beside the words

    input  wire        valid_i,  // an element; nothing can hold it up
    input  wire [31:0] x_i,
    input  wire        last_i,   // of its vector
    output wire        room_o,   // the elements of a block may be issued, to arrive 20 cycles later or after that
    output wire        idle_o,   // no block waits or is being converted

    output wire               we_o,
    output wire [        1:0] to_o,
    output wire [ADDRESS-1:0] address_o,
    output wire [       63:0] data_o,
    output wire               block_o,    // a block is complete: its exponent is
    output wire               vector_o,   // and it was the last one
    output wire [        7:0] exponent_o, // valid with any of its words
    output wire               overflow_o, // of the block under conversion
    output wire [        1:0] overflow_to_o
);
  // Filling.
  logic [ADDRESS-1:0] address_q;  // of the block that is being filled
  logic short_q;
  logic [1:0] to_q;
  logic fill_side_q;
  logic [6:0] fill_q;
  logic first_q, full_q;
  logic [30:0] max_q, filled_max_q;
  wire block_full = valid_i && (last_i || fill_q == {!short_q, 6'd63});

  // The block that is complete and waits for the converter; the block in the converter.
  localparam int Attributes = 1 + 7 + ADDRESS + 1 + 2 + 1;
  logic pending_q, busy_q;
  logic [Attributes-1:0] pending_attributes_q, attributes_q;
  wire side, short_block, vector_last;
  wire [6:0] count;
  logic [30:0] block_max_q;
  wire [ADDRESS-1:0] address;
  wire [1:0] to;
  assign {side, count, address, short_block, to, vector_last} = attributes_q;

  logic [6:0] read_q;
  logic [1:0] setup_q;
  wire converting = busy_q && setup_q == '0;
  wire read_last = read_q == {!short_block, 6'd63};

  // Exponent: cycle 1 takes the largest magnitude, cycle 2 compares, cycle 3 adds, cycle 4 limits. It is there in the
  // second cycle of the conversion, and the first element comes in the third.
  logic round_up_q;
  logic [8:0] unit_q;
  logic signed [9:0] exponent_raw_q;
  logic signed [7:0] exponent_q;
  logic zero_q, overflow_q;
  wire overflow = exponent_raw_q > 10'(brim_pkg::A16_MAX_EXPONENT);

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      if (first_q || x_i[30:0] > max_q) max_q <= x_i[30:0];
      fill_q  <= fill_q + 1;
      first_q <= 1'b0;
    end
    full_q <= block_full;
    if (full_q) filled_max_q <= max_q;
    if (block_full) begin
      fill_q               <= '0;
      first_q              <= 1'b1;
      fill_side_q          <= !fill_side_q;
      pending_q            <= 1'b1;
      pending_attributes_q <= {fill_side_q, fill_q, address_q, short_q, to_q, last_i};
      address_q            <= address_q + (short_q ? ADDRESS'(16) : ADDRESS'(32));
    end
    if (start_i) begin
      address_q <= address_i;
      short_q   <= short_i;
      to_q      <= to_i;
      fill_q    <= '0;
      first_q   <= 1'b1;
    end
    if (pending_q && !busy_q) begin
      pending_q    <= block_full;
      attributes_q <= pending_attributes_q;
      busy_q       <= 1'b1;
      setup_q      <= 2'd3;
      read_q       <= '0;
    end else if (busy_q) begin
      if (setup_q != '0) setup_q <= setup_q - 1;
      else begin
        read_q <= read_q + 1;
        if (read_last) busy_q <= 1'b0;
      end
    end

    // The next block may be complete from the converter's second cycle on.
    if (setup_q == 2'd3) block_max_q <= filled_max_q;
    round_up_q     <= {1'b1, block_max_q[22:0]} >= brim_pkg::A16_SIGNIFICAND_LIMIT;
    exponent_raw_q <= signed'({2'b0, block_max_q[30:23]}) - 10'sd141 + 10'(round_up_q);
    zero_q         <= overflow;
    if (overflow) exponent_q <= 8'sd0;
    else if (exponent_raw_q < 10'(brim_pkg::A16_MIN_EXPONENT)) exponent_q <= 8'(brim_pkg::A16_MIN_EXPONENT);
    else exponent_q <= exponent_raw_q[7:0];
    unit_q <= 9'd150 + 9'(exponent_q);
    overflow_q <= converting && overflow;

    if (!rst_ni) begin
      busy_q      <= 1'b0;
      pending_q   <= 1'b0;
      fill_side_q <= 1'b0;
      fill_q      <= '0;
      first_q     <= 1'b1;
      overflow_q  <= 1'b0;
    end
  end
  // At most 16 elements of the block in the converter are left: it is done before another can be complete.
  wire nearly_done = converting && (short_block || read_q[6]) && read_q[5:4] == 2'b11;
  assign room_o = !pending_q && (!busy_q || nearly_done);

  // Conversion: an element per cycle; mantissas gather to words.
  wire [31:0] element;
  ram #(.WIDTH(32), .DEPTH(256)) u_blocks (
      .clk_i, .we_i(valid_i), .waddress_i({fill_side_q, fill_q}), .wdata_i(x_i),
      .raddress_i({side, read_q}), .rdata_o(element));
  wire present;
  delay #(.WIDTH(1), .CYCLES(latency_pkg::RAM)) u_present (.clk_i, .d_i(read_q <= count), .q_o(present));
  wire signed [15:0] mantissa;
  fp_to_int #(.WIDTH(16)) u_mantissa (
      .clk_i, .x_i(element), .zero_i(!present || zero_q), .unit_i(unit_q), .result_o(mantissa));

  localparam int Latency = 2 + latency_pkg::FP_TO_INT;
  wire arrives, arrives_first, arrives_last;
  wire [1:0] position;
  delay #(.WIDTH(5), .CYCLES(Latency)) u_arrives (
      .clk_i, .d_i({converting && rst_ni, read_q == '0, read_last, read_q[1:0]}),
      .q_o({arrives, arrives_first, arrives_last, position}));
  logic [63:0] word_q;
  logic we_q, block_q;
  logic [ADDRESS-1:0] word_address_q;
  logic [1:0] word_to_q;
  logic vector_q;
  logic signed [7:0] word_exponent_q;
  always_ff @(posedge clk_i) begin
    if (arrives) word_q <= {mantissa, word_q[63:16]};
    we_q    <= arrives && position == 2'd3;
    block_q <= arrives && arrives_last;
    if (we_q) word_address_q <= word_address_q + 1;
    // The last words of a block come when the converter may have the next one, but not yet its first word.
    if (arrives && arrives_first) begin
      word_address_q  <= address;
      word_to_q       <= to;
      vector_q        <= vector_last;
      word_exponent_q <= exponent_q;
    end
    if (!rst_ni) begin
      we_q    <= 1'b0;
      block_q <= 1'b0;
    end
  end
  assign we_o          = we_q;
  assign to_o          = word_to_q;
  assign address_o     = word_address_q;
  assign data_o        = word_q;
  assign block_o       = block_q;
  assign vector_o      = block_q && vector_q;
  assign exponent_o    = word_exponent_q;
  assign overflow_o    = overflow_q;
  assign overflow_to_o = to;

  // Idle only when the last word has been written; a register, as many converters are asked at once.
  logic [3:0] drain_q;
  logic idle_q;
  wire at_work = busy_q || pending_q;
  always_ff @(posedge clk_i) begin
    drain_q <= at_work || !rst_ni ? 4'd9 : drain_q == '0 ? '0 : drain_q - 1;
    idle_q  <= !block_full && !at_work && rst_ni && drain_q <= 4'd1;
  end
  assign idle_o = idle_q;
endmodule
`default_nettype wire
