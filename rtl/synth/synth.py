#!/usr/bin/env python3
"""Synthesises the accelerator for the KV260's device with Yosys and reports what it takes and how deep its logic is.

`make synth` runs it. docs/rtl/synthesis.md says how to read the tables.
"""

import argparse
import fnmatch
import json
import pathlib
import re
import subprocess
import sys
import time

import netlist

HERE = pathlib.Path(__file__).resolve().parent
RTL = HERE.parent
ROOT = RTL.parent

sys.path.insert(0, str(RTL))
from report_tables import write_between  # noqa: E402

# The XCK26 (DS987) and the share of it that we allow ourselves.
DEVICE = {"LUT": 117120, "FF": 234240, "CARRY8": 14640, "DSP48E2": 1248, "RAMB36": 144, "URAM288": 64}
BUDGET = {"LUT": 70272, "FF": 140544, "DSP48E2": 400, "RAMB36": 100, "URAM288": 48}
PUBLISHED = (("arXiv 2502.10659, on this board", {"LUT": "78K", "DSP48E2": "291"}),
             ("Hummingbird, on this board", {"LUT": "26K", "DSP48E2": "179"}))

# Small parts are synthesised within the units that use them, so that constants and unused bits go, and the SPU's control
# as one, as the end of a step goes through all of it. All other modules stay apart, so that each is synthesised once.
PARTS = ("delay", "ram", "ultra_ram", "packed_multiplier", "adder_tree", "normalise", "align_right", "fp_round", "fp_scale", "fp16_to_fp", "queue", "counter",
         "port_fifo", "score_max", "kv_collect", "kv_issue", "kv_tags", "spu_sequence", "spu_issue", "spu_microcode", "spu_writes")

# The deepest logic between registers that rtl/ allows itself: an adder of 32 bits (2.7 levels) and multiplexers of
# 16 to 1 (2), or less of each. At 0.4 ns per level 300 MHz leave 1.3 ns for registers, clock and long wires.
DEPTH_LIMIT = 5.0

STEPS = ("begin", "prepare", "map_dsp", "coarse", "map_memory", "map_ffram", "fine", "map_cells", "map_ffs", "map_luts")

# Instead of synth_xilinx's step map_luts: that one prices small LUTs low, as two may share a site, and moves clock
# enables into them. Here a LUT is a LUT, so that their number is what the device must have; what is equal, such as the
# inverters of reset that each flip-flop gets, is there once.
MAP_LUTS = """opt_expr -mux_undef -noclkinv
abc -lut 6
clean
techmap -map +/xilinx/ff_map.v
xilinx_srl -fixed -minlen 3
opt_merge
techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6
opt_lut_ins -tech xilinx
clean"""


def board_parameters():
    accelerator = json.loads((ROOT / "boards/kv260.json").read_text())["accelerator"]
    return {"SCORE_BYTES": accelerator["score_buffer_bytes"], "FIFO_BEATS": accelerator["prefetch_fifo_beats"],
            "CONTEXT": 8192, "CLOCK_KHZ": accelerator["clock_mhz"] * 1000}


def sources(package):
    """Packages first, as everything refers to them."""
    packages = sorted(RTL.glob("*_pkg.sv"))
    return [package, *packages, *(file for file in sorted(RTL.glob("*.sv")) if file not in packages)]


def instance(top, tokens):
    """One instance of the top module for the module that holds them all, with the parameters that it has."""
    text = (RTL / f"{top}.sv").read_text()
    values = {"TOKENS": tokens, **board_parameters()}
    values["SCORES"] = values["SCORE_BYTES"] // (8 * tokens)
    given = ", ".join(f".{name}({value})" for name, value in values.items() if re.search(rf"parameter int {name}\b", text))
    return f"  (* keep *) {top} #({given}) tokens_{tokens} ();" if given else f"  (* keep *) {top} tokens_{tokens} ();"


