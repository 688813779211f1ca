// Sums of V of four bits in a lane. Two elements of a record share a multiplier, as rows a and b of a matrix do; a field of
// its sum has room for four positions, so these are taken out and added up over a block of 64. The sums of a block are
// held until those of the next one are there.
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
    $error("part_q, sums_q and held: three writes behind a multiplier's sum");
  end

  // A bit for each place in the chains.
  logic [Chain-2:0] four_q, first_q, last_q;
  wire [Chain-1:0] four = {four_q, four_i};
  wire [Chain-1:0] first = {first_q, four_i && first_i};
  wire [Chain-1:0] last = {last_q, four_i && last_i};
  logic added_q, starts_q, ends_q, held_q;
  logic [1:0] place_q, held_place_q;
  always_ff @(posedge clk_i) begin
    four_q       <= four[Chain-2:0];
    first_q      <= first[Chain-2:0];
    last_q       <= last[Chain-2:0];
    added_q      <= four != '0;
    starts_q     <= first != '0;
    ends_q       <= last != '0;
    place_q      <= {four[3] || four[2], four[3] || four[1]};
    held_q       <= ends_q;
    held_place_q <= place_q;
  end

  wire [52*16-1:0] words;
  for (genvar c = 0; c < 16; c++) begin : gen_chain
    localparam int I = 16 * (c / 4) + c % 4;  // its first multiplier
    logic [43:0] part_q;
    logic signed [25:0] sums_a_q[Chain], sums_b_q[Chain];  // of the four in turn
    wire signed [21:0] part_a = part_q[21:0];
    wire signed [21:0] part_b = part_q[43:22];
    always_ff @(posedge clk_i) begin
      part_q <= sums_i[44*I+:44];
      for (int k = 1; k < Chain; k++) if (four[k]) part_q <= sums_i[44*(I+4*k)+:44];
      if (added_q) begin
        sums_a_q[0] <= (starts_q ? 26'sd0 : sums_a_q[Chain-1]) + 26'(part_a);
        // A negative sum below has borrowed one from the one above.
        sums_b_q[0] <= (starts_q ? 26'sd0 : sums_b_q[Chain-1]) + 26'(part_b) + {25'b0, part_q[21]};
        for (int k = 1; k < Chain; k++) begin
          sums_a_q[k] <= sums_a_q[k-1];
          sums_b_q[k] <= sums_b_q[k-1];
        end
      end
    end
    (* ram_style = "distributed" *) logic [51:0] held[Chain];
    always_ff @(posedge clk_i) if (held_q) held[held_place_q] <= {sums_b_q[0], sums_a_q[0]};
    assign words[52*c+:52] = held[select_i[3:2]];
  end

  logic [51:0] chosen_q;
  always_ff @(posedge clk_i) chosen_q <= words[52*{select_i[5:4], select_i[1:0]}+:52];
  assign {b_o, a_o} = chosen_q;
endmodule
`default_nettype wire
