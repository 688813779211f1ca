#include "memtest/board_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <sstream>
#include <vector>

#include "base/concat.h"
#include "base/error.h"
#include "sim/memory.h"
#include "tokenizer/printable.h"

namespace brim::memtest {
namespace {

struct Measured {
  std::optional<double> switch_mhz;
  std::optional<double> transfers_mhz;  // of the DRAM
  std::optional<uint32_t> outstanding;
  std::optional<double> fabric_mhz;
  std::vector<double> idle_ns;
  std::vector<std::string> lines;
};

Measured read(std::string_view console) {
  // Numbers have as many digits as fit what they are read into.
  static const std::regex kDdr(R"(^DDR +DDR4-(\d{1,9}), .*)"),
      kSwitch(R"(^switch +(\d{1,9}\.\d{1,9}) MHz .*)"),
      kIssue(R"(^port \w+ +128 bit, (\d{1,9}) reads under way .*)"),
      kTester(R"(^memory tester (\d{1,9}) kHz.*)"),
      kPort(
          R"(^memory port (\w+) read \d+ write \d+ mixed \d+ together \d+ MB/s, latency idle (\d{1,9}) loaded \d+ most \d+ ns, errors (\d+).*)");
  Measured measured;
  std::istringstream in{std::string(console)};
  std::smatch match;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.size() > 400) continue;
    if (std::regex_match(line, match, kDdr)) {
      measured.transfers_mhz = std::stod(match[1]);
    } else if (std::regex_match(line, match, kSwitch)) {
      measured.switch_mhz = std::stod(match[1]);
    } else if (std::regex_match(line, match, kIssue)) {
      const auto reads = static_cast<uint32_t>(std::stod(match[1]));
      measured.outstanding = std::min(measured.outstanding.value_or(reads), reads);
    } else if (std::regex_match(line, match, kTester)) {
      measured.fabric_mhz = std::stod(match[1]) / 1000;
    } else if (std::regex_match(line, match, kPort)) {
      if (match[3].str().find_first_not_of('0') != std::string::npos) {
        throw Error(concat("port ", match[1].str(), " gave wrong data ", match[3].str(),
                           " times: no board file from a memory that loses data; look at its first error"));
      }
      measured.idle_ns.push_back(std::stod(match[2]));
    } else {
      continue;
    }
    measured.lines.push_back(printable(line));
  }
  return measured;
}

}  // namespace

double idle_latency_ns(const Board& board) {
  constexpr uint32_t kBursts = 64, kBeats = 32;
  sim::Memory memory(board);
  double sum = 0;
  sim::Cycle cycle = 0;
  for (uint32_t i = 0; i < kBursts; ++i) {
    memory.read(0, board.regions.front().base + 0x1000000 + uint64_t{i} * 8192, kBeats, cycle);
    const uint64_t first = uint64_t{i} * kBeats;
    for (sim::Cycle at = cycle; memory.arrived(0) < first + kBeats;) memory.advance(at += memory.latency());
    // Its first transfer comes a beat's time before the beat is complete; the next burst is asked for soon
    // after the last one is.
    sum += static_cast<double>(memory.arrival(0, first) - memory.beat_cycles() - cycle);
    constexpr sim::Cycle kTurn = 3;
    cycle = memory.arrival(0, first + kBeats - 1) + kTurn;
  }
  return sum / kBursts * 1000 / board.accelerator.clock_mhz;
}

std::string board_file(std::string_view console, const std::string& name, const std::string& like) {
  const Measured measured = read(console);
  if (measured.idle_ns.empty() || !measured.fabric_mhz) {
    throw Error(
        "no line 'memory port ...' of the memory tester; give what the firmware printed, /memtest included");
  }
  if (!measured.switch_mhz || !measured.transfers_mhz) {
    throw Error(
        "no line 'DDR ... DDR4-...' or 'switch ... MHz'; give what the firmware printed from its start on");
  }
  std::vector<std::string> settings = {concat("accelerator.clock_mhz=", *measured.fabric_mhz),
                                       concat("axi.switch.clock_mhz=", *measured.switch_mhz),
                                       concat("axi.outstanding_reads=", measured.outstanding.value_or(8)),
                                       "axi.fabric_latency_ns=0"};
  // A board that is like one of the same DRAM rate, so that its timings fit.
  const Board base = load_board(like, settings);
  const double rate = base.ddr.clock_mhz * 2;
  if (std::abs(rate / *measured.transfers_mhz - 1) > 0.01) {
    throw Error(concat("the board's memory is DDR4-", *measured.transfers_mhz, ", that of ", like, " DDR4-",
                       rate, "; give one of that rate with --like, as kv260-2133"));
  }
  double idle = 0;
  for (const double ns : measured.idle_ns) idle += ns / static_cast<double>(measured.idle_ns.size());
  const double fabric = std::max(0.0, std::round(idle - idle_latency_ns(base)));
  nlohmann::ordered_json json = {{"name", name},
                                 {"description", concat("Like ", like, ", as measured by the memory tester")},
                                 {"notes", measured.lines},
                                 {"like", like},
                                 {"set",
                                  {{"accelerator.clock_mhz", *measured.fabric_mhz},
                                   {"axi.switch.clock_mhz", *measured.switch_mhz},
                                   {"axi.outstanding_reads", measured.outstanding.value_or(8)},
                                   {"axi.fabric_latency_ns", fabric}}}};
  const std::string text = json.dump(2) + "\n";
  parse_board(text, name);
  return text;
}

}  // namespace brim::memtest
