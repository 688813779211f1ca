"""A netlist that Yosys mapped to UltraScale+ cells: what it takes of a device, how deep its logic is, and an estimate of how long it takes.

Modules stay apart as Yosys kept them, so each is looked at once, however often it is used. Depths cross the
boundaries: a module is described to those above by the depths from its inputs to its registers, from its registers to
its outputs, and from inputs to outputs.
"""

import json
import re
from collections import Counter, namedtuple
from functools import lru_cache

RESOURCES = ("LUT", "FF", "CARRY8", "DSP48E2", "RAMB36", "URAM288")

# What a cell takes of the device. Yosys maps to CARRY4: half a CARRY8. Nothing is credited for two small functions
# that share a LUT, nor for registers that a DSP48E2 or a RAM could take in, so LUT and FF are upper bounds.
CELLS = {
    **{f"LUT{n}": {"LUT": 1} for n in range(1, 7)},
    "INV": {"LUT": 1},
    "SRL16E": {"LUT": 1},
    "SRLC32E": {"LUT": 1},
    "RAM32X1D": {"LUT": 2},
    "RAM64X1D": {"LUT": 2},
    "RAM128X1D": {"LUT": 4},
    "RAM256X1D": {"LUT": 8},
    "RAM32M": {"LUT": 4},
    "RAM64M": {"LUT": 4},
    "RAM32M16": {"LUT": 8},
    "RAM64M8": {"LUT": 8},
    "FDRE": {"FF": 1},
    "FDSE": {"FF": 1},
    "FDCE": {"FF": 1},
    "FDPE": {"FF": 1},
    "CARRY4": {"CARRY8": 0.5},
    "DSP48E2": {"DSP48E2": 1},
    "RAMB36E2": {"RAMB36": 1},
    "RAMB18E2": {"RAMB36": 0.5},
    "URAM288": {"URAM288": 1},
    "MUXF7": {},
    "MUXF8": {},
    "MUXF9": {},
    "BUFG": {},
}



class Levels:
    """Depths: a LUT and the wire behind it are one level."""
    lut = 1.0
    lut_ram = 1.0
    lut_ram_clock = 1.0
    wide_mux = 0.3
    carry_entry = 0.5  # from an operand
    carry_step = 0.1  # from one CARRY4 to the next
    carry_exit = 0.5  # the wire behind a carry chain
    flip_flop = 0.0
    setup = 0.0

    @staticmethod
    def ram_output(_):
        """Of block and ultra RAM and multipliers, which are slower than a flip-flop."""
        return 1.0

    @staticmethod
    def wire(_):
        return 0.0


class Delays:
    """Picoseconds. An ESTIMATE: nothing is placed. Cells: the delays of UltraScale+ that RapidWright publishes (timing/
    ultrascaleplus, slices and RAMB36E2); DSP48E2 and URAM288, of which it has none, are an assumption. Wires: its figures
    for the pin of a site, for a node and for a unit of length, over a distance that is guessed from the fan-out."""
    lut = 92.0  # the mean of the six inputs: 35 to 150
    lut_ram = 92.0
    lut_ram_clock = 312.0
    wide_mux = 95.0
    carry_entry = 165.0  # LUT to S, S to the chain
    carry_step = 22.0  # half a CARRY8 and the way to the next: 23 + 20
    carry_exit = 112.0  # CIN to O, O to the slice's output
    flip_flop = 77.0
    setup = 75.0  # 25, and 50 from the LUT in front

    @staticmethod
    def ram_output(cell):
        """With their output register, or the memory's own time."""
        parameters = cell.get("parameters", {})
        if cell["type"] == "URAM288":
            return 450.0 if parameters.get("OREG_A", "").strip() == "TRUE" else 1300.0
        if cell["type"].startswith("RAMB"):
            return 229.0 if any("1" in str(parameters.get(name, ""))[-1:] for name in ("DOA_REG", "DOB_REG")) else 1003.0
        return 450.0

    @staticmethod
    def wire(loads):
        """Two nodes and the pin of a site, and a distance that grows as the square that holds the loads."""
        return 0.0 if loads == 0 else 45 + 2 * 43 + 3.5 * (6 + 8 * loads**0.5)


