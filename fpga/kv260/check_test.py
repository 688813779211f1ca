#!/usr/bin/env python3
"""check.py finds what is wrong with a script: faults are planted into copies of this folder, one at a time.

Usage: check_test.py TCLSH YOSYS
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# file, what stands there, the fault, and what the message must name
FAULTS = (
    ("build.tcl", "-details", "-detail", "report_cdc has an option -detail"),
    ("build.tcl", "report_pulse_width -file", "report_pulse_width -file x -files", "report_pulse_width has an option -files"),
    ("build.tcl", "    report_cdc", "    # report_cdc", "report_cdc"),
    ("build.tcl", "synth_checkpoint_mode", "synth_mode", "system.bd has a property synth_mode"),
    ("build.tcl", "Flow_PerfOptimized_high", "Flow_PerfOptimised_high", "has a strategy"),
    ("build.tcl", "ULTRASCALE_PLUS=1", "ULTRASCALE=1", "use its primitives"),
    ("design.tcl", "USE_LOCKED", "USE_LOCK", "clock has a parameter CONFIG.USE_LOCK"),
    ("design.tcl", "USE_LOCKED true", "USE_LOCKED true PRIM_IN_FREQ 100.000", "input frequency"),
    ("design.tcl", "LPS_OCM QSPI", "LPS_OCM QSPI0", "QSPI0 is an address segment"),
    ("design.tcl", "exclude_bd_addr_seg -target", "exclude_bd_addr_seg -excluded_by none -target", "-excluded_by"),
    ("design.tcl", "m_axi_2 HP3", "m_axi_2 HP2", "masters have the ports"),
    ("design.tcl", "clock/locked", "clock/lock", "clock has a pin lock"),
    ("design.tcl", "FREQMHZ {1200}", "FREQMHZ {1067}", "DDR_CTRL"),
    ("design.tcl", "-offset 0xA0000000", "-offset 0xB0000000", "registers stand at"),
)


def messages(folder, tclsh, yosys):
    done = subprocess.run([sys.executable, folder / "fpga/kv260/check.py", tclsh, yosys], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    tclsh, yosys = sys.argv[1:]
    missed = []
    for name, text, fault, expected in FAULTS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            shutil.copytree(HERE, folder / "fpga/kv260")
            for part in ("rtl", "firmware", "boards"):
                (folder / part).symlink_to(ROOT / part)
            script = folder / "fpga/kv260" / name
            before = script.read_text()
            if before.count(text) != 1:
                missed.append(f"{name} holds '{text}' {before.count(text)} times: mend this test")
                continue
            script.write_text(before.replace(text, fault))
            code, printed = messages(folder, tclsh, yosys)
            if code == 0 or expected not in printed:
                missed.append(f"{name} with '{fault}': exit code {code}, {printed.strip() or 'nothing printed'}")
    for miss in missed:
        print(miss)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
