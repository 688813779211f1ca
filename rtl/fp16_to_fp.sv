// Combinational: FP16 to FP32, exact (numerics/fp16.h).
`default_nettype none
module fp16_to_fp (
    input  wire  [15:0] x_i,
    output logic [31:0] result_o
);
  always_comb begin
    if (x_i[14:10] == 5'd31) result_o = {x_i[15], 8'hFF, x_i[9:0], 13'b0};
    else if (x_i[14:10] != '0) result_o = {x_i[15], 8'd112 + {3'b0, x_i[14:10]}, x_i[9:0], 13'b0};
    else begin
      // A subnormal of FP16 is a normal number in FP32.
      casez (x_i[9:0])
        10'b1?????????: result_o = {x_i[15], 8'd112, x_i[8:0], 14'b0};
        10'b01????????: result_o = {x_i[15], 8'd111, x_i[7:0], 15'b0};
        10'b001???????: result_o = {x_i[15], 8'd110, x_i[6:0], 16'b0};
        10'b0001??????: result_o = {x_i[15], 8'd109, x_i[5:0], 17'b0};
        10'b00001?????: result_o = {x_i[15], 8'd108, x_i[4:0], 18'b0};
        10'b000001????: result_o = {x_i[15], 8'd107, x_i[3:0], 19'b0};
        10'b0000001???: result_o = {x_i[15], 8'd106, x_i[2:0], 20'b0};
        10'b00000001??: result_o = {x_i[15], 8'd105, x_i[1:0], 21'b0};
        10'b000000001?: result_o = {x_i[15], 8'd104, x_i[0], 22'b0};
        10'b0000000001: result_o = {x_i[15], 8'd103, 23'b0};
        default:        result_o = {x_i[15], 31'b0};
      endcase
    end
  end
endmodule
`default_nettype wire
