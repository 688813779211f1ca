// Functional points of sequencer: every opcode with every flag, shape, buffer and format that the checks let pass;
// a full queue of each unit; the ends of a program.
`default_nettype none
module sequencer_cover (
    input wire                          clk_i,
    input wire                          rst_ni,
    input wire brim_pkg::instruction_t  third_q,
    input wire                          dispatched,
    input wire                          good,
    input wire                          to_mcu_q,
    input wire                          to_vpu_q,
    input wire                          to_spu_q,
    input wire                          mcu_ready_i,
    input wire                          vpu_ready_i,
    input wire                          spu_ready_i,
    input wire                          is_end_q,
    input wire                          no_end,
    input wire                          bad,
    input wire                          misplaced_q,
    input wire                          repeated_q,
    input wire                          expert_ready_o,
    input wire                          expert_valid_i,
    input wire                          error_q,
    input wire                          checked,
    input wire                          instruction_valid_i,
    input wire                          instruction_ready_o,
    input wire [7:0]                    normed
);
  default clocking @(posedge clk_i);
  endclocking
  wire [7:0] opcode = third_q.opcode;
  wire taken = rst_ni && dispatched;
  for (genvar op = 0; op < brim_pkg::OPCODES; op++) begin : gen_opcode
    dispatched_alone: cover property (taken && opcode == 8'(op) && third_q.flags == '0);
  end
  two_planes: cover property (taken && opcode == brim_pkg::OP_MATVEC && third_q.flags[brim_pkg::FLAG_EIGHT_BIT_BIT]);
  softmax_of_chosen: cover property (taken && opcode == brim_pkg::OP_ROUTE && third_q.flags[brim_pkg::FLAG_CHOSEN_SOFTMAX_BIT]);
  norm_of_all_heads: cover property (taken && opcode == brim_pkg::OP_KEY && third_q.flags[brim_pkg::FLAG_ALL_HEADS_BIT]);
  norm_of_results: cover property (taken && opcode == brim_pkg::OP_RESIDUAL && third_q.flags[brim_pkg::FLAG_POST_NORM_BIT]);
  not_normed: cover property (taken && opcode == brim_pkg::OP_EMBED && third_q.flags[brim_pkg::FLAG_PLAIN_BIT]);
  step_waits_for_a_queue: cover property (rst_ni && repeated_q && good && !taken);
  waits_for_an_expert: cover property (rst_ni && expert_ready_o && !expert_valid_i);
  misplaced: cover property (rst_ni && checked && !bad && misplaced_q);
  for (genvar flags = 0; flags < 4; flags++) begin : gen_flags
    query: cover property (taken && opcode == brim_pkg::OP_QUERY && third_q.flags == 8'(flags));
    key: cover property (taken && opcode == brim_pkg::OP_KEY && third_q.flags == 8'(flags));
    if (flags < 2) begin : gen_value
      value: cover property (taken && opcode == brim_pkg::OP_VALUE && third_q.flags == 8'(flags));
    end
  end
  for (genvar i = 0; i < 3; i++) begin : gen_kind
    columns: cover property (taken && opcode == brim_pkg::OP_MATVEC && third_q.shape == 8'd1 << i);
    buffer: cover property (taken && opcode == brim_pkg::OP_MATVEC && third_q.buffer == 8'(i));
    embedding: cover property (taken && opcode == brim_pkg::OP_EMBED && third_q.shape == 8'(i));
  end
  mcu_queue_full: cover property (rst_ni && good && to_mcu_q && !mcu_ready_i);
  vpu_queue_full: cover property (rst_ni && good && to_vpu_q && !vpu_ready_i);
  spu_queue_full: cover property (rst_ni && good && to_spu_q && !spu_ready_i);
  waits_for_the_fetch: cover property (rst_ni && instruction_ready_o && !instruction_valid_i);
  prompt_ends_early: cover property (taken && is_end_q && opcode == brim_pkg::OP_END_PROMPT);
  prompt_end_is_passed: cover property (taken && !is_end_q && opcode == brim_pkg::OP_END_PROMPT);
  end_is_missing: cover property (rst_ni && checked && !bad && no_end);
  refused: cover property (rst_ni && checked && bad);
  stays_stopped: cover property (rst_ni && error_q && instruction_valid_i);
  generation_wraps: cover property (taken && normed == '1);
  wire unused = &{1'b0, third_q};
endmodule
bind sequencer sequencer_cover u_cover (
    .checked(valid_q[2]), .normed(gen_generation[brim_pkg::GENERATION_NORMED].count_q), .*);
`default_nettype wire
