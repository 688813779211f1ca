// Functional points of unpacker: pages of one, two and four columns, what a page waits for, records of one and two
// beats, passes without records.
`default_nettype none
module unpacker_cover (
    input wire       clk_i,
    input wire       rst_ni,
    input wire [7:0] opcode,
    input wire       accept,
    input wire       at_position_0,
    input wire       two_beats,
    input wire       chunk_has_pages,
    input wire       page_start_o,
    input wire       page_first_o,
    input wire       page_last_o,
    input wire [2:0] page_columns_o,
    input wire [7:0] page_rows_o,
    input wire       stall_activation_o,
    input wire       stall_result_o,
    input wire       instruction_valid_i,
    input wire       kv_may_start_i,
    input wire       op_kv,
    input wire       idle_o
);
  default clocking @(posedge clk_i);
  endclocking
  for (genvar i = 0; i < 3; i++) begin : gen_columns
    wire here = rst_ni && page_start_o && page_columns_o == 3'd1 << i;
    only_page_of_a_row_block: cover property (here && page_first_o && page_last_o);
    page_between_two: cover property (here && !page_first_o && !page_last_o);
    rows_in_part: cover property (here && page_last_o && page_rows_o != 8'd128 >> i);
    all_rows: cover property (here && page_last_o && page_rows_o == 8'd128 >> i);
  end
  page_waits_for_activations: cover property (rst_ni && stall_activation_o);
  page_waits_for_a_result_slot: cover property (rst_ni && stall_result_o);
  matrix_begins_with_metadata: cover property (rst_ni && accept && opcode == brim_pkg::OP_MATVEC && !chunk_has_pages);
  matrix_goes_on_in_a_chunk: cover property (rst_ni && accept && opcode == brim_pkg::OP_MATVEC && chunk_has_pages);
  attention_waits_for_the_weights: cover property (rst_ni && instruction_valid_i && op_kv && idle_o && !kv_may_start_i);
  scores_at_position_0: cover property (rst_ni && accept && opcode == brim_pkg::OP_SCORES && at_position_0);
  values_at_position_0: cover property (rst_ni && accept && opcode == brim_pkg::OP_VALUES && at_position_0);
  scores_of_one_beat: cover property (rst_ni && accept && opcode == brim_pkg::OP_SCORES && !two_beats && !at_position_0);
  scores_of_two_beats: cover property (rst_ni && accept && opcode == brim_pkg::OP_SCORES && two_beats && !at_position_0);
endmodule
bind unpacker unpacker_cover u_cover (
    .opcode(instruction_i.opcode), .at_position_0(position_i == '0), .two_beats(wide && !key_four_bits_i),
    .chunk_has_pages(chunk_pages_q != '0), .*);
`default_nettype wire
