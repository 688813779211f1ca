// Passes that several conversations share: each is run by a thread of its own as if it were alone, and what
// their threads ask for at the same time is read through the weights together.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <vector>

#include "engine/executor.h"

namespace brim {

// What stops a conversation whose reader has gone.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled"; }
};

class JointPasses {
 public:
  // The executor must outlive it; nobody else may run it meanwhile.
  explicit JointPasses(Executor& executor);

  // One conversation's runner, over one of the executor's KV caches. Threads: one at a time.
  class Member final : public PassRunner {
   public:
    Member(JointPasses& passes, uint32_t cache) : passes_(passes), cache_(cache) {}

    uint32_t vocabulary() const override { return passes_.executor_.vocabulary(); }
    uint32_t context() const override { return passes_.executor_.context(); }
    uint32_t max_tokens_per_pass() const override { return passes_.executor_.max_tokens_per_pass(); }
    uint32_t earliest_start(uint32_t written) const override {
      return passes_.executor_.earliest_start(written);
    }

    // Waits until all its tokens have been run, in one pass or in several. Throws Error as the executor does,
    // for this conversation's tokens only, and Cancelled after cancel().
    PassLogits run(const Pass& pass) override;

    // While one exists the conversation is at work: the others' passes wait a moment for its next one. A new
    // one forgets cancel().
    class Turn {
     public:
      explicit Turn(Member& member);
      ~Turn();
      Turn(const Turn&) = delete;
      Turn& operator=(const Turn&) = delete;

     private:
      Member& member_;
    };

    // Any thread.
    void cancel() { cancelled_ = true; }

   private:
    friend class JointPasses;

    JointPasses& passes_;
    const uint32_t cache_;
    std::atomic<bool> cancelled_{false};

    // What is asked for; under the lock of passes_.
    Pass wanted_;
    uint32_t done_ = 0;          // of its tokens
    std::vector<float> logits_;  // [tokens that want them][vocabulary]
    std::exception_ptr failure_;
  };

  struct Counts {
    uint64_t passes = 0;
    uint64_t tokens = 0;  // run in them
    double seconds = 0;   // spent in them
  };
  Counts counts() const;

 private:
  // Tokens of a member that are run in the pass under way.
  struct Share {
    Member* member;
    uint32_t first, count;
  };

  bool ready() const;
  void run_pass(std::unique_lock<std::mutex>& lock);
  std::vector<Share> share_out();
  void run(std::span<const Share> shares);

  Executor& executor_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Member*> waiting_;  // in the order in which they came
  uint32_t at_work_ = 0;          // members with a Turn
  bool running_ = false;
  std::chrono::steady_clock::time_point gather_until_;
  Counts counts_;

  // Of the pass under way.
  std::vector<uint32_t> tokens_;
  std::vector<Place> places_;
  std::vector<float*> rows_;  // where the logits of the tokens that want them go
};

}  // namespace brim
