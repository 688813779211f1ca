#!/usr/bin/env python3
"""Checks the scripts of this folder without Vivado.

build.tcl runs in tclsh on stand-ins for Vivado's commands (stand_ins.tcl), which print each call. Commands, options, properties,
parameters, pins and segments must stand in the table that vivado.py has from the documentation. What the calls name is compared
with brim_kv260.v as Yosys reads it, with firmware/board.h, and with boards/kv260.json.

Usage: check.py TCLSH YOSYS
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import vivado

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SIZES = {"K": 2**10, "M": 2**20, "G": 2**30}

failures = []


def check(claim, holds):
    if not holds:
        failures.append(claim)


def run_script(tclsh, output, design):
    """The calls that build.tcl makes: each a list of words, lists spread out; and each with its words whole."""
    done = subprocess.run([tclsh, HERE / "stand_ins.tcl", HERE / "build.tcl", "brim_pkg.sv", output, design],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"build.tcl stopped: {done.stderr.strip()}")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return [line for line in lines if line[0] != "syntax"], [line[1:] for line in lines if line[0] == "syntax"]


def check_syntax(syntax):
    """Every command with options that it has, and as many other words as it takes."""
    for call in syntax:
        name, words = call[0], call[1:]
        if name in ("exec", "copy"):
            continue
        check(f"{name} is a command of Vivado", name in vivado.COMMANDS)
        flags, valued, least, most = vivado.COMMANDS.get(name, (set(), set(), 0, 99))
        others = 0
        while words:
            word = words.pop(0)
            option = word.removeprefix("-")
            if option == word:
                others += 1
            elif option in valued:
                check(f"{name} {word} has a value", bool(words))
                words = words[1:]
            else:
                check(f"{name} has an option {word}", option in flags | vivado.EVERYWHERE)
        check(f"{name} takes {least} to {most} words beside its options, given {others}: {call}", least <= others <= most)


def check_names(calls):
    """Properties, parameters, pins, interfaces and segments are documented ones."""
    for call in calls:
        name, words = call[0], call[1:]
        if name == "set_property" and words[0] == "-dict":
            cell = words[-1].removeprefix("cell:")
            for parameter in words[1:-1:2]:
                if cell in vivado.PARAMETERS:
                    check(f"{cell} has a parameter {parameter}",
                          parameter.startswith("CONFIG.") and parameter.removeprefix("CONFIG.") in vivado.PARAMETERS[cell])
        elif name in ("set_property", "get_property"):
            owner = words[-1]
            check(f"{owner} has a property {words[0]}", words[0] in vivado.PROPERTIES.get(owner, ()))
            if words[0] == "strategy":
                check(f"{owner} has a strategy {words[1]}", words[1] in vivado.STRATEGIES[owner])
        elif name == "create_bd_cell" and "-vlnv" in words:
            cell = words[-1]
            check(f"{cell} is {vivado.IPS.get(cell)}", words[words.index("-vlnv") + 1] == vivado.IPS.get(cell))
        elif name in ("get_bd_pins", "get_bd_intf_pins"):
            cell, pin = words[-1].split("/")
            table = vivado.PINS if name == "get_bd_pins" else vivado.INTERFACES
            if cell != "accelerator":
                check(f"{cell} has a pin {pin}", pin in table.get(cell, ()))
        elif name == "get_bd_addr_segs":
            check(f"{words[-1]} is an address segment", words[-1] in vivado.SEGMENTS)
        elif name == "apply_bd_automation":
            rule = words[words.index("-rule") + 1]
            check(f"{rule} is a rule with these settings",
                  set(words[words.index("-config") + 1:-1:2]) <= vivado.AUTOMATION.get(rule, set()))


def check_reports(calls):
    asked = {call[0] for call in calls if call[0].startswith("report_")}
    wanted = {"report_timing_summary", "report_pulse_width", "report_methodology", "report_cdc", "report_control_sets",
              "report_high_fanout_nets", "report_utilization"}
    check(f"all reports are asked for (missing: {sorted(wanted - asked)})", wanted <= asked)
    paths = [call for call in calls if call[0] == "get_timing_paths"]
    check("setup and hold are both judged", {"-setup", "-hold"} <= {word for call in paths for word in call})


def module_ports(yosys, output, source):
    """{port: (direction, width)} and {parameter: default} of the module in a Verilog file."""
    file = output / "ports.json"
    subprocess.run([yosys, "-q", "-p", f"read_verilog -lib {source}; write_json {file}"], check=True)
    module = json.loads(file.read_text())["modules"][source.stem]
    ports = {name: (port["direction"], len(port["bits"])) for name, port in module["ports"].items()}
    return ports, {name: int(bits, 2) for name, bits in module["parameter_default_values"].items()}


def settings(calls, cell):
    """{name: value} of all that is configured on a cell."""
    result = {}
    for call in calls:
        if call[0] == "set_property" and call[1] == "-dict" and call[-1] == f"cell:{cell}":
            words = call[2:-1]
            result.update(zip((word.removeprefix("CONFIG.") for word in words[::2]), words[1::2]))
    return result


def check_files(calls, wanted):
    added = {pathlib.Path(word).name for call in calls if call[0] == "add_files" for word in call[1:]}
    check(f"every source is added (missing: {sorted(wanted - added)})", wanted <= added)


def check_connections(calls, ports, parameters, source):
    interfaces = {match[1] for name in ports if (match := re.match(r"(s_axi|m_axi_(?:\d|aux))_", name))}
    single = {name for name in ports if not re.match(r"(s|m)_axi", name)}
    joined, nets = [], []
    for call in calls:
        if call[0] == "connect_bd_intf_net":
            joined += call[1:]
        if call[0] == "connect_bd_net":
            nets += call[1:]
    for kind, names, used in (("interface", interfaces, joined), ("pin", single, nets)):
        mine = [word.removeprefix("accelerator/") for word in used if word.startswith("accelerator/")]
        check(f"{kind}s of the accelerator are connected once each: {sorted(names)}, connected: {sorted(mine)}",
              sorted(mine) == sorted(names))
    for call in calls:
        if call[0] == "connect_bd_intf_net" and call[1].startswith("accelerator/m_axi"):
            check(f"{call[1]} meets a port of the processing system", re.fullmatch(r"ps/S_AXI_HPC?\d_FPD", call[2]))
    given = settings(calls, "accelerator")
    check(f"{sorted(given)} are parameters of {source.stem}", set(given) <= set(parameters))
    associated = re.search(r"ASSOCIATED_BUSIF ([\w:]+)", source.read_text())[1].split(":")
    check("the clock is associated with every interface", sorted(associated) == sorted(interfaces))


def check_widths(calls, ports, board):
    ps = settings(calls, "ps")
    used = [call[2] for call in calls if call[0] == "connect_bd_intf_net" and call[2].startswith("ps/")]
    numbers = {f"ps/S_AXI_HP{i}_FPD": f"GP{i + 2}" for i in range(4)} | {f"ps/S_AXI_HPC{i}_FPD": f"GP{i}" for i in range(2)}
    for port in used:
        number = numbers[port]
        check(f"{port} is enabled", ps.get(f"PSU__USE__S_AXI_{number}") == "1")
        check(f"{port} has 128 bits", ps.get(f"PSU__SAXI{number}__DATA_WIDTH") == "128")
    masters = [name for name in ports if re.fullmatch(r"m_axi_\w+_rdata", name)]
    check("the masters have as many bits", all(ports[name][1] == board["axi"]["data_width_bits"] == 128 for name in masters))
    check("as many stream ports as the board", len([n for n in masters if "aux" not in n]) == len(board["axi"]["ports"]))
    wanted = {f"m_axi_{i}": port["name"] for i, port in enumerate(board["axi"]["ports"])} | {"m_axi_aux": board["axi"]["aux"]["name"]}
    given = {call[1].removeprefix("accelerator/"): call[2].removeprefix("ps/") for call in calls
             if call[0] == "connect_bd_intf_net" and call[1].startswith("accelerator/m_axi")}
    check(f"masters have the ports of boards/kv260.json: {wanted}, connected: {given}", given == wanted)
    check("each stream port has an input of the controller of its own",
          len({port["xpi"] for port in board["axi"]["ports"]}) == len(board["axi"]["ports"]))
    check("register block: 32 bits, a page of addresses", ports["s_axi_wdata"][1] == 32 and ports["s_axi_awaddr"][1] == 12)
    check("M_AXI_HPM0_FPD is enabled", ps.get("PSU__USE__M_AXI_GP0") == "1")
    check("interrupts are enabled", ps.get("PSU__USE__IRQ0") == "1" and ports["interrupt"] == ("output", 1))


def check_parameters(calls, parameters, board):
    check("TOKENS is what the command line says", settings(calls, "accelerator").get("TOKENS") == "8")
    values = parameters | {name: int(value) for name, value in settings(calls, "accelerator").items()}
    accelerator = board["accelerator"]
    for name, wanted in {"SCORE_BYTES": accelerator["score_buffer_bytes"], "FIFO_BEATS": accelerator["prefetch_fifo_beats"],
                         "CLOCK_KHZ": accelerator["clock_mhz"] * 1000,
                         "OUTSTANDING": board["axi"]["max_outstanding_bursts"]}.items():
        check(f"{name} is {wanted} by boards/kv260.json, {values[name]} in the design", values[name] == wanted)


def check_clock(calls, board):
    clock = settings(calls, "clock")
    check("the clock is the board's",
          float(clock["CLKOUT1_REQUESTED_OUT_FREQ"]) == board["accelerator"]["clock_mhz"])
    # pl_clk0 is 99.999 MHz after the divider: a frequency given by hand does not match it.
    check("the MMCM's input frequency comes with its connection", "PRIM_IN_FREQ" not in clock)
    check("the MMCM's input is pl_clk0", ["connect_bd_net", "ps/pl_clk0", "clock/clk_in1"] in calls)


def check_memory(calls, board):
    ps, ddr = settings(calls, "ps"), board["ddr"]
    total = sum(int(region["bytes"], 0) for region in board["regions"])
    chips = ddr["data_width_bits"] // 16
    claims = {"PSU__DDRC__MEMORY_TYPE": "DDR 4", "PSU__DDRC__BUS_WIDTH": f"{ddr['data_width_bits']} Bit",
              "PSU__DDRC__DRAM_WIDTH": "16 Bits", "PSU__DDRC__DEVICE_CAPACITY": f"{total * 8 // chips // 2**20} MBits",
              "PSU__DDRC__BG_ADDR_COUNT": str(ddr["bank_groups"].bit_length() - 1),
              "PSU__DDRC__BANK_ADDR_COUNT": str(ddr["banks_per_group"].bit_length() - 1),
              "PSU__DDRC__ROW_ADDR_COUNT": str(ddr["row_bits"]), "PSU__DDRC__COL_ADDR_COUNT": str(ddr["column_bits"]),
              "PSU__DDRC__RANK_ADDR_COUNT": str(ddr["ranks"].bit_length() - 1),
              "PSU__CRF_APB__DDR_CTRL__FREQMHZ": str(ddr["clock_mhz"])}
    for name, value in claims.items():
        check(f"{name} is '{value}' by boards/kv260.json, '{ps.get(name)}' in design.tcl", ps.get(name) == value)


def check_addresses(calls, board):
    header = (ROOT / "firmware/board.h").read_text()
    registers = int(re.search(r"kAccelerator = (0x[0-9A-Fa-f]+);\s*// M_AXI_HPM0_FPD", header)[1], 16)
    regions = sorted((int(region["base"], 0), int(region["bytes"], 0)) for region in board["regions"])
    seen = {}
    for call in calls:
        if call[0] == "assign_bd_address":
            option = dict(zip(call[1:-1:2], call[2:-1:2]))
            size = int(option["-range"][:-1]) * SIZES[option["-range"][-1]]
            seen.setdefault(option["-target_address_space"], []).append((int(option["-offset"], 0), size))
    check(f"registers stand at {registers:#x}, where the firmware looks", seen.get("ps/Data") == [(registers, 4096)])
    for master in ("m_axi_0", "m_axi_1", "m_axi_2", "m_axi_3", "m_axi_aux"):
        check(f"{master} sees the regions of the board file", sorted(seen.get(f"accelerator/{master}", [])) == regions)


def main():
    tclsh, yosys = sys.argv[1:]
    board = json.loads((ROOT / "boards/kv260.json").read_text())
    accelerator = {file.name for file in (ROOT / "rtl").glob("*.sv")} | {"brim_pkg.sv", "brim_kv260.v", "brim.xdc"}
    memtest = {file.name for file in (HERE / "memtest").glob("*.*v")} | {"brim.xdc"}
    for design, source, files in (("8", HERE / "brim_kv260.v", accelerator),
                                  ("memtest", HERE / "memtest/memtest_kv260.v", memtest)):
        with tempfile.TemporaryDirectory() as folder:
            output = pathlib.Path(folder)
            calls, syntax = run_script(tclsh, output / "project", design)
            ports, parameters = module_ports(yosys, output, source)
        check_syntax(syntax)
        check_names(calls)
        check_reports(calls)
        check_files(calls, files)
        check_connections(calls, ports, parameters, source)
        check_widths(calls, ports, board)
        if design == "8":
            check_parameters(calls, parameters, board)
            check("rtl/ is told to use its primitives, ULTRASCALE_PLUS",
                  ["set_property", "verilog_define", "ULTRASCALE_PLUS=1", "fileset"] in calls)
        check_clock(calls, board)
        check_memory(calls, board)
        check_addresses(calls, board)
    for failure in failures:
        print(f"does not hold: {failure}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
