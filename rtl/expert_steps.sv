// The steps of an expert: takes them from the program as they come behind `experts`, and gives them out for every
// expert that the pass has chosen, each time behind a `stream` to the expert's run of chunks. docs/rtl/sequencer.md.
`default_nettype none
module expert_steps (
    input wire clk_i,
    input wire rst_ni,

    // Of the program: `experts`, then its steps.
    input  wire                         begin_i,
    input  wire                         keep_i,
    input  wire brim_pkg::instruction_t instruction_i,
    output wire                         keeps_o,       // the next instruction is a step
    output wire                         last_o,        // the last one
    output wire                         program_o,     // the program goes on: no step is still to be given out

    // The experts that the pass has chosen, ascending, then an end.
    input  wire       expert_valid_i,
    output wire       expert_ready_o,
    input  wire       expert_end_i,
    input  wire [6:0] expert_i,

    output wire                         step_valid_o,
    input  wire                         step_ready_i,
    output wire brim_pkg::instruction_t step_o
);
  typedef enum logic [2:0] {
    PROGRAM,
    KEEP,
    AWAIT,    // an expert
    ADDRESS,  // of it
    GIVE
  } state_t;
  localparam logic [2:0] Last = 3'(brim_pkg::EXPERT_STEPS);  // step 0 is the `stream`
  state_t state_q;
  logic [2:0] step_q;  // that comes next; 0 while the program goes on

  // Only what a step uses is kept.
  typedef struct packed {
    logic [7:0]  opcode;
    logic [7:0]  flags;
    logic [7:0]  buffer;
    logic [7:0]  shape;
    logic [31:0] rows;
    logic [31:0] count;
    logic [15:0] groups;
  } kept_t;
  localparam int unsigned KeptBits = 112;  // as Yosys knows no $bits of a type
  (* ram_style = "distributed" *) logic [KeptBits-1:0] steps[8];
  kept_t keep;
  brim_pkg::instruction_t instruction;
  assign instruction = instruction_i;
  always_comb begin
    keep        = '0;
    keep.opcode = brim_pkg::OP_STREAM;
    if (state_q == KEEP) begin
      keep.opcode = instruction.opcode;
      keep.flags  = instruction.flags;
      keep.buffer = instruction.buffer;
      keep.shape  = instruction.shape;
      keep.rows   = instruction.rows;
      keep.count  = instruction.count;
      keep.groups = instruction.groups;
    end
  end

  // Where the expert's run of chunks starts: a product, one DSP48E2. Strides are below 2^26, as memory holds no more
  // beats than that.
  logic [31:0] base_q, address_q;
  logic [25:0] stride_q;
  logic [6:0] expert_q;
  logic [32:0] product_q, product2_q;
  logic [1:0] wait_q;

  always_ff @(posedge clk_i) begin
    product_q  <= stride_q * expert_q;
    product2_q <= product_q;
    address_q  <= base_q + product2_q[31:0];
    wait_q     <= wait_q + 1;
    // What stands there when the step moves on counts.
    if (program_o) steps[step_q] <= keep;
    if (begin_i || keep_i || (step_valid_o && step_ready_i)) step_q <= step_q + 1;
    case (state_q)
      PROGRAM:
      if (begin_i) begin
        base_q   <= instruction.address;
        stride_q <= instruction.address2[25:0];
        state_q  <= KEEP;
      end
      KEEP: if (keep_i && step_q == Last) state_q <= AWAIT;
      AWAIT: begin
        wait_q <= '0;
        step_q <= '0;
        if (expert_valid_i) begin
          expert_q <= expert_i;
          state_q  <= expert_end_i ? PROGRAM : ADDRESS;
        end
      end
      ADDRESS: if (wait_q == 2'd2) state_q <= GIVE;
      default: if (step_ready_i && step_q == Last) state_q <= AWAIT;
    endcase
    if (!rst_ni) begin
      state_q <= PROGRAM;
      step_q  <= '0;
    end
  end
  assign keeps_o        = state_q == KEEP;
  assign last_o         = step_q == Last;
  assign program_o      = state_q == PROGRAM || state_q == KEEP;
  assign expert_ready_o = state_q == AWAIT;
  assign step_valid_o   = state_q == GIVE;

  kept_t kept;
  assign kept = steps[step_q];
  brim_pkg::instruction_t step;
  always_comb begin
    step         = '0;
    step.opcode  = kept.opcode;
    step.flags   = kept.flags;
    step.buffer  = kept.buffer;
    step.shape   = kept.shape;
    step.rows    = kept.rows;
    step.count   = kept.count;
    step.groups  = kept.groups;
    step.address = address_q;
    step.head    = {1'b1, 8'b0, expert_q};  // of an expert, and which
  end
  assign step_o = step;
  wire unused = &{1'b0, instruction, product2_q[32]};
endmodule
`default_nettype wire
