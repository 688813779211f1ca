#!/usr/bin/env python3
"""Proves a wrapper of rtl/formal with Yosys and ABC, and that a planted bug breaks the proof. docs/rtl/formal.md.

A wrapper NAME.sv holds the unit, what its neighbours promise (assume) and what it promises (assert). Lines that begin
with `//:` say how it is proved:

    //: sources stream_slice.sv            files of rtl/, in order; brim_pkg.sv comes first
    //: method pdr                         unbounded; or `bmc N`: the first N cycles; or `induction N`: unbounded, as asserts
                                       that hold in a cycle hold in the next one, bugs in the first N cycles; or
                                       `scorr`: unbounded, by registers that are equal, which all start as zeros
    //: with FILE.sv => old => new         a smaller instance, where the unit has no parameter for it
    //: twin FILE.sv MACRO                 its module once more as MODULE_twin, read with MACRO defined
    //: plant stream_slice.sv => old => new a bug that the proof must find, in a copy of the file; one line per bug
"""

import argparse
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RTL = HERE.parent


def directives(wrapper):
    found = {}
    for line in wrapper.read_text().splitlines():
        if line.startswith("//: "):
            key, _, value = line[4:].partition(" ")
            found.setdefault(key, []).append(value.strip())
    return found


def run(command, folder, seconds):
    """Exit code and output; the limit is of processor time, as the machine may be busy."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds)))
    if result.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        sys.exit(f"prove: {command[0]} took longer than {seconds} s")
    return result.returncode, result.stdout + result.stderr


def aiger(wrapper, files, folder, seconds, zeros=False):
    """Writes folder/model.aig: asserts as outputs, assumes as constraints."""
    script = (f"read_verilog -formal -sv {' '.join(map(str, files))} {wrapper}; prep -flatten -top {wrapper.stem}; "
              "memory_nordff; memory_map; opt -full; async2sync; setundef -undriven -anyseq; opt -full; "
              f"techmap; opt -fast; dffunmap; simplemap; setundef -anyseq; {'zinit -all; ' if zeros else ''}aigmap; opt_clean; write_aiger -zinit model.aig")
    (folder / "model.ys").write_text(script.replace("; ", "\n") + "\n")
    code, text = run(["yosys", "-q", "-s", "model.ys"], folder, seconds)
    if code != 0:
        sys.exit(f"prove: Yosys failed on {wrapper.name}:\n{text[-2000:]}")


def proved(method, folder, seconds):
    """True if no assert can fail, False if one can; ends the program where neither was found."""
    kind, _, depth = method.partition(" ")
    engine = {"pdr": "pdr", "bmc": f"bmc3 -F {depth}", "induction": "bmc3 -F 2; ind -F 2", "scorr": "scorr; pdr"}[kind]
    # One output of all asserts, so that each may build on the others.
    commands = f"read_aiger model.aig; fold; orpos; strash; {engine}"
    code, text = run(["yosys-abc", "-c", commands], folder, seconds)
    if re.search(r"was asserted in frame", text):
        return False
    # What an engine prints that has found none.
    none = {"bmc": rf"No output asserted in {depth} frames|Reached the limit|No output failed in {depth} frames",
            "induction": r"(?s)No output asserted in 2 frames.*Networks are equivalent"}.get(kind, "Property proved")
    if re.search(none, text):
        return True
    sys.exit(f"prove: undecided by {engine} (exit code {code}):\n{text[-1500:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=pathlib.Path, help="the generated brim_pkg.sv")
    parser.add_argument("wrapper", type=pathlib.Path, help="a file of rtl/formal")
    parser.add_argument("--seconds", type=int, default=120, help="for each step")
    arguments = parser.parse_args()
    wrapper = arguments.wrapper.resolve()
    said = directives(wrapper)
    sources = said["sources"][0].split()
    method = said["method"][0]
    changes, plants = ([[part.strip() for part in change.split(" => ", 2)] for change in said.get(key, [])]
                       for key in ("with", "plant"))

    for plant in [None, *plants]:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            files = [arguments.package.resolve(), HERE / "order.sv"]
            for source in sources:
                text = (RTL / source).read_text()
                for file, old, new in [*changes, *([plant] if plant else [])]:
                    if file == source:
                        if text.count(old) != 1:
                            sys.exit(f"prove: {source} has '{old}' {text.count(old)} times, not once")
                        text = text.replace(old, new)
                (folder / source).parent.mkdir(exist_ok=True)
                (folder / source).write_text(text)
                files.append(folder / source)
                for file, macro in (twin.split() for twin in said.get("twin", [])):
                    if file == source:
                        module = pathlib.Path(file).stem
                        text = re.sub(rf"\bmodule {module}\b", f"module {module}_twin", text)
                        (folder / f"{module}_twin.sv").write_text(f"`define {macro}\n{text}`undef {macro}\n")
                        files.append(folder / f"{module}_twin.sv")
            aiger(wrapper, files, folder, arguments.seconds, zeros=method == "scorr")
            holds = proved(method.replace("induction", "bmc") if plant else method, folder, arguments.seconds)
            if plant is None and not holds:
                sys.exit(f"prove: {wrapper.stem}: an assert fails")
            if plant is not None and holds:
                sys.exit(f"prove: {wrapper.stem}: the bug '{plant[2]}' in {plant[0]} is not found")
            print(f"{wrapper.stem}: {'proved' if plant is None else 'finds ' + plant[2]}", flush=True)


if __name__ == "__main__":
    main()
