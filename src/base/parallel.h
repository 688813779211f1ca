// Parallel loops for work that takes long enough that starting threads costs nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/progress.h"

namespace brim {

// Runs work(i) for every i below count on `threads` threads; rethrows the first exception.
template <typename Work>
void for_each_index(uint32_t threads, uint64_t count, const Work& work) {
  std::atomic<uint64_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto run = [&] {
    try {
      for (uint64_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      next = count;
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::thread> pool;
  for (uint32_t t = 1; t < threads; ++t) pool.emplace_back(run);
  run();
  for (auto& thread : pool) thread.join();
  if (failure) std::rethrow_exception(failure);
}

// One thread per CPU where the user named no number.
inline uint32_t thread_count(uint32_t asked) {
  return asked ? asked : std::max(1u, std::thread::hardware_concurrency());
}

// Progress that several threads add to.
class ProgressCounter {
 public:
  ProgressCounter(const Progress& progress, uint64_t total) : progress_(progress), total_(total) {}

  void advance(uint64_t amount) {
    if (!progress_) return;
    const std::lock_guard lock(mutex_);
    done_ += amount;
    progress_(done_, total_);
  }

 private:
  const Progress& progress_;
  const uint64_t total_;
  uint64_t done_ = 0;
  std::mutex mutex_;
};

}  // namespace brim
