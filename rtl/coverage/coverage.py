#!/usr/bin/env python3
"""Reports what the RTL's test benches cover; fails where a line, branch or functional point is neither covered nor
explained.

Reads what the test benches of the preset `coverage` have written (a folder of .dat files, merged by
verilator_coverage), joins the instances of each module, and compares what is left with the list of known holes,
rtl/coverage/holes.txt. docs/rtl/coverage.md says how to read the tables.
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

sys.path.insert(0, str(HERE.parent))
from report_tables import write_between  # noqa: E402

MERGED = "merged.info"
KINDS = ("block", "if", "else", "elsif", "case", "toggle", "point")


class Point:
    """A place where Verilator counts; `name` tells it from others of its kind in the module, line numbers aside."""

    def __init__(self, module, kind, name, line, lines, bit=None):
        self.module, self.kind, self.name, self.line, self.lines, self.bit = module, kind, name, line, lines, bit
        self.count = 0


def merge(folder):
    """The counts of all test benches of a folder in one file."""
    files = sorted(folder.glob("*.dat"))
    if not files:
        sys.exit(f"coverage: no .dat files in {folder}: run the tests with BRIM_COVERAGE_DIR={folder}")
    subprocess.run(["verilator_coverage", "--write", folder / MERGED, *files], check=True, stdout=subprocess.DEVNULL)
    return folder / MERGED


def records(file):
    """[({key: value}, count)] of a file that verilator_coverage wrote."""
    for line in file.read_text().splitlines():
        if line.startswith("C "):
            keys, count = line[3:].rsplit("' ", 1)
            yield dict(pair.split("\x02") for pair in keys.split("\x01")[1:]), int(count)


def numbers(text):
    """'3-5,9': [3, 4, 5, 9]."""
    result = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        result += range(int(first), int(last or first) + 1)
    return result


class Sources:
    """Lines of the sources by what they say."""

    def __init__(self):
        self.lines = {}

    def of(self, path):
        if path not in self.lines:
            self.lines[path] = [line.split("//")[0].strip() for line in pathlib.Path(path).read_text().splitlines()]
        return self.lines[path]

    def name(self, path, number):
        """The line's text, behind as many lines before it as make it the only one."""
        lines = [(i, text) for i, text in enumerate(self.of(path), 1) if text]
        at = next(k for k, (i, _) in enumerate(lines) if i >= number)
        texts = [text for _, text in lines]
        for before in range(at + 1):
            name = texts[at - before : at + 1]
            if sum(texts[k - before : k + 1] == name for k in range(before, len(texts))) == 1:
                break
        return " / ".join(name)


def read_points(file):
    """Points by module, each once for all instances and test benches."""
    sources, points = Sources(), {}
    for keys, count in records(file):
        path, line = keys["f"], int(keys["l"])
        module, what, hierarchy = pathlib.Path(path).stem, keys.get("o", ""), keys.get("h", "")
        checker = module.endswith("_cover") and not keys["page"].startswith("v_user")
        if checker or pathlib.Path(path).parent.name == "test":
            continue
        page, bit, lines = keys["page"].split("/")[0], None, numbers(keys.get("S", ""))
        if page == "v_toggle":
            kind, name = "toggle", what
            found = re.fullmatch(r"(.*)\[(\d+)\]", what)
            if found:
                name, bit = found[1], int(found[2])
        elif page == "v_user":
            module, kind = module.removesuffix("_cover"), "point"
            # The place inside the module of functional points: generate blocks and the property's name.
            name = hierarchy.split(".u_cover.")[-1]
            name = name.replace("__BRA__", "[").replace("__KET__", "]")
        else:
            kind, name = what, sources.name(path, line)
        key = (module, kind, name, line, bit)
        if key not in points:
            points[key] = Point(module, kind, name, line, lines, bit)
        points[key].count += count
    return list(points.values())


class Hole:
    """A line of holes.txt. In patterns, * stands for anything, and [a:b] at the end of a toggle for these bits."""

    def __init__(self, module, kind, pattern, reason):
        self.module, self.kind, self.pattern, self.reason = module, kind, pattern, reason
        self.bits, text = None, pattern
        found = re.fullmatch(r"(.*)\[(\d+)(?::(\d+))?\]", pattern) if kind == "toggle" else None
        if found:
            text = found[1]
            last = int(found[2])
            self.bits = range(int(found[3] or last), last + 1)
        self.matcher = re.compile(re.escape(text).replace(r"\*", ".*"), re.DOTALL)
        self.modules = re.compile(re.escape(module).replace(r"\*", ".*"))
        self.points = []

    def explains(self, point):
        return (point.kind == self.kind and self.modules.fullmatch(point.module) and
                self.matcher.fullmatch(point.name) and (self.bits is None or point.bit in self.bits))


