// Issues the slots of attention for kv_unit: each page that is there, once per round. Scores: rounds, records, halves
// of a record; of four bits rounds, pairs of records, each of which has a slot for its number and half of the pair's
// elements. Values: rounds, blocks of 64 records, halves (of eight bits), records; always 64, as weights past the last are
// zero.
`default_nettype none
module kv_issue #(
    parameter int SCORES = 16384
) (
    input wire clk_i,
    input wire rst_ni,

    // Of the instruction, stable while it runs.
    input wire        run_i,
    input wire        values_i,
    input wire        two_beats_i,   // records have two beats,
    input wire        half_beats_i,  // or half a beat
    input wire        pairs_i,       // K of four bits
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
  logic [1:0] block_q;              // values: which 64 records of the page
  logic half_q;
  logic [7:0] record_q;             // scores: of the page, or slot of its pairs; values: of the block

  // Records of a page, by what they take of a beat: two beats, one, or half.
  wire [23:0] page_records = two_beats_i ? 24'd64 : half_beats_i ? 24'd256 : 24'd128;

  // Positions from the page's first record on, and the page's last record; likewise ahead of the page. Of pairs, the last
  // slot: records 2 j and 2 j + 1 are a pair or, of half a beat, r and r + 4, which share a word.
  logic [23:0] left_q, next_left_q;
  logic [7:0] last_record_q, next_last_record_q;
  wire [7:0] next_last = next_left_q >= page_records ? page_records[7:0] - 8'd1 : next_left_q[7:0] - 8'd1;
  wire [7:0] next_last_slot = half_beats_i ? {next_last[7:3], next_last[1:0] | {2{next_last[2]}}, 1'b1} :
      {next_last[7:1], 1'b1};

  wire go = run_i && there_i;
  wire round_end = round_q == last_round_i;
  wire record_end = values_i ? record_q[5:0] == '1 : record_q == last_record_q;
  wire half_end = !two_beats_i || half_q;
  wire block_end = block_q == last_record_q[7:6];
  wire end_of_round = record_end && half_end && (block_end || !values_i);
  wire end_of_page = go && end_of_round && round_end;
  wire [7:0] record = values_i ? {block_q, record_q[5:0]} :
      pairs_i && half_beats_i ? {record_q[7:3], record_q[0], record_q[2:1]} : record_q;
  wire [23:0] next_base = base_q + page_records;

  always_ff @(posedge clk_i) begin
    next_left_q        <= run_i ? left_q - page_records : end_position_i;
    next_last_record_q <= pairs_i ? next_last_slot : next_last;
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
      block_q  <= '0;
      half_q   <= 1'b0;
      record_q <= '0;
    end else if (go) begin
      if (values_i) begin
        record_q <= record_end ? '0 : record_q + 1;
        if (record_end) begin
          half_q <= two_beats_i && !half_q;
          if (half_end) block_q <= block_end ? '0 : block_q + 1;
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
  assign raddress_o = {page_q, two_beats_i ? {record[5:0], half_q} : half_beats_i ? {record[7:3], record[1:0]} : record[6:0]};

  // A page's first position is a multiple of its records.
  wire [23:0] position = base_q | 24'(record);
  wire [ElementBits-1:0] element = row_q + ElementBits'(record);
  vpu_pkg::kv_slot_t slot;
  always_comb begin
    slot.valid      = go && rst_ni;
    slot.values     = values_i;
    slot.round      = round_q;
    slot.half       = pairs_i ? record_q[0] : half_q;
    slot.half_last  = half_end;
    slot.upper      = record[2];
    slot.first      = values_i ? record_q[5:0] == '0 : record_q == '0;
    slot.block_last = values_i && record_end;
    slot.last_block = left_q <= 24'({block_q, 6'b0}) + 24'd64;
    slot.record     = record_q[4:0];
    slot.position   = position;
    slot.element    = 17'(element);
    slot.there      = position < end_position_i;
    slot.own        = position >= position_i;
    slot.own_index  = position[2:0] - position_i[2:0];
  end
  assign slot_o = slot;
  wire unused = &{1'b0, context_i};
endmodule
`default_nettype wire
