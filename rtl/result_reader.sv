// The result buffer's slots, in order: which are free, and reading them out. A slot holds up to 128 rows of
// all lanes. Rows of a matrix are given for all lanes at once; rows of attention values are given for one lane
// after the other, and each lane's on all outputs, as they belong to one query head of one token.
`default_nettype none
module result_reader #(
    parameter int TOKENS = 4
) (
    input wire clk_i,
    input wire rst_ni,

    // A slot is reserved in order, and filled in order.
    input  wire       reserve_i,
    input  wire [7:0] rows_i,
    input  wire       values_i,
    input  wire [3:0] lanes_i,  // values: that hold a query head
    output wire [2:0] slot_o,
    output wire       free_o,
    output wire       empty_o,  // all slots are free
    output wire       idle_o,   // likewise, and every result has been taken; a cycle late
    input  wire       done_i,

    // The lanes' result memories: data two cycles after the address.
    output wire [          9:0] read_o,
    input  wire [32*TOKENS-1:0] data_i,

    output wire                 valid_o,
    input  wire                 ready_i,
    output wire [32*TOKENS-1:0] result_o
);
  localparam int Slots = vpu_pkg::RESULT_SLOTS;
  localparam int LaneBits = TOKENS > 1 ? $clog2(TOKENS) : 1;
  // Counted modulo 16.
  logic [3:0] reserved_q, done_q, read_q;
  (* ram_style = "distributed" *) logic [11:0] slots[Slots];
  logic [6:0] row_q;
  logic [3:0] lane_q;
  // Four places: two reads in flight and two that wait.
  logic [2:0] room_q;

  assign slot_o  = reserved_q[2:0];
  assign free_o  = reserved_q != {!read_q[3], read_q[2:0]};
  assign empty_o = reserved_q == read_q;
  logic idle_q;
  always_ff @(posedge clk_i) idle_q <= empty_o && room_q == 3'd4;
  assign idle_o = idle_q;

  wire [11:0] slot = slots[read_q[2:0]];
  wire [6:0] rows_last = slot[6:0];
  wire [3:0] lanes_last = slot[10:7];
  wire values = slot[11];

  wire take = valid_o && ready_i;
  wire go = read_q != done_q && room_q != '0;
  wire last_row = row_q == rows_last;
  wire last_lane = !values || lane_q == lanes_last;

  always_ff @(posedge clk_i) begin
    if (reserve_i) begin
      slots[reserved_q[2:0]] <= {values_i, lanes_i - 4'd1, rows_i[6:0] - 7'd1};
      reserved_q             <= reserved_q + 1;
    end
    if (done_i) done_q <= done_q + 1;
    if (go) begin
      row_q <= last_row ? '0 : row_q + 1;
      if (last_row) begin
        lane_q <= last_lane ? '0 : lane_q + 1;
        if (last_lane) read_q <= read_q + 1;
      end
    end
    room_q <= room_q - 3'(go) + 3'(take);
    if (!rst_ni) begin
      reserved_q <= '0;
      done_q     <= '0;
      read_q     <= '0;
      row_q      <= '0;
      lane_q     <= '0;
      room_q     <= 3'd4;
    end
  end
  assign read_o = {read_q[2:0], row_q};

  wire arrives, from_values;
  wire [3:0] from_lane;
  delay #(.WIDTH(6), .CYCLES(latency_pkg::RAM)) u_read (
      .clk_i, .d_i({go && rst_ni, values, lane_q}), .q_o({arrives, from_values, from_lane}));

  (* ram_style = "distributed" *) logic [32*TOKENS-1:0] queue[4];
  logic [2:0] in_q, out_q;
  logic valid_q;
  wire [2:0] out_next = out_q + 1;
  wire [31:0] one = data_i[32*from_lane[LaneBits-1:0]+:32];
  always_ff @(posedge clk_i) begin
    if (arrives) begin
      queue[in_q[1:0]] <= from_values ? {TOKENS{one}} : data_i;
      in_q             <= in_q + 1;
    end
    if (take) out_q <= out_next;
    valid_q <= arrives || in_q != (take ? out_next : out_q);
    if (!rst_ni) begin
      in_q    <= '0;
      out_q   <= '0;
      valid_q <= 1'b0;
    end
  end
  assign valid_o  = valid_q;
  assign result_o = queue[out_q[1:0]];
  wire unused = &{1'b0, from_lane, rows_i[7]};
endmodule
`default_nettype wire
