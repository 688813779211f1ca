#include "sim/run.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "base/concat.h"
#include "base/error.h"

namespace brim::sim {
namespace {

// Passes that differ in nothing but their position: first, first + step, ...
struct Segment {
  uint32_t first;
  uint32_t step;
  uint32_t count;
  PassRequest pass;  // its position is that of the first
  bool decode;

  PassRequest at(uint32_t index) const {
    PassRequest request = pass;
    request.position = first + index * step;
    return request;
  }
};

// Which passes of a segment are simulated.
struct Sampling {
  std::set<uint32_t> knots;   // interpolated between; with a consumer that is always ready, too
  std::set<uint32_t> checks;  // between knots, to measure the error of that
};

Sampling sampling_of(const Segment& segment) {
  const uint32_t last = segment.count - 1;
  constexpr uint32_t kAllUpTo = 3;
  Sampling sampling;
  if (segment.count <= kAllUpTo) {
    for (uint32_t i = 0; i <= last; ++i) sampling.knots.insert(i);
  } else {
    // The first positions are special: attention has next to nothing to read there.
    constexpr uint32_t kShortPositions = 64;
    const uint32_t early = std::min(std::max(1u, kShortPositions / segment.step), last / 2);
    sampling.knots = {0, early, (early + last) / 2, last};
    for (auto knot = std::next(sampling.knots.begin()); knot != sampling.knots.end(); ++knot) {
      const uint32_t middle = (*std::prev(knot) + *knot) / 2;
      if (!sampling.knots.contains(middle) && *knot > early) sampling.checks.insert(middle);
    }
  }
  return sampling;
}

std::vector<Segment> segments_of(const RunRequest& run, uint32_t tokens_per_pass) {
  std::vector<Segment> segments;
  const uint32_t full = (run.prompt_tokens - 1) / tokens_per_pass;  // passes before the last
  const uint32_t rest = run.prompt_tokens - full * tokens_per_pass;
  if (full > 0) {
    segments.push_back({0, tokens_per_pass, full, {0, tokens_per_pass, false}, false});
  }
  segments.push_back({full * tokens_per_pass, rest, 1, {full * tokens_per_pass, rest, true}, false});
  if (run.generate > 0) {
    segments.push_back({run.prompt_tokens, 1, run.generate, {run.prompt_tokens, 1, true}, true});
  }
  return segments;
}

Totals totals_of(const PassRequest& request, const PassResult& pass) {
  Totals totals{.passes = 1,
                .tokens = static_cast<double>(request.tokens),
                .cycles = static_cast<double>(pass.cycles),
                .memory_cycles = 0,
                .bytes = static_cast<double>(pass.beats() * kBeatBytes),
                .fifo_full_cycles = static_cast<double>(pass.fifo_full_cycles),
                .memory_idle_cycles = static_cast<double>(pass.memory_idle_cycles),
                .stalls = {}};
  std::ranges::copy(pass.stalls, totals.stalls.begin());
  return totals;
}

// (1 - weight) a + weight b.
Totals between(const Totals& a, const Totals& b, double weight) {
  const auto mix = [weight](double x, double y) { return x + weight * (y - x); };
  Totals result{.passes = 1,
                .tokens = a.tokens,
                .cycles = mix(a.cycles, b.cycles),
                .memory_cycles = mix(a.memory_cycles, b.memory_cycles),
                .bytes = mix(a.bytes, b.bytes),
                .fifo_full_cycles = mix(a.fifo_full_cycles, b.fifo_full_cycles),
                .memory_idle_cycles = mix(a.memory_idle_cycles, b.memory_idle_cycles),
                .stalls = {}};
  for (uint32_t i = 0; i < kStalls; ++i) result.stalls[i] = mix(a.stalls[i], b.stalls[i]);
  return result;
}

struct Job {
  PassRequest request;
  bool memory_only = false;
  PassResult result;
};

// Runs the jobs on several threads. Throws what the first failing one throws.
void run_jobs(const Board& board, const LoadedProgram& program, const Design& design, uint32_t threads,
              const Progress& progress, std::vector<Job>& jobs) {
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  uint64_t done = 0;
  std::exception_ptr failure;
  const auto work = [&] {
    for (size_t i = next++; i < jobs.size(); i = next++) {
      try {
        Design job_design = design;
        job_design.ready_consumer = jobs[i].memory_only;
        jobs[i].result = simulate_pass(board, program, jobs[i].request, job_design);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = jobs.size();
      }
      const std::lock_guard lock(mutex);
      if (progress) progress(++done, jobs.size());
    }
  };
  const uint32_t wanted = threads != 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
  {
    std::vector<std::jthread> pool;
    for (size_t i = 1; i < std::min<size_t>(wanted, jobs.size()); ++i) pool.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

const PassResult& find(const std::vector<Job>& jobs, const PassRequest& request, bool memory_only) {
  return std::ranges::find_if(jobs,
                              [&](const Job& job) {
                                return job.request.position == request.position &&
                                       job.request.tokens == request.tokens && job.memory_only == memory_only;
                              })
      ->result;
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
  passes += other.passes;
  tokens += other.tokens;
  cycles += other.cycles;
  memory_cycles += other.memory_cycles;
  bytes += other.bytes;
  fifo_full_cycles += other.fifo_full_cycles;
  memory_idle_cycles += other.memory_idle_cycles;
  for (uint32_t i = 0; i < kStalls; ++i) stalls[i] += other.stalls[i];
  return *this;
}

RunResult simulate_run(const Board& board, const Subject& subject, const RunRequest& request,
                       const Design& design, const Progress& progress) {
  const uint32_t largest = max_tokens_per_pass(board, subject.program.program.header);
  if (request.tokens_per_pass > largest) {
    throw Error(concat("--tokens-per-pass ", request.tokens_per_pass, ": board ", board.name,
                       " takes at most ", largest, " tokens of this model at a context of ",
                       subject.context()));
  }
  if (request.prompt_tokens == 0 || uint64_t{request.prompt_tokens} + request.generate > subject.context()) {
    throw Error(concat(request.prompt_tokens, " prompt tokens and ", request.generate,
                       " generated do not fit into a context of ", subject.context(), " tokens"));
  }

  RunResult run;
  run.tokens_per_pass = request.tokens_per_pass != 0 ? request.tokens_per_pass : largest;
  const std::vector<Segment> segments = segments_of(request, run.tokens_per_pass);
  std::vector<Sampling> samplings;
  std::vector<Job> jobs;
  for (const Segment& segment : segments) {
    const Sampling& sampling = samplings.emplace_back(sampling_of(segment));
    for (const uint32_t i : sampling.knots) jobs.push_back({segment.at(i), false, {}});
    for (const uint32_t i : sampling.checks) jobs.push_back({segment.at(i), false, {}});
    for (const uint32_t i : sampling.knots) jobs.push_back({segment.at(i), true, {}});
  }
  run_jobs(board, subject.program, design, request.threads, progress, jobs);

  for (size_t s = 0; s < segments.size(); ++s) {
    const Segment& segment = segments[s];
    const Sampling& sampling = samplings[s];
    const uint32_t last = segment.count - 1;
    const auto exact = [&](uint32_t i) { return totals_of(segment.at(i), find(jobs, segment.at(i), false)); };
    const auto knot = [&](uint32_t i) {
      Totals totals = exact(i);
      totals.memory_cycles = static_cast<double>(find(jobs, segment.at(i), true).cycles);
      return totals;
    };
    const auto estimate = [&](uint32_t i) {
      const auto above = sampling.knots.lower_bound(i);
      if (*above == i) return knot(i);
      const uint32_t below = *std::prev(above);
      return between(knot(below), knot(*above), static_cast<double>(i - below) / (*above - below));
    };
    for (uint32_t i = 0; i <= last; ++i) (segment.decode ? run.decode : run.prompt) += estimate(i);
    double worst = 0;
    for (const uint32_t i : sampling.checks) {
      worst = std::max(worst, std::abs(estimate(i).cycles - exact(i).cycles));
    }
    run.error_bound_cycles += worst * (segment.count - static_cast<double>(sampling.knots.size()));
  }

  for (Job& job : jobs) {
    if (!job.memory_only) run.samples.push_back({job.request, std::move(job.result)});
  }
  std::ranges::sort(run.samples, {}, [](const Sample& sample) { return sample.request.position; });
  for (size_t i = 0; i < run.samples.size(); ++i) {
    if (run.samples[i].result.worst_bubble.cycles > run.samples[run.worst].result.worst_bubble.cycles)
      run.worst = i;
  }
  return run;
}

Shares shares_of(const Board& board, const Subject& subject, const RunResult& run) {
  const double clock = board.accelerator.clock_mhz * 1e6;
  const Totals all = run.all();
  const Totals& tokens = run.decode.tokens > 0 ? run.decode : run.prompt;
  Shares shares;
  shares.seconds = all.cycles / clock;
  shares.tokens_per_second = all.tokens / shares.seconds;
  shares.decode_tokens_per_second =
      run.decode.tokens > 0 ? run.decode.tokens / (run.decode.cycles / clock) : 0;
  shares.ttft_seconds = run.prompt.cycles / clock;
  shares.counted = run.decode.tokens > 0 ? "generated" : "prompt";
  shares.bytes_per_token = tokens.bytes / tokens.tokens;
  shares.peak_bytes_per_second = board.ddr.peak_bytes_per_second();
  shares.bandwidth_share = all.bytes / shares.seconds / shares.peak_bytes_per_second;
  shares.limit_tokens_per_second =
      shares.peak_bytes_per_second / (0.5 * static_cast<double>(subject.streamed_weights));
  shares.limit_share = tokens.tokens / (tokens.cycles / clock) / shares.limit_tokens_per_second;
  shares.ddr_limited_share = all.memory_cycles / all.cycles;
  shares.error_bound_share = run.error_bound_cycles / all.cycles;
  return shares;
}

}  // namespace brim::sim
