#include <algorithm>
#include <bit>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "base/concat.h"
#include "base/error.h"
#include "base/nearest.h"
#include "board/board.h"
#include "board/json.h"
#include "tokenizer/printable.h"

namespace brim {
namespace {

using Json = nlohmann::json;

constexpr uint32_t kMaxCount = 1u << 24;

// A value as the file has it, for a message.
std::string shown(const Json& value) {
  constexpr size_t kMost = 40;
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

// One object of the file. Every read names its key; `finish` refuses keys that
// nobody read, so a misspelt key can never be silently ignored.
class Section {
 public:
  Section(const Json& json, std::string file, std::string path)
      : json_(json), file_(std::move(file)), path_(std::move(path)) {
    if (!json_.is_object()) throw Error(concat(file_, ": ", where(""), " must be an object"));
  }

  [[noreturn]] void refuse(const std::string& key, const std::string& what) const {
    throw Error(concat(file_, ": ", where(key), " ", what));
  }

  const Json& at(const std::string& key) {
    const auto it = json_.find(key);
    if (it == json_.end()) refuse(key, "is missing");
    seen_.insert(key);
    return *it;
  }

  Section section(const std::string& key) { return Section(at(key), file_, where(key)); }

  std::string text(const std::string& key) {
    const Json& value = at(key);
    if (!value.is_string()) refuse(key, concat("is ", shown(value), ", but must be a string"));
    std::string text = value.get<std::string>();
    // Names go to terminals, the board's own among them.
    if (!is_printable(std::string_view(text))) {
      refuse(key, concat("has control characters; take them out: ", shown(printable(text))));
    }
    return text;
  }

  // An integer in [low, high].
  uint32_t integer(const std::string& key, uint32_t low, uint32_t high) {
    const Json& value = at(key);
    if (!value.is_number_unsigned() || value.get<uint64_t>() < low || value.get<uint64_t>() > high) {
      refuse(key, concat("is ", shown(value), ", but must be an integer from ", low, " to ", high));
    }
    return value.get<uint32_t>();
  }

  uint32_t power_of_two(const std::string& key, uint32_t low, uint32_t high) {
    const uint32_t value = integer(key, low, high);
    if (!std::has_single_bit(value)) refuse(key, concat("is ", value, ", but must be a power of two"));
    return value;
  }

  // A number in [low, high].
  double number(const std::string& key, double low, double high) {
    const Json& value = at(key);
    if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high)) {
      refuse(key, concat("is ", shown(value), ", but must be a number from ", low, " to ", high));
    }
    return value.get<double>();
  }

  // A 64-bit address or size as a string, "0x800000000": JSON has no hexadecimal numbers.
  uint64_t hex(const std::string& key) {
    const std::string digits = text(key);
    uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const bool prefixed = digits.starts_with("0x") && digits.size() > 2;
    const auto [stop, error] = prefixed ? std::from_chars(digits.data() + 2, end, value, 16)
                                        : std::from_chars_result{end, std::errc::invalid_argument};
    if (error != std::errc() || stop != end) {
      refuse(key, concat("is \"", digits, "\", but must be 64 bits in hexadecimal, like \"0x80000000\""));
    }
    return value;
  }

  void finish() const {
    for (const auto& [key, value] : json_.items()) {
      if (seen_.contains(key)) continue;
      const std::vector<std::string> known(seen_.begin(), seen_.end());
      refuse(key, "is not a known key" + did_you_mean(key, known));
    }
  }

 private:
  std::string where(const std::string& key) const {
    if (path_.empty()) return key.empty() ? "the board" : key;
    return key.empty() ? path_ : path_ + "." + key;
  }

