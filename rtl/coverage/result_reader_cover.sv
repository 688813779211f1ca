// Functional points of result_reader: slots used up, back-pressure, values of each number of lanes.
`default_nettype none
module result_reader_cover #(
    parameter int TOKENS = 4
) (
    input wire       clk_i,
    input wire       rst_ni,
    input wire       free_o,
    input wire       reserve_i,
    input wire       values_i,
    input wire [3:0] lanes_i,
    input wire [7:0] rows_i,
    input wire       valid_o,
    input wire       ready_i,
    input wire       no_room
);
  default clocking @(posedge clk_i);
  endclocking
  all_slots_in_use: cover property (rst_ni && !free_o);
  result_waits: cover property (rst_ni && valid_o && !ready_i);
  reads_wait: cover property (rst_ni && no_room);
  most_rows: cover property (rst_ni && reserve_i && rows_i == 8'd128);
  one_row: cover property (rst_ni && reserve_i && rows_i == 8'd1);
  for (genvar i = 1; i <= TOKENS; i++) begin : gen_lanes
    values: cover property (rst_ni && reserve_i && values_i && lanes_i == 4'(i));
  end
endmodule
bind result_reader result_reader_cover #(.TOKENS(TOKENS)) u_cover (.no_room(room_q == '0), .*);
`default_nettype wire
