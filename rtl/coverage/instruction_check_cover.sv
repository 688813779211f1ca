// Functional points of instruction_check: every bound that can refuse an instruction does, alone.
`default_nettype none
module instruction_check_cover (
    input wire                         clk_i,
    input wire                         enable_i,
    input wire                         known_q,
    input wire [brim_pkg::BOUNDS-1:0]  failed,
    input wire                         bad_q,
    input wire                         matrix_q,
    input wire                         pages_differ
);
  default clocking @(posedge clk_i);
  endclocking
  for (genvar i = 0; i < brim_pkg::BOUNDS; i++) begin : gen_bound
    // Addresses have none; pages are compared a stage later.
    if (i != brim_pkg::BOUND_ANY && i != brim_pkg::BOUND_MATRIX_PAGES) begin : gen_here
      alone: cover property (enable_i && known_q && failed == (brim_pkg::BOUNDS'(1) << i));
    end
  end
  unknown_opcode: cover property (enable_i && !known_q);
  pages_alone: cover property (enable_i && !bad_q && matrix_q && pages_differ);
endmodule
bind instruction_check instruction_check_cover u_cover (
    .failed(has_q & (wrong_q | wrong_in_p)), .pages_differ(count2_q != 32'(matrix_pages_q)), .*);
`default_nettype wire