  const Json& json_;
  std::string file_;
  std::string path_;
  std::set<std::string> seen_;
};

// "31:16", "6", "17,13:7" or "": bit ranges, most significant first, as data books write them.
std::vector<uint8_t> parse_bits(Section& map, const std::string& key) {
  const std::string text = map.text(key);
  std::vector<uint8_t> bits;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto refuse = [&] {
    map.refuse(key, concat("is \"", text, "\", but must list bits 0..63, like \"31:16\" or \"17,13:7\""));
  };
  const auto bit_number = [&] {
    uint32_t bit = 0;
    const auto [stop, error] = std::from_chars(at, end, bit);
    if (error != std::errc() || bit > 63) refuse();
    at = stop;
    return bit;
  };
  while (at != end) {
    const uint32_t high = bit_number();
    uint32_t low = high;
    if (at != end && *at == ':') {
      ++at;
      low = bit_number();
      if (low > high) map.refuse(key, "must give the higher bit of a range first");
    }
    for (uint32_t bit = high + 1; bit-- > low;) bits.push_back(static_cast<uint8_t>(bit));
    if (bits.size() > 64) map.refuse(key, "lists more than 64 bits");
    if (at != end && (*at++ != ',' || at == end)) {
      refuse();
    }
  }
  std::ranges::reverse(bits);
  return bits;
}

DdrTiming parse_timing(Section section, const DdrDescription& ddr) {
  DdrTiming t;
  const auto clocks = [&](const char* key) { return section.integer(key, 1, 65535); };
  t.cl = clocks("cl");
  t.cwl = clocks("cwl");
  t.trcd = clocks("trcd");
  t.trp = clocks("trp");
  t.tras = clocks("tras");
  t.trc = clocks("trc");
  t.tccd_s = clocks("tccd_s");
  t.tccd_l = clocks("tccd_l");
  t.trrd_s = clocks("trrd_s");
  t.trrd_l = clocks("trrd_l");
  t.tfaw = clocks("tfaw");
  t.trtp = clocks("trtp");
  t.twr = clocks("twr");
  t.twtr_s = clocks("twtr_s");
  t.twtr_l = clocks("twtr_l");
  t.read_to_write = clocks("read_to_write");
  t.trfc = clocks("trfc");
  t.trefi = clocks("trefi");
  section.finish();

  const auto at_least = [&](const char* key, uint32_t value, const char* what, uint32_t bound) {
    if (value < bound)
      section.refuse(key, concat("is ", value, ", but must be at least ", bound, " (", what, ")"));
  };
  at_least("tras", t.tras, "tRCD", t.trcd);
  at_least("trc", t.trc, "tRAS + tRP", t.tras + t.trp);
  at_least("tccd_s", t.tccd_s, "clocks of a burst", ddr.burst_clocks());
  at_least("tccd_l", t.tccd_l, "tCCD_S", t.tccd_s);
  at_least("trrd_l", t.trrd_l, "tRRD_S", t.trrd_s);
  at_least("tfaw", t.tfaw, "tRRD_S", t.trrd_s);
  at_least("twtr_l", t.twtr_l, "tWTR_S", t.twtr_s);
  at_least("cl", t.cl, "CWL", t.cwl);
  at_least("read_to_write", t.read_to_write + t.cwl, "CL + a burst, counted with CWL",
           t.cl + ddr.burst_clocks());
  at_least("trefi", t.trefi, "2 (tRFC + tRC)", 2 * (t.trfc + t.trc));
  return t;
}

AddressMap parse_address_map(Section section, const DdrDescription& ddr) {
  AddressMap map;
  uint64_t covered = 0;
  const auto field = [&](const char* key, uint64_t values) {
    std::vector<uint8_t> bits = parse_bits(section, key);
    const uint32_t needed = static_cast<uint32_t>(std::countr_zero(values));
    if (bits.size() != needed) {
      section.refuse(key, concat("has ", bits.size(), " bits, but this memory needs ", needed));
    }
    for (uint32_t bit : bits) {
      if (covered >> bit & 1) section.refuse(key, concat("uses bit ", bit, ", which is used already"));
      covered |= uint64_t{1} << bit;
    }
    return bits;
  };
  map.byte = field("byte", kDdrBurstBytes);
  map.column = field("column", ddr.row_bytes() / kDdrBurstBytes);
  map.bank_group = field("bank_group", ddr.bank_groups);
  map.bank = field("bank", ddr.banks_per_group);
  map.row = field("row", uint64_t{1} << ddr.row_bits);
  section.finish();
  if (covered != ddr.capacity_bytes() - 1) {
    section.refuse("", concat("leaves out bit ", std::countr_one(covered), " of the byte offset"));
  }
  for (size_t bit = 0; bit < map.byte.size(); ++bit) {
    if (map.byte[bit] != bit) section.refuse("byte", "must be \"5:0\": a burst is 64 consecutive bytes");
  }
  return map;
}

ControllerSizes parse_controller(Section section) {
  ControllerSizes c;
  c.read_queue = section.integer("read_queue", 1, 64);
  c.write_queue = section.integer("write_queue", 1, 64);
  c.write_high_watermark = section.integer("write_high_watermark", 1, c.write_queue);
  c.write_low_watermark = section.integer("write_low_watermark", 0, c.write_high_watermark - 1);
  section.finish();
  return c;
}

DdrDescription parse_ddr(Section section) {
  DdrDescription ddr;
  ddr.clock_mhz = section.number("clock_mhz", 1, 10000);
  ddr.data_width_bits = section.power_of_two("data_width_bits", 8, 256);
  ddr.burst_length = section.power_of_two("burst_length", 2, 64);
  if (ddr.data_width_bits / 8 * ddr.burst_length != kDdrBurstBytes) {
    section.refuse("burst_length", concat("gives bursts of ", ddr.data_width_bits / 8 * ddr.burst_length,
                                          " bytes, but only bursts of 64 are supported"));
  }
  section.integer("ranks", 1, 1);
  ddr.bank_groups = section.power_of_two("bank_groups", 1, 8);
  ddr.banks_per_group = section.power_of_two("banks_per_group", 1, 16);
  if (ddr.banks() > 32) section.refuse("banks_per_group", "gives more than 32 banks");
  ddr.row_bits = section.integer("row_bits", 8, 20);
  ddr.column_bits = section.integer("column_bits", 8, 12);
  if (ddr.capacity_bytes() > uint64_t{1} << 37) section.refuse("row_bits", "gives more than 128 GiB");
  ddr.timing = parse_timing(section.section("timing_nck"), ddr);
  ddr.address_map = parse_address_map(section.section("address_map"), ddr);
  ddr.controller = parse_controller(section.section("controller"));
  section.finish();
  return ddr;
}

void require_pages(const Section& section, const MemoryRegion& region) {
  const auto hex = [](uint64_t value) { return concat("is 0x", std::hex, value); };
  if (region.base % kRegionAlignment != 0)
    section.refuse("base", hex(region.base) + ", but must be a multiple of 8 KiB");
  if (region.bytes % kRegionAlignment != 0 || region.bytes == 0) {
    section.refuse("bytes", hex(region.bytes) + ", but must be a multiple of 8 KiB, and not 0");
  }
  if (region.bytes > UINT64_MAX - region.base)
    section.refuse("bytes", hex(region.bytes) + ", which goes beyond the last address; make it smaller");
}

std::vector<MemoryRegion> parse_regions(Section& root, const std::string& file, uint64_t capacity) {
  const Json& list = root.at("regions");
  if (!list.is_array() || list.empty() || list.size() > 16)
    root.refuse("regions", "must be a list of 1 to 16");
  std::vector<MemoryRegion> regions;
  uint64_t total = 0;
  for (const Json& json : list) {
    Section section(json, file, concat("regions[", regions.size(), "]"));
    MemoryRegion region{section.text("name"), section.hex("base"), section.hex("bytes")};
    section.finish();
    require_pages(section, region);
    for (const MemoryRegion& other : regions) {
      if (region.name == other.name) section.refuse("name", concat(region.name, " is used twice"));
      if (region.range().overlaps(other.range())) {
        section.refuse("base", concat("makes ", region.name, " overlap ", other.name));
      }
    }
    if (region.bytes > capacity - total) section.refuse("bytes", "makes the regions larger than the memory");
    total += region.bytes;
    regions.push_back(std::move(region));
  }
  if (total != capacity) {
    root.refuse("regions", concat("hold ", total, " bytes, but the memory has ", capacity));
  }
  return regions;
}

void require_inside(const Section& section, const MemoryRegion& range,
                    const std::vector<MemoryRegion>& regions) {
  require_pages(section, range);
  if (std::ranges::none_of(regions,
                           [&](const MemoryRegion& r) { return r.range().contains(range.range()); })) {
    section.refuse("base", "and bytes must lie inside one of the regions");
  }
}

MemoryRegion parse_firmware(Section section, const std::vector<MemoryRegion>& regions) {
  MemoryRegion firmware{"firmware", section.hex("base"), section.hex("bytes")};
  section.finish();
  require_inside(section, firmware, regions);
  return firmware;
}

std::vector<MemoryRegion> parse_reserved(Section& root, const std::string& file, const Board& board) {
  const Json& list = root.at("reserved");
  if (!list.is_array() || list.size() > 16) root.refuse("reserved", "must be a list of at most 16");
  std::vector<MemoryRegion> reserved;
  for (const Json& json : list) {
    Section section(json, file, concat("reserved[", reserved.size(), "]"));
    MemoryRegion range{section.text("name"), section.hex("base"), section.hex("bytes")};
    section.finish();
    require_inside(section, range, board.regions);
    const auto apart = [&](const MemoryRegion& other) {
      if (range.base < other.base + other.bytes && other.base < range.base + range.bytes)
        section.refuse("base", concat("makes ", range.name, " overlap ", other.name));
    };
    apart(board.firmware);
    for (const MemoryRegion& other : reserved) apart(other);
    reserved.push_back(std::move(range));
  }
  return reserved;
}

AxiPort parse_port(Section section) {
  constexpr uint32_t kMostInputs = 16;
  AxiPort port{.name = section.text("name"), .xpi = section.integer("xpi", 0, kMostInputs - 1)};
  section.finish();
  return port;
}

std::vector<AxiPort> parse_ports(Section& axi, const std::string& file) {
  constexpr uint32_t kMostPorts = 16;
  const Json& list = axi.at("ports");
  if (!list.is_array() || list.size() > kMostPorts || !std::has_single_bit(list.size())) {
    axi.refuse("ports", concat("must be a list of 1, 2, 4, 8 or ", kMostPorts));
  }
  std::vector<AxiPort> ports;
  for (const Json& json : list) {
    ports.push_back(parse_port(Section(json, file, concat("axi.ports[", ports.size(), "]"))));
  }
  return ports;
}

SwitchDescription parse_switch(Section section) {
  SwitchDescription s;
  s.clock_mhz = section.number("clock_mhz", 1, 10000);
  s.data_width_bits = section.power_of_two("data_width_bits", 32, kDdrBurstBytes * 8);
  s.arbitration_bytes = section.power_of_two("arbitration_bytes", kDdrBurstBytes, 4096);
  section.finish();
  return s;
}

AxiDescription parse_axi(Section section, const std::string& file) {
  AxiDescription axi;
  axi.ports = parse_ports(section, file);
  axi.aux = parse_port(section.section("aux"));
  axi.data_width_bits = section.power_of_two("data_width_bits", 32, 1024);
  axi.burst_bytes = section.power_of_two("burst_bytes", kDdrBurstBytes, 4096);
  // AXI4: at most 256 beats, and no burst crosses a 4 KiB boundary.
  if (axi.burst_bytes / (axi.data_width_bits / 8) > 256)
    section.refuse("burst_bytes", "is more than 256 AXI beats");
  axi.max_outstanding_bursts = section.integer("max_outstanding_bursts", 1, 256);
  axi.outstanding_reads = section.integer("outstanding_reads", 1, 256);
  axi.fabric_latency_ns = section.number("fabric_latency_ns", 0, 100000);
  axi.interconnect = parse_switch(section.section("switch"));
  section.finish();
  return axi;
}

LargestModelDescription parse_largest_model(Section section) {
  LargestModelDescription m;
  m.dim = section.integer("dim", 1, kMaxCount);
  m.hidden = section.integer("hidden", 1, kMaxCount);
  m.heads = section.integer("heads", 1, kMaxCount);
  m.kv_heads = section.integer("kv_heads", 1, kMaxCount);
  m.heads_per_kv = section.integer("heads_per_kv", 1, kMaxCount);
  m.head_size = section.integer("head_size", 2, kMaxCount);
  section.finish();
  return m;
}

AcceleratorDescription parse_accelerator(Section section) {
  AcceleratorDescription a;
  a.clock_mhz = section.number("clock_mhz", 1, 10000);
  a.vpu_lanes = section.power_of_two("vpu_lanes", 16, 4096);
  a.max_context = section.integer("max_context", 64, 1 << 24);
  a.tokens_per_pass = section.integer("tokens_per_pass", 1, 64);
  a.prefetch_fifo_beats = section.power_of_two("prefetch_fifo_beats", 128, kMaxCount);
  a.port_fifo_beats = section.power_of_two("port_fifo_beats", 32, 256);
  a.score_buffer_bytes = section.integer("score_buffer_bytes", 1024, kMaxCount);
  a.largest_model = parse_largest_model(section.section("largest_model"));
  section.finish();
  return a;
}

CardDescription parse_card(Section section) {
  CardDescription card;
  card.megabytes_per_second = section.number("megabytes_per_second", 0.1, 100000);
  card.read_latency_us = section.number("read_latency_us", 0, 1000000);
  section.finish();
  return card;
}

ProcessorDescription parse_processor(Section section) {
  ProcessorDescription processor;
  processor.clock_mhz = section.number("clock_mhz", 1, 10000);
  processor.cycles_per_instruction = section.number("cycles_per_instruction", 0.1, 100);
  processor.uncached_megabytes_per_second = section.number("uncached_megabytes_per_second", 1, 1000000);
  section.finish();
  return processor;
}

void parse_notes(Section& root) {
  const Json& notes = root.at("notes");
  if (!notes.is_array() || !std::ranges::all_of(notes, [](const Json& n) { return n.is_string(); })) {
    root.refuse("notes", "must be a list of strings");
  }
}

}  // namespace

Board parse_board(std::string_view json, const std::string& file, std::span<const std::string> settings) {
  const Json description = board_json(json, file, settings);
  std::string origin = file;  // of the values, for messages
  for (const std::string& setting : settings)
    origin += concat(&setting == settings.data() ? " with" : "", " --set ", setting);
  Section root(description, origin, "");
  Board board;
  board.name = root.text("name");
  if (board.name.empty()) root.refuse("name", "must not be empty");
  board.description = root.text("description");
  parse_notes(root);
  board.ddr = parse_ddr(root.section("ddr"));
  board.regions = parse_regions(root, origin, board.ddr.capacity_bytes());
  board.firmware = parse_firmware(root.section("firmware"), board.regions);
  board.reserved = parse_reserved(root, origin, board);
  board.axi = parse_axi(root.section("axi"), origin);
  board.accelerator = parse_accelerator(root.section("accelerator"));
  board.card = parse_card(root.section("card"));
  board.processor = parse_processor(root.section("processor"));
  root.finish();
  return board;
}

}  // namespace brim
