// Compares the checksums of what streams past it to the VPU: metadata pages, the weight pages that they describe, and
// loads of parameters. It holds nothing up; damage shows some cycles after the last beat. docs/rtl/stream_check.md.
`default_nettype none
module stream_check (
    input wire clk_i,
    input wire rst_ni,

    // A new run of chunks begins, or a load, at an address in beats; of a load the CRC that it must have.
    input wire        stream_i,
    input wire        load_start_i,
    input wire [31:0] address_i,
    input wire [31:0] load_crc_i,

    // A beat is taken: first or last of its page or load.
    input wire         metadata_i,
    input wire         weights_i,
    input wire         load_i,
    input wire         first_i,
    input wire         last_i,
    input wire [511:0] beat_i,

    output wire        damage_o,          // for one cycle
    output wire        damage_load_o,     // of parameters, else of weights
    output wire [31:0] damage_address_o   // of the page or the load, in beats
);
  localparam logic [31:0] PageBeats = 32'(brim_pkg::PAGE_BYTES / brim_pkg::BEAT_BYTES);
  // The metadata page's beats that hold CRCs of weight pages, 16 words each. They differ in bit 3.
  localparam logic [6:0] FirstWords = 7'd119;
  localparam logic [6:0] SecondWords = 7'd123;

  // ------------------------------------------------------------------ the beat, out of the stream's way
  logic [511:0] beat_q;
  logic metadata_q, weights_q, load_q, first_q, last_q;
  always_ff @(posedge clk_i) begin
    beat_q     <= beat_i;
    metadata_q <= metadata_i && rst_ni;
    weights_q  <= weights_i && rst_ni;
    load_q     <= load_i && rst_ni;
    first_q    <= first_i;
    last_q     <= last_i;
  end
  wire valid = metadata_q || weights_q || load_q;

  // ------------------------------------------------------------------ CRCs of the chunk's pages
  logic [6:0] beat_number_q;
  (* ram_style = "distributed" *) logic [511:0] words[2];
  always_ff @(posedge clk_i) begin
    if (metadata_q) begin
      beat_number_q <= beat_number_q + 1;
      if (beat_number_q == FirstWords || beat_number_q == SecondWords) words[beat_number_q[3]] <= beat_q;
    end
    if (!rst_ni) beat_number_q <= '0;  // a page has 128
  end

  // ------------------------------------------------------------------ CRC of what went past
  // The beat's share, a quarter each and then together; then the beats before it.
  logic [31:0] quarter0_q, quarter1_q, quarter2_q, quarter3_q, share_q, state_q;
  logic valid2_q, valid3_q, first2_q, first3_q;
  logic [2:0] ends2_q, ends3_q, ends4_q;  // {load, weights, metadata}: their last beat
  always_ff @(posedge clk_i) begin
    quarter0_q <= brim_pkg::crc_of_quarter0(beat_q[127:0]);
    quarter1_q <= brim_pkg::crc_of_quarter1(beat_q[255:128]);
    quarter2_q <= brim_pkg::crc_of_quarter2(beat_q[383:256]);
    quarter3_q <= brim_pkg::crc_of_quarter3(beat_q[511:384]);
    valid2_q   <= valid;
    first2_q   <= first_q;
    ends2_q    <= {load_q, weights_q, metadata_q} & {3{last_q && rst_ni}};

    share_q  <= quarter0_q ^ quarter1_q ^ quarter2_q ^ quarter3_q;
    valid3_q <= valid2_q;
    first3_q <= first2_q;
    ends3_q  <= ends2_q & {3{rst_ni}};

    if (valid3_q) state_q <= share_q ^ brim_pkg::crc_after_beat(first3_q ? 32'hFFFFFFFF : state_q);
    ends4_q <= ends3_q & {3{rst_ni}};
  end

  // ------------------------------------------------------------------ what it should be
  // An instruction may be taken right behind the last beat of the one before it: it waits until that is compared.
  logic stream1_q, stream2_q, load1_q, load2_q;
  logic [31:0] address1_q, address2_q, crc1_q, crc2_q;
  always_ff @(posedge clk_i) begin
    {stream2_q, stream1_q}   <= {stream1_q, stream_i};
    {load2_q, load1_q}       <= {load1_q, load_start_i};
    {address2_q, address1_q} <= {address1_q, address_i};
    {crc2_q, crc1_q}         <= {crc1_q, load_crc_i};
  end

  logic [31:0] next_page_q, page_q, load_address_q, load_crc_q, expected_q;
  logic [4:0] page_of_chunk_q;
  always_ff @(posedge clk_i) begin
    if (stream2_q) next_page_q <= address2_q;
    if (load2_q) begin
      load_address_q <= address2_q;
      load_crc_q     <= crc2_q;
    end
    // With the last beat in the share: the page's place, and what the comparison wants.
    if (ends2_q[0]) page_of_chunk_q <= '0;
    if (ends2_q[1]) page_of_chunk_q <= page_of_chunk_q + 1;
    if (ends2_q[0] || ends2_q[1]) begin
      page_q      <= next_page_q;
      next_page_q <= next_page_q + PageBeats;
    end
    // Of a metadata page, which its own CRC ends, always the same.
    if (ends2_q[0]) expected_q <= brim_pkg::CRC_RESIDUE;
    if (ends2_q[1]) expected_q <= words[page_of_chunk_q[4]][{page_of_chunk_q[3:0], 5'b0}+:32];
    if (ends2_q[2]) expected_q <= load_crc_q;
  end

  logic damage_q, damage_load_q;
  logic [31:0] damage_address_q, expected4_q, address4_q;
  always_ff @(posedge clk_i) begin
    expected4_q      <= expected_q;
    address4_q       <= ends3_q[2] ? load_address_q : page_q;
    damage_q         <= ends4_q != '0 && ~state_q != expected4_q && rst_ni;
    damage_load_q    <= ends4_q[2];
    damage_address_q <= address4_q;
  end
  assign damage_o         = damage_q;
  assign damage_load_o    = damage_load_q;
  assign damage_address_o = damage_address_q;
endmodule
`default_nettype wire
