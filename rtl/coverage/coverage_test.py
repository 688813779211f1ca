"""Tests of `make coverage`'s report, on a module that is small enough to know what must come out."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import coverage

SOURCE = """module unit;
  always_ff @(posedge clk_i) begin
    if (a) begin
      x <= 1;
    end
    if (b) begin
      x <= 2;
    end
    if (a) begin  // again
      x <= 3;
    end
  end
endmodule
"""


def record(path, line, page, what, lines="", hierarchy="TOP.unit", count=0):
    keys = {"f": path, "l": line, "page": page, "o": what, "S": lines, "h": hierarchy}
    return "C '" + "".join(f"\x01{key}\x02{value}" for key, value in keys.items()) + f"' {count}\n"


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.source = self.folder / "unit.sv"
        self.source.write_text(SOURCE)

    def points(self, *texts):
        file = self.folder / "counts"
        file.write_text("# SystemC::Coverage-3\n" + "".join(texts))
        return coverage.read_points(file)

    def branch(self, line, count, kind="if"):
        return record(self.source, line, "v_branch/unit", kind, f"{line}-{line + 1}" if kind == "if" else "", count=count)

    def toggle(self, name, count, hierarchy="TOP.unit"):
        return record(self.source, 1, "v_toggle/unit__T4", name, hierarchy=hierarchy, count=count)

    def checked(self, points, *holes):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            holes = [coverage.Hole(*hole) for hole in holes]
            count = coverage.check(coverage.explain(points, holes), holes)
        return count, text.getvalue()

    def test_a_point_is_covered_when_one_instance_is(self):
        points = self.points(self.toggle("x[0]", 0, "TOP.a"), self.toggle("x[0]", 3, "TOP.b"), self.toggle("x[1]", 0))
        self.assertEqual([(p.module, p.name, p.bit, p.count) for p in points], [("unit", "x", 0, 3), ("unit", "x", 1, 0)])

    def test_a_line_is_named_by_its_text_and_what_makes_it_the_only_one(self):
        names = [p.name for p in self.points(self.branch(3, 1), self.branch(6, 1), self.branch(9, 1))]
        self.assertEqual(names[1], "if (b) begin")
        self.assertEqual(names[2], "end / if (a) begin")
        self.assertEqual(names[0], "always_ff @(posedge clk_i) begin / if (a) begin")

    def test_generated_points_are_told_apart(self):
        points = self.points(*(record(self.folder / "unit_cover.sv", 5, "v_user/unit_cover", "full", "5",
                                      f"TOP.top.u_unit.u_cover.gen_i__BRA__{i}__KET__.full", i) for i in range(2)))
        self.assertEqual([(p.module, p.kind, p.name, p.count) for p in points],
                         [("unit", "point", "gen_i[0].full", 0), ("unit", "point", "gen_i[1].full", 1)])

    def test_what_is_not_covered_breaks_the_rule(self):
        count, text = self.checked(self.points(self.branch(6, 0), self.branch(6, 1, "else"), self.toggle("x[3]", 0),
                                               self.toggle("x[4]", 0), self.toggle("y", 1)))
        self.assertEqual(count, 1)  # toggles are shown alone
        self.assertIn("unit.sv:6: if | if (b) begin", text)
        self.assertIn("unit: toggle | x[4:3]", text)

    def test_a_hole_with_a_reason_does_not(self):
        points = self.points(self.branch(6, 0), self.toggle("x[3]", 0), self.toggle("x[4]", 0))
        holes = [["unit", "if", "if (b) begin", "why"], ["u*", "toggle", "x[4:3]", "why"]]
        self.assertEqual(self.checked(points, *holes), (0, ""))
        self.assertEqual(self.checked(points, ["unit", "else", "if (b) begin", "why"], ["unit", "toggle", "x[3]", "why"])[0], 1)

    def test_a_hole_that_is_none_any_more_is_named(self):
        self.assertIn("none any more: unit | toggle | x[3]",
                      self.checked(self.points(self.toggle("x[3]", 1)), ["unit", "toggle", "x[3]", "why"])[1])

    def test_the_table_counts_lines_branches_toggles_and_points(self):
        text = coverage.table(self.points(self.branch(3, 1), self.branch(6, 0), self.branch(6, 1, "else"), self.toggle("x", 1)))
        self.assertIn("| `unit` | 2/4 | 2/3 | 1/1 |  |", text)


if __name__ == "__main__":
    unittest.main()
