#include "engine/thread_pool.h"

#include <sched.h>

#include <fstream>
#include <set>
#include <string>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace brim {

namespace {

// How often a waiting thread looks before it sleeps: some tens of microseconds, longer than the
// single-threaded steps between two operations, shorter than anyone notices.
constexpr uint32_t kSpins = 1000;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

// Waits until `value` is no longer `old`.
void wait_for_change(const std::atomic<uint32_t>& value, uint32_t old) {
  for (uint32_t i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  value.wait(old, std::memory_order_acquire);
}

std::vector<uint32_t> allowed_cpus() {
  std::vector<uint32_t> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void pin_this_thread(uint32_t index) {
  const std::vector<uint32_t> cpus = allowed_cpus();
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpus[index % cpus.size()], &set);
  sched_setaffinity(0, sizeof(set), &set);
}

constexpr uint64_t pack_range(uint32_t begin, uint32_t end) { return uint64_t{end} << 32 | begin; }

}  // namespace

uint32_t physical_cores() {
  std::set<std::string> cores;  // by the list of CPUs that share the core
  const std::vector<uint32_t> cpus = allowed_cpus();
  for (const uint32_t cpu : cpus) {
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    std::string siblings;
    if (!std::getline(file, siblings)) siblings = std::to_string(cpu);
    cores.insert(siblings);
  }
  return cores.empty() ? 1 : static_cast<uint32_t>(cores.size());
}

ThreadPool::ThreadPool(uint32_t threads, bool pin) : shares_(threads) {
  for (uint32_t i = 1; i < threads; ++i) {
    workers_.emplace_back([this, i, pin] {
      if (pin) pin_this_thread(i);
      serve(i);
    });
  }
  if (pin) pin_this_thread(0);
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_shared(uint32_t count, uint32_t grain, void* body, Call call) {
  body_ = body;
  call_ = call;
  grain_ = grain;
  for (uint64_t i = 0; i < threads(); ++i) {
    const auto bound = [&](uint64_t n) { return static_cast<uint32_t>(count * n / threads()); };
    shares_[i].range.store(pack_range(bound(i), bound(i + 1)), std::memory_order_relaxed);
  }
  busy_.store(threads() - 1, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();

  work(0);
  for (uint32_t left = busy_.load(std::memory_order_acquire); left != 0;
       left = busy_.load(std::memory_order_acquire)) {
    wait_for_change(busy_, left);
  }
}

void ThreadPool::serve(uint32_t thread) {
  for (uint32_t seen = 0;;) {
    wait_for_change(round_, seen);
    ++seen;
    if (stop_) return;
    work(thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }
}

void ThreadPool::work(uint32_t thread) {
  for (uint32_t i = 0; i < threads(); ++i) {
    const uint32_t owner = (thread + i) % threads();
    std::atomic<uint64_t>& range = shares_[owner].range;
    for (uint64_t old = range.load(std::memory_order_relaxed);;) {
      const auto begin = static_cast<uint32_t>(old), end = static_cast<uint32_t>(old >> 32);
      if (begin == end) break;
      const uint32_t units = std::min(grain_, end - begin);
      const bool own = owner == thread;
      const uint64_t rest = own ? pack_range(begin + units, end) : pack_range(begin, end - units);
      if (!range.compare_exchange_weak(old, rest, std::memory_order_relaxed)) continue;
      const uint32_t first = own ? begin : end - units;
      call_(body_, first, first + units, thread);
      old = range.load(std::memory_order_relaxed);
    }
  }
}

}  // namespace brim
