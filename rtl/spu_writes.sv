// What the SPU writes to memory, and where: beats of KV records, their scales, beats of logits; one of a token
// at a time, in the steps that write.
`default_nettype none
module spu_writes (
    input wire clk_i,
    input wire rst_ni,

    input wire spu_pkg::step_t          step_i,
    input wire brim_pkg::instruction_t  instruction_i,
    input wire         two_halves_i,    // records are of 128 bytes
    input wire         half_beats_i,    // or of 32: those of tokens t and t + 4 share a beat
    input wire         four_bits_i,     // scales are of 4 bytes
    input wire [ 31:0] logits_stride_i,
    input wire [ 23:0] position_i,      // of the first token

    // The turn of a token, from the second cycle of a step on.
    input  wire         turn_i,         // its beat is there
    input  wire         last_i,         // of the tokens
    input  wire         half_i,         // elements 64 ... 127
    input  wire         wanted_i,       // it is of a KV record, or its logits are wanted
    input  wire         kept_i,         // a scale stays on the chip
    input  wire [ 23:0] logits_beat_i,
    input  wire [ 23:0] logits_left_i,  // from this beat on
    input  wire [511:0] beat_i,
    output wire         done_o,         // the turn is over
    output wire         all_done_o,     // and was the last one
    output wire         written_o,      // and was not for nothing

    output wire         valid_o,
    input  wire         ready_i,
    output wire [ 31:0] address_o,
    output wire [511:0] data_o,
    output wire [ 63:0] strobe_o
);
  logic kv_q, scale_q, logits_q, valid_q;
  always_ff @(posedge clk_i) begin
    kv_q     <= step_i == spu_pkg::STEP_KV_WRITE;
    scale_q  <= step_i == spu_pkg::STEP_KV_WRITE_SCALE;
    logits_q <= step_i == spu_pkg::STEP_LOGITS_WRITE;
  end
  wire free = !valid_q || ready_i;
  assign written_o  = turn_i && wanted_i && free;
  assign done_o     = turn_i && (!wanted_i || free);
  assign all_done_o = turn_i && last_i && (!wanted_i || free);

  // Of the token: its position, and what its row of logits lies behind the first one's. Of all: the address of
  // this beat in the first row, and how many of its words are logits.
  logic [23:0] position_q;
  logic [31:0] row_q, logits_address_q;
  logic [15:0] words_q;
  always_ff @(posedge clk_i) begin
    if ((kv_q || scale_q || logits_q) && !(done_o && last_i)) begin
      if (done_o) begin
        position_q <= position_q + 1;
        row_q      <= row_q + logits_stride_i;
      end
    end else begin
      position_q <= position_i;
      row_q      <= '0;
    end
    logits_address_q <= instruction_i.address + 32'(logits_beat_i);
    for (int i = 0; i < 16; i++) words_q[i] <= logits_left_i[23:4] != '0 || logits_left_i[3:0] > 4'(i);
  end

  // A record of 64 bytes: 128 to a page; of 128 bytes: 64; of 32: 256. Token t of a page stands in sub-block t mod 4.
  wire [23:0] record_beat = two_halves_i ?
      {position_q[22:6], position_q[1:0], position_q[5:2], half_i} :
      half_beats_i ? {1'b0, position_q[23:8], position_q[1:0], position_q[7:3]} :
      {position_q[23:7], position_q[1:0], position_q[6:2]};
  wire [19:0] scale_beat = four_bits_i ? position_q[23:4] : {1'b0, position_q[23:5]};
  wire [31:0] base = logits_q ? logits_address_q : scale_q ? instruction_i.address2 : instruction_i.address;
  wire [31:0] offset = logits_q ? row_q : scale_q ? 32'(scale_beat) : 32'(record_beat);
  logic [31:0] address_q;
  logic [63:0] strobe_q;
  logic [511:0] data_q;
  always_ff @(posedge clk_i) begin
    if (free) begin
      valid_q   <= turn_i && wanted_i && !(scale_q && kept_i);
      address_q <= base + offset;
      data_q    <= beat_i;
      for (int i = 0; i < 64; i++)
        strobe_q[i] <= logits_q ? words_q[i/4] : !scale_q ? !half_beats_i || position_q[2] == 1'(i / 32) :
            four_bits_i ? position_q[3:0] == 4'(i / 4) : position_q[4:0] == 5'(i / 2);
    end
    if (!rst_ni) valid_q <= 1'b0;
  end
  assign valid_o   = valid_q;
  assign address_o = address_q;
  assign data_o    = data_q;
  assign strobe_o  = strobe_q;
  wire unused = &{1'b0, instruction_i};
endmodule
`default_nettype wire
