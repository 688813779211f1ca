// Hands the instructions of a program to the queues of the units that take part, in order, one per cycle, after
// it has checked them, and numbers the generations of the vector buffers. docs/rtl/sequencer.md.
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
  brim_pkg::instruction_t first_q, second_q, third_q;
  logic [31:0] first_address_q, second_address_q, third_address_q;
  logic [2:0] valid_q;
  logic [31:0] left_q;  // instructions from the one at the input on
  logic one_left_q, none_left_q;
  logic [2:0] last_q;   // of the program
  logic ended_q, error_q;
  wire dispatched;
  wire advance = run_i && !error_q && (!valid_q[2] || dispatched);
  assign instruction_ready_o = advance && !ended_q && !none_left_q;
  wire take = instruction_valid_i && instruction_ready_o;

  always_ff @(posedge clk_i) begin
    if (advance) begin
      first_q          <= instruction_i;
      first_address_q  <= address_i;
      second_q         <= first_q;
      second_address_q <= first_address_q;
      third_q          <= second_q;
      third_address_q  <= second_address_q;
      valid_q          <= {valid_q[1:0], take};
      last_q           <= {last_q[1:0], one_left_q};
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
  instruction_check u_check (
      .clk_i, .enable_i(advance), .limits_i(limits), .instruction_i, .bad_o(bad));

  // ------------------------------------------------------------------ dispatch
  // What the third instruction means, found out while it is the second.
  wire [7:0] second_op = second_q.opcode;
  wire [2:0] units = brim_pkg::units_of(second_op);
  wire is_end = second_op == brim_pkg::OP_END || (second_op == brim_pkg::OP_END_PROMPT && limits.prompt);
  // Neither kind of end is work for a unit. The MCU has entries for reads, that is, for what the VPU consumes.
  wire work = second_op != brim_pkg::OP_END && second_op != brim_pkg::OP_END_PROMPT;
  logic is_end_q, to_mcu_q, to_vpu_q, to_spu_q;
  // A bit per brim_pkg::GENERATION_...: whose generation goes with it, and which begins anew.
  logic [brim_pkg::GENERATIONS-1:0] counted_q, opened_q;
  wire [brim_pkg::GENERATIONS-1:0] counted = brim_pkg::generation_of(second_op, second_q.buffer[1:0]);
  always_ff @(posedge clk_i)
    if (advance) begin
      is_end_q <= is_end;
      to_vpu_q <= work && units[brim_pkg::UNIT_VPU_BIT];
      to_spu_q <= work && units[brim_pkg::UNIT_SPU_BIT];
      to_mcu_q <= work && units[brim_pkg::UNIT_VPU_BIT] && units[brim_pkg::UNIT_MCU_BIT];
      counted_q <= counted;
      opened_q  <= brim_pkg::opens_generation(second_op, second_q.head == '0) ? counted : '0;
    end
  wire no_end = last_q[2] && !is_end_q;
  wire good = valid_q[2] && !bad && !no_end && !ended_q;
  wire room = (!to_mcu_q || mcu_ready_i) && (!to_vpu_q || vpu_ready_i) && (!to_spu_q || spu_ready_i);
  assign dispatched  = good && room;
  assign mcu_valid_o = dispatched && to_mcu_q;
  assign vpu_valid_o = dispatched && to_vpu_q;
  assign spu_valid_o = dispatched && to_spu_q;

  always_ff @(posedge clk_i) begin
    if (dispatched && is_end_q) ended_q <= 1'b1;
    if (valid_q[2] && !ended_q && (bad || no_end)) error_q <= 1'b1;
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
