// Pairs the beats of a page, so that two rows are multiplied with the same activations: beat 8 j + p, row a,
// and beat 8 j + 4 + p, row b, both of port p and so of one column. A pair takes two slots of 64 inputs. Slots
// of a page: j = 0 ... 15, p = 0 ... 3, half = 0, 1. One beat in and one slot out per cycle.
`default_nettype none
module weight_pairing #(
    parameter int TAG = 1
) (
    input  wire           clk_i,
    input  wire           rst_ni,
    input  wire           valid_i,
    output wire           ready_o,
    input  wire [  511:0] beat_i,
    input  wire [TAG-1:0] page_i,     // goes with the page: sampled with its first beat
    // A slot; nothing can hold it up.
    output wire           slot_valid_o,
    output wire [    1:0] port_o,
    output wire [    3:0] j_o,
    output wire           half_o,
    output wire [TAG-1:0] page_o,
    output wire           page_end_o,  // the last slot of a page
    output wire           empty_o,
    output wire [  511:0] weights_o    // one cycle after the slot: byte i holds input i of {row b, row a}
);
  // Counters over two pages: bit 7 tells them apart.
  logic [7:0] written_q, issued_q;
  logic [8:0] ahead_q;   // as many ones as written - issued, nine at most
  logic ready_q;
  logic [9:0] issues_q;  // as many ones as there are slots whose beats are here: each beat of a row b brings two
  (* ram_style = "distributed" *) logic [511:0] rows_a[8];
  (* ram_style = "distributed" *) logic [511:0] rows_b[8];
  logic [TAG-1:0] page_q[2];

  // Beats 8 j ... 8 j + 7 share a place with those 16 before: free when slot 8 (j - 1) has been issued.
  assign ready_o = ready_q;
  wire take = valid_i && ready_o;
  wire brings = take && written_q[2];
  assign slot_valid_o = issues_q[0];

  wire [511:0] a = rows_a[{issued_q[3], issued_q[2:1]}];
  wire [511:0] b = rows_b[{issued_q[3], issued_q[2:1]}];
  wire [255:0] a_half = issued_q[0] ? a[511:256] : a[255:0];
  wire [255:0] b_half = issued_q[0] ? b[511:256] : b[255:0];
  logic [511:0] weights_q;
  for (genvar i = 0; i < 64; i++) begin : gen_weight
    always_ff @(posedge clk_i) weights_q[8*i+:8] <= {b_half[4*i+:4], a_half[4*i+:4]};
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      if (written_q[2]) rows_b[{written_q[3], written_q[1:0]}] <= beat_i;
      else rows_a[{written_q[3], written_q[1:0]}] <= beat_i;
      if (written_q[6:0] == '0) page_q[written_q[7]] <= page_i;
      written_q <= written_q + 1;
    end
    if (slot_valid_o) issued_q <= issued_q + 1;
    if (take && !slot_valid_o) ahead_q <= {ahead_q[7:0], 1'b1};
    if (!take && slot_valid_o) ahead_q <= ahead_q >> 1;
    ready_q <= !ahead_q[7] && rst_ni;  // seven at most, and one more may come in this cycle
    if (slot_valid_o) issues_q <= brings ? {issues_q[8:0], 1'b1} : issues_q >> 1;
    else if (brings) issues_q <= 10'b11;
    if (!rst_ni) begin
      written_q <= '0;
      issued_q  <= '0;
      ahead_q   <= '0;
      issues_q  <= '0;
    end
  end

  assign port_o     = issued_q[2:1];
  assign j_o        = issued_q[6:3];
  assign half_o     = issued_q[0];
  assign page_o     = page_q[issued_q[7]];
  assign page_end_o = slot_valid_o && issued_q[6:0] == '1;
  assign weights_o  = weights_q;
  assign empty_o    = !ahead_q[0];
endmodule
`default_nettype wire
