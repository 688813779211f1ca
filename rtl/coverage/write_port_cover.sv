// Functional points of write_port: how beats join to bursts, what makes them leave, back-pressure, errors.
`default_nettype none
module write_port_cover (
    input wire        clk_i,
    input wire        rst_ni,
    input wire        put,
    input wire        joins,
    input wire [31:0] write_address_i,
    input wire [31:0] follower_q,
    input wire [63:0] write_strobe_i,
    input wire        write_valid_i,
    input wire        write_ready_o,
    input wire [ 8:0] held_q,
    input wire        full_drain,
    input wire        last_drain,
    input wire        run_leaves,
    input wire [ 5:0] run_more_q,
    input wire        run_over,
    input wire        ask_q,
    input wire        awready_i,
    input wire        wvalid_o,
    input wire        wready_i,
    input wire        all_under_way,
    input wire        acknowledged,
    input wire [ 1:0] bresp_i,
    input wire        stop_i
);
  default clocking @(posedge clk_i);
  endclocking
  beat_joins_the_one_before: cover property (rst_ni && put && joins);
  beat_stands_behind_but_in_the_next_4_kib: cover property (rst_ni && put && !joins && write_address_i == follower_q);
  beat_stands_elsewhere: cover property (rst_ni && put && write_address_i != follower_q);
  whole_beat: cover property (rst_ni && put && write_strobe_i == '1);
  scale_of_two_bytes: cover property (rst_ni && put && $countones(write_strobe_i) == 2);
  other_part_of_a_beat: cover property (rst_ni && put && write_strobe_i != '1 && $countones(write_strobe_i) > 2);
  buffer_full: cover property (rst_ni && held_q == 9'd256);
  writer_waits: cover property (rst_ni && write_valid_i && !write_ready_o);
  four_kib_leave: cover property (rst_ni && full_drain);
  flush_sends_the_rest: cover property (rst_ni && last_drain);
  burst_of_one_beat: cover property (rst_ni && run_leaves && run_more_q == '0);
  burst_of_4_kib: cover property (rst_ni && run_leaves && run_more_q == '1);
  as_many_bursts_as_allowed: cover property (rst_ni && run_over && all_under_way);
  address_waits: cover property (rst_ni && ask_q && !awready_i);
  data_waits: cover property (rst_ni && wvalid_o && !wready_i);
  slave_error: cover property (rst_ni && acknowledged && bresp_i == 2'd2);
  decode_error: cover property (rst_ni && acknowledged && bresp_i == 2'd3);
  stopped_with_beats_held: cover property (rst_ni && stop_i && held_q != '0);
  stopped_with_a_burst_to_come: cover property (rst_ni && stop_i && run_over);
endmodule
bind write_port write_port_cover u_cover (
    .all_under_way(pushed_q - acknowledged_q == (BurstBits + 1)'(BURSTS)), .*);
`default_nettype wire
