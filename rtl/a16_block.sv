// A16 block converter (to_a16 of numerics/a16.h): takes a vector's elements in order, and writes their
// mantissas, four to a word, and an exponent per block. A block is converted while the next one comes in; one
// that is complete early waits, and no more may come until it is being converted. The block that `last_i` ends is
// padded with zeros.
`default_nettype none
module a16_block #(
    parameter int ADDRESS = 13
) (
    input wire clk_i,
    input wire rst_ni,

    // Where the next block goes, in words, and how long it is. Between vectors, when idle.
    input wire               start_i,
    input wire [ADDRESS-1:0] address_i,
    input wire               short_i,    // blocks of 64, not 128

    input wire        valid_i,  // an element; nothing can hold it up
    input wire [31:0] x_i,
    input wire        last_i,   // of its vector
    output wire       idle_o,   // no block waits or is being converted

    output wire               we_o,
    output wire [ADDRESS-1:0] address_o,
    output wire [       63:0] data_o,
    output wire               block_o,    // a block is complete: its exponent is
    output wire [        7:0] exponent_o, // valid with any of its words
    output wire               overflow_o
);
  logic [ADDRESS-1:0] address_q;
  logic short_q;
  wire [6:0] last_index = short_q ? 7'd63 : 7'd127;

  // Filling.
  logic fill_side_q;
  logic [6:0] fill_q;
  logic [30:0] max_q;
  wire [30:0] max = fill_q == '0 || x_i[30:0] > max_q ? x_i[30:0] : max_q;
  wire block_full = valid_i && (last_i || fill_q == last_index);

  // The block that is complete.
  logic pending_q, pending_side_q;
  logic [6:0] pending_count_q;
  logic [30:0] pending_max_q;

  // The converter's block: its largest magnitude and how many elements it has.
  logic busy_q, side_q;
  logic [30:0] block_max_q;
  logic [6:0] count_q, read_q;
  logic [1:0] setup_q;
  wire converting = busy_q && setup_q == '0;
  wire read_last = read_q == last_index;

  // Exponent: cycle 1 compares, cycle 2 limits.
  logic round_up_q;
  logic signed [9:0] exponent_raw_q;
  logic signed [7:0] exponent_q;
  logic zero_q, overflow_q;
  wire overflow = exponent_raw_q > 10'(brim_pkg::A16_MAX_EXPONENT);

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      address_q <= address_i;
      short_q   <= short_i;
      fill_q    <= '0;
    end
    if (valid_i) begin
      max_q  <= max;
      fill_q <= fill_q + 1;
    end
    if (block_full) begin
      fill_q          <= '0;
      fill_side_q     <= !fill_side_q;
      pending_q       <= 1'b1;
      pending_side_q  <= fill_side_q;
      pending_count_q <= fill_q;
      pending_max_q   <= max;
    end
    if (pending_q && !busy_q) begin
      pending_q   <= block_full;
      side_q      <= pending_side_q;
      count_q     <= pending_count_q;
      block_max_q <= pending_max_q;
      busy_q      <= 1'b1;
      setup_q     <= 2'd3;
      read_q      <= '0;
    end else if (busy_q) begin
      if (setup_q != '0) setup_q <= setup_q - 1;
      else begin
        read_q <= read_q + 1;
        if (read_last) busy_q <= 1'b0;
      end
    end

    round_up_q     <= {1'b1, block_max_q[22:0]} >= brim_pkg::A16_SIGNIFICAND_LIMIT;
    exponent_raw_q <= signed'({2'b0, block_max_q[30:23]}) - 10'sd141 + 10'(round_up_q);
    zero_q         <= overflow;
    if (overflow) exponent_q <= 8'sd0;
    else if (exponent_raw_q < 10'(brim_pkg::A16_MIN_EXPONENT)) exponent_q <= 8'(brim_pkg::A16_MIN_EXPONENT);
    else exponent_q <= exponent_raw_q[7:0];
    overflow_q <= converting && overflow;

    if (!rst_ni) begin
      busy_q      <= 1'b0;
      pending_q   <= 1'b0;
      fill_side_q <= 1'b0;
      fill_q      <= '0;
      overflow_q  <= 1'b0;
    end
  end

  // Conversion: an element per cycle; mantissas gather to words.
  wire [31:0] element;
  ram #(.WIDTH(32), .DEPTH(256)) u_blocks (
      .clk_i, .we_i(valid_i), .waddress_i({fill_side_q, fill_q}), .wdata_i(x_i),
      .raddress_i({side_q, read_q}), .rdata_o(element));
  wire keep;
  delay #(.WIDTH(1), .CYCLES(2)) u_keep (.clk_i, .d_i(read_q <= count_q && !zero_q), .q_o(keep));
  wire signed [15:0] mantissa;
  fp_to_int #(.WIDTH(16)) u_mantissa (
      .clk_i, .x_i(keep ? element : 32'h0), .exponent_i(exponent_q), .result_o(mantissa));

  localparam int Latency = 2 + fp_pkg::FP_TO_INT;
  wire arrives, arrives_last;
  wire [1:0] position;
  delay #(.WIDTH(4), .CYCLES(Latency)) u_arrives (
      .clk_i, .d_i({converting && rst_ni, read_last, read_q[1:0]}), .q_o({arrives, arrives_last, position}));
  logic [63:0] word_q;
  logic we_q, last_q;
  logic [ADDRESS-1:0] word_address_q;
  logic signed [7:0] word_exponent_q;
  always_ff @(posedge clk_i) begin
    if (arrives) word_q <= {mantissa, word_q[63:16]};
    we_q   <= arrives && position == 2'd3;
    last_q <= arrives && arrives_last;
    if (start_i) word_address_q <= address_i;
    else if (we_q) word_address_q <= word_address_q + 1;
    // The exponent of a block outlives its conversion by the latency.
    if (arrives && position == 2'd0) word_exponent_q <= exponent_q;
    if (!rst_ni) begin
      we_q   <= 1'b0;
      last_q <= 1'b0;
    end
  end
  assign we_o       = we_q;
  assign address_o  = word_address_q;
  assign data_o     = word_q;
  assign block_o    = last_q;
  assign exponent_o = word_exponent_q;
  assign overflow_o = overflow_q;

  // Idle only when the last word has been written.
  logic [3:0] drain_q;
  always_ff @(posedge clk_i) drain_q <= busy_q || pending_q || !rst_ni ? 4'd9 : drain_q == '0 ? '0 : drain_q - 1;
  assign idle_o = !busy_q && !pending_q && drain_q == '0;
  wire unused = &{1'b0, address_q};
endmodule
`default_nettype wire
