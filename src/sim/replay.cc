#include "sim/replay.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "base/parallel.h"
#include "sim/run.h"

namespace brim::sim {
namespace {

// What passes may differ in besides their position.
using Kind = std::tuple<uint32_t, bool, bool, size_t>;  // tokens, logits, all_logits, experts in all
Kind kind_of(const PassRequest& pass) {
  size_t experts = 0;
  for (const auto& layer : pass.experts) experts += layer.size();
  return {pass.tokens, pass.logits, pass.all_logits, experts};
}

// The positions of a kind at which it is simulated.
std::set<uint32_t> knots_of(const std::set<uint32_t>& positions) {
  constexpr size_t kAllUpTo = 4;
  if (positions.size() <= kAllUpTo) return positions;
  // At the first positions attention has next to nothing to read.
  constexpr uint32_t kShortPositions = 64;
  const uint32_t first = *positions.begin(), last = *positions.rbegin();
  const uint32_t early = std::min(first + kShortPositions, (first + last) / 2);
  return {first, early, (early + last) / 2, last};
}

}  // namespace

std::vector<PassCost> costs_of(const Board& board, const LoadedProgram& program,
                               std::span<const PassRequest> passes, uint32_t threads,
                               const Progress& progress) {
  std::map<Kind, std::set<uint32_t>> positions;
  std::map<std::pair<Kind, uint32_t>, const PassRequest*> examples;  // a pass of the kind at the position
  for (const PassRequest& pass : passes) {
    positions[kind_of(pass)].insert(pass.position);
    examples.emplace(std::pair{kind_of(pass), pass.position}, &pass);
  }
  struct Job {
    PassRequest pass;
    PassCost cost;
  };
  std::vector<Job> jobs;
  for (const auto& [kind, all] : positions) {
    for (const uint32_t position : knots_of(all)) {
      const auto example = examples.find({kind, position});
      PassRequest pass =
          example != examples.end() ? *example->second : *examples.lower_bound({kind, 0})->second;
      pass.position = position;
      jobs.push_back({std::move(pass), {}});
    }
  }
  ProgressCounter counter(progress, jobs.size());
  for_each_index(thread_count(threads), jobs.size(), [&](uint64_t i) {
    const PassResult result = simulate_pass(board, program, jobs[i].pass);
    jobs[i].cost = {static_cast<double>(result.cycles) + card_cycles(board, program, jobs[i].pass.tokens),
                    static_cast<double>(result.beats() * kBeatBytes)};
    counter.advance(1);
  });

  std::map<Kind, std::map<uint32_t, PassCost>> known;
  for (const Job& job : jobs) known[kind_of(job.pass)][job.pass.position] = job.cost;
  std::vector<PassCost> costs;
  for (const PassRequest& pass : passes) {
    const std::map<uint32_t, PassCost>& knots = known[kind_of(pass)];
    const auto above = knots.lower_bound(pass.position);
    if (above->first == pass.position) {
      costs.push_back(above->second);
      continue;
    }
    const auto below = std::prev(above);
    const double weight = static_cast<double>(pass.position - below->first) / (above->first - below->first);
    const auto mix = [weight](double a, double b) { return a + weight * (b - a); };
    costs.push_back(
        {mix(below->second.cycles, above->second.cycles), mix(below->second.bytes, above->second.bytes)});
  }
  return costs;
}

double expected_tokens(double acceptance, uint32_t drafts) {
  double tokens = 1, reach = 1;
  for (uint32_t i = 0; i < drafts; ++i) tokens += reach *= acceptance;
  return tokens;
}

std::vector<PassRequest> speculated_passes(uint32_t prompt, uint32_t generate, double acceptance,
                                           uint32_t drafts) {
  const double tokens = expected_tokens(acceptance, drafts);
  std::vector<PassRequest> passes;
  for (double done = 0; done < generate; done += tokens) {
    const auto position = prompt + static_cast<uint32_t>(done);
    // The last passes have no use for more drafts than tokens are wanted.
    const uint32_t width = std::min(drafts + 1, prompt + generate - position);
    passes.push_back({.position = position, .tokens = width, .all_logits = true});
  }
  return passes;
}

}  // namespace brim::sim
