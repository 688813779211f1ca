// Functional points of mcu_commands: what a piece can be, and how pages of records end.
`default_nettype none
module mcu_commands_cover (
    input wire        clk_i,
    input wire        rst_ni,
    input wire        wide_records_i,
    input wire        advance,
    input wire        linear,
    input wire        weights,
    input wire        records,
    input wire        partial,
    input wire        one_page,
    input wire        few,
    input wire        metadata,
    input wire        piece_ends,
    input wire [ 1:0] rest,
    input wire        burst_valid_o,
    input wire        burst_ready_i
);
  default clocking @(posedge clk_i);
  endclocking
  burst_waits: cover property (rst_ni && burst_valid_o && !burst_ready_i);
  metadata_page: cover property (rst_ni && advance && weights && metadata);
  weights_end_a_chunk: cover property (rst_ni && advance && weights && piece_ends);
  for (genvar wide = 0; wide < 2; wide++) begin : gen_wide
    wire here = rst_ni && advance && records && wide_records_i == 1'(wide);
    whole_page: cover property (here && !partial && !piece_ends);
    whole_page_is_the_last: cover property (here && one_page);
    fewer_records_than_ports: cover property (here && partial && few);
    for (genvar tail = 0; tail < 4; tail++) begin : gen_tail
      page_in_part: cover property (here && partial && !few && rest == 2'(tail));
    end
  end
  for (genvar tail = 1; tail < 4; tail++) begin : gen_last
    linear_read: cover property (rst_ni && advance && linear && few && rest == 2'(tail));
  end
endmodule
bind mcu_commands mcu_commands_cover u_cover (
    .one_page(full_q && final_q), .few(few_q), .rest(left_q[1:0]), .*);
`default_nettype wire
