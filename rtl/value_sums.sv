// Sums of V of four bits in a lane. Two elements of a record share a multiplier, as rows a and b of a matrix do; a field of
// its sum has room for four positions, so these are taken out and added up over a block of 64. The sums of a block stay
// until those of the next one are there: there is room for two blocks.
//
// Multiplier k of each chain is k cycles behind the first: the chain's four have their sums of four positions in turn, one
// a cycle, and one adder for each field serves them. Names are cycles of latency_pkg.
`default_nettype none
module value_sums (
    input wire clk_i,

    // Of multiplier 16 g + 4 k + j: ACCUMULATED + k.
    input wire [64*44-1:0] sums_i,
    input wire             four_i,   // ACCUMULATED: of four positions,
    input wire             first_i,  // ACCUMULATED: the block's first four,
    input wire             last_i,   // ACCUMULATED: or its last

    input  wire        [ 5:0] select_i,  // a multiplier
    output wire signed [25:0] a_o,       // a cycle later
    output wire signed [25:0] b_o
);
  localparam int Chain = latency_pkg::CHAIN;
  if (latency_pkg::VALUE_HELD != latency_pkg::ACCUMULATED + 3) begin : gen_never
    $error("part_q, sum_q and sums: three writes behind a multiplier's sum");
  end

  // A bit for each place in the chains.
  logic [Chain-2:0] four_q, first_q;
  wire [Chain-1:0] four = {four_q, four_i};
  wire [Chain-1:0] first = {first_q, four_i && first_i};
  logic [1:0] place_q, part_place_q, sum_place_q;
  logic block_q, part_block_q, sum_block_q, held_block_q;  // which of the two
  logic added_q, ends_q, summed_q, ended_q;
  wire block = block_q ^ first[0];
  always_ff @(posedge clk_i) begin
    four_q  <= four[Chain-2:0];
    first_q <= first[Chain-2:0];
    place_q <= {four[2] || four[1], four[2] || four[0]};  // of the next one
    block_q <= block;

    added_q      <= four != '0;
    ends_q       <= four_i && last_i;
    part_place_q <= place_q;
    part_block_q <= block;

    summed_q    <= added_q;
    ended_q     <= ends_q;
    sum_place_q <= part_place_q;
    sum_block_q <= part_block_q;
    // With the first of each chain: the others are read later than their sums are written.
    if (ended_q) held_block_q <= sum_block_q;
  end

  (* ram_style = "distributed" *) logic [52*16-1:0] sums[2*Chain];
  logic [52*16-1:0] old_q, sum_q;
  wire [52*16-1:0] held = sums[{held_block_q, select_i[3:2]}];
  always_ff @(posedge clk_i) begin
    if (first != '0) old_q <= '0;
    else old_q <= sums[{block, place_q}];
    if (summed_q) sums[{sum_block_q, sum_place_q}] <= sum_q;
  end

  for (genvar c = 0; c < 16; c++) begin : gen_chain
    localparam int I = 16 * (c / 4) + c % 4;  // its first multiplier
    logic signed [21:0] part_a_q, part_b_q;
    // A negative sum below has borrowed one from the one above: it is the carry.
    wire [26:0] sum_b = {old_q[52*c+26+:26], 1'b1} + {26'(part_b_q), part_a_q[21]};
    always_ff @(posedge clk_i) begin
      case (place_q)
        2'd0: {part_b_q, part_a_q} <= sums_i[44*I+:44];
        2'd1: {part_b_q, part_a_q} <= sums_i[44*(I+4)+:44];
        2'd2: {part_b_q, part_a_q} <= sums_i[44*(I+8)+:44];
        2'd3: {part_b_q, part_a_q} <= sums_i[44*(I+12)+:44];
      endcase
      sum_q[52*c+:26]    <= old_q[52*c+:26] + 26'(part_a_q);
      sum_q[52*c+26+:26] <= sum_b[26:1];
    end
    wire unused = sum_b[0];
  end

  logic [51:0] chosen_q;
  for (genvar b = 0; b < 52; b++) begin : gen_chosen
    wire [15:0] of_chain;
    for (genvar c = 0; c < 16; c++) assign of_chain[c] = held[52*c+b];
    always_ff @(posedge clk_i) chosen_q[b] <= of_chain[{select_i[5:4], select_i[1:0]}];
  end
  assign {b_o, a_o} = chosen_q;
endmodule
`default_nettype wire
