// Shifts left until bit 31 is one, in three cycles; says by how much. A zero stays zero.
`default_nettype none
module normalise (
    input  wire        clk_i,
    input  wire [31:0] value_i,
    output wire [31:0] value_o,
    output wire [ 4:0] shift_o
);
  // Which byte leads; then the byte comes to the top, and its leading zeros are counted; then they go.
  logic [31:0] value_q, coarse_q, fine_q;
  logic [1:0] byte_q, coarse_count_q;
  logic [2:0] bit_q;
  logic [4:0] shift_q;

  logic [1:0] leading_byte;
  always_comb begin
    if (value_i[31:24] != '0) leading_byte = 2'd0;
    else if (value_i[23:16] != '0) leading_byte = 2'd1;
    else if (value_i[15:8] != '0) leading_byte = 2'd2;
    else leading_byte = 2'd3;
  end

  logic [ 2:0] byte_zeros[4];
  logic [31:0] coarse;
  for (genvar i = 0; i < 4; i++) begin : gen_byte
    wire [7:0] b = value_q[8*(3-i)+:8];
    always_comb begin
      casez (b)
        8'b1???????: byte_zeros[i] = 3'd0;
        8'b01??????: byte_zeros[i] = 3'd1;
        8'b001?????: byte_zeros[i] = 3'd2;
        8'b0001????: byte_zeros[i] = 3'd3;
        8'b00001???: byte_zeros[i] = 3'd4;
        8'b000001??: byte_zeros[i] = 3'd5;
        8'b0000001?: byte_zeros[i] = 3'd6;
        default:     byte_zeros[i] = 3'd7;
      endcase
    end
  end
  always_comb coarse = value_q << {byte_q, 3'b0};

  always_ff @(posedge clk_i) begin
    value_q <= value_i;
    byte_q  <= leading_byte;

    coarse_q       <= coarse;
    coarse_count_q <= byte_q;
    bit_q          <= byte_zeros[byte_q];

    fine_q  <= coarse_q << bit_q;
    shift_q <= {coarse_count_q, bit_q};
  end
  assign value_o = fine_q;
  assign shift_o = shift_q;
endmodule
`default_nettype wire
