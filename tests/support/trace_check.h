// Whether viewers show a Chrome trace whole. For tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace brim::test {

// The first slice that Perfetto would drop or move, empty if there is none. Its rules: times are
// microseconds, taken to whole nanoseconds by cutting off the rest; in the order of their begin, a slice of a
// thread lies within the one before that has not ended, or begins when that has.
inline std::string trace_problem(const nlohmann::json& trace) {
  struct Slice {
    uint64_t from, to;
    std::string name;
  };
  const auto ns = [](const nlohmann::json& us) { return static_cast<uint64_t>(us.get<double>() * 1000); };
  std::map<std::pair<int, int>, std::vector<Slice>> threads;
  for (const auto& event : trace.at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    if (event.at("ts").get<double>() < 0 || event.at("dur").get<double>() < 0)
      return event.dump() + " has no time";
    const uint64_t from = ns(event["ts"]);
    threads[{event.at("pid"), event.at("tid")}].push_back({from, from + ns(event["dur"]), event.at("name")});
  }
  for (auto& [id, slices] : threads) {
    std::ranges::stable_sort(slices, {}, &Slice::from);
    std::vector<Slice> open;
    for (const Slice& slice : slices) {
      while (!open.empty() && open.back().to <= slice.from) open.pop_back();
      if (!open.empty() && slice.to > open.back().to) {
        return "thread " + std::to_string(id.second) + ": '" + slice.name + "' from " +
               std::to_string(slice.from) + " to " + std::to_string(slice.to) + " ns begins within '" +
               open.back().name + "', which ends at " + std::to_string(open.back().to);
      }
      open.push_back(slice);
    }
  }
  return "";
}

}  // namespace brim::test