def read_holes(file):
    result = []
    for line in file.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            fields = [field.strip() for field in line.split(" | ")]
            if len(fields) != 4 or not fields[3] or fields[1] not in KINDS:
                sys.exit(f"coverage: {file}: '{line}' is not 'module | kind | pattern | reason', kind being one of "
                         f"{', '.join(KINDS)}")
            result.append(Hole(*fields))
    return result


def explain(points, holes):
    """Gives each hole its points; those that none explains."""
    left = []
    for point in points:
        if point.count == 0:
            hole = next((hole for hole in holes if hole.explains(point)), None)
            (left if hole is None else hole.points).append(point)
    return left


def ranges(bits):
    """[0, 1, 2, 7]: '7, 2:0'."""
    parts = []
    for bit in sorted(bits, reverse=True):
        if parts and parts[-1][1] == bit + 1:
            parts[-1][1] = bit
        else:
            parts.append([bit, bit])
    return ", ".join(str(first) if first == last else f"{first}:{last}" for first, last in parts)


def signals(points):
    """[(module, signal with its bits)] of toggles."""
    bits = collections.defaultdict(list)
    for point in points:
        bits[(point.module, point.name)].append(point.bit)
    return sorted((module, name if None in b else f"{name}[{ranges(b)}]") for (module, name), b in bits.items())


def describe(points):
    """Lines of text, toggles grouped by signal."""
    lines = [f"{point.module}.sv:{point.line}: {point.kind} | {point.name}" for point in points if point.kind != "toggle"]
    toggles = signals(point for point in points if point.kind == "toggle")
    return sorted(lines) + [f"{module}: toggle | {signal}" for module, signal in toggles]


def share(points):
    return f"{sum(point.count > 0 for point in points):,}/{len(points):,}" if points else ""


def lines_of(points):
    """Lines of source that belong to a block, each covered if one of the blocks that it belongs to is."""
    lines = collections.defaultdict(int)
    for point in points:
        for line in point.lines:
            lines[(point.module, line)] += point.count
    return list(lines.values())


def table(points):
    modules = collections.defaultdict(list)
    for point in points:
        modules[point.module].append(point)
    rows = ["| module | lines | branches | toggles | functional points |", "|---|---|---|---|---|"]

    def row(title, chosen):
        code = [p for p in chosen if p.kind not in ("toggle", "point")]
        counts = lines_of(code)
        lines = f"{sum(count > 0 for count in counts):,}/{len(counts):,}" if counts else ""
        rows.append(f"| {title} | {lines} | {share([p for p in code if p.kind != 'block'])} | "
                    f"{share([p for p in chosen if p.kind == 'toggle'])} | {share([p for p in chosen if p.kind == 'point'])} |")

    row("**all**", points)
    for module in sorted(modules):
        row(f"`{module}`", modules[module])
    return "\n".join(rows)


def hole_table(holes):
    rows = ["| module | what | how many | why |", "|---|---|---|---|"]
    for hole in holes:
        pattern = hole.pattern.replace("|", "\\|")
        module = "any" if hole.module == "*" else f"`{hole.module}`"
        rows.append(f"| {module} | {hole.kind} `{pattern}` | {len(hole.points):,} | {hole.reason} |")
    return "\n".join(rows)


def toggle_table(points):
    rows = ["| module | bits |", "|---|---|"]
    modules = collections.defaultdict(list)
    for module, signal in signals(points):
        modules[module].append(f"`{signal}`")
    return "\n".join(rows + [f"| `{module}` | {', '.join(modules[module])} |" for module in sorted(modules)])


def check(left, holes):
    """Prints what nothing explains, and what explains nothing; the number of places that break the rule."""
    for line in describe(left):
        print(f"neither covered nor explained: {line}")
    for hole in holes:
        if not hole.points:
            print(f"a hole that is none any more: {hole.module} | {hole.kind} | {hole.pattern}")
    return sum(point.kind != "toggle" for point in left)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="what BRIM_COVERAGE_DIR was for the tests")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/rtl/coverage.md")
    arguments = parser.parse_args()

    points = read_points(merge(arguments.folder.resolve()))
    holes = read_holes(HERE / "holes.txt")
    left = explain(points, holes)
    broken = check(left, holes)
    print(table(points))
    if arguments.write:
        document = ROOT / "docs/rtl/coverage.md"
        write_between(document, "coverage", table(points))
        write_between(document, "holes", hole_table(holes))
        write_between(document, "toggles", toggle_table([point for point in left if point.kind == "toggle"]))
    if broken:
        sys.exit(f"coverage: {broken} places are neither covered nor explained in rtl/coverage/holes.txt")


if __name__ == "__main__":
    main()
