// What the words of kv_collect's page buffer are as operands of the 64 multipliers: signed bytes of K or V; or of four bits,
// two elements to a byte, as weights have them: of K those of a pair of records, of V those of both halves of one, if it
// has two.
`default_nettype none
module kv_operands (
    input wire clk_i,

    // Of the instruction, stable while it runs.
    input wire four_bits_i,
    input wire values_i,
    input wire two_halves_i,  // records have more than 64 elements

    // Of the slot: 0, the cycle before its operands.
    input wire         half_i,
    input wire         upper_i,
    input wire [511:0] word_i,     // the slot's word, in 0; of a pair, in -1
    output wire [511:0] operands_o  // 1
);
  // Words of a pair: the first record's and then the second one's; or, where both stand in one word, that.
  logic [511:0] before_q;
  logic [255:0] first_upper_q;
  logic [255:0] a, b;  // operands of rows a and b of four bits
  always_comb begin
    a = upper_i && !two_halves_i ? word_i[511:256] : word_i[255:0];
    b = two_halves_i ? word_i[511:256] : '0;
    if (!values_i) begin
      case ({two_halves_i, half_i})
        2'b10: {b, a} = {word_i[255:0], before_q[255:0]};
        2'b11: {b, a} = {before_q[511:256], first_upper_q};
        2'b00: {b, a} = word_i;
        default: a = '0;  // there is no second half
      endcase
    end
  end

  logic [511:0] operands_q;
  always_ff @(posedge clk_i) begin
    before_q      <= word_i;
    first_upper_q <= before_q[511:256];
    for (int i = 0; i < 64; i++) operands_q[8*i+:8] <= four_bits_i ? {b[4*i+:4], a[4*i+:4]} : word_i[8*i+:8];
  end
  assign operands_o = operands_q;
endmodule
`default_nettype wire
