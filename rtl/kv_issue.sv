// Issues the slots of attention for kv_unit: each page that is there, once per round. Scores: rounds, records, halves
// of a record. Values: rounds, blocks of 64 records, halves, records; always 64, as weights past the last are zero.
`default_nettype none
module kv_issue #(
    parameter int SCORES = 16384
) (
    input wire clk_i,
    input wire rst_ni,

    // Of the instruction, stable while it runs.
    input wire        run_i,
    input wire        values_i,
    input wire        two_beats_i,
    input wire [23:0] position_i,
    input wire [23:0] end_position_i,  // position + tokens of the pass
    input wire [31:0] context_i,
    input wire [ 2:0] last_round_i,

    input  wire                    there_i,      // a page
    output wire                    issued_o,     // its last slot
    output wire              [7:0] raddress_o,   // of the page buffer
    output wire vpu_pkg::kv_slot_t slot_o        // cycle I
);
  localparam int ElementBits = $clog2(SCORES);

  logic page_q;                     // of the buffer
  logic [23:0] base_q;              // position of the page's first record
  logic [2:0] round_q;
  logic [ElementBits-1:0] row_q;    // round * context + that position: element of the score buffer
  logic block_q;                    // values: which 64 records of the page
  logic half_q;
  logic [6:0] record_q;             // scores: of the page; values: of the block

  // Positions from the page's first record on, and the page's last record; likewise ahead of the page.
  logic [23:0] left_q, next_left_q;
  logic [6:0] last_record_q, next_last_record_q;
  wire [23:0] page_records = two_beats_i ? 24'd64 : 24'd128;

  wire go = run_i && there_i;
  wire two_blocks = !two_beats_i && last_record_q[6];
  wire round_end = round_q == last_round_i;
  wire record_end = values_i ? record_q == 7'd63 : record_q == last_record_q;
  wire half_end = !two_beats_i || half_q;
  wire block_end = !two_blocks || block_q;
  wire end_of_round = record_end && half_end && (block_end || !values_i);
  wire end_of_page = go && end_of_round && round_end;
  wire [6:0] record = {values_i && block_q, 6'b0} | record_q;
  wire [23:0] next_base = base_q + page_records;

  always_ff @(posedge clk_i) begin
    next_left_q        <= run_i ? left_q - page_records : end_position_i;
    next_last_record_q <= next_left_q >= page_records ? page_records[6:0] - 7'd1 : next_left_q[6:0] - 7'd1;
    if (end_of_page || !run_i) begin
      left_q        <= next_left_q;
      last_record_q <= next_last_record_q;
    end
  end
  always_ff @(posedge clk_i) begin
    if (!run_i) begin
      page_q   <= 1'b0;
      base_q   <= '0;
      round_q  <= '0;
      row_q    <= '0;
      block_q  <= 1'b0;
      half_q   <= 1'b0;
      record_q <= '0;
    end else if (go) begin
      if (values_i) begin
        record_q <= record_end ? '0 : record_q + 1;
        if (record_end) begin
          half_q <= two_beats_i && !half_q;
          if (half_end) block_q <= !block_end;
        end
      end else begin
        half_q <= two_beats_i && !half_q;
        if (half_end) record_q <= record_end ? '0 : record_q + 1;
      end
      if (end_of_round) begin
        round_q <= round_end ? '0 : round_q + 1;
        row_q   <= round_end ? ElementBits'(next_base) : row_q + ElementBits'(context_i);
        if (round_end) begin
          page_q <= !page_q;
          base_q <= next_base;
        end
      end
    end
  end
  assign issued_o   = end_of_page;
  assign raddress_o = {page_q, two_beats_i ? {record[5:0], half_q} : record};

  // A page's first position is a multiple of its records.
  wire [23:0] position = base_q | 24'(record);
  wire [ElementBits-1:0] element = row_q + ElementBits'(record);
  vpu_pkg::kv_slot_t slot;
  always_comb begin
    slot.valid      = go && rst_ni;
    slot.values     = values_i;
    slot.round      = round_q;
    slot.half       = half_q;
    slot.half_last  = half_end;
    slot.first      = record_q == '0;
    slot.block_last = values_i && record_end;
    slot.last_block = left_q <= (block_q ? 24'd128 : 24'd64);
    slot.record     = record_q[4:0];
    slot.position   = position;
    slot.element    = 17'(element);
    slot.own        = position >= position_i;
    slot.own_index  = position[2:0] - position_i[2:0];
  end
  assign slot_o = slot;
  wire unused = &{1'b0, context_i};
endmodule
`default_nettype wire
