// Functional points of registers: orders of address and data, refused writes, waits, the interrupt.
`default_nettype none
module registers_cover (
    input wire        clk_i,
    input wire        rst_ni,
    input wire        awvalid_i,
    input wire        awready_o,
    input wire        wvalid_i,
    input wire        wready_o,
    input wire        address_here_q,
    input wire        data_here_q,
    input wire        write,
    input wire        whole_q,
    input wire        bvalid_o,
    input wire        bready_i,
    input wire        rvalid_o,
    input wire        rready_i,
    input wire        arvalid_i,
    input wire        arready_o,
    input wire [ 1:0] control_i,
    input wire [11:0] word_address,
    input wire [11:0] read_address,
    input wire        chosen_q,
    input wire        control_write,
    input wire [31:0] wdata_q,
    input wire        start_o,
    input wire        soft_reset_o,
    input wire [ 1:0] ended_i,
    input wire        interrupt_o
);
  default clocking @(posedge clk_i);
  endclocking
  address_first: cover property (rst_ni && address_here_q && !data_here_q);
  data_first: cover property (rst_ni && data_here_q && !address_here_q);
  address_and_data_at_once: cover property (rst_ni && awvalid_i && awready_o && wvalid_i && wready_o);
  write_in_part: cover property (rst_ni && write && !whole_q);
  write_answer_waits: cover property (rst_ni && bvalid_o && !bready_i);
  read_answer_waits: cover property (rst_ni && rvalid_o && !rready_i);
  read_and_write_at_once: cover property (rst_ni && awvalid_i && awready_o && arvalid_i && arready_o);
  write_while_a_pass_runs: cover property (rst_ni && write && whole_q && control_i == 2'd1 && word_address >= brim_pkg::REG_PROGRAM);
  start_while_a_pass_runs: cover property (rst_ni && control_write && wdata_q[1:0] == 2'd1 && control_i == 2'd1);
  start_while_resetting: cover property (rst_ni && control_write && wdata_q[1:0] == 2'd1 && control_i == 2'd2);
  start_and_soft_reset_in_one_write: cover property (rst_ni && control_write && wdata_q[1:0] == 2'd3);
  started: cover property (rst_ni && start_o);
  reset_softly: cover property (rst_ni && soft_reset_o);
  done: cover property (rst_ni && ended_i[0]);
  failed: cover property (rst_ni && ended_i[1]);
  interrupt: cover property (rst_ni && interrupt_o);
  read_of_a_counter: cover property (rst_ni && chosen_q && read_address[11:6] == brim_pkg::REG_CYCLES[11:6]);
  read_of_a_token_id: cover property (rst_ni && chosen_q && read_address[11:6] == brim_pkg::REG_TOKEN_ID[11:6]);
  read_of_nothing: cover property (rst_ni && chosen_q && read_address[11]);
  wire unused = &{1'b0, wdata_q, read_address};
endmodule
bind registers registers_cover u_cover (.*);
`default_nettype wire
