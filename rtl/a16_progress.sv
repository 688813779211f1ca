// How far the A16 buffers that the VPU reads are filled: generation, and blocks or heads complete. A generation
// begins when the SPU takes the instruction that fills it.
`default_nettype none
module a16_progress (
    input wire clk_i,
    input wire rst_ni,

    // An instruction is taken that begins a generation of a buffer.
    input wire       start_normed_i,
    input wire       start_attention_i,
    input wire       start_hidden_i,
    input wire       start_queries_i,
    input wire [7:0] generation_i,

    // A block is complete in the lane of the pass's last token.
    input wire       block_i,
    input wire [1:0] block_to_i,
    input wire       attention_block_i,
    input wire       query_head_i,       // likewise all of a head that its scores need

    output wire [23:0] generations_o,  // of normed, attention, hidden
    output wire [23:0] blocks_o,
    output wire [ 7:0] q_generation_o,
    output wire [ 7:0] q_heads_o
);
  logic hidden_q;  // activation blocks are those of hidden, not of normed
  logic [7:0] normed_generation_q, attention_generation_q, hidden_generation_q, q_generation_q;
  logic [7:0] normed_q, attention_q, hidden_blocks_q, q_heads_q;
  wire activation_block = block_i && block_to_i == spu_pkg::A16_ACTIVATIONS;
  always_ff @(posedge clk_i) begin
    if (activation_block && !hidden_q) normed_q <= normed_q + 1;
    if (activation_block && hidden_q) hidden_blocks_q <= hidden_blocks_q + 1;
    if (attention_block_i) attention_q <= attention_q + 1;
    if (query_head_i) q_heads_q <= q_heads_q + 1;
    if (start_normed_i) begin
      normed_generation_q <= generation_i;
      normed_q            <= '0;
      hidden_q            <= 1'b0;
    end
    if (start_hidden_i) begin
      hidden_generation_q <= generation_i;
      hidden_blocks_q     <= '0;
      hidden_q            <= 1'b1;
    end
    if (start_attention_i) begin
      attention_generation_q <= generation_i;
      attention_q            <= '0;
    end
    if (start_queries_i) begin
      q_generation_q <= generation_i;
      q_heads_q      <= '0;
    end
    if (!rst_ni) begin
      normed_generation_q    <= '0;
      attention_generation_q <= '0;
      hidden_generation_q    <= '0;
      q_generation_q         <= '0;
    end
  end
  assign generations_o  = {hidden_generation_q, attention_generation_q, normed_generation_q};
  assign blocks_o       = {hidden_blocks_q, attention_q, normed_q};
  assign q_generation_o = q_generation_q;
  assign q_heads_o      = q_heads_q;
endmodule
`default_nettype wire