FLIP_FLOPS = ("FDRE", "FDSE", "FDCE", "FDPE", "SRL16E", "SRLC32E")
RAMS = ("RAMB36E2", "RAMB18E2", "URAM288", "DSP48E2")
# A LUT RAM reads without a clock. Its other inputs, among them the address written to, end at the clock.
LUT_RAM_READS = {
    "RAM32X1D": ("DPRA", "DPO"), "RAM64X1D": ("DPRA", "DPO"), "RAM128X1D": ("DPRA", "DPO"),
    "RAM256X1D": ("DPRA", "DPO"), "RAM32M": ("ADDR[A-C]", "DO[A-C]"), "RAM64M": ("ADDR[A-C]", "DO[A-C]"),
    "RAM32M16": ("ADDR[A-G]", "DO[A-G]"), "RAM64M8": ("ADDR[A-G]", "DO[A-G]"),
}
CLOCKS = ("C", "CLK", "WCLK", "CLKARDCLK", "CLKBWRCLK", "clk_i", "aclk")

# Where logic begins or ends: a register or memory, and what is passed on the way (a linked list of cell types).
Point = namedtuple("Point", "depth name cells")
# `start` and `end` are registers; the path is all in `module`, the smallest that holds it.
Path = namedtuple("Path", "depth module start end cells")


class Model:
    """What those above need to know of a module."""

    def __init__(self):
        self.ends = {}  # (port, index) of an input -> Point of its deepest way to a register
        self.starts = {}  # (port, index) of an output -> Point of the deepest way from a register
        self.through = {}  # (port, index) of an input -> [((port, index) of an output, depth, cells)]
        self.paths = []  # between registers, the deepest to each


def cell_names(cells):
    """['LUT6', 'CARRY4 x 7', 'LUT2'] of a linked list."""
    names = []
    while cells:
        cells, name = cells
        names.append(name)
    names.reverse()
    result = []
    for name in names:
        if result and result[-1][0] == name:
            result[-1][1] += 1
        else:
            result.append([name, 1])
    return [name if count == 1 else f"{name} x {count}" for name, count in result]


def joined(head, tail):
    """The linked list of cells `head` and then `tail`."""
    names = []
    while tail:
        tail, name = tail
        names.append(name)
    for name in reversed(names):
        head = (head, name)
    return head


