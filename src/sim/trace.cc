#include "sim/trace.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"

namespace brim::sim {
namespace {

constexpr uint32_t kFixedTracks = static_cast<uint32_t>(Trace::Track::kPort);
constexpr std::array<const char*, kFixedTracks> kTrackNames = {
    "sequencer", "MCU", "VPU", "VPU stall", "SPU", "aux write", "aux read"};

}  // namespace

Trace::Trace(const Board& board, Cycle first, Cycle count)
    : clocks_(board),
      cycle_us_(1 / board.accelerator.clock_mhz),
      nck_us_(1 / board.ddr.clock_mhz),
      ports_(board.axi.port_count()),
      banks_per_group_(board.ddr.banks_per_group),
      first_(first),
      end_(first + count),
      rows_(board.ddr.banks()) {}

void Trace::span(Track track, uint32_t index, std::string name, Cycle from, Cycle to) {
  if (from >= end_ || to <= first_) return;
  from = std::max(from, first_);
  to = std::min(to, end_);
  spans_.push_back({static_cast<uint32_t>(track) + index, std::move(name),
                    static_cast<double>(from) * cycle_us_, static_cast<double>(to) * cycle_us_});
}

void Trace::fifo_level(Cycle cycle, uint64_t beats) {
  if (wants(cycle)) levels_.push_back({static_cast<double>(cycle) * cycle_us_, beats});
}

bool Trace::wants_nck(uint64_t at) const { return at >= clocks_.nck(first_) && at < clocks_.nck(end_); }

void Trace::on_command(const ddr4::Command& command) {
  if (!wants_nck(command.at)) return;
  const uint32_t bank = command.group * banks_per_group_ + command.bank;
  switch (command.kind) {
    case ddr4::CommandKind::kActivate:
      rows_[bank] = {.open = true, .row = command.row, .since = command.at, .accesses = 0};
      break;
    case ddr4::CommandKind::kRead:
    case ddr4::CommandKind::kWrite:
      ++rows_[bank].accesses;
      break;
    case ddr4::CommandKind::kPrecharge:
      close_row(bank, command.at);
      break;
    case ddr4::CommandKind::kPrechargeAll:
      for (uint32_t b = 0; b < rows_.size(); ++b) close_row(b, command.at);
      break;
    case ddr4::CommandKind::kRefresh:
      spans_.push_back({kFixedTracks + ports_ + static_cast<uint32_t>(rows_.size()), "refresh",
                        static_cast<double>(command.at) * nck_us_,
                        static_cast<double>(command.at + 1) * nck_us_});
      break;
  }
}

void Trace::close_row(uint32_t bank, uint64_t at) {
  OpenRow& row = rows_[bank];
  if (row.open) {
    spans_.push_back({kFixedTracks + ports_ + bank, concat("row ", row.row, ", ", row.accesses, " bursts"),
                      static_cast<double>(row.since) * nck_us_, static_cast<double>(at) * nck_us_});
  }
  row.open = false;
}

std::string Trace::json() const {
  using Json = nlohmann::json;
  Json events = Json::array();
  const auto name_track = [&](uint32_t track, const std::string& name) {
    events.push_back(
        {{"ph", "M"}, {"pid", 1}, {"tid", track}, {"name", "thread_name"}, {"args", {{"name", name}}}});
    events.push_back({{"ph", "M"},
                      {"pid", 1},
                      {"tid", track},
                      {"name", "thread_sort_index"},
                      {"args", {{"sort_index", track}}}});
  };
  for (uint32_t track = 0; track < kFixedTracks; ++track) name_track(track, kTrackNames[track]);
  for (uint32_t port = 0; port < ports_; ++port) name_track(kFixedTracks + port, concat("port ", port));
  const uint32_t banks = static_cast<uint32_t>(rows_.size());
  for (uint32_t bank = 0; bank < banks; ++bank) {
    name_track(kFixedTracks + ports_ + bank,
               concat("bank group ", bank / banks_per_group_, " bank ", bank % banks_per_group_));
  }
  name_track(kFixedTracks + ports_ + banks, "refresh");
  for (const Span& span : spans_) {
    events.push_back({{"ph", "X"},
                      {"pid", 1},
                      {"tid", span.track},
                      {"name", span.name},
                      {"ts", span.from},
                      {"dur", span.to - span.from}});
  }
  for (const Level& level : levels_) {
    events.push_back({{"ph", "C"},
                      {"pid", 1},
                      {"name", "prefetch FIFO"},
                      {"ts", level.at},
                      {"args", {{"beats", level.beats}}}});
  }
  return Json{{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}}.dump(-1, ' ', false);
}

void Trace::write(const std::filesystem::path& path) const {
  std::ofstream file(path, std::ios::binary);
  file << json() << '\n';
  if (!file.flush()) throw Error(concat("cannot write the trace to ", path.string()));
}

}  // namespace brim::sim
