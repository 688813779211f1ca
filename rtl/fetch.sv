// Fetches a program through the aux port: its header, then its instructions in bursts of 512 bytes into a buffer
// of 64 instructions, as far ahead as the buffer has room. docs/rtl/sequencer.md.
`default_nettype none
module fetch (
    input wire clk_i,
    input wire rst_ni,

    input  wire        start_i,    // for one cycle, when idle: a new program; drops what is left of the last one
    input  wire [31:0] program_i,  // address of the header, in beats
    input  wire        stop_i,     // no new burst; what is under way is received
    output wire        idle_o,     // no burst under way

    output wire                            header_valid_o,  // for one cycle
    output wire brim_pkg::program_header_t header_o,

    output wire                         instruction_valid_o,
    input  wire                         instruction_ready_i,
    output wire brim_pkg::instruction_t instruction_o,
    output wire [                 31:0] instruction_address_o,  // of its beat

    output wire        damage_o,          // a checksum was wrong (one cycle)
    output wire [31:0] damage_address_o,  // of the beat

    output wire        error_o,          // a response was not OKAY (one cycle)
    output wire [31:0] error_address_o,  // of its burst, in beats

    // AXI4 read channels; the burst is INCR of 16-byte transfers.
    output wire [ 39:0] araddr_o,
    output wire [  7:0] arlen_o,
    output wire         arvalid_o,
    input  wire         arready_i,
    input  wire [127:0] rdata_i,
    input  wire [  1:0] rresp_i,
    input  wire         rlast_i,
    input  wire         rvalid_i,
    output wire         rready_o
);
  localparam int BurstBeats = 8;
  localparam int Entries = 64;

  // ------------------------------------------------------------------ bursts
  // A burst ends at a multiple of its size, so it never crosses 4 KiB, and all but the first begin at one. How many
  // beats follow the first burst is known when the header is there.
  typedef enum logic [2:0] {
    IDLE,
    FIRST,   // ask for the first burst
    HEADER,  // wait for the header
    COUNT,
    SIZE,    // of the next burst
    ASK      // when there is room for it
  } phase_t;
  phase_t phase_q;
  logic asking_q;
  logic [31:0] next_q;      // beat
  logic [31:0] left_q;      // beats that are to be asked for
  logic [3:0] size_q;       // of the burst being asked for, or of the next one
  logic [2:0] under_way_q;  // bursts
  logic [6:0] reserved_q;   // entries in use or on their way
  logic reserve_q;          // size_q beats, of the burst that began to be asked for in the last cycle
  logic out_taken_q;        // an entry left in the last cycle
  logic room_q;             // for a burst; it knows of the last one when the next one's size is known
  logic header_new_q;
  wire out_taken;
  brim_pkg::program_header_t header;

  wire take = rvalid_i && rready_o;
  wire asked = asking_q && arready_i;
  wire ask = (phase_q == FIRST || phase_q == ASK) && !asking_q && !stop_i && size_q != '0 && room_q;
  wire [31:0] rest = left_q - 32'(size_q);

  always_ff @(posedge clk_i) begin
    if (ask) asking_q <= 1'b1;
    if (asked) begin
      asking_q <= 1'b0;
      next_q   <= next_q + 32'(size_q);
    end
    case (phase_q)
      FIRST: if (ask) phase_q <= HEADER;
      HEADER:
      if (header_new_q) begin
        // The header's beat and half a beat per instruction ...
        left_q  <= 32'(({1'b0, header.instructions} + 33'd3) >> 1);
        phase_q <= COUNT;
      end
      COUNT: begin
        // ... without those of the first burst, unless it had them all.
        left_q  <= left_q[31:4] == '0 && left_q[3:0] < size_q ? '0 : rest;
        phase_q <= SIZE;
      end
      SIZE:
      if (!asking_q) begin
        size_q  <= left_q[31:3] == '0 ? {1'b0, left_q[2:0]} : 4'(BurstBeats);
        phase_q <= ASK;
      end
      ASK:
      if (ask) begin
        left_q  <= rest;
        phase_q <= SIZE;
      end
      default: ;
    endcase
    under_way_q <= under_way_q + 3'(asked) - 3'(take && rlast_i);
    reserve_q   <= ask;
    out_taken_q <= out_taken;
    reserved_q  <= reserved_q + (reserve_q ? {2'b0, size_q, 1'b0} : 7'd0) - 7'(out_taken_q) - (header_new_q ? 7'd2 : 7'd0);
    room_q      <= start_i || reserved_q <= 7'(Entries - 2 * BurstBeats);
    if (start_i) begin
      phase_q    <= FIRST;
      next_q     <= program_i;
      size_q     <= 4'(BurstBeats) - {1'b0, program_i[2:0]};
      reserved_q  <= '0;
      out_taken_q <= 1'b0;
    end
    if (!rst_ni) begin
      phase_q     <= IDLE;
      asking_q    <= 1'b0;
      reserve_q   <= 1'b0;
      out_taken_q <= 1'b0;
      under_way_q <= '0;
    end
  end
  assign araddr_o  = {2'b0, next_q, 6'b0};
  assign arlen_o   = {2'b0, size_q - 4'd1, 2'b11};
  assign arvalid_o = asking_q;
  assign idle_o    = !asking_q && under_way_q == '0;

  // ------------------------------------------------------------------ data
  logic [511:0] header_data_q;
  logic header_q;            // the header is in
  logic [1:0] transfer_q;
  logic [127:0] half_q;
  logic write_we_q, bad_q;
  logic [255:0] write_data_q;
  logic [31:0] burst_q;  // address of the burst whose data comes
  logic error_q;
  logic [31:0] error_address_q;

  assign rready_o = 1'b1;
  wire bad = rresp_i != 2'b00;
  always_ff @(posedge clk_i) begin
    write_we_q   <= 1'b0;
    header_new_q <= 1'b0;
    error_q      <= 1'b0;
    if (take) begin
      half_q     <= rdata_i;
      transfer_q <= transfer_q + 1;
      if (!header_q) header_data_q <= {rdata_i, header_data_q[511:128]};
      // Nothing is used from a transfer with an error on.
      if (bad) begin
        bad_q           <= 1'b1;
        error_q         <= 1'b1;
        error_address_q <= burst_q;
      end
      if (!bad && !bad_q) begin
        if (!header_q) begin
          if (transfer_q == 2'd3) begin
            header_q     <= 1'b1;
            header_new_q <= 1'b1;
          end
        end else write_we_q <= transfer_q[0];
      end
      if (rlast_i) burst_q <= {burst_q[31:3] + 29'd1, 3'b0};
    end
    write_data_q <= {rdata_i, half_q};
    if (start_i) begin
      header_q   <= 1'b0;
      bad_q      <= 1'b0;
      transfer_q <= '0;
      burst_q    <= program_i;
    end
    if (!rst_ni) begin
      write_we_q   <= 1'b0;
      header_q     <= 1'b0;
      header_new_q <= 1'b0;
      error_q      <= 1'b0;
    end
  end
  assign header          = header_data_q;
  assign header_o        = header;
  assign header_valid_o  = header_new_q;
  assign error_o         = error_q;
  assign error_address_o = error_address_q;

  // ------------------------------------------------------------------ checksums
  // Of the header, and of each instruction and its index, as their transfers go by. What is damaged goes on to the
  // sequencer meanwhile: the pass is over before it has done anything.
  logic data_q, data_header_q, data_first_q, data_last_q;  // what half_q holds
  logic [31:0] index_q, unchecked_q;                       // of the next instruction; instructions from there on
  logic [31:0] data_index_q, first_beat_q;                 // of half_q; of instructions
  logic share_valid_q, share_first_q, share_last_q, sum_last_q, damage_q;
  logic [31:0] share_q, before_q, sum_q;                   // the transfer's CRC; the state before a first one
  logic [31:0] share_address_q, sum_address_q, damage_address_q;
  wire [31:0] seed = brim_pkg::crc_after_word(32'hFFFFFFFF ^ data_index_q);
  always_ff @(posedge clk_i) begin
    data_q        <= take && !bad && !bad_q && (!header_q || unchecked_q != '0) && rst_ni;
    data_header_q <= !header_q;
    data_first_q  <= header_q ? !transfer_q[0] : transfer_q == 2'd0;
    data_last_q   <= header_q ? transfer_q[0] : transfer_q == 2'd3;
    data_index_q  <= index_q;
    first_beat_q  <= program_i + 32'd1;
    if (header_new_q) unchecked_q <= header.instructions;
    // The header's number is there before the first instruction is over.
    if (take && header_q && transfer_q[0]) begin
      index_q <= index_q + 1;
      if (unchecked_q != '0) unchecked_q <= unchecked_q - 1;
    end

    share_q         <= brim_pkg::crc_of_quarter3(half_q);
    before_q        <= data_header_q ? 32'hFFFFFFFF : seed;
    share_valid_q   <= data_q && rst_ni;
    share_first_q   <= data_first_q;
    share_last_q    <= data_last_q;
    share_address_q <= data_header_q ? program_i : first_beat_q + {1'b0, data_index_q[31:1]};

    if (share_valid_q) sum_q <= share_q ^ brim_pkg::crc_after_quarter(share_first_q ? before_q : sum_q);
    sum_last_q    <= share_valid_q && share_last_q && rst_ni;
    sum_address_q <= share_address_q;

    damage_q         <= sum_last_q && ~sum_q != brim_pkg::CRC_RESIDUE && rst_ni;
    damage_address_q <= sum_address_q;
    if (start_i) begin
      index_q     <= '0;
      unchecked_q <= '1;
    end
  end
  assign damage_o         = damage_q;
  assign damage_address_o = damage_address_q;

  // ------------------------------------------------------------------ instructions
  wire ready, empty;
  queue #(.WIDTH(256), .DEPTH(Entries)) u_instructions (
      .clk_i, .rst_ni(rst_ni && !start_i), .valid_i(write_we_q), .ready_o(ready), .data_i(write_data_q),
      .valid_o(instruction_valid_o), .ready_i(instruction_ready_i), .data_o(instruction_o), .empty_o(empty));

  logic [31:0] address_q;
  logic second_q;  // of its beat
  assign out_taken = instruction_valid_o && instruction_ready_i;
  always_ff @(posedge clk_i) begin
    if (out_taken) begin
      second_q <= !second_q;
      if (second_q) address_q <= address_q + 1;
    end
    if (start_i) begin
      address_q <= program_i + 32'd1;
      second_q  <= 1'b0;
    end
    // Only as many are asked for as there is room for.
    assert (!rst_ni || !write_we_q || ready);
  end
  assign instruction_address_o = address_q;
  wire unused = &{1'b0, empty};
endmodule
`default_nettype wire
