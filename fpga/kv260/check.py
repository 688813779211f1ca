#!/usr/bin/env python3
"""Checks the scripts of this folder without Vivado.

build.tcl runs in tclsh on stand-ins for Vivado's commands (stand_ins.tcl), which print each call. What the calls name is
compared with brim_kv260.v as Yosys reads it, with firmware/board.h, and with boards/kv260.json.

Usage: check.py TCLSH YOSYS
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SIZES = {"K": 2**10, "M": 2**20, "G": 2**30}

failures = []


def check(claim, holds):
    if not holds:
        failures.append(claim)


def run_script(tclsh, output):
    """The calls that build.tcl makes, each a list of words."""
    done = subprocess.run([tclsh, HERE / "stand_ins.tcl", HERE / "build.tcl", "brim_pkg.sv", output, "8"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"build.tcl stopped: {done.stderr.strip()}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def module_ports(yosys, output):
    """{port: (direction, width)} and {parameter: default} of brim_kv260."""
    file = output / "ports.json"
    subprocess.run([yosys, "-q", "-p", f"read_verilog -lib {HERE / 'brim_kv260.v'}; write_json {file}"], check=True)
    module = json.loads(file.read_text())["modules"]["brim_kv260"]
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


def check_files(calls):
    added = {pathlib.Path(word).name for call in calls if call[0] == "add_files" for word in call[1:]}
    wanted = {file.name for file in (ROOT / "rtl").glob("*.sv")} | {"brim_pkg.sv", "brim_kv260.v", "brim.xdc"}
    check(f"every source is added (missing: {sorted(wanted - added)})", wanted <= added)


def check_connections(calls, ports, parameters):
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
    check(f"{sorted(given)} are parameters of brim_kv260", set(given) <= set(parameters))
    check("TOKENS is what the command line says", given.get("TOKENS") == "8")
    associated = re.search(r"ASSOCIATED_BUSIF ([\w:]+)", (HERE / "brim_kv260.v").read_text())[1].split(":")
    check("the clock is associated with every interface", sorted(associated) == sorted(interfaces))


def check_widths(calls, ports, board):
    ps = settings(calls, "ps")
    used = [call[2] for call in calls if call[0] == "connect_bd_intf_net" and call[2].startswith("ps/")]
    numbers = {f"ps/S_AXI_HP{i}_FPD": f"GP{i + 2}" for i in range(4)} | {"ps/S_AXI_HPC0_FPD": "GP0"}
    for port in used:
        number = numbers[port]
        check(f"{port} is enabled", ps.get(f"PSU__USE__S_AXI_{number}") == "1")
        check(f"{port} has 128 bits", ps.get(f"PSU__SAXI{number}__DATA_WIDTH") == "128")
    masters = [name for name in ports if re.fullmatch(r"m_axi_\w+_rdata", name)]
    check("the masters have as many bits", all(ports[name][1] == board["axi"]["data_width_bits"] == 128 for name in masters))
    check("as many stream ports as the board", len([n for n in masters if "aux" not in n]) == board["axi"]["ports"])
    check("register block: 32 bits, a page of addresses", ports["s_axi_wdata"][1] == 32 and ports["s_axi_awaddr"][1] == 12)
    check("M_AXI_HPM0_FPD is enabled", ps.get("PSU__USE__M_AXI_GP0") == "1")
    check("interrupts are enabled", ps.get("PSU__USE__IRQ0") == "1" and ports["interrupt"] == ("output", 1))


def check_parameters(calls, parameters, board):
    values = parameters | {name: int(value) for name, value in settings(calls, "accelerator").items()}
    accelerator = board["accelerator"]
    for name, wanted in {"SCORE_BYTES": accelerator["score_buffer_bytes"], "FIFO_BEATS": accelerator["prefetch_fifo_beats"],
                         "CLOCK_KHZ": accelerator["clock_mhz"] * 1000,
                         "OUTSTANDING": board["axi"]["max_outstanding_bursts"]}.items():
        check(f"{name} is {wanted} by boards/kv260.json, {values[name]} in the design", values[name] == wanted)


def check_clock(calls, board):
    clock = settings(calls, "clock")
    check("the clock is the board's",
          float(clock["CLKOUT1_REQUESTED_OUT_FREQ"]) == board["accelerator"]["clock_mhz"] == board["axi"]["clock_mhz"])
    check("the MMCM's input is pl_clk0",
          float(clock["PRIM_IN_FREQ"]) == float(settings(calls, "ps")["PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ"]))


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
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder)
        calls = run_script(tclsh, output / "project")
        ports, parameters = module_ports(yosys, output)
    check_files(calls)
    check_connections(calls, ports, parameters)
    check_widths(calls, ports, board)
    check_parameters(calls, parameters, board)
    check_clock(calls, board)
    check_memory(calls, board)
    check_addresses(calls, board)
    for failure in failures:
        print(f"does not hold: {failure}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
