// A request on its way: what is asked, and what has come of it so far.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/answer_parts.h"
#include "server/request.h"

namespace brim::server {

// A token as `logprobs` shows it.
struct TokenChance {
  uint32_t id = 0;
  std::string bytes;
  double logprob = 0;
};
struct TokenInfo : TokenChance {
  std::vector<TokenChance> top;  // most probable first
  bool drafted = false;          // it was drafted, and kept
};

// More of an answer.
struct AnswerPiece {
  uint32_t answer = 0;  // of those that were asked for
  AnswerParts parts;
  std::vector<TokenInfo> tokens;  // chosen since the last piece, where the request wants them
  bool drafted = false;           // the last of them was drafted, and kept
};

struct Timings {
  uint32_t cached_tokens = 0, prompt_tokens = 0;     // of the prompt: in the cache before, run
  uint32_t answer_tokens = 0, reasoning_tokens = 0;  // the latter are among the former
  double prompt_seconds = 0, answer_seconds = 0;
  uint64_t drafted = 0, accepted = 0;
};

struct AnswerEnd {
  uint32_t answer = 0;
  std::string reason;  // "stop", "length", "tool_calls"
  Timings timings;
};

struct JobEnd {};

using Event = std::variant<AnswerPiece, AnswerEnd, ApiError, JobEnd>;  // the last two end the job

struct Job {
  uint64_t id = 0;
  AnswerRequest request;
  std::vector<uint32_t> prompt;
  bool thinking = false;  // the prompt has begun the answer's thinking

  std::atomic<bool> cancelled{false};

  void put(Event event) {
    {
      const std::lock_guard lock(mutex);
      events.push_back(std::move(event));
    }
    changed.notify_one();
  }
  // The next event, or none after this time.
  std::optional<Event> take(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, patience, [&] { return !events.empty(); })) return std::nullopt;
    Event event = std::move(events.front());
    events.pop_front();
    return event;
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Event> events;
};

}  // namespace brim::server
