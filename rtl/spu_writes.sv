// What the SPU writes to memory, and where: beats of KV records, their scales, beats of logits; one of a token
// at a time. Combinational.
`default_nettype none
module spu_writes (
    input wire spu_pkg::step_t          step_i,
    input wire brim_pkg::instruction_t  instruction_i,
    input wire brim_pkg::program_header_t header_i,

    input wire [ 23:0] position_i,      // of the token
    input wire         half_i,          // elements 64 ... 127
    input wire [  3:0] token_i,
    input wire         wanted_i,        // its logits
    input wire [ 23:0] logits_beat_i,
    input wire [ 23:0] logits_left_i,   // from this beat on
    input wire [511:0] beat_i,          // from the token's lane
    input wire [ 15:0] scale_i,

    output wire         valid_o,
    output wire [ 31:0] address_o,
    output wire [511:0] data_o,
    output wire [ 63:0] strobe_o
);
  // A record of 64 bytes: 128 to a page; of 128 bytes: 64. Token t of a page stands in sub-block t mod 4.
  wire [23:0] record_beat = header_i.head_size > 16'd64 ?
      {position_i[22:6], position_i[1:0], position_i[5:2], half_i} :
      {position_i[23:7], position_i[1:0], position_i[6:2]};
  // A beat of logits whose tail lies past the vocabulary is shifted by what is missing.
  wire [4:0] logits_here = logits_left_i >= 24'd16 ? 5'd16 : logits_left_i[4:0];
  wire [4:0] missing = 5'd16 - logits_here;

  logic valid;
  logic [31:0] address;
  logic [511:0] data;
  logic [63:0] strobe;
  always_comb begin
    valid   = 1'b0;
    address = instruction_i.address + 32'(record_beat);
    data    = beat_i;
    strobe  = '1;
    case (step_i)
      spu_pkg::STEP_KV_WRITE: valid = 1'b1;
      spu_pkg::STEP_KV_WRITE_SCALE: begin
        valid   = 1'b1;
        address = instruction_i.address2 + 32'(position_i[23:5]);
        data    = {32{scale_i}};
        strobe  = 64'd3 << {position_i[4:0], 1'b0};
      end
      spu_pkg::STEP_LOGITS_WRITE: begin
        valid   = wanted_i;
        address = instruction_i.address + 32'(token_i) * header_i.logits_stride + 32'(logits_beat_i);
        data    = beat_i >> {missing, 5'b0};
        strobe  = {64{1'b1}} >> {missing, 2'b0};
      end
      default: ;
    endcase
  end
  assign valid_o   = valid;
  assign address_o = address;
  assign data_o    = data;
  assign strobe_o  = strobe;
  wire unused = &{1'b0, header_i, instruction_i};
endmodule
`default_nettype wire
