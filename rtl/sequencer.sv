// Hands the instructions of a program to the queues of the units that take part, in order, one per cycle, after
// it has checked them, those of experts for each one again (expert_steps.sv), and numbers the generations of the
// vector buffers. docs/rtl/sequencer.md.
`default_nettype none
module sequencer (
    input wire clk_i,
    input wire rst_ni,

    input  wire                       start_i,   // for one cycle: a pass begins
    input  wire                       run_i,     // instructions may be taken
    input  wire control_pkg::limits_t limits_i,  // stable from before run_i

    input  wire                         instruction_valid_i,
    output wire                         instruction_ready_o,
    input  wire brim_pkg::instruction_t instruction_i,
    input  wire [                 31:0] address_i,  // of its beat

    // The experts that the pass has chosen, ascending, then an end; once for every `route`.
    input  wire       expert_valid_i,
    output wire       expert_ready_o,
    input  wire       expert_end_i,
    input  wire [6:0] expert_i,

    // Queues: instruction and generation.
    output wire         mcu_valid_o,
    input  wire         mcu_ready_i,
    output wire         vpu_valid_o,
    input  wire         vpu_ready_i,
    output wire         spu_valid_o,
    input  wire         spu_ready_i,
    output wire [255:0] instruction_o,
    output wire [  7:0] generation_o,

    output wire        ended_o,          // the pass has no further instruction
    output wire        error_o,          // the instruction at hand is bad; stays until reset
    output wire [31:0] error_address_o   // of the instruction at hand
);
  control_pkg::limits_t limits;
  assign limits = limits_i;

  // ------------------------------------------------------------------ three stages of checks
  // The third one takes steps of experts in the place of the program's instructions, which stand still meanwhile.
  brim_pkg::instruction_t first_q, second_q, third_q;
  logic [31:0] first_address_q, second_address_q, third_address_q;
  logic [2:0] valid_q;
  logic [31:0] left_q;  // instructions from the one at the input on
  logic one_left_q, none_left_q;
  logic [2:0] last_q;   // of the program
  logic second_head_0_q;
  logic ended_q, error_q;
  wire dispatched, begins_experts, keeps, last_step, of_program, step_valid;
  wire brim_pkg::instruction_t step;
  wire free = run_i && !error_q && (!valid_q[2] || dispatched);
  wire advance = free && of_program && !(keeps && last_step && dispatched);
  wire take_step = free && step_valid;
  logic repeated_q;  // the third instruction is a step
  assign instruction_ready_o = advance && !ended_q && !none_left_q;
  wire take = instruction_valid_i && instruction_ready_o;

  always_ff @(posedge clk_i) begin
    if (advance) begin
      first_q          <= instruction_i;
      first_address_q  <= address_i;
      second_q         <= first_q;
      second_address_q <= first_address_q;
      second_head_0_q  <= first_q.head == '0;
      third_address_q  <= second_address_q;
      valid_q          <= {valid_q[1:0], take};
      last_q           <= {last_q[1:0], one_left_q};
    end else if (free) valid_q[2] <= take_step;
    if (advance || take_step) begin
      third_q          <= take_step ? step : second_q;
      third_q.head[15] <= take_step;  // "of an expert" is nothing that a program can say
      repeated_q       <= take_step;
    end
    if (take) begin
      left_q      <= left_q - 1;
      one_left_q  <= left_q == 32'd2;
      none_left_q <= one_left_q;
    end
    if (!run_i) begin  // there is at least one
      left_q      <= limits.instructions;
      one_left_q  <= limits.instructions == 32'd1;
      none_left_q <= 1'b0;
    end
    if (!rst_ni || ended_q) valid_q <= '0;
  end
  wire bad;
  logic [2:0] place_q;  // of the second instruction among the steps behind `experts`, from 1 on; 0 elsewhere
  instruction_check u_check (
      .clk_i, .enable_i(advance), .limits_i(limits), .instruction_i, .step_i(place_q != '0), .bad_o(bad));

  // ------------------------------------------------------------------ experts
  expert_steps u_steps (
      .clk_i, .rst_ni, .begin_i(begins_experts), .keep_i(keeps && dispatched), .instruction_i(third_q),
      .keeps_o(keeps), .last_o(last_step), .program_o(of_program), .expert_valid_i, .expert_ready_o, .expert_end_i,
      .expert_i, .step_valid_o(step_valid), .step_ready_i(take_step), .step_o(step));

  // The steps stand behind `experts`, and `mix` nowhere else.
  wire [7:0] second_op = second_q.opcode;
  logic misplaced_q;  // the third instruction
  logic [7:0] wanted;
  wire other_buffer = (place_q == 3'd1 && second_q.buffer != brim_pkg::BUFFER_NORMED) ||
      (place_q == 3'd3 && second_q.buffer != brim_pkg::BUFFER_HIDDEN);
  always_comb begin
    case (place_q)
      3'd1, 3'd3: wanted = brim_pkg::OP_MATVEC;
      3'd2: wanted = brim_pkg::OP_SWIGLU;
      default: wanted = brim_pkg::OP_MIX;
    endcase
  end
  always_ff @(posedge clk_i) begin
    if (advance && valid_q[1]) begin
      if (place_q == '0) place_q <= 3'(second_op == brim_pkg::OP_EXPERTS);
      else place_q <= place_q == 3'(brim_pkg::EXPERT_STEPS) ? '0 : place_q + 1;
      misplaced_q <= place_q == '0 ? second_op == brim_pkg::OP_MIX : second_op != wanted || other_buffer;
    end
    if (!run_i) place_q <= '0;
  end

  // ------------------------------------------------------------------ dispatch
  // What the third instruction means, found out while it is the second, or a step that is given out.
  wire [7:0] next_op = step_valid ? step.opcode : second_op;
  wire [1:0] next_buffer = step_valid ? step.buffer[1:0] : second_q.buffer[1:0];
  wire [2:0] units = brim_pkg::units_of(next_op);
  wire is_end = !step_valid && (second_op == brim_pkg::OP_END || (second_op == brim_pkg::OP_END_PROMPT && limits.prompt));
  // Neither kind of end is work for a unit, nor are `experts` and the steps that are only kept. The MCU has entries for
  // reads, that is, for what the VPU consumes.
  wire work = step_valid || (place_q == '0 && second_op != brim_pkg::OP_END && second_op != brim_pkg::OP_END_PROMPT &&
                             second_op != brim_pkg::OP_EXPERTS);
  logic is_end_q, is_experts_q, to_mcu_q, to_vpu_q, to_spu_q;
  // A bit per brim_pkg::GENERATION_...: whose generation goes with it, and which begins anew.
  logic [brim_pkg::GENERATIONS-1:0] counted_q, opened_q;
  wire [brim_pkg::GENERATIONS-1:0] counted = brim_pkg::generation_of(next_op, next_buffer);
  always_ff @(posedge clk_i)
    if (advance || take_step) begin
      is_end_q     <= is_end;
      is_experts_q <= !step_valid && second_op == brim_pkg::OP_EXPERTS;
      to_vpu_q <= work && units[brim_pkg::UNIT_VPU_BIT];
      to_spu_q <= work && units[brim_pkg::UNIT_SPU_BIT];
      to_mcu_q <= work && units[brim_pkg::UNIT_VPU_BIT] && units[brim_pkg::UNIT_MCU_BIT];
      counted_q <= counted;
      opened_q  <= work && brim_pkg::opens_generation(next_op, second_head_0_q) ? counted : '0;
    end
  assign begins_experts = dispatched && is_experts_q;
  wire no_end = last_q[2] && !is_end_q;
  wire wrong = !repeated_q && (bad || misplaced_q || no_end);
  wire good = valid_q[2] && !wrong && !ended_q;
  wire room = (!to_mcu_q || mcu_ready_i) && (!to_vpu_q || vpu_ready_i) && (!to_spu_q || spu_ready_i);
  assign dispatched  = good && room;
  assign mcu_valid_o = dispatched && to_mcu_q;
  assign vpu_valid_o = dispatched && to_vpu_q;
  assign spu_valid_o = dispatched && to_spu_q;

  always_ff @(posedge clk_i) begin
    if (dispatched && is_end_q) ended_q <= 1'b1;
    if (valid_q[2] && !ended_q && wrong) error_q <= 1'b1;
    if (start_i) ended_q <= 1'b0;
    if (!rst_ni) begin
      ended_q <= 1'b0;
      error_q <= 1'b0;
    end
  end

  // ------------------------------------------------------------------ generations
  // docs/rtl/interfaces.md; they go on counting from pass to pass.
  wire [8*brim_pkg::GENERATIONS-1:0] counts;
  for (genvar i = 0; i < brim_pkg::GENERATIONS; i++) begin : gen_generation
    logic [7:0] count_q;
    wire [7:0] count = count_q + 8'(opened_q[i]);
    always_ff @(posedge clk_i) begin
      if (dispatched) count_q <= count;
      if (!rst_ni) count_q <= '0;
    end
    assign counts[8*i+:8] = counted_q[i] ? count : '0;
  end
  logic [7:0] generation;
  always_comb begin
    generation = '0;
    for (int i = 0; i < brim_pkg::GENERATIONS; i++) generation |= counts[8*i+:8];
  end

  assign instruction_o   = third_q;
  assign generation_o    = generation;
  assign ended_o         = ended_q;
  assign error_o         = error_q;
  assign error_address_o = third_address_q;
  wire unused = &{1'b0, limits};
endmodule
`default_nettype wire
