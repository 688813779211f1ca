// The conversations that a server holds, each with a KV cache and a thread of its own, and the queue before
// them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "grammar/grammar_state.h"
#include "grammar/token_trie.h"
#include "runtime/conversation.h"
#include "runtime/host_speculation.h"
#include "runtime/joint_passes.h"
#include "runtime/loaded_model.h"
#include "server/grammar_cache.h"
#include "server/job.h"

namespace brim::server {

// What /metrics shows. Sums since the start.
struct SlotCounts {
  uint64_t jobs = 0, cancelled = 0, failed = 0, refused = 0;
  uint64_t prompt_tokens = 0, cached_tokens = 0, answer_tokens = 0;
  double prompt_seconds = 0, answer_seconds = 0;
  uint64_t drafted = 0, accepted = 0;
};

struct SlotState {
  uint32_t id = 0;
  uint64_t job = 0;        // 0: none
  uint32_t positions = 0;  // of its KV cache that are filled
  uint32_t answered = 0;   // tokens of the answer under way
};

class Slots {
 public:
  // One slot for each KV cache of the model's executor. At most `queue` jobs wait. `context_shift`: as
  // Conversation::shift_context. The model must outlive it.
  Slots(LoadedModel& model, const SpecOptions& spec, bool context_shift, uint32_t queue);
  ~Slots();
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  uint32_t count() const { return static_cast<uint32_t>(slots_.size()); }
  const AnswerFormat& format() const { return format_; }
  const std::vector<TokenMarker>& markers() const { return markers_; }
  // Of those that jobs bring.
  GrammarCache& grammars() { return grammars_; }

  // Whose events will come. The prompt's length has been checked. Throws ApiError if the queue is full, or
  // there is no such slot.
  void submit(const std::shared_ptr<Job>& job);
  // Nobody waits for it any more: what it does ends soon.
  void cancel(Job& job);
  // Ends all jobs, with an error; no more are taken.
  void stop();
  // When to come again if the queue is full, from how long answers took.
  uint32_t retry_seconds() const;

  // The text in a slot's KV cache, to a file and back, or forgotten. Throw ApiError if there is no such slot,
  // or it is at work; Error if the file is no good. Return the number of tokens.
  uint32_t save(uint32_t slot, const std::string& path);
  uint32_t restore(uint32_t slot, const std::string& path);
  uint32_t erase(uint32_t slot);

  SlotCounts counts() const;
  JointPasses::Counts passes() const { return passes_.counts(); }
  std::vector<SlotState> states() const;
  uint32_t waiting() const;

 private:
  struct Slot {
    Slot(Slots& slots, uint32_t number);

    const uint32_t id;
    JointPasses::Member runner;
    const std::unique_ptr<JointPasses::Member> draft_runner;  // null: the image has no draft model
    std::vector<uint32_t> memory;
    Conversation conversation;
    HostSpeculation speculation;
    std::thread thread;

    // Under the lock of Slots.
    std::shared_ptr<Job> job;
    bool reserved = false;  // for save, restore or erase
    uint64_t last_used = 0;
    std::condition_variable given;
    std::atomic<uint32_t> positions{0}, answered{0};

    bool free() const { return !job && !reserved; }
  };

  class Reservation;

  // What an answer follows, if anything: first that, up to where it may end, then the other. At their
  // beginnings: copies share what is known of them.
  struct AnswerGrammars {
    std::optional<GrammarState> thinking, answer;
  };

  void serve(Slot& slot);
  // Answers the job; returns how it ends.
  Event work(Slot& slot, Job& job);
  Timings answer(Slot& slot, Job& job, uint32_t number, const AnswerGrammars& grammars);
  void dispatch();
  Slot* slot_for(const Job& job);
  void count(const Timings& timings);
  // What the job's answers follow. The vocabulary is made when the first grammar comes.
  AnswerGrammars grammars_of(const Job& job);

  LoadedModel& model_;
  const SpecOptions spec_;
  const uint32_t queue_limit_;
  const AnswerFormat format_;
  const std::vector<TokenMarker> markers_;  // of its calls
  std::once_flag vocabulary_made_;
  std::shared_ptr<const TokenTrie> vocabulary_;
  std::optional<GrammarState> thinking_;  // at its beginning
  GrammarCache grammars_;
  JointPasses passes_;
  std::optional<JointPasses> draft_passes_;  // of the draft model; nobody waits for others there
  std::vector<std::unique_ptr<Slot>> slots_;

  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<Job>> queue_;
  bool stopping_ = false;
  uint64_t clock_ = 0;      // of last_used
  double job_seconds_ = 1;  // moving average
  SlotCounts counts_;
};

}  // namespace brim::server
