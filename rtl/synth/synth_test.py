"""Tests of `make synth` on designs that are small enough to know what must come out."""

import contextlib
import functools
import io
import pathlib
import subprocess
import tempfile
import unittest

import netlist
import synth

DESIGN = """
`default_nettype none
// A register behind combinational logic, one of whose outputs passes it by.
module inner (input wire clk_i, input wire [31:0] x_i, output wire [31:0] late_o, output wire [31:0] sum_o);
  logic [31:0] kept_q;
  always_ff @(posedge clk_i) kept_q <= x_i + 32'd77;
  assign late_o = kept_q;
  assign sum_o = x_i + {kept_q[15:0], kept_q[31:16]};
endmodule

module top (input wire clk_i, input wire [31:0] a_i, input wire [31:0] b_i, input wire [63:0] bits_i,
            input wire [5:0] select_i, output wire [31:0] r_o);
  logic [31:0] a_q, b_q, sum_q, twice_q;
  logic [63:0] bits_q;
  logic [5:0] select_q;
  logic chosen_q;
  wire [31:0] late0, late1, sum0, sum1;
  wire [47:0] product;
  inner u_first (.clk_i, .x_i(a_q), .late_o(late0), .sum_o(sum0));
  inner u_second (.clk_i, .x_i(sum0), .late_o(late1), .sum_o(sum1));
  packed_multiplier u_multiplier (
      .clk_i, .operand_i(a_q[26:0]), .activation_i(b_q[15:0]), .add_i(1'b0), .chain_i(1'b0), .chain_sum_i(48'b0),
      .chain_sum_o(), .sum_o(product));
  always_ff @(posedge clk_i) begin
    a_q      <= a_i;
    b_q      <= b_i;
    bits_q   <= bits_i;
    select_q <= select_i;
    sum_q    <= a_q + b_q;
    chosen_q <= bits_q[select_q];
    twice_q  <= sum1;
  end
  assign r_o = sum_q ^ late0 ^ late1 ^ twice_q ^ product[31:0] ^ {31'b0, chosen_q};
endmodule
"""


@functools.lru_cache
def mapped():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        design, commands, output = folder / "design.sv", folder / "synth.ys", folder / "netlist.json"
        design.write_text(DESIGN)
        commands.write_text(synth.mapping([synth.RTL / "packed_multiplier.sv", design], "top", output))
        subprocess.run(["yosys", "-q", "-s", commands], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(output, encoding="utf-8") as file:
            return netlist.Netlist(file)


def path(end):
    """The deepest path to a register."""
    return next(p for p in mapped().paths("top") if p.end.startswith(end))


class Resources(unittest.TestCase):
    def test_every_use_of_a_module_counts(self):
        total, inner = mapped().resources("top"), mapped().resources("inner")
        self.assertEqual(mapped().instances("top")["inner"], 2)
        self.assertEqual(inner["FF"], 32)
        # a, b, sum and twice; bits, select, chosen; two inner modules.
        self.assertEqual(total["FF"], 4 * 32 + 64 + 6 + 1 + 2 * 32)
        # Five adders of 32 bits.
        self.assertEqual(total["CARRY8"], 5 * 4)

    def test_a_primitive_counts_as_what_it_is(self):
        self.assertEqual(mapped().resources("top")["DSP48E2"], 1)

    def test_partners_share_at_most_all_luts(self):
        self.assertLess(2 * mapped().pairs("top"), mapped().resources("top")["LUT"])


class Depth(unittest.TestCase):
    def test_an_adder_of_32_bits(self):
        # A LUT, into the chain, through seven more CARRY4, and the wire behind it.
        self.assertAlmostEqual(path("sum_q").depth, 1 + 0.5 + 7 * 0.1 + 0.5)

    def test_a_multiplexer_of_64_to_1_takes_three_levels(self):
        self.assertAlmostEqual(path("chosen_q").depth, 3)

    def test_a_path_through_two_modules_is_one_path(self):
        deep = path("twice_q")
        self.assertGreater(deep.depth, path("sum_q").depth + 0.5)  # two adders
        self.assertEqual(deep.module, "top")
        self.assertEqual(netlist.cell_names(deep.cells)[0][:3], "LUT")

    def test_a_register_inside_a_module_bears_its_instance(self):
        self.assertGreater(path("u_second.kept_q").depth, 2)


@functools.lru_cache
def timed():
    return mapped().timed()


def time_of(end):
    return next(p for p in timed().paths("top") if p.end.startswith(end)).depth


class Timing(unittest.TestCase):
    def test_wires_grow_with_what_they_drive(self):
        delays = [netlist.Delays.wire(loads) for loads in (0, 1, 10, 100, 1000)]
        self.assertEqual(delays, sorted(delays))
        self.assertAlmostEqual(delays[1], 45 + 86 + 3.5 * 14)

    def test_an_adder_of_32_bits(self):
        # Register, wire, LUT and into the chain, seven more CARRY4, out of it, setup. Each operand drives a LUT, and some more.
        cells = 77 + 92 + 165 + 7 * 22 + 112 + 75
        self.assertGreater(time_of("sum_q"), cells + netlist.Delays.wire(1))
        self.assertLess(time_of("sum_q"), cells + netlist.Delays.wire(8))

    def test_a_multiplexer_of_64_to_1(self):
        # Three LUTs and the wires before each; the flip-flop stands beside the last.
        self.assertGreater(time_of("chosen_q"), 77 + 3 * 92 + 75 + 3 * netlist.Delays.wire(1))
        self.assertLess(time_of("chosen_q"), 77 + 3 * 92 + 75 + 3 * netlist.Delays.wire(64))

    def test_pins_inside_modules_are_loads(self):
        pins = {bit: loads for bit, loads in timed()._loads("top").items()}
        bits = timed().modules["top"]["netnames"]["a_q"]["bits"]
        # The adder's LUT and what reads it in the module and in the multiplier.
        self.assertGreaterEqual(pins[bits[3]][0], 3)

    def test_the_table_has_the_slowest_first(self):
        rows = synth.timing_table(timed().paths("top"), 3).splitlines()[2:]
        self.assertEqual(len(rows), 3)
        self.assertIn("twice_q", rows[0])


class Rule(unittest.TestCase):
    def broken(self, exceptions):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            return synth.check_depth([netlist.Path(synth.DEPTH_LIMIT + 1, "unit", "from_q", "to_q", None),
                                      netlist.Path(synth.DEPTH_LIMIT, "unit", "fine_q", "to_q", None)],
                                     exceptions), text.getvalue()

    def test_a_path_over_the_limit_breaks_it(self):
        count, text = self.broken([])
        self.assertEqual(count, 1)
        self.assertIn("unit: from_q -> to_q", text)

    def test_an_exception_names_unit_and_ends(self):
        self.assertEqual(self.broken([["unit", "from*", "to_q", "why"]]), (0, ""))
        self.assertEqual(self.broken([["other", "from*", "to_q", "why"]])[0], 1)

    def test_an_exception_that_nothing_needs_is_named(self):
        self.assertIn("nothing needs: unit | fine_q | to_q", self.broken([["unit", "fine_q", "to_q", "why"]])[1])


if __name__ == "__main__":
    unittest.main()
