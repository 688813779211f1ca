// Threads that share the work of one short operation after another.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace brim {

// The cores this process may run on, hardware threads of one core counted once; at least 1.
uint32_t physical_cores();

class ThreadPool {
 public:
  // `threads` >= 1, the calling thread included. `pin` ties thread i to the i-th CPU this process may run on.
  explicit ThreadPool(uint32_t threads, bool pin = false);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  uint32_t threads() const { return static_cast<uint32_t>(shares_.size()); }

  // Calls body(first, last, thread) for disjoint ranges that make up [0, count), and returns when all are
  // done. Each thread walks through a contiguous share, `grain` units at a time, so that it reads memory as
  // one stream; one that is done takes from the ends of the others' shares. Work of at most one grain stays
  // on the calling thread. `body` must not throw. One thread at a time may call this.
  template <typename Body>
  void run(uint32_t count, uint32_t grain, Body&& body) {
    if (count == 0) return;
    if (threads() == 1 || count <= grain) return body(0u, count, 0u);
    using Function = std::remove_reference_t<Body>;
    run_shared(count, grain, const_cast<void*>(static_cast<const void*>(&body)),
               [](void* function, uint32_t first, uint32_t last, uint32_t thread) {
                 (*static_cast<Function*>(function))(first, last, thread);
               });
  }

 private:
  using Call = void (*)(void* body, uint32_t first, uint32_t last, uint32_t thread);

  // What is left of a thread's share: begin in the low half, end in the high half. Its owner takes from the
  // front, the others from the back.
  struct alignas(64) Share {
    std::atomic<uint64_t> range{0};
  };

  void run_shared(uint32_t count, uint32_t grain, void* body, Call call);
  void serve(uint32_t thread);
  void work(uint32_t thread);

  std::vector<Share> shares_;  // [threads]
  std::vector<std::thread> workers_;

  // The operation under way; written before `round_` is advanced.
  void* body_ = nullptr;
  Call call_ = nullptr;
  uint32_t grain_ = 1;
  bool stop_ = false;

  alignas(64) std::atomic<uint32_t> round_{0};  // advances with each operation
  alignas(64) std::atomic<uint32_t> busy_{0};   // workers that have not finished the operation
};

}  // namespace brim