def mapping(files, top, output):
    """Yosys commands that leave the mapped netlist of `top`, with its hierarchy, in the file `output`."""
    lines = ["log -stdout reading", "read_verilog -lib +/xilinx/cells_sim.v +/xilinx/cells_xtra.v",
             f"read_verilog -sv -DULTRASCALE_PLUS {' '.join(map(str, files))}", f"hierarchy -check -top {top}",
             "setattr -mod -set keep_hierarchy 1 *"]
    for part in PARTS:
        lines.append(f"setattr -mod -unset keep_hierarchy {part} A:hdlname={part} $paramod*\\\\{part} $paramod*\\\\{part}\\\\*")
    for first, last in zip(STEPS, STEPS[1:]):
        lines += [f"log -stdout {first}",
                  f"synth_xilinx -family xcup -flatten -nowidelut -noiopad -top {top} -run {first}:{last}"]
        if first == "prepare":
            lines.append("check -assert")
    lines += ["log -stdout map_luts", MAP_LUTS, "log -stdout writing", f"write_json {output}"]
    return "\n".join(lines) + "\n"


def synthesise(top, tokens, package, build):
    holder = build / "all.sv"
    holder.write_text("module all;\n" + "\n".join(instance(top, t) for t in tokens) + "\nendmodule\n")
    commands = build / "synth.ys"
    commands.write_text(mapping([*sources(package), holder], "all", build / "netlist.json"))
    start = time.monotonic()
    with subprocess.Popen(["stdbuf", "-oL", "yosys", "-q", "-l", build / "yosys.log", "-s", commands], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:
        for line in process.stdout:
            print(f"{time.monotonic() - start:6.0f} s  {line.strip()}", flush=True)
    if process.returncode != 0:
        errors = [line for line in (build / "yosys.log").read_text().splitlines() if "ERROR" in line]
        sys.exit(f"synth: Yosys failed: {errors[-1] if errors else 'no message'} (see {build / 'yosys.log'})")
    print(f"{time.monotonic() - start:6.0f} s  done", flush=True)


def number(value):
    return f"{value:,.1f}".removesuffix(".0")


def resource_table(mapped, roots):
    """roots: {tokens: module}. Whole designs first, then the units, each once for what it takes."""
    columns = netlist.RESOURCES
    lines = ["| | " + " | ".join(columns) + " | LUT, pairs sharing |", "|---|" + "---|" * (len(columns) + 1)]

    def row(name, values):
        lines.append(f"| {name} | " + " | ".join(values) + " |")

    row("XCK26", [number(DEVICE[c]) for c in columns] + [""])
    row("at most", [number(BUDGET[c]) if c in BUDGET else "" for c in columns] + [""])
    for name, values in PUBLISHED:
        row(name, [values.get(c, "") for c in columns] + [""])
    for tokens, module in roots.items():
        total = mapped.resources(module)
        row(f"**whole, TOKENS = {tokens}**",
            [f"**{number(total[c])}** ({100 * total[c] / DEVICE[c]:.0f}%)" for c in columns] +
            [f"{number(total['LUT'] - mapped.pairs(module))} ({100 * (total['LUT'] - mapped.pairs(module)) / DEVICE['LUT']:.0f}%)"])
    lines += ["", "| unit | TOKENS | instances | " + " | ".join(columns) + " |", "|---|---|---|" + "---|" * len(columns)]
    rows = {}
    for tokens, module in roots.items():
        for unit, count in mapped.instances(module).items():
            if unit != module:
                values = tuple(number(mapped.resources(unit)[c]) for c in columns)
                rows.setdefault((mapped.title(unit), values), {}).setdefault(tokens, 0)
                rows[(mapped.title(unit), values)][tokens] += count
    for (title, values), counts in sorted(rows.items(), key=lambda item: (item[0][0], min(item[1]))):
        lines.append(f"| `{title}` | {', '.join(map(str, counts))} | {', '.join(map(str, counts.values()))} | " +
                     " | ".join(values) + " |")
    return "\n".join(lines)


def read_exceptions(file):
    """[(module, start, end, reason)], names with wildcards."""
    result = []
    for line in file.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            fields = [field.strip() for field in line.split("|")]
            if len(fields) != 4 or not fields[3]:
                sys.exit(f"synth: {file}: '{line}' is not 'unit | from | to | reason'")
            result.append(fields)
    return result


def exception_of(path, exceptions):
    for i, (module, start, end, _) in enumerate(exceptions):
        if all(fnmatch.fnmatchcase(name, pattern)
               for name, pattern in ((path.module, module), (path.start, start), (path.end, end))):
            return i
    return None


def depth_table(paths):
    """The deepest path of each unit."""
    lines = ["| unit | levels | from | to | through |", "|---|---|---|---|---|"]
    deepest = {}
    for path in paths:
        deepest.setdefault(path.module, path)
    for path in sorted(deepest.values(), key=lambda path: -path.depth):
        lines.append(f"| `{path.module}` | {path.depth:.1f} | `{path.start}` | `{path.end}` | "
                     f"{', '.join(netlist.cell_names(path.cells)) or 'nothing'} |")
    return "\n".join(lines)


# Of a clock of 300 MHz, less what its arrival varies.
PERIOD_PS = 3333 - 60


def timing_table(paths, rows=10):
    """The slowest path of the slowest units, by the estimate; `paths` in picoseconds."""
    lines = ["| ps, estimated | slack to 300 MHz | unit | from | to | through |", "|---|---|---|---|---|---|"]
    slowest = {}
    for path in paths:
        slowest.setdefault((path.module, path.end), path)
    for path in sorted(slowest.values(), key=lambda path: -path.depth)[:rows]:
        lines.append(f"| {path.depth:,.0f} | {PERIOD_PS - path.depth:,.0f} | `{path.module}` | `{path.start}` | `{path.end}` | "
                     f"{', '.join(netlist.cell_names(path.cells)) or 'nothing'} |")
    return "\n".join(lines)


def check_depth(paths, exceptions):
    """Prints what breaks the rule; the number of such paths."""
    used, broken = set(), 0
    for path in paths:
        if path.depth > DEPTH_LIMIT:
            found = exception_of(path, exceptions)
            if found is None:
                broken += 1
                print(f"too deep: {path.depth:.1f} levels in {path.module}: {path.start} -> {path.end}: "
                      f"{', '.join(netlist.cell_names(path.cells))}")
            else:
                used.add(found)
    for i, (module, start, end, _) in enumerate(exceptions):
        if i not in used:
            print(f"an exception that nothing needs: {module} | {start} | {end}")
    return broken


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=pathlib.Path, help="the generated brim_pkg.sv")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/synth", help="folder for netlist and log")
    parser.add_argument("--top", default="brim_top", help="module to synthesise")
    parser.add_argument("--tokens", default="1,4,8", help="values of TOKENS")
    parser.add_argument("--reuse", action="store_true", help="report on the netlist that is there")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/")
    arguments = parser.parse_args()
    tokens = [int(t) for t in arguments.tokens.split(",")]
    build = arguments.build.resolve()
    build.mkdir(parents=True, exist_ok=True)

    if not arguments.reuse:
        synthesise(arguments.top, tokens, arguments.package.resolve(), build)
    if not (build / "netlist.json").exists():
        sys.exit(f"synth: no netlist in {build}: run without --reuse first")
    with open(build / "netlist.json", encoding="utf-8") as file:
        mapped = netlist.Netlist(file)
    roots = {t: mapped.modules["all"]["cells"][f"tokens_{t}"]["type"] for t in tokens}

    resources = resource_table(mapped, roots)
    paths = mapped.paths("all")
    depths = depth_table(paths)
    times = timing_table(mapped.timed().paths("all"))
    print(resources, depths, times, sep="\n\n")
    if arguments.write:
        write_between(ROOT / "docs/results.md", "resources", resources)
        write_between(ROOT / "docs/rtl/synthesis.md", "depths", depths)
        write_between(ROOT / "docs/rtl/synthesis.md", "times", times)
    broken = check_depth(paths, read_exceptions(HERE / "deep_paths.txt"))
    if broken:
        sys.exit(f"synth: {broken} paths are deeper than {DEPTH_LIMIT} levels and not in rtl/synth/deep_paths.txt")


if __name__ == "__main__":
    main()
