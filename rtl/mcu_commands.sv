// Read command generator: turns pieces into bursts of the ports, one per cycle, and tells the join in which
// order their beats belong. The bursts are those of src/sim/reads.cc, in the same order.
`default_nettype none
module mcu_commands (
    input wire clk_i,
    input wire rst_ni,
    input wire wide_records_i,  // of the piece: a KV record is 128 bytes, else 64

    input  wire                  piece_valid_i,
    output wire                  piece_ready_o,
    input  wire mcu_pkg::piece_t piece_i,

    output wire                  burst_valid_o,
    input  wire                  burst_ready_i,
    output wire mcu_pkg::burst_t burst_o,
    output wire                  idle_o
);
  localparam logic [31:0] SubBlockBeats = 32'(brim_pkg::SUB_BLOCK_BYTES / brim_pkg::BEAT_BYTES);
  localparam logic [4:0] WholeSubBlock = 5'(SubBlockBeats - 1);

  // The piece at work: what is left of it, and the port that is next.
  logic active_q, wide_q;
  logic [1:0] kind_q, port_q;
  logic [31:0] address_q, left_q;
  // The weight stream: its pages, metadata or weights, stand one after the other.
  logic [31:0] stream_q;
  logic [4:0] page_of_chunk_q;  // 0: metadata

  wire linear = kind_q == mcu_pkg::PIECE_LINEAR;
  wire weights = kind_q == mcu_pkg::PIECE_WEIGHTS || kind_q == mcu_pkg::PIECE_STREAM;
  wire records = kind_q == mcu_pkg::PIECE_RECORDS;

  // What left_q means, in registers that change with it, as the next piece is taken when this one ends. Records: a
  // page holds 128, or 64 wide ones. Port i reads those of tokens i, i + 4, ... of its page.
  logic one_q;    // beat, or weight page
  logic few_q;    // beats or records: for some of the ports only
  logic full_q;   // page of records
  logic final_q;  // page of records
  wire partial = records && !full_q;
  wire [1:0] tail_port = left_q[1:0] - 2'd1;
  wire [4:0] whole_rounds = left_q[6:2] - 5'd1;  // minus 1: of a record for each port
  wire [4:0] port_records = port_q < left_q[1:0] ? left_q[6:2] : whole_rounds;  // minus 1

  wire page_ends = port_q == (records && few_q ? tail_port : 2'd3);
  wire metadata = page_of_chunk_q == 0;
  wire piece_ends = linear ? one_q
                  : page_ends && (records ? final_q : one_q && !metadata);

  wire advance = active_q && burst_ready_i;
  wire load = !active_q || (advance && piece_ends);

  // Of a page that is filled in part, what follows the rounds with a record for each port.
  wire tail_rounds = partial && (few_q || port_q != 0);
  mcu_pkg::burst_t burst;
  always_comb begin
    burst.port    = port_q;
    burst.address = weights ? stream_q : address_q;
    // A beat of a linear read, all of a page's share, or the port's records.
    if (linear) burst.length = 5'd0;
    else if (!partial) burst.length = WholeSubBlock;
    else burst.length = wide_q ? {port_records[3:0], 1'b1} : port_records;

    // Rounds are announced with their first burst; a page's last, shorter rounds with its second one.
    burst.rounds_valid = port_q == 0 || (partial && port_q == 2'd1 && !few_q && left_q[1:0] != 0);
    if (linear) burst.rounds = 5'd0;
    else if (!partial) burst.rounds = WholeSubBlock;
    else if (tail_rounds) burst.rounds = {4'b0, wide_q};
    else burst.rounds = wide_q ? {whole_rounds[3:0], 1'b1} : whole_rounds;
    burst.last_port = (linear ? few_q : tail_rounds) ? tail_port : 2'd3;
  end
  assign burst_o = burst;
  assign burst_valid_o = active_q;

  // Pages of records, and records beyond them; of the piece at work, and of the next one.
  wire [25:0] pages = wide_q ? left_q[31:6] : {1'b0, left_q[31:7]};
  wire [6:0] beyond = wide_q ? {1'b0, left_q[5:0]} : left_q[6:0];
  wire [25:0] next_pages = wide_records_i ? piece_i.count[31:6] : {1'b0, piece_i.count[31:7]};
  wire [6:0] next_beyond = wide_records_i ? {1'b0, piece_i.count[5:0]} : piece_i.count[6:0];

  always_ff @(posedge clk_i) begin
    if (advance && linear) begin
      one_q <= left_q == 32'd2;
      few_q <= left_q[31:3] == '0 && (!left_q[2] || left_q[1:0] == '0);
    end else if (advance && page_ends) begin
      one_q   <= weights && !metadata ? left_q == 32'd2 : one_q;
      few_q   <= pages == 26'd1 && beyond[6:2] == '0;
      full_q  <= pages[25:1] != '0;
      final_q <= pages == 26'd1 || (pages == 26'd2 && beyond == '0);
    end
    if (load) begin
      one_q   <= piece_i.count == 32'd1;
      few_q   <= piece_i.count[31:2] == '0;
      full_q  <= next_pages != '0;
      final_q <= next_pages == '0 || (next_pages == 26'd1 && next_beyond == '0);
    end
  end

  always_ff @(posedge clk_i) begin
    if (advance) begin
      port_q    <= page_ends ? 2'd0 : port_q + 1;
      address_q <= address_q + (linear ? 32'd1 : SubBlockBeats);
      if (linear) left_q <= left_q - 32'd1;
      if (records && page_ends) left_q <= left_q - (wide_q ? 32'd64 : 32'd128);
      if (weights) begin
        stream_q <= stream_q + SubBlockBeats;
        if (page_ends) begin
          page_of_chunk_q <= page_of_chunk_q == 5'(brim_pkg::PAGES_PER_CHUNK) ? 5'd0 : page_of_chunk_q + 1;
          if (!metadata) left_q <= left_q - 32'd1;
        end
      end
    end
    if (load) begin
      active_q  <= piece_valid_i;
      kind_q    <= piece_i.kind;
      wide_q    <= wide_records_i;
      address_q <= piece_i.address;
      left_q    <= piece_i.count;
      port_q    <= 2'd0;
      if (piece_valid_i && piece_i.kind == mcu_pkg::PIECE_STREAM) begin
        stream_q        <= piece_i.address;
        page_of_chunk_q <= 5'd0;
      end
    end
    if (!rst_ni) active_q <= 1'b0;
  end

  assign piece_ready_o = load;
  assign idle_o = !active_q;
endmodule
`default_nettype wire
