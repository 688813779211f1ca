// Speed of the DDR4 model: bursts per second of host time. A LLaMA2-7B token is 54 million bursts.
#include <benchmark/benchmark.h>

#include "sim/ddr4/controller.h"

namespace brim::ddr4 {
namespace {

DdrDescription kv260() { return load_board("kv260").ddr; }

// A client that offers `next_offset()` reads (every `write_every`-th a write) four nCK at a time, as an
// accelerator at a quarter of the memory clock does, and takes completions.
template <typename NextOffset>
void run(benchmark::State& state, const DdrDescription& ddr, uint32_t write_every, NextOffset next_offset) {
  Controller controller(ddr);
  uint64_t offset = next_offset();
  uint32_t id = 0;
  for (auto _ : state) {
    bool accepted = true;
    while (accepted) {
      const bool write = write_every != 0 && id % write_every == 0;
      accepted = write ? controller.accept_write(offset, id) : controller.accept_read(offset, id);
      if (accepted) {
        offset = next_offset();
        ++id;
      }
    }
    controller.advance_to(controller.now() + 4);
    while (!controller.reads_done().empty() && controller.reads_done().front().at <= controller.now()) {
      controller.reads_done().pop();
    }
    while (!controller.writes_done().empty() && controller.writes_done().front().at <= controller.now()) {
      controller.writes_done().pop();
    }
  }
  const Counters& counters = controller.counters();
  const double bursts = static_cast<double>(counters.reads + counters.writes);
  state.counters["bursts"] = benchmark::Counter(bursts, benchmark::Counter::kIsRate);
  state.counters["bus_share"] = 4 * bursts / static_cast<double>(controller.now());
}

void sequential_reads(benchmark::State& state) {
  uint64_t next = 0;
  run(state, kv260(), 0, [&] { return (next += 64) % (uint64_t{1} << 32); });
}

// Port p reads bursts 32 p .. 32 p + 31 of each page, all ports in turn.
void four_ports_in_one_page(benchmark::State& state) {
  uint64_t next = 0;
  run(state, kv260(), 0, [&] {
    const uint64_t i = next++;
    const uint64_t in_page = (i % 4) * 32 + i / 4 % 32;
    return (i / 128 * 8192 + in_page * 64) % (uint64_t{1} << 32);
  });
}

// Port p reads the same bursts of a region of its own, 256 MiB apart: other rows of the same banks.
void four_distant_regions(benchmark::State& state) {
  DdrDescription ddr = kv260();
  ddr.controller.read_queue = static_cast<uint32_t>(state.range(0));
  uint64_t next = 0;
  run(state, ddr, 0, [&] {
    const uint64_t i = next++;
    return (i % 4 << 28) + i / 4 * 64 % (uint64_t{1} << 28);
  });
}

// Every 20th access of the stream is a write.
void sequential_with_writes(benchmark::State& state) {
  uint64_t next = 0;
  run(state, kv260(), 20, [&] { return (next += 64) % (uint64_t{1} << 32); });
}

void random_reads(benchmark::State& state) {
  uint64_t random = 1;
  run(state, kv260(), 0, [&] {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return random >> 32 & ~uint64_t{63};
  });
}

BENCHMARK(sequential_reads);
BENCHMARK(four_ports_in_one_page);
BENCHMARK(four_distant_regions)->ArgName("read_queue")->Arg(16)->Arg(32);
BENCHMARK(sequential_with_writes);
BENCHMARK(random_reads);

}  // namespace
}  // namespace brim::ddr4
