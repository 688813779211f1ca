#include "sim/trace.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"

namespace brim::sim {
namespace {

constexpr uint32_t kFixedTracks = static_cast<uint32_t>(Trace::Track::kPort);
constexpr std::array<const char*, kFixedTracks> kTrackNames = {
    "sequencer", "MCU", "VPU", "VPU stall", "SPU", "aux write", "aux read"};

// The least number that Perfetto, which multiplies by 1000 and cuts, takes for so many nanoseconds: slices
// that meet must not overlap by one.
double microseconds(uint64_t ns) {
  double value = static_cast<double>(ns) / 1000;
  while (static_cast<uint64_t>(value * 1000) < ns) value = std::nextafter(value, HUGE_VAL);
  return value;
}

}  // namespace

Trace::Trace(const Board& board, Cycle first, Cycle count)
    : clocks_(board),
      cycle_ns_(1000 / board.accelerator.clock_mhz),
      nck_ns_(1000 / board.ddr.clock_mhz),
      refresh_nck_(board.ddr.timing.trfc),
      ports_(board.axi.port_count()),
      banks_per_group_(board.ddr.banks_per_group),
      first_(first),
      end_(first + count),
      rows_(board.ddr.banks()) {}

uint64_t Trace::ns_of_cycle(Cycle cycle) const {
  return static_cast<uint64_t>(std::llround(static_cast<double>(cycle) * cycle_ns_));
}
uint64_t Trace::ns_of_nck(uint64_t nck) const {
  return static_cast<uint64_t>(std::llround(static_cast<double>(nck) * nck_ns_));
}

void Trace::span(Track track, uint32_t index, std::string name, Cycle from, Cycle to) {
  if (from >= end_ || to <= first_) return;
  from = std::max(from, first_);
  to = std::min(to, end_);
  spans_.push_back(
      {static_cast<uint32_t>(track) + index, std::move(name), ns_of_cycle(from), ns_of_cycle(to)});
}

void Trace::fifo_level(Cycle cycle, uint64_t beats) {
  if (wants(cycle)) levels_.push_back({ns_of_cycle(cycle), beats});
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
                        ns_of_nck(command.at), ns_of_nck(command.at + refresh_nck_)});
      break;
  }
}

void Trace::close_row(uint32_t bank, uint64_t at) {
  OpenRow& row = rows_[bank];
  if (row.open) {
    spans_.push_back({kFixedTracks + ports_ + bank, concat("row ", row.row, ", ", row.accesses, " bursts"),
                      ns_of_nck(row.since), ns_of_nck(at)});
  }
  row.open = false;
}

std::string Trace::track_name(uint32_t track) const {
  if (track < kFixedTracks) return kTrackNames[track];
  track -= kFixedTracks;
  if (track < ports_) return concat("port ", track);
  track -= ports_;
  if (track == rows_.size()) return "refresh";
  return concat("bank group ", track / banks_per_group_, " bank ", track % banks_per_group_);
}

std::string Trace::json() const {
  using Json = nlohmann::json;
  constexpr uint32_t kMostLanes = 1024;  // more than bursts of a port can be under way
  const uint32_t tracks = kFixedTracks + ports_ + static_cast<uint32_t>(rows_.size()) + 1;
  std::vector<const Span*> spans;
  for (const Span& span : spans_) spans.push_back(&span);
  std::ranges::stable_sort(spans, {}, &Span::from);

  // Each span goes to the first lane of its track that is free.
  std::vector<std::vector<uint64_t>> free(tracks, std::vector<uint64_t>(1));  // of each lane, from when on
  Json events = Json::array();
  for (const Span* span : spans) {
    std::vector<uint64_t>& lanes = free[span->track];
    auto lane = std::ranges::find_if(lanes, [&](uint64_t from) { return from <= span->from; });
    if (lane == lanes.end()) lane = lanes.insert(lanes.end(), 0);
    *lane = span->to;
    events.push_back({{"ph", "X"},
                      {"pid", 1},
                      {"tid", span->track * kMostLanes + (lane - lanes.begin())},
                      {"name", span->name},
                      {"ts", microseconds(span->from)},
                      {"dur", microseconds(span->to - span->from)}});
  }
  for (const Level& level : levels_) {
    events.push_back({{"ph", "C"},
                      {"pid", 1},
                      {"name", "prefetch FIFO"},
                      {"ts", microseconds(level.at)},
                      {"args", {{"beats", level.beats}}}});
  }
  for (uint32_t track = 0; track < tracks; ++track) {
    for (uint32_t lane = 0; lane < free[track].size(); ++lane) {
      const uint32_t id = track * kMostLanes + lane;
      const std::string name = track_name(track) + (lane == 0 ? "" : concat(" (", lane + 1, ")"));
      events.push_back(
          {{"ph", "M"}, {"pid", 1}, {"tid", id}, {"name", "thread_name"}, {"args", {{"name", name}}}});
      events.push_back({{"ph", "M"},
                        {"pid", 1},
                        {"tid", id},
                        {"name", "thread_sort_index"},
                        {"args", {{"sort_index", id}}}});
    }
  }
  return Json{{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}}.dump(-1, ' ', false);
}

void Trace::write(const std::filesystem::path& path) const {
  std::ofstream file(path, std::ios::binary);
  file << json() << '\n';
  if (!file.flush()) throw Error(concat("cannot write the trace to ", path.string()));
}

}  // namespace brim::sim
