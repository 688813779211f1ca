// Functional points of mcu_pieces: each instruction with reads, numbers of tokens, positions that read nothing.
`default_nettype none
module mcu_pieces_cover #(
    parameter int TOKENS = 4
) (
    input wire       clk_i,
    input wire       rst_ni,
    input wire       valid_q,
    input wire       push,
    input wire       nothing,
    input wire       of_rows,
    input wire       new_stream_q,
    input wire [7:0] opcode,
    input wire [3:0] tokens_i,
    input wire       piece_valid_o,
    input wire       piece_ready_i
);
  default clocking @(posedge clk_i);
  endclocking
  for (genvar op = 2; op < 17; op++) begin : gen_opcode
    if (op < 7 || op == 10 || op == 12) begin : gen_reads
      taken: cover property (rst_ni && valid_q && opcode == 8'(op));
    end
  end
  for (genvar t = 1; t <= TOKENS; t++) begin : gen_tokens
    rows: cover property (rst_ni && push && of_rows && tokens_i == 4'(t));
  end
  matrix_begins_a_stream: cover property (rst_ni && push && opcode == brim_pkg::OP_MATVEC && new_stream_q);
  matrix_goes_on_in_a_stream: cover property (rst_ni && push && opcode == brim_pkg::OP_MATVEC && !new_stream_q);
  no_records_at_position_0: cover property (rst_ni && valid_q && opcode != brim_pkg::OP_STREAM && nothing);
  piece_waits: cover property (rst_ni && piece_valid_o && !piece_ready_i);
endmodule
bind mcu_pieces mcu_pieces_cover #(.TOKENS(TOKENS)) u_cover (
    .opcode(instruction_q.opcode), .nothing(nothing_q), .of_rows(of_rows_q), .*);
`default_nettype wire
