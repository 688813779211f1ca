#include "engine/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <numeric>

namespace brim {
namespace {

TEST(ThreadPool, EveryUnitIsDoneExactlyOnceForAnyThreadCountAndGrain) {
  for (const uint32_t threads : {1u, 2u, 3u, 8u}) {
    ThreadPool pool(threads);
    for (const uint32_t count : {0u, 1u, 2u, 7u, 64u, 1000u}) {
      for (const uint32_t grain : {1u, 3u, 64u}) {
        std::vector<int> done(count, 0);
        pool.run(count, grain, [&](uint32_t first, uint32_t last, uint32_t thread) {
          ASSERT_LT(thread, threads);
          for (uint32_t i = first; i < last; ++i) ++done[i];
        });
        EXPECT_EQ(done, std::vector<int>(count, 1)) << threads << " threads, grain " << grain;
      }
    }
  }
}

TEST(ThreadPool, ResultsOfOneOperationAreSeenByTheNext) {
  ThreadPool pool(3);
  std::vector<uint64_t> x(256, 1), y(256);
  for (uint32_t round = 0; round < 300; ++round) {
    pool.run(256, 4, [&](uint32_t first, uint32_t last, uint32_t) {
      for (uint32_t i = first; i < last; ++i) y[i] = x[255 - i] + 1;
    });
    pool.run(256, 4, [&](uint32_t first, uint32_t last, uint32_t) {
      for (uint32_t i = first; i < last; ++i) x[i] = y[(i * 7 + round) % 256];
    });
  }
  EXPECT_EQ(x, std::vector<uint64_t>(256, 301));
}

TEST(ThreadPool, AThreadThatIsDoneTakesOverFromASlowOne) {
  ThreadPool pool(2);
  std::atomic<uint32_t> by_the_other = 0;
  // The owner of the first half waits in its first unit until the rest of its share has been done.
  pool.run(16, 1, [&](uint32_t first, uint32_t, uint32_t thread) {
    if (first == 0 && thread == 0) {
      while (by_the_other < 15) std::this_thread::yield();
    } else {
      ++by_the_other;
    }
  });
  EXPECT_EQ(by_the_other, 15u);
}

TEST(ThreadPool, NothingSpinsWhileIdle) {
  ThreadPool pool(4);
  std::atomic<uint32_t> sum = 0;
  pool.run(100, 1, [&](uint32_t first, uint32_t, uint32_t) { sum += first; });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the workers go to sleep
  const auto cpu_seconds = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](timeval t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  };
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(cpu_seconds() - before, 0.02);  // three spinning workers would take up to 0.6 s
}

TEST(ThreadPool, SleepingThreadsWakeForTheNextOperation) {
  ThreadPool pool(3);
  for (uint32_t round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::atomic<uint32_t> units = 0;
    pool.run(30, 1, [&](uint32_t first, uint32_t last, uint32_t) { units += last - first; });
    EXPECT_EQ(units, 30u);
  }
}

TEST(ThreadPool, PinnedThreadsDoTheSameWork) {
  // Pinning ties the calling thread too: on a thread of its own, this leaves the others alone.
  std::thread([] {
    ThreadPool pool(2, true);
    std::atomic<uint32_t> units = 0;
    pool.run(50, 1, [&](uint32_t first, uint32_t last, uint32_t) { units += last - first; });
    EXPECT_EQ(units, 50u);
  }).join();
}

TEST(PhysicalCores, AreAtLeastOneAndNoMoreThanHardwareThreads) {
  EXPECT_GE(physical_cores(), 1u);
  EXPECT_LE(physical_cores(), std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace brim
