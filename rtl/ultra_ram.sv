// A memory in ultra RAM with one write and one read port, of which the word read is held. A word read while it is written
// is the old one.
//
// With ULTRASCALE_PLUS defined it is made of the primitives: side by side, 72 bits each, and one above the other, 4,096
// words each. rtl/formal/ultra_ram*_proof.sv prove both alike.
`default_nettype none
// verilator lint_off UNUSEDPARAM
module ultra_ram #(
    parameter int WIDTH = 72,
    parameter int DEPTH = 4096,
    parameter int PARTS = 1,        // of a word, each written or not; of whole bytes if there are several
    parameter bit REGISTERED = 1    // with an output register: the word read is there two cycles after its address, not one
) (
    input  wire                     clk_i,
    input  wire [        PARTS-1:0] we_i,
    input  wire [$clog2(DEPTH)-1:0] waddress_i,
    input  wire [        WIDTH-1:0] wdata_i,
    input  wire                     read_i,      // else what has been read stays
    input  wire [$clog2(DEPTH)-1:0] raddress_i,
    input  wire                     out_i,       // the output register takes it; else it stays
    output wire [        WIDTH-1:0] rdata_o
);
// verilator lint_on UNUSEDPARAM
`ifdef ULTRASCALE_PLUS
  localparam int Bits = 12;  // of an address
  localparam int Rows = (DEPTH + (1 << Bits) - 1) >> Bits;
  localparam int Columns = (WIDTH + 71) / 72;
  localparam int PartBytes = (WIDTH / PARTS + 7) / 8;
  // A word chosen from several primitives is registered behind the choice.
  localparam bit OwnRegister = REGISTERED && Rows == 1;
  localparam     OwnRegisterName = OwnRegister ? "TRUE" : "FALSE";

  wire [22:0] waddress = 23'(waddress_i), raddress = 23'(raddress_i);
  wire [72*Columns-1:0] wdata = (72 * Columns)'(wdata_i);
  wire [9*Columns-1:0] byte_we;
  wire [72*Columns-1:0] words[Rows];
  for (genvar b = 0; b < 9 * Columns; b++) begin : gen_byte
    assign byte_we[b] = we_i[b/PartBytes<PARTS?b/PartBytes : PARTS-1];
  end
  // Port A reads before port B writes.
  for (genvar r = 0; r < Rows; r++) begin : gen_row
    wire write = we_i != '0 && (Rows == 1 || waddress >> Bits == 23'(r));
    for (genvar c = 0; c < Columns; c++) begin : gen_column
      // verilator lint_off PINMISSING
      URAM288 #(.OREG_A(OwnRegisterName), .USE_EXT_CE_A(OwnRegisterName),
                .BWE_MODE_B("PARITY_INDEPENDENT")) u_ram (
          .CLK(clk_i),
          .EN_A(read_i), .RDB_WR_A(1'b0), .BWE_A(9'b0), .ADDR_A(raddress & 23'((1 << Bits) - 1)), .DIN_A(72'b0),
          .OREG_CE_A(out_i), .DOUT_A(words[r][72*c+:72]),
          .EN_B(write), .RDB_WR_B(1'b1), .BWE_B(byte_we[9*c+:9]), .ADDR_B(waddress & 23'((1 << Bits) - 1)),
          .DIN_B(wdata[72*c+:72]), .OREG_CE_B(1'b0),
          // Not used.
          .OREG_ECC_CE_A(1'b0), .OREG_ECC_CE_B(1'b0), .RST_A(1'b0), .RST_B(1'b0), .SLEEP(1'b0), .INJECT_SBITERR_A(1'b0),
          .INJECT_SBITERR_B(1'b0), .INJECT_DBITERR_A(1'b0), .INJECT_DBITERR_B(1'b0), .CAS_IN_ADDR_A(23'b0),
          .CAS_IN_ADDR_B(23'b0), .CAS_IN_BWE_A(9'b0), .CAS_IN_BWE_B(9'b0), .CAS_IN_DIN_A(72'b0), .CAS_IN_DIN_B(72'b0),
          .CAS_IN_DOUT_A(72'b0), .CAS_IN_DOUT_B(72'b0), .CAS_IN_EN_A(1'b0), .CAS_IN_EN_B(1'b0), .CAS_IN_RDACCESS_A(1'b0),
          .CAS_IN_RDACCESS_B(1'b0), .CAS_IN_RDB_WR_A(1'b0), .CAS_IN_RDB_WR_B(1'b0), .CAS_IN_SBITERR_A(1'b0),
          .CAS_IN_SBITERR_B(1'b0), .CAS_IN_DBITERR_A(1'b0), .CAS_IN_DBITERR_B(1'b0));
      // verilator lint_on PINMISSING
    end
  end

  wire [72*Columns-1:0] word;
  if (Rows == 1) begin : gen_one
    assign word = words[0];
  end else begin : gen_choice
    logic [$clog2(Rows)-1:0] row_q;
    always_ff @(posedge clk_i) if (read_i) row_q <= raddress_i[$clog2(DEPTH)-1:Bits];
    assign word = words[row_q];
  end
  if (REGISTERED && !OwnRegister) begin : gen_register
    logic [WIDTH-1:0] out_q;
    always_ff @(posedge clk_i) if (out_i) out_q <= word[WIDTH-1:0];
    assign rdata_o = out_q;
  end else begin : gen_none
    assign rdata_o = word[WIDTH-1:0];
  end
  wire unused = &{1'b0, word, out_i};
`else
  localparam int Part = WIDTH / PARTS;
  (* ram_style = "ultra" *) logic [WIDTH-1:0] memory[DEPTH];
  logic [WIDTH-1:0] read_q;
  always_ff @(posedge clk_i) begin
    for (int p = 0; p < PARTS; p++) if (we_i[p]) memory[waddress_i][Part*p+:Part] <= wdata_i[Part*p+:Part];
    if (read_i) read_q <= memory[raddress_i];
  end
  if (REGISTERED) begin : gen_register
    logic [WIDTH-1:0] out_q;
    always_ff @(posedge clk_i) if (out_i) out_q <= read_q;
    assign rdata_o = out_q;
  end else begin : gen_none
    assign rdata_o = read_q;
    wire unused = out_i;
  end
`endif
endmodule
`default_nettype wire
