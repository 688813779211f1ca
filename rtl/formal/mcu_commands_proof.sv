// mcu_commands: a piece becomes the bursts that it means and no others: ports in turn from 0 on, addresses without a gap,
// each port's share of a page, metadata before every 25 pages of weights; none crosses 4 KiB; a burst stays until it is
// taken. What is announced to mcu_join is as many beats of each port as are asked for, page by page, in the order of
// docs/rtl/interfaces.md: rounds over all ports, then those of the tokens that are left.
//: sources mcu_pkg.sv mcu_commands.sv
//: method pdr
//: plant mcu_commands.sv => wire tail_rounds = partial && (few_q || port_q != 0); => wire tail_rounds = partial && few_q;
//: plant mcu_commands.sv => final_q <= pages == 26'd1 || (pages == 26'd2 && beyond == '0); => final_q <= pages == 26'd1;
`default_nettype none
module mcu_commands_proof (
    input wire clk_i,
    input wire piece_valid_i,
    input wire [1:0] kind_i,
    input wire [31:0] address_i,
    input wire [8:0] count_i,  // 511 records or pages at most, not 2^32
    input wire burst_ready_i
);
  logic rst_nq = 0;
  always_ff @(posedge clk_i) rst_nq <= 1;
  (* anyconst *) wire wide;
  wire piece_ready, burst_valid, idle;
  mcu_pkg::piece_t piece;
  mcu_pkg::burst_t burst;
  assign piece = {kind_i, address_i, 23'b0, count_i};
  mcu_commands u_unit (
      .clk_i, .rst_ni(rst_nq), .wide_records_i(wide), .piece_valid_i, .piece_ready_o(piece_ready), .piece_i(piece),
      .burst_valid_o(burst_valid), .burst_ready_i, .burst_o(burst), .idle_o(idle));
  wire take = piece_valid_i && piece_ready;
  wire go = burst_valid && burst_ready_i;

  // The piece at work: its next address and port, what is left of it from this page on, and of the chunk.
  logic active_q, streamed_q;
  logic [1:0] kind_q, port_q;
  logic [31:0] address_q, stream_q;
  logic [8:0] left_q;
  logic [4:0] page_q;
  wire linear = kind_q == mcu_pkg::PIECE_LINEAR;
  wire records = kind_q == mcu_pkg::PIECE_RECORDS;
  wire weights = !linear && !records;
  wire metadata = page_q == '0;

  // Records of this page, and of each port; ports that have any.
  wire [8:0] page_records = wide ? 9'd64 : 9'd128;
  wire full = left_q >= page_records;
  wire [7:0] here = full ? page_records[7:0] : left_q[7:0];
  function automatic logic [6:0] share(input logic [1:0] port);  // beats of a port
    logic [5:0] count;
    count = here[7:2] + 6'(port < here[1:0]);
    share = linear ? 7'd1 : !records ? 7'd32 : wide ? {count, 1'b0} : {1'b0, count};
  endfunction
  wire [1:0] last_port = linear || !records || here >= 8'd4 ? 2'd3 : here[1:0] - 2'd1;
  wire page_ends = port_q == last_port;
  wire ends = linear ? left_q == 9'd1 :
      page_ends && (records ? left_q <= page_records : left_q == 9'd1 && !metadata);

  // Beats that were asked for less those that were announced, port by port; of linear reads in turns of four.
  logic [31:0] open_q, open;
  always_comb
    for (int p = 0; p < 4; p++)
      open[8*p+:8] = open_q[8*p+:8] + (burst.port == 2'(p) ? 8'(burst.length) + 8'd1 : 8'd0) -
          (burst.rounds_valid && 2'(p) <= burst.last_port ? 8'(burst.rounds) + 8'd1 : 8'd0);

  always_ff @(posedge clk_i) begin
    if (go) begin
      port_q    <= page_ends ? '0 : port_q + 1;
      address_q <= address_q + (linear ? 32'd1 : 32'd32);
      if (weights) stream_q <= stream_q + 32'd32;
      if (linear || (weights && page_ends && !metadata)) left_q <= left_q - 9'd1;
      if (records && page_ends) left_q <= left_q - page_records;
      if (weights && page_ends) page_q <= page_q == 5'd25 ? '0 : page_q + 1;
      if (ends) active_q <= 1'b0;
      open_q <= open;
    end
    if (take) begin
      active_q  <= 1'b1;
      kind_q    <= kind_i;
      port_q    <= '0;
      address_q <= address_i;
      left_q    <= count_i;
      if (kind_i == mcu_pkg::PIECE_STREAM) begin
        stream_q   <= address_i;
        page_q     <= '0;
        streamed_q <= 1'b1;
      end
    end
    if (!rst_nq) begin
      active_q   <= 1'b0;
      streamed_q <= 1'b0;
      open_q     <= '0;
    end
  end

  held #(.WIDTH(47)) u_held (.clk_i, .rst_ni(rst_nq), .valid_i(burst_valid), .ready_i(burst_ready_i), .data_i(burst));

  (* hierconn *) wire [1:0] \u_unit.kind_q ;
  (* hierconn *) wire [1:0] \u_unit.port_q ;
  (* hierconn *) wire [31:0] \u_unit.address_q ;
  (* hierconn *) wire [31:0] \u_unit.stream_q ;
  (* hierconn *) wire [31:0] \u_unit.left_q ;
  (* hierconn *) wire [4:0] \u_unit.page_of_chunk_q ;
  (* hierconn *) wire \u_unit.one_q ;
  (* hierconn *) wire \u_unit.few_q ;
  (* hierconn *) wire \u_unit.full_q ;
  (* hierconn *) wire \u_unit.final_q ;
  always_comb begin
    assume (count_i != '0);
    assume (kind_i != mcu_pkg::PIECE_WEIGHTS || streamed_q);  // mcu_pieces: the first matrix of a run says where it starts
    assume (kind_i == mcu_pkg::PIECE_LINEAR || address_i[4:0] == '0);  // pages are aligned
    if (rst_nq) begin
      assert (burst_valid == active_q && idle == !active_q);
      if (active_q) begin
        // The burst: port, address, its share.
        assert (burst.port == port_q);
        assert (burst.address == (weights ? stream_q : address_q));
        assert (7'(burst.length) + 7'd1 == share(port_q));
        assert (7'(burst.address[5:0]) + 7'(burst.length) <= 7'd63);
        // The next piece is taken with the last burst.
        assert (piece_ready == (burst_ready_i && ends));
        // Rounds with the first burst, over all ports if each has a record; then those of the last tokens.
        assert (burst.rounds_valid || port_q != '0);
        assert (!burst.rounds_valid || burst.last_port == (port_q == '0 ? (linear ? (left_q < 9'd4 ? 2'(left_q - 1) : 2'd3) : last_port) : 2'(here[1:0] - 1)));
        // Of a page that is over, and of linear reads that are, nothing is open.
        assert (!(page_ends || ends) || open == '0);

        assert (u_unit.kind_q == kind_q && u_unit.port_q == port_q && u_unit.left_q == 32'(left_q));
        assert (weights || u_unit.address_q == address_q);
        assert (linear || (weights ? stream_q[4:0] : address_q[4:0]) == '0);
        assert (left_q != '0);
        assert (records || u_unit.one_q == (left_q == 9'd1));
        assert (!linear || u_unit.few_q == (left_q < 9'd4));
        assert (!records || (u_unit.few_q == (left_q < 9'd4) && u_unit.full_q == full && u_unit.final_q == (left_q <= page_records)));
        assert (port_q <= last_port);
        // Within a page: each port has its rounds announced with the first burst or the second one.
        for (int p = 0; p < 4; p++)
          if (port_q != '0 && !linear)
            assert (open_q[8*p+:8] == (2'(p) < port_q ? 8'(share(2'(p))) : 8'd0) - announced(2'(p)));
      end else assert (open_q == '0);
      if (port_q == '0) assert (!active_q || open_q == '0);
      if (active_q && linear && port_q != '0)
        for (int p = 0; p < 4; p++)
          assert (open_q[8*p+:8] == (2'(p) >= port_q && 9'(p) < left_q + 9'(port_q) ? 8'hFF : 8'd0));
      if (streamed_q)
        assert (u_unit.stream_q == stream_q && u_unit.page_of_chunk_q == page_q && page_q <= 5'd25 && stream_q[4:0] == '0);
      assert (!active_q || !weights || streamed_q);
    end
  end
  // Beats of a port that are announced, behind the first burst of a page.
  function automatic logic [7:0] announced(input logic [1:0] port);
    logic [7:0] each, rest;
    each = {2'b0, here[7:2]};
    rest = 8'(port < here[1:0] && (here < 8'd4 || port_q >= 2'd2));
    announced = !records ? 8'd32 : (each + rest) << wide;
  endfunction
endmodule
`default_nettype wire