class Netlist:
    """Of `write_json`, without the flattening."""

    def __init__(self, file, costs=Levels):
        self.modules = json.load(file)["modules"] if hasattr(file, "read") else file
        self.costs = costs
        self.models = {}

    def timed(self):
        """The same netlist, its paths in picoseconds."""
        return Netlist(self.modules, Delays)

    def title(self, module):
        """The name in the source, without Yosys' mangling of parameters."""
        name = self.modules[module].get("attributes", {}).get("hdlname", module)
        return re.sub(r"^\$paramod(\$[0-9a-f]+)?\\?", "", name).split("\\")[0 if not name.startswith("\\") else 1]

    def is_module(self, cell_type):
        return cell_type not in CELLS and cell_type in self.modules

    def below(self, module):
        """The module and all that it uses, each once, users last."""
        order, seen = [], set()

        def visit(name):
            if name in seen:
                return
            seen.add(name)
            for cell in self.modules[name]["cells"].values():
                if self.is_module(cell["type"]):
                    visit(cell["type"])
            order.append(name)

        visit(module)
        return order

    @lru_cache(maxsize=None)
    def resources(self, module):
        """Counter over RESOURCES, all that is inside included."""
        total = Counter({name: 0 for name in RESOURCES})
        for cell in self.modules[module]["cells"].values():
            kind = cell["type"]
            if self.is_module(kind):
                total.update(self.resources(kind))
            elif kind in CELLS:
                total.update(CELLS[kind])
            elif not kind.startswith("$"):
                raise ValueError(f"{module} uses cell {kind}, whose size is unknown")
        return total

    @lru_cache(maxsize=None)
    def instances(self, module):
        """Counter of the modules below and this one, by how often they are used."""
        total = Counter({module: 1})
        for cell in self.modules[module]["cells"].values():
            if self.is_module(cell["type"]):
                total.update(self.instances(cell["type"]))
        return total

    @lru_cache(maxsize=None)
    def pairs(self, module):
        """How many LUTs could share one with another: two functions of five inputs together, at least one of them in
        common. Those that feed a carry chain are left alone. A lower bound, as neighbours are taken as they come."""
        return sum(count * self._own_pairs(unit) for unit, count in self.instances(module).items())

    @lru_cache(maxsize=None)
    def _own_pairs(self, name):
        cells = self.modules[name]["cells"].values()
        carried = {bit for cell in cells if cell["type"] == "CARRY4" for bits in cell["connections"].values() for bit in bits}
        alone = {}  # signal -> [(inputs, number)] of LUTs that have no partner yet
        taken, pairs = set(), 0
        luts = [frozenset(bit for port, bits in cell["connections"].items() if port != "O" for bit in bits)
                for cell in cells if re.fullmatch("LUT[1-5]", cell["type"]) and cell["connections"]["O"][0] not in carried]
        for i, inputs in sorted(enumerate(luts), key=lambda item: -len(item[1])):
            best = None
            for signal in inputs:
                for other, number in alone.get(signal, [])[-16:]:
                    if number not in taken and len(inputs | other) <= 5:
                        if best is None or len(inputs & other) > len(inputs & luts[best]):
                            best = number
            if best is None:
                for signal in inputs:
                    alone.setdefault(signal, []).append((inputs, i))
            else:
                taken.add(best)
                pairs += 1
        return pairs

    def paths(self, module):
        """The deepest path to each register of the module and of those inside, deepest first."""
        result = []
        for name in self.below(module):
            if name not in self.models:
                self.models[name] = self._model(name)
            result += self.models[name].paths
        return sorted(result, key=lambda path: -path.depth)

    # A register is called after the signal that it drives.
    def _register_names(self, module):
        best = {}
        for name, net in module["netnames"].items():
            rank = (net["hide_name"], not re.search(r"_q(\[|$)", name), len(name))
            for bit in net["bits"]:
                if isinstance(bit, int) and (bit not in best or rank < best[bit][0]):
                    best[bit] = (rank, name)
        return {bit: re.sub(r"^\$flatten\\?|\\", "", name) for bit, (_, name) in best.items()}

    def _arcs(self, kind, cell):
        """Of a cell: [(input bit, output bit, depth)], [(output bit, depth)] where ways start, and [input bit] where they end."""
        ins = [(port, i, bit) for port, bits in cell["connections"].items() if cell["port_directions"][port] == "input"
               and port not in CLOCKS for i, bit in enumerate(bits) if isinstance(bit, int)]
        outs = [(port, i, bit) for port, bits in cell["connections"].items()
                if cell["port_directions"][port] == "output" for i, bit in enumerate(bits) if isinstance(bit, int)]
        costs = self.costs
        if kind in FLIP_FLOPS:
            return [], [(bit, costs.flip_flop) for _, _, bit in outs], [bit for _, _, bit in ins]
        if kind in RAMS or kind not in CELLS:
            return [], [(bit, costs.ram_output(cell)) for _, _, bit in outs], [bit for _, _, bit in ins]
        if kind in LUT_RAM_READS:
            address, data = LUT_RAM_READS[kind]
            reads = [(port, bit) for port, _, bit in ins if re.fullmatch(address, port)]
            arcs = [(bit, out, costs.lut_ram) for port, bit in reads for out_port, _, out in outs
                    if len(data) < 5 or out_port[-1] == port[-1]]
            starts = [(bit, costs.lut_ram_clock) for port, _, bit in outs if re.fullmatch(data, port)]
            return arcs, starts, [bit for port, _, bit in ins if not re.fullmatch(address, port)]
        if kind == "CARRY4":
            def depth(port):
                return costs.carry_step if port == "CI" else costs.carry_entry
            # Bit i of an operand reaches the sum and carry bits from i on only.
            arcs = [(bit, out, depth(port)) for port, i, bit in ins for _, o, out in outs
                    if port in ("CI", "CYINIT") or o >= i]
            return arcs, [], []
        level = costs.wide_mux if kind.startswith("MUXF") else 0.0 if kind == "BUFG" else costs.lut
        return [(bit, out, level) for _, _, bit in ins for _, _, out in outs], [], []

    @lru_cache(maxsize=None)
    def _loads(self, name):
        """{bit: [pins it drives, those of them that a wire leads to]}, modules inside included. What stands in the same slice as
        its driver needs none: a carry chain, a wide multiplexer, the one flip-flop behind a LUT."""
        module, loads = self.modules[name], {}
        inside = {}
        for cell in module["cells"].values():
            kind = cell["type"]
            if self.is_module(kind) and kind not in inside:
                drives = self._loads(kind)
                inside[kind] = {port: [drives.get(bit, (0, 0)) for bit in description["bits"]]
                                for port, description in self.modules[kind]["ports"].items()
                                if description["direction"] == "input"}
            for port, bits in cell["connections"].items():
                if cell["port_directions"][port] != "input" or port in CLOCKS:
                    continue
                near = kind == "CARRY4" or (kind.startswith("MUXF") and port != "S") or (kind in FLIP_FLOPS and port == "D")
                for i, bit in enumerate(bits):
                    if isinstance(bit, int):
                        entry = loads.setdefault(bit, [0, 0])
                        pins, wired = inside[kind][port][i] if kind in inside else (1, not near)
                        entry[0] += pins
                        entry[1] += wired
        return loads

    def _wire(self, name, bit, near=True):
        """What the wire behind a driver costs."""
        pins, wired = self._loads(name).get(bit, (0, 0))
        return 0.0 if near and wired == 0 and pins <= 2 else self.costs.wire(pins)

    def _model(self, name):
        module = self.modules[name]
        title = self.title(name)
        names = self._register_names(module)
        model = Model()
        fan_out = {}  # bit -> [(output bit, depth, cells' label or list)]
        starts = []  # (bit, Point)
        ends = {}  # bit -> Point of what ends there: depth from the bit on
        carry_bits = set()

        def end(bit, point):
            if bit not in ends or ends[bit].depth < point.depth:
                ends[bit] = point

        for cell_name, cell in module["cells"].items():
            kind = cell["type"]
            if self.is_module(kind):
                inner = self.models[kind]
                bits = cell["connections"]
                prefix = cell_name.replace("\\", "") + "."
                for (port, i), point in inner.ends.items():
                    if port in bits and isinstance(bits[port][i], int):
                        end(bits[port][i], Point(point.depth, prefix + point.name, point.cells))
                for (port, i), point in inner.starts.items():
                    if port in bits and isinstance(bits[port][i], int):
                        depth = point.depth + self._wire(name, bits[port][i], near=False)
                        starts.append((bits[port][i], Point(depth, prefix + point.name, point.cells)))
                for (port, i), ways in inner.through.items():
                    if port in bits and isinstance(bits[port][i], int):
                        for (out_port, o), depth, cells in ways:
                            if out_port in bits and isinstance(bits[out_port][o], int):
                                depth += self._wire(name, bits[out_port][o], near=False)
                                fan_out.setdefault(bits[port][i], []).append((bits[out_port][o], depth, cells))
                continue
            arcs, cell_starts, cell_ends = self._arcs(kind, cell)
            register = next((names[bit] for bit, _ in cell_starts if bit in names), cell_name)
            for bit, depth in cell_starts:
                depth += self._wire(name, bit, near=False)
                starts.append((bit, Point(depth, register, None if kind in FLIP_FLOPS else (None, kind))))
            for bit in cell_ends:
                end(bit, Point(self.costs.setup, register, None))
            for bit, out, depth in arcs:
                if kind != "CARRY4":
                    depth += self._wire(name, out)
                fan_out.setdefault(bit, []).append((out, depth, (None, kind)))
                if kind == "CARRY4":
                    carry_bits.add(out)

        # The wire behind a carry chain counts where the chain is left.
        for bit in carry_bits:
            leave = self.costs.carry_exit + self._wire(name, bit)
            fan_out[bit] = [(out, depth + (0.0 if cells == (None, "CARRY4") else leave), cells)
                            for out, depth, cells in fan_out.get(bit, [])]
            if bit in ends:
                ends[bit] = ends[bit]._replace(depth=ends[bit].depth + leave)

        outputs, inputs = {}, {}
        for port, description in module["ports"].items():
            place = outputs if description["direction"] == "output" else inputs
            if port in CLOCKS:
                continue
            for i, bit in enumerate(description["bits"]):
                if isinstance(bit, int):
                    place.setdefault(bit, []).append((port, i))

        order = self._topological(name, fan_out)
        reached = self._reach(order, fan_out, starts)
        pairs = {}
        for bit, point in reached.items():
            if bit in ends:
                tail = ends[bit]
                key = (point.name, tail.name)
                depth = point.depth + tail.depth
                if key not in pairs or pairs[key].depth < depth:
                    pairs[key] = Path(depth, title, point.name, tail.name, joined(point.cells, tail.cells))
            for output in outputs.get(bit, ()):
                model.starts[output] = point
        model.paths = list(pairs.values())

        position = {bit: i for i, bit in enumerate(order)}
        for bit, ports in inputs.items():
            cone, todo = set(), [bit]
            while todo:
                at = todo.pop()
                if at not in cone:
                    cone.add(at)
                    todo += [out for out, _, _ in fan_out.get(at, ())]
            ways = self._reach(sorted(cone, key=lambda b: position.get(b, -1)), fan_out, [(bit, Point(0.0, "", None))])
            deepest, through = None, []
            for at, point in ways.items():
                if at in ends and (deepest is None or point.depth + ends[at].depth > deepest.depth):
                    deepest = Point(point.depth + ends[at].depth, ends[at].name, joined(point.cells, ends[at].cells))
                through += [(output, point.depth, point.cells) for output in outputs.get(at, ())]
            for port in ports:
                if deepest:
                    model.ends[port] = deepest
                if through:
                    model.through[port] = through
        return model

    def _topological(self, name, fan_out):
        """All bits, drivers first. A loop of logic is an error."""
        pending = Counter()
        bits = set(fan_out)
        for ways in fan_out.values():
            for out, _, _ in ways:
                pending[out] += 1
                bits.add(out)
        ready = [bit for bit in bits if pending[bit] == 0]
        order = []
        while ready:
            bit = ready.pop()
            order.append(bit)
            for out, _, _ in fan_out.get(bit, ()):
                pending[out] -= 1
                if pending[out] == 0:
                    ready.append(out)
        if len(order) != len(bits):
            raise ValueError(f"{name}: a loop of logic")
        return order

    @staticmethod
    def _reach(order, fan_out, starts):
        """bit -> Point of the deepest way to it from one of the starts."""
        reached = {}
        for bit, point in starts:
            if bit not in reached or reached[bit].depth < point.depth:
                reached[bit] = point
        for bit in order:
            point = reached.get(bit)
            if point is None:
                continue
            for out, depth, cells in fan_out.get(bit, ()):
                if out not in reached or reached[out].depth < point.depth + depth:
                    reached[out] = Point(point.depth + depth, point.name, joined(point.cells, cells))
        return reached
