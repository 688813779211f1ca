// Functional points of axi_read_port: its limits, back-pressure and errors.
`default_nettype none
module axi_read_port_cover #(
    parameter int OUTSTANDING = 8
) (
    input wire        clk_i,
    input wire        rst_ni,
    input wire        burst_valid_i,
    input wire        burst_ready_o,
    input wire [ 4:0] burst_length_i,
    input wire [ 5:0] place,
    input wire        take,
    input wire        answered,
    input wire [31:0] under_way,
    input wire        arvalid_o,
    input wire        arready_i,
    input wire        rvalid_i,
    input wire        rlast_i,
    input wire [ 1:0] rresp_i,
    input wire        beat_valid_o,
    input wire        beat_ready_i
);
  default clocking @(posedge clk_i);
  endclocking
  wire all_under_way = under_way == 32'(OUTSTANDING);
  address_waits: cover property (rst_ni && arvalid_o && !arready_i);
  as_many_bursts_as_allowed: cover property (rst_ni && all_under_way);
  burst_waits_for_an_answer: cover property (rst_ni && burst_valid_i && all_under_way);
  burst_waits_for_room: cover property (rst_ni && burst_valid_i && !burst_ready_o && !all_under_way);
  taken_as_another_is_answered: cover property (rst_ni && take && answered);
  beat_waits_for_its_turn: cover property (rst_ni && beat_valid_o && !beat_ready_i);
  shortest_burst: cover property (rst_ni && take && burst_length_i == '0);
  longest_burst: cover property (rst_ni && take && burst_length_i == '1);
  burst_up_to_4_kib: cover property (rst_ni && take && 7'(place) + 7'(burst_length_i) == 7'd63);
  slave_error: cover property (rst_ni && rvalid_i && rresp_i == 2'd2);
  decode_error: cover property (rst_ni && rvalid_i && rresp_i == 2'd3);
  error_inside_a_burst: cover property (rst_ni && rvalid_i && rresp_i != 2'd0 && !rlast_i);
endmodule
bind axi_read_port axi_read_port_cover #(.OUTSTANDING(OUTSTANDING)) u_cover (
    .place(burst_address_i[5:0]), .under_way(32'(under_way_q)), .*);
`default_nettype wire
