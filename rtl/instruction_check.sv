// Checks an instruction against what the units can take: opcode, sizes, heads, places in P. A pipeline of three
// stages that moves with enable_i; what is not checked here cannot leave a buffer, at worst the pass makes no
// progress. docs/rtl/sequencer.md lists the checks.
`default_nettype none
module instruction_check (
    input  wire                        clk_i,
    input  wire                        enable_i,
    input  wire control_pkg::limits_t  limits_i,
    input  wire brim_pkg::instruction_t instruction_i,
    output wire                        bad_o
);
  localparam logic [16:0] End = 17'(control_pkg::PARAMETER_BEATS);

  brim_pkg::instruction_t in;
  control_pkg::limits_t limits;
  assign in     = instruction_i;
  assign limits = limits_i;

  // ------------------------------------------------------------------ first stage: ends, sizes, comparisons
  // Beats of P that the instruction uses: from param on, and a head's norm from param2 on.
  wire is_load = in.opcode == brim_pkg::OP_LOAD;
  wire is_head = in.opcode == brim_pkg::OP_QUERY || in.opcode == brim_pkg::OP_KEY || in.opcode == brim_pkg::OP_VALUE;
  wire [15:0] param_beats = is_load ? in.count[15:0] : is_head ? 16'(limits.head_beats) : 16'(limits.norm_beats);
  logic [16:0] param_end_q, param2_end_q;
  wire uses_param = is_load || in.opcode == brim_pkg::OP_EMBED || in.opcode == brim_pkg::OP_RESIDUAL ||
      (is_head && in.flags[brim_pkg::FLAG_BIAS_BIT]);
  wire head_norm = is_head && in.flags[brim_pkg::FLAG_NORM_BIT];

  // Pages of a matrix: row blocks times pages of a row block.
  wire [31:0] row_blocks = vpu_pkg::row_blocks(in.rows, in.shape[1], in.shape[2]);
  wire [15:0] pages = in.shape[2] ? in.groups >> 2 : in.shape[1] ? in.groups >> 1 : in.groups;
  logic [18:0] row_blocks_q;
  logic [6:0] pages_q;

  wire [6:0] groups = in.buffer[1] ? limits.hidden_groups : in.buffer[0] ? limits.attention_groups :
      limits.normed_groups;
  wire [7:0] row_beats = in.shape[1] ? limits.q4_row_beats : in.shape[0] ? limits.q8_row_beats : limits.fp16_row_beats;
  wire [31:0] results = in.opcode == brim_pkg::OP_LOGITS ? limits.vocabulary :
      in.opcode == brim_pkg::OP_SWIGLU ? limits.hidden_rows : limits.dim;

  logic [7:0] opcode_q;
  logic [31:0] count_q;
  logic uses_param_q, head_norm_q;
  logic shape_wrong_q, groups_wrong_q, rows_wrong_q, results_wrong_q, row_wrong_q, rope_wrong_q;
  logic query_wrong_q, kv_wrong_q, load_wrong_q, flags_wrong_q;

  always_ff @(posedge clk_i)
    if (enable_i) begin
      opcode_q      <= in.opcode;
      count_q       <= in.count;
      uses_param_q  <= uses_param;
      head_norm_q   <= head_norm;
      param_end_q   <= {1'b0, in.param} + {1'b0, param_beats};
      param2_end_q  <= {1'b0, in.param2} + 17'(limits.head_beats);
      row_blocks_q  <= row_blocks[18:0];
      pages_q       <= pages[6:0];
      // One, two or four columns; the columns of a row block are whole pages.
      shape_wrong_q <= !(in.shape == 8'd1 || (in.shape == 8'd2 && !in.groups[0]) ||
          (in.shape == 8'd4 && in.groups[1:0] == '0));
      groups_wrong_q  <= in.buffer > brim_pkg::BUFFER_HIDDEN || in.groups != 16'(groups);
      rows_wrong_q    <= in.rows[23:0] == '0 || in.rows[31:24] != '0;
      results_wrong_q <= in.rows != results;
      row_wrong_q     <= in.shape > brim_pkg::EMBEDDING_Q4 || in.count != 32'(row_beats);
      rope_wrong_q    <= in.count != 32'(limits.head_beats);
      query_wrong_q   <= in.head >= limits.heads;
      kv_wrong_q      <= in.head >= limits.kv_heads;
      load_wrong_q    <= in.count[31:16] != '0 || in.count[15:0] == '0;  // the rest shows in param_end_q
      flags_wrong_q   <= in.flags[7:2] != '0;
    end

  // ------------------------------------------------------------------ second stage: the product
  logic [25:0] matrix_pages_q;
  logic [31:0] count2_q;
  logic matrix_q, bad_q, param_wrong_q, param2_wrong_q;
  logic bad;
  always_comb begin
    case (opcode_q)
      brim_pkg::OP_END, brim_pkg::OP_END_PROMPT, brim_pkg::OP_STREAM: bad = 1'b0;
      brim_pkg::OP_LOAD: bad = load_wrong_q;
      brim_pkg::OP_ROPE: bad = rope_wrong_q;
      brim_pkg::OP_EMBED: bad = row_wrong_q;
      brim_pkg::OP_MATVEC: bad = shape_wrong_q || groups_wrong_q || rows_wrong_q;
      brim_pkg::OP_QUERY: bad = query_wrong_q || flags_wrong_q;
      brim_pkg::OP_KEY: bad = kv_wrong_q || flags_wrong_q;
      brim_pkg::OP_VALUE: bad = kv_wrong_q || flags_wrong_q || head_norm_q;
      brim_pkg::OP_SCORES, brim_pkg::OP_SOFTMAX, brim_pkg::OP_VALUES, brim_pkg::OP_OUTPUT: bad = kv_wrong_q;
      brim_pkg::OP_RESIDUAL, brim_pkg::OP_SWIGLU, brim_pkg::OP_LOGITS: bad = results_wrong_q;
      default: bad = 1'b1;
    endcase
  end
  always_ff @(posedge clk_i)
    if (enable_i) begin
      matrix_pages_q <= 26'(row_blocks_q) * 26'(pages_q);
      count2_q       <= count_q;
      matrix_q       <= opcode_q == brim_pkg::OP_MATVEC;
      bad_q          <= bad;
      param_wrong_q  <= uses_param_q && param_end_q > End;
      param2_wrong_q <= head_norm_q && param2_end_q > End;
    end

  // ------------------------------------------------------------------ third stage
  logic out_q;
  always_ff @(posedge clk_i)
    if (enable_i)
      out_q <= bad_q || param_wrong_q || param2_wrong_q || (matrix_q && count2_q != 32'(matrix_pages_q));
  assign bad_o = out_q;
  wire unused = &{1'b0, in, limits, row_blocks, pages};
endmodule
`default_nettype wire
