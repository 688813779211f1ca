// Sum16 of numerics/sums.h: sixteen partial sums of the elements by index mod 16, then their sum in a fixed
// tree. Elements come in order; after the last one the tree follows by itself, and then done_o is high until
// the next clear.
`default_nettype none
module sum16 (
    input  wire        clk_i,
    input  wire        rst_ni,
    input  wire        clear_i,  // all partial sums +0, the next element has index 0
    input  wire        valid_i,
    input  wire [31:0] x_i,
    input  wire        last_i,
    output wire        done_o,
    output wire [31:0] sum_o
);
  // One adder: element + partial sum, or two partial sums. A partial sum comes round after 16 cycles at least.
  if (latency_pkg::ADD + 2 > 16) begin : gen_never
    $error("a partial sum would be read before it is written");
  end
  (* ram_style = "distributed" *) logic [31:0] partial[16];
  // Partial sums from index_q on are still +0, unless all have had an element.
  logic [3:0] index_q;
  logic all_q;

  // The tree: for half = 8, 4, 2, 1: partial[i] += partial[i + half], i < half; each level waits for the last
  // sum of what comes before.
  localparam int Wait = latency_pkg::ADD + 2;
  logic busy_q, done_q, step_q;
  logic [3:0] half_q, i_q;
  logic [4:0] wait_q;
  wire [3:0] partner = i_q | half_q;
  wire partner_zero = !all_q && partner >= index_q;
  wire zero = !all_q && (!step_q || i_q >= index_q);

  wire [3:0] b_index = step_q ? i_q : index_q;
  wire [31:0] sum;
  logic [31:0] a_q, b_q;
  always_ff @(posedge clk_i) begin
    if (!step_q) a_q <= x_i;
    else a_q <= partner_zero ? 32'h0 : partial[partner];
    b_q <= partial[b_index];
    if (zero) b_q <= '0;
  end
  fp_add u_add (.clk_i, .a_i(b_q), .b_i(a_q), .sum_o(sum));
  wire write;
  wire [3:0] write_index;
  delay #(.WIDTH(5), .CYCLES(1 + latency_pkg::ADD)) u_write (
      .clk_i, .d_i({(valid_i || step_q) && rst_ni, b_index}), .q_o({write, write_index}));

  // The total is the last sum of all.
  logic [31:0] total_q;
  always_ff @(posedge clk_i) begin
    if (write) begin
      partial[write_index] <= sum;
      total_q              <= sum;
    end
    if (clear_i) begin
      index_q <= '0;
      all_q   <= 1'b0;
      done_q  <= 1'b0;
    end else if (valid_i) begin
      index_q <= index_q + 1;
      if (index_q == '1) all_q <= 1'b1;
    end

    if (valid_i && last_i) begin
      busy_q <= 1'b1;
      step_q <= 1'b0;
      half_q <= 4'd8;
      i_q    <= '0;
      wait_q <= 5'(Wait);
    end else if (busy_q) begin
      if (!step_q) begin
        wait_q <= wait_q - 1;
        step_q <= wait_q == 5'd1 && half_q != '0;
        if (wait_q == 5'd1 && half_q == '0) begin
          busy_q <= 1'b0;
          done_q <= 1'b1;
        end
      end else if (i_q + 4'd1 == half_q) begin
        i_q    <= '0;
        half_q <= half_q >> 1;
        wait_q <= 5'(Wait);
        step_q <= 1'b0;
      end else i_q <= i_q + 1;
    end
    if (!rst_ni) begin
      busy_q <= 1'b0;
      step_q <= 1'b0;
      done_q <= 1'b0;
    end
  end
  assign done_o = done_q;
  assign sum_o  = total_q;
endmodule
`default_nettype wire
