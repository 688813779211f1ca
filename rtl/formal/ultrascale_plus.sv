// UltraScale+ primitives as far as rtl/ uses them, for the proofs of packed_multiplier and ultra_ram and for lint: Yosys has no model of
// them. After UG579 (DSP48E2) and UG573 (UltraRAM), not the vendor's own models. What is not modelled may not be used: pins and
// parameters that the units do not set are not here, or an assert wants them to be what the model takes for granted.
`default_nettype none
// verilator lint_off DECLFILENAME
// verilator lint_off UNUSEDSIGNAL
// verilator lint_off WIDTH

// All registers once. P = W + Z + X + Y, chosen by OPMODE as of the cycle before: X and Y the product, W and Z of the
// sums before; operands that the pipeline brings with it.
module DSP48E2 #(
    parameter integer AREG = 1,
    parameter integer BREG = 1,
    parameter integer MREG = 1,
    parameter integer PREG = 1,
    parameter integer OPMODEREG = 1,
    parameter         USE_MULT = "MULTIPLY"
) (
    input  wire        CLK,
    input  wire [29:0] A,
    input  wire [17:0] B,
    input  wire [ 8:0] OPMODE,
    input  wire [47:0] PCIN,
    output wire [47:0] PCOUT,
    output wire [47:0] P,
    input  wire        CEA2, CEB2, CEM, CEP, CECTRL,
    input  wire [29:0] ACIN,
    input  wire [17:0] BCIN,
    input  wire [47:0] C,
    input  wire [26:0] D,
    input  wire        CARRYCASCIN, CARRYIN, MULTSIGNIN,
    input  wire [ 2:0] CARRYINSEL,
    input  wire [ 3:0] ALUMODE,
    input  wire [ 4:0] INMODE,
    input  wire        CEA1, CEB1, CEAD, CEC, CED, CEALUMODE, CECARRYIN, CEINMODE,
    input  wire        RSTA, RSTB, RSTC, RSTD, RSTM, RSTP, RSTCTRL, RSTALUMODE, RSTINMODE, RSTALLCARRYIN
);
  always_comb assert (AREG == 1 && BREG == 1 && MREG == 1 && PREG == 1 && OPMODEREG == 1 && USE_MULT == "MULTIPLY");
  logic signed [26:0] a_q;
  logic signed [17:0] b_q;
  logic signed [44:0] m_q;
  logic [47:0] p_q;
  logic [8:0] opmode_q;
  logic [47:0] w, z, xy;
  always_comb begin
    w  = opmode_q[8:7] == 2'b01 ? p_q : '0;
    z  = opmode_q[6:4] == 3'b001 ? PCIN : opmode_q[6:4] == 3'b010 ? p_q : '0;
    xy = opmode_q[3:0] == 4'b0101 ? 48'(m_q) : '0;
  end
  always_ff @(posedge CLK) begin
    if (CEA2) a_q <= A[26:0];
    if (CEB2) b_q <= B;
    if (CEM) m_q <= 45'(a_q * b_q);
    if (CECTRL) opmode_q <= OPMODE;
    if (CEP) p_q <= w + z + xy;
    assert (OPMODE[8:7] == 2'b00 || OPMODE[8:7] == 2'b01);
    assert (OPMODE[6:4] == 3'b000 || OPMODE[6:4] == 3'b001 || OPMODE[6:4] == 3'b010);
    assert (OPMODE[3:0] == 4'b0101);
    // A2 * B2 + ..., nothing subtracted or carried in, no resets.
    assert (INMODE == '0 && ALUMODE == '0 && CARRYINSEL == '0 && !CARRYIN);
    assert (!RSTA && !RSTB && !RSTM && !RSTP && !RSTCTRL && !RSTALUMODE && !RSTINMODE && !RSTALLCARRYIN);
  end
  assign P     = p_q;
  assign PCOUT = p_q;
endmodule

// 4,096 words of 72 bits, one clock. Port A reads, then port B writes, whole bytes (BWE_MODE "PARITY_INDEPENDENT": bit 8 is that of
// the upper eight bits). What was read stays until the next read; so does the output register, which an enable of its own has.
module URAM288 #(
    parameter OREG_A = "FALSE",
    parameter USE_EXT_CE_A = "FALSE",
    parameter BWE_MODE_B = "PARITY_INTERLEAVED"
) (
    input  wire        CLK,
    input  wire        EN_A, RDB_WR_A,
    input  wire [ 8:0] BWE_A,
    input  wire [22:0] ADDR_A,
    input  wire [71:0] DIN_A,
    input  wire        OREG_CE_A,
    output wire [71:0] DOUT_A,
    input  wire        EN_B, RDB_WR_B,
    input  wire [ 8:0] BWE_B,
    input  wire [22:0] ADDR_B,
    input  wire [71:0] DIN_B,
    input  wire        OREG_CE_B,
    input  wire        OREG_ECC_CE_A, OREG_ECC_CE_B, RST_A, RST_B, SLEEP,
    input  wire        INJECT_SBITERR_A, INJECT_SBITERR_B, INJECT_DBITERR_A, INJECT_DBITERR_B,
    input  wire [22:0] CAS_IN_ADDR_A, CAS_IN_ADDR_B,
    input  wire [ 8:0] CAS_IN_BWE_A, CAS_IN_BWE_B,
    input  wire [71:0] CAS_IN_DIN_A, CAS_IN_DIN_B, CAS_IN_DOUT_A, CAS_IN_DOUT_B,
    input  wire        CAS_IN_EN_A, CAS_IN_EN_B, CAS_IN_RDACCESS_A, CAS_IN_RDACCESS_B, CAS_IN_RDB_WR_A, CAS_IN_RDB_WR_B,
    input  wire        CAS_IN_SBITERR_A, CAS_IN_SBITERR_B, CAS_IN_DBITERR_A, CAS_IN_DBITERR_B
);
  localparam int Bits = 12;
  // The output register's enable is a pin of its own only if it is asked for.
  always_comb assert (OREG_A == USE_EXT_CE_A && BWE_MODE_B == "PARITY_INDEPENDENT");
  logic [71:0] memory[1 << Bits];
  logic [71:0] read_q;
  always_ff @(posedge CLK) begin
    if (EN_A) read_q <= memory[ADDR_A[Bits-1:0]];
    for (int i = 0; i < 9; i++) if (EN_B && BWE_B[i]) memory[ADDR_B[Bits-1:0]][8*i+:8] <= DIN_B[8*i+:8];
    assert (!EN_A || !RDB_WR_A);
    assert (!EN_B || RDB_WR_B);
    assert (!RST_A && !RST_B && !SLEEP);
  end
  if (OREG_A == "TRUE") begin : gen_register
    logic [71:0] out_q;
    always_ff @(posedge CLK) if (OREG_CE_A) out_q <= read_q;
    assign DOUT_A = out_q;
  end else begin : gen_none
    assign DOUT_A = read_q;
  end
endmodule
`default_nettype wire
