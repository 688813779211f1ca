// Collects pages of K or V for kv_unit: records of the stream, then those of the pass's own tokens from the local KV
// buffer. Holds two pages: one is filled while the other is issued.
`default_nettype none
module kv_collect (
    input wire clk_i,
    input wire rst_ni,

    // Of the instruction, stable while it runs.
    input wire        run_i,
    input wire        values_i,
    input wire [ 4:0] kv_head_i,
    input wire        two_beats_i,  // records have two beats, pages 64 of them, not 128,
    input wire        half_beats_i, // or half a beat, pages 256: records r and r + 4 share a word
    input wire [23:0] position_i,   // of the pass's first token
    input wire [ 3:0] tokens_i,

    input  wire         beat_valid_i,
    output wire         beat_ready_o,
    input  wire [511:0] beat_i,

    // Local KV: data latency_pkg::RAM cycles after the address.
    output wire [  9:0] local_address_o,  // {KV head, token, value, half}
    input  wire [511:0] local_data_i,

    output wire         there_o,    // a page is filled and not yet issued
    input  wire         issued_i,   // one is
    output wire         done_o,     // the last page is filled
    // Of both pages, latency_pkg::RAM cycles after the address.
    input  wire [  7:0] raddress_i,
    output wire [511:0] rdata_o
);
  typedef enum logic [1:0] {
    STREAM,
    LOCAL,
    LOCAL_WAIT,
    FULL
  } fill_t;
  fill_t fill_q;
  logic [4:0] four_q;       // m: records 4 m ... 4 m + 3
  logic [1:0] port_q;
  logic half_q;
  logic [2:0] token_q, wait_q;
  logic filled_q;           // pages, modulo 2
  logic [1:0] pages_q;      // that are filled and not yet issued
  logic done_q;
  logic [2:0] last_token_q;
  always_ff @(posedge clk_i) last_token_q <= tokens_i[2:0] - 3'd1;

  // Where the pass's first token stands, counted from the page's first record on: records before it come from the
  // stream. What follows from that for the next page is computed while the page is filled, which takes six cycles at
  // least; for the first page, before the run.
  logic signed [24:0] own_record_q, next_own_record_q;
  logic stream_some_q, next_stream_some_q;
  logic [6:0] stream_last_q, next_stream_last_q;  // record, or word of two
  logic own_some_q, next_own_some_q, last_page_q, next_last_page_q;
  wire signed [24:0] page_records = two_beats_i ? 25'sd64 : half_beats_i ? 25'sd256 : 25'sd128;
  wire stream_whole = next_own_record_q >= page_records;
  wire [7:0] stream_end = next_own_record_q[7:0] - 8'd1;  // of a part
  wire page_starts = fill_q == FULL || !run_i;
  always_ff @(posedge clk_i) begin
    next_own_record_q  <= run_i ? own_record_q - page_records : signed'({1'b0, position_i});
    next_stream_some_q <= next_own_record_q > 0;
    if (stream_whole) next_stream_last_q <= two_beats_i ? 7'd63 : 7'd127;
    else next_stream_last_q <= half_beats_i ? {stream_end[7:3], stream_end[1:0] | {2{stream_end[2]}}} : stream_end[6:0];
    next_own_some_q    <= next_own_record_q < page_records;
    next_last_page_q   <= next_own_record_q + 25'(tokens_i) <= page_records;
    if (page_starts) begin
      own_record_q  <= next_own_record_q;
      stream_some_q <= next_stream_some_q;
      stream_last_q <= next_stream_last_q;
      own_some_q    <= next_own_some_q;
      last_page_q   <= next_last_page_q;
    end
  end

  wire [6:0] record = {four_q, port_q};
  wire next_in_four = port_q != 2'd3 && record != stream_last_q;
  wire more_fours = four_q != stream_last_q[6:2];
  wire record_ends = !two_beats_i || half_q;
  wire page_free = pages_q != 2'd2;

  // A register, so that little stands between the page buffer and the FIFO: beats are taken from the second cycle of
  // STREAM on.
  logic ready_q;
  wire take = beat_valid_i && ready_q;
  wire ends_stream = take && !next_in_four && !more_fours && record_ends;
  always_ff @(posedge clk_i)
    ready_q <= run_i && !done_q && fill_q == STREAM && stream_some_q && page_free && !ends_stream;
  assign beat_ready_o = ready_q;

  always_ff @(posedge clk_i) begin
    if (!run_i) begin
      fill_q   <= STREAM;
      four_q   <= '0;
      port_q   <= '0;
      half_q   <= 1'b0;
      token_q  <= '0;
      filled_q <= 1'b0;
      done_q   <= 1'b0;
    end else
      case (fill_q)
        STREAM:
        if (!done_q && page_free && !stream_some_q) fill_q <= LOCAL;
        else if (take) begin
          if (next_in_four) port_q <= port_q + 1;
          else begin
            port_q <= '0;
            half_q <= two_beats_i && !half_q;
            if (record_ends) begin
              four_q <= four_q + 1;
              if (!more_fours) fill_q <= own_some_q ? LOCAL : FULL;
            end
          end
        end
        LOCAL: begin
          // Long enough for the last word to be there: more than RAM + 1 cycles.
          wait_q <= 3'd4;
          half_q <= two_beats_i && !half_q;
          if (record_ends) begin
            token_q <= token_q + 1;
            if (token_q == last_token_q) fill_q <= LOCAL_WAIT;
          end
        end
        LOCAL_WAIT: begin
          wait_q <= wait_q - 1;
          if (wait_q == '0) fill_q <= FULL;
        end
        default: begin
          filled_q <= !filled_q;
          four_q   <= '0;
          token_q  <= '0;
          done_q   <= last_page_q;
          fill_q   <= STREAM;
        end
      endcase
    pages_q <= run_i ? pages_q + 2'(fill_q == FULL) - 2'(issued_i) : '0;
  end
  assign there_o = pages_q != '0;
  assign done_o  = done_q;

  // Words of the local buffer, and which of them are records of this page.
  logic local_q, local_write_q, half_later_q, local_half_q, local_upper_q;
  logic signed [24:0] local_record_q;
  logic [6:0] local_place_q;
  assign local_address_o = {kv_head_i, token_q, values_i, half_q};
  if (latency_pkg::RAM != 2) begin : gen_never
    $error("the words of the local KV buffer are awaited for two cycles");
  end
  always_ff @(posedge clk_i) begin
    local_q        <= rst_ni && run_i && fill_q == LOCAL;
    local_record_q <= own_record_q + 25'(token_q);
    half_later_q   <= half_q;
    local_write_q  <= local_q && local_record_q[24:8] == '0 && (half_beats_i || !local_record_q[7]) &&
        !(two_beats_i && local_record_q[6]);
    local_place_q  <= half_beats_i ? {local_record_q[7:3], local_record_q[1:0]} : local_record_q[6:0];
    local_upper_q  <= local_record_q[2];
    local_half_q   <= half_later_q;
  end

  // The page buffer, record by record; those of half a beat stand in both halves of the local buffer's word.
  wire [6:0] write_record = local_write_q ? local_place_q : record;
  wire write_half = local_write_q ? local_half_q : half_q;
  wire [6:0] write_word = two_beats_i ? {write_record[5:0], write_half} : write_record;
  for (genvar h = 0; h < 2; h++) begin : gen_half
    ram #(.WIDTH(256), .DEPTH(256), .STYLE("block")) u_pages (
        .clk_i, .we_i(take || (local_write_q && (!half_beats_i || local_upper_q == 1'(h)))),
        .waddress_i({filled_q, write_word}),
        .wdata_i(local_write_q ? local_data_i[256*h+:256] : beat_i[256*h+:256]), .raddress_i,
        .rdata_o(rdata_o[256*h+:256]));
  end

  always_ff @(posedge clk_i) begin
    assert (!rst_ni || !run_i || !issued_i || pages_q != '0);
    assert (!rst_ni || !run_i || fill_q != FULL || page_free);
    assert (!rst_ni || !take || !local_write_q);
  end
endmodule
`default_nettype wire
