#include "sim/run.h"

#include <algorithm>
#include <cmath>

#include "base/concat.h"
#include "base/error.h"
#include "base/parallel.h"
#include "sim/sampling.h"

namespace brim::sim {
namespace {

Totals totals_of(const PassRequest& request, const PassResult& pass) {
  Totals totals{.passes = 1,
                .tokens = static_cast<double>(request.tokens),
                .cycles = static_cast<double>(pass.cycles),
                .memory_cycles = 0,
                .card_cycles = 0,
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
  Totals result;
  for (double Totals::*sum : kTotals) result.*sum = mix(a.*sum, b.*sum);
  for (size_t i = 0; i < kStalls; ++i) result.stalls[i] = mix(a.stalls[i], b.stalls[i]);
  return result;
}

struct Job {
  PassRequest request;
  bool memory_only = false;
  PassResult result;
};

// Runs the jobs on several threads. Throws what the first failing one throws.
void run_jobs(const Board& board, const LoadedProgram& program, const Design& design, uint32_t threads,
              const Progress& progress, const PassSimulator& passes, std::vector<Job>& jobs) {
  ProgressCounter counter(progress, jobs.size());
  for_each_index(thread_count(threads), jobs.size(), [&](uint64_t i) {
    Design job_design = design;
    job_design.ready_consumer = jobs[i].memory_only;
    jobs[i].result = passes(board, program, jobs[i].request, job_design);
    counter.advance(1);
  });
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
  for (double Totals::*sum : kTotals) this->*sum += other.*sum;
  for (size_t i = 0; i < kStalls; ++i) stalls[i] += other.stalls[i];
  return *this;
}

double card_cycles(const Board& board, const LoadedProgram& program, uint32_t rows) {
  if (program.card_row_bytes == 0) return 0;
  return rows * board.card.seconds(program.card_row_bytes) * board.accelerator.clock_mhz * 1e6;
}

PassSimulator plain_passes() {
  return [](const Board& board, const LoadedProgram& program, const PassRequest& request,
            const Design& design) { return simulate_pass(board, program, request, design); };
}

RunResult simulate_run(const Board& board, const Subject& subject, const RunRequest& request,
                       const Design& design, const Progress& progress, const PassSimulator& passes) {
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
  run_jobs(board, subject.program, design, request.threads, progress, passes, jobs);

  double before = 0;  // cycles of the pass before
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
    for (uint32_t i = 0; i <= last; ++i) {
      Totals totals = estimate(i);
      // The rows of a prompt's next pass are read while one runs; a generated token is known only after it.
      const double card = card_cycles(board, subject.program, segment.pass.tokens);
      const bool known_before = !segment.decode && run.prompt.passes > 0;
      totals.card_cycles = known_before ? std::max(0.0, card - before) : card;
      before = totals.cycles;
      (segment.decode ? run.decode : run.prompt) += totals;
    }
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

}  // namespace brim::sim
