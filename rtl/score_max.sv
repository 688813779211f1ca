// The largest score of each query head of a lane, while scores are written. Scores come in runs of positions of
// one head (round). NaNs are passed over.
`default_nettype none
module score_max (
    input  wire        clk_i,
    input  wire        valid_i,
    input  wire [ 3:0] index_i,  // {generation, round}
    input  wire        run_first_i,
    input  wire        first_i,  // nothing before it counts
    input  wire        masked_i, // does not count
    input  wire [31:0] score_i,
    input  wire [ 3:0] read_i,
    output wire [31:0] max_o     // combinational
);
  // Keys order as the scores do, as unsigned numbers.
  localparam logic [31:0] Lowest = 32'h007FFFFF;  // of -infinity
  (* ram_style = "distributed" *) logic [31:0] keys[16];
  logic [31:0] key_q, held_q, largest_q;
  logic [3:0] index_q;
  logic valid_q, changes_q;

  // largest_q is that of the head of the last score; only a run of another one starts from what is held for it.
  wire [31:0] so_far = changes_q ? held_q : largest_q;
  // A subtraction for Yosys alone, which maps a comparison to three levels of logic before its carry chain.
  wire [32:0] margin = {1'b0, so_far} - {1'b0, key_q};
  wire [31:0] largest = margin[32] ? key_q : so_far;
  always_ff @(posedge clk_i) begin
    valid_q   <= valid_i;
    changes_q <= run_first_i && (first_i || index_i != index_q);
    held_q    <= first_i ? Lowest : keys[index_i];
    if (masked_i || score_i[30:0] > 31'h7F800000) key_q <= '0;  // does not count
    else key_q <= score_i[31] ? ~score_i : {1'b1, score_i[30:0]};
    if (valid_i) index_q <= index_i;
    if (valid_q) begin
      largest_q     <= largest;
      keys[index_q] <= largest;
    end
  end
  wire [31:0] read = keys[read_i];
  assign max_o = read[31] ? {1'b0, read[30:0]} : ~read;
  wire unused = &{1'b0, margin[31:0]};
endmodule
`default_nettype wire
