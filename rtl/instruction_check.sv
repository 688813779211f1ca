// Checks the operands of an instruction: what each must be is said by src/isa/ops.h, from which brim_pkg::bounds_of
// says which bounds an instruction has; here they are compared. A pipeline of three stages that moves with enable_i;
// what is not checked here cannot leave a buffer, at worst the pass makes no progress. docs/rtl/sequencer.md.
`default_nettype none
module instruction_check (
    input  wire                        clk_i,
    input  wire                        enable_i,
    input  wire control_pkg::limits_t  limits_i,
    input  wire brim_pkg::instruction_t instruction_i,
    input  wire                        step_i,   // of the instruction that the second stage holds: a step of an expert
    output wire                        bad_o
);
  localparam logic [16:0] End = 17'(brim_pkg::PARAMETER_BEATS);
  localparam int RowBits = $clog2(brim_pkg::MAX_ROWS + 1);

  brim_pkg::instruction_t in;
  control_pkg::limits_t limits;
  assign in     = instruction_i;
  assign limits = limits_i;

  // ------------------------------------------------------------------ first stage: ends, sizes, comparisons
  // A bit per brim_pkg::BOUND_...
  wire [brim_pkg::BOUNDS-1:0] has = brim_pkg::bounds_of(in.opcode, in.flags);

  // Beats of P that the instruction uses: from param on, and from param2 on those of a head's norm or of the results'.
  wire [15:0] param_beats = has[brim_pkg::BOUND_LOAD_IN_P] ? in.count[15:0] :
      has[brim_pkg::BOUND_BIAS_IN_P] ? 16'(limits.head_beats) : 16'(limits.norm_beats);
  wire [15:0] param2_beats = has[brim_pkg::BOUND_POST_NORM_IN_P] ? 16'(limits.norm_beats) : 16'(limits.head_beats);
  logic [16:0] param_end_q, param2_end_q;

  // Pages of a matrix: row blocks times pages of a row block.
  wire [31:0] row_blocks = vpu_pkg::row_blocks(in.rows, in.shape[1], in.shape[2]);
  wire [15:0] pages = in.shape[2] ? in.groups >> 2 : in.shape[1] ? in.groups >> 1 : in.groups;
  logic [18:0] row_blocks_q;
  logic [6:0] pages_q;

  // A row's groups, of each plane if there are two; a step of an expert has a hidden of its own.
  wire [6:0] groups = in.buffer[1] ? limits.hidden_groups : in.buffer[0] ? limits.attention_groups :
      limits.normed_groups;
  wire [6:0] expert_groups = in.buffer[1] ? limits.expert_groups : groups;
  wire two_planes = in.flags[brim_pkg::FLAG_EIGHT_BIT_BIT];
  wire [15:0] plane_groups = two_planes ? {1'b0, in.groups[15:1]} : in.groups;
  wire [7:0] shape = in.groups[1:0] == '0 ? 8'd4 : in.groups[0] ? 8'd1 : 8'd2;
  wire [7:0] row_beats = in.shape[1] ? limits.q4_row_beats : in.shape[0] ? limits.q8_row_beats : limits.fp16_row_beats;

  logic [brim_pkg::BOUNDS-1:0] wrong;
  always_comb begin
    wrong = '0;  // what later stages compare
    wrong[brim_pkg::BOUND_KNOWN_FLAGS]      = (in.flags & ~brim_pkg::known_flags(in.opcode)) != '0;
    wrong[brim_pkg::BOUND_QUERY_HEAD]       = in.head >= limits.heads;
    wrong[brim_pkg::BOUND_KV_HEAD]          = in.head >= limits.kv_heads;
    wrong[brim_pkg::BOUND_INPUT_BUFFER]     = in.buffer > brim_pkg::BUFFER_HIDDEN;
    wrong[brim_pkg::BOUND_INPUT_GROUPS]     = two_planes && in.groups[0];
    wrong[brim_pkg::BOUND_PAGE_SHAPE]       = in.shape != shape;
    wrong[brim_pkg::BOUND_MATRIX_ROWS]      = in.rows[RowBits-1:0] == '0 || in.rows[31:RowBits] != '0;
    wrong[brim_pkg::BOUND_DIM_ROWS]         = in.rows != limits.dim;
    wrong[brim_pkg::BOUND_EXPERT_ROWS]      = in.rows != 32'(limits.experts) || limits.experts == '0;
    wrong[brim_pkg::BOUND_EXPERT_BODY]      = in.count != 32'(brim_pkg::EXPERT_STEPS);
    wrong[brim_pkg::BOUND_VOCABULARY_ROWS]  = in.rows != limits.vocabulary;
    wrong[brim_pkg::BOUND_EMBEDDING_FORMAT] = in.shape > brim_pkg::EMBEDDING_Q4;
    wrong[brim_pkg::BOUND_EMBEDDING_ROW]    = in.count != 32'(row_beats);
    wrong[brim_pkg::BOUND_ROPE_ROW]         = in.count != 32'(limits.head_beats);
    // That there are not too many shows in the end of the load.
    wrong[brim_pkg::BOUND_LOAD_BEATS]       = in.count[31:16] != '0 || in.count[15:0] == '0;
  end

  // Sizes that depend on where it stands: elsewhere, and as a step of an expert.
  wire has_groups = has[brim_pkg::BOUND_INPUT_GROUPS];
  wire has_rows = has[brim_pkg::BOUND_HIDDEN_ROWS];
  logic wrong_size_q, wrong_step_size_q;
  always_ff @(posedge clk_i)
    if (enable_i) begin
      wrong_size_q      <= (has_groups && plane_groups != 16'(groups)) || (has_rows && in.rows != limits.hidden_rows);
      wrong_step_size_q <= (has_groups && plane_groups != 16'(expert_groups)) ||
          (has_rows && in.rows != limits.expert_hidden_rows);
    end

  logic [brim_pkg::BOUNDS-1:0] has_q, wrong_q;
  logic [31:0] count_q;
  logic known_q;
  always_ff @(posedge clk_i)
    if (enable_i) begin
      known_q      <= in.opcode < 8'(brim_pkg::OPCODES);
      has_q        <= has;
      wrong_q      <= wrong;
      count_q      <= in.count;
      param_end_q  <= {1'b0, in.param} + {1'b0, param_beats};
      param2_end_q <= {1'b0, in.param2} + {1'b0, param2_beats};
      row_blocks_q <= row_blocks[18:0];
      pages_q      <= pages[6:0];
    end

  // ------------------------------------------------------------------ second stage: the product
  logic [brim_pkg::BOUNDS-1:0] wrong_in_p;
  always_comb begin
    wrong_in_p = '0;
    wrong_in_p[brim_pkg::BOUND_LOAD_IN_P]      = param_end_q > End;
    wrong_in_p[brim_pkg::BOUND_NORM_IN_P]      = param_end_q > End;
    wrong_in_p[brim_pkg::BOUND_BIAS_IN_P]      = param_end_q > End;
    wrong_in_p[brim_pkg::BOUND_HEAD_NORM_IN_P] = param2_end_q > End;
    wrong_in_p[brim_pkg::BOUND_POST_NORM_IN_P] = param2_end_q > End;
  end
  logic [25:0] matrix_pages_q;
  logic [31:0] count2_q;
  logic matrix_q, bad_q, bad_in_p_q, bad_size_q, bad_step_size_q;
  always_ff @(posedge clk_i)
    if (enable_i) begin
      matrix_pages_q <= 26'(row_blocks_q) * 26'(pages_q);
      count2_q       <= count_q;
      matrix_q       <= has_q[brim_pkg::BOUND_MATRIX_PAGES];
      bad_q          <= !known_q || (has_q & wrong_q) != '0;
      bad_in_p_q     <= (has_q & wrong_in_p) != '0;
      bad_size_q      <= wrong_size_q;
      bad_step_size_q <= wrong_step_size_q;
    end

  // ------------------------------------------------------------------ third stage
  logic out_q;
  always_ff @(posedge clk_i)
    if (enable_i) begin
      out_q <= bad_q || bad_in_p_q || (step_i ? bad_step_size_q : bad_size_q) ||
          (matrix_q && count2_q != 32'(matrix_pages_q));
    end
  assign bad_o = out_q;
  wire unused = &{1'b0, in, limits, row_blocks, pages};
endmodule
`default_nettype wire
