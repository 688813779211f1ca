// Functional points of spu: what it writes.
`default_nettype none
module spu_cover (
    input wire        clk_i,
    input wire        rst_ni,
    input wire        half,
    input wire        writes_logits,
    input wire        last_logits,
    input wire [63:0] write_strobe_o,
    input wire        write_valid_o,
    input wire        write_ready_i,
    input wire        overflow_o
);
  default clocking @(posedge clk_i);
  endclocking
  write_waits: cover property (rst_ni && write_valid_o && !write_ready_i);
  second_half_of_a_record: cover property (rst_ni && write_valid_o && write_strobe_o == '1 && half);
  whole_beat_of_logits: cover property (rst_ni && writes_logits && write_valid_o && write_strobe_o == '1);
  last_beat_of_logits_in_part: cover property (rst_ni && writes_logits && write_valid_o && write_strobe_o != '1);
  logits_that_nobody_wants: cover property (rst_ni && writes_logits && !write_valid_o && last_logits);
  overflow: cover property (rst_ni && overflow_o);
endmodule
bind spu spu_cover u_cover (
    .half(place.half), .writes_logits(step == spu_pkg::STEP_LOGITS_WRITE), .last_logits(place.left <= 24'd16), .*);
`default_nettype wire
