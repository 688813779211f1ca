#include "runtime/session.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"

namespace brim {

std::span<const float> Session::append(std::span<const uint32_t> tokens) {
  if (tokens.size() > room()) {
    throw Error("the context holds " + std::to_string(executor_.context()) +
                " tokens: " + std::to_string(position()) + " are used, " + std::to_string(tokens.size()) +
                " more do not fit; shorten the prompt or pack with a larger --context");
  }
  std::span<const float> logits;
  uint32_t next = position();
  for (auto rest = tokens; !rest.empty();) {
    const auto part = rest.first(std::min<size_t>(rest.size(), executor_.max_tokens_per_pass()));
    const bool last = part.size() == rest.size();
    logits = executor_.run({.tokens = part,
                            .position = next,
                            .first_logits = static_cast<uint32_t>(last ? part.size() - 1 : part.size())});
    next += static_cast<uint32_t>(part.size());
    rest = rest.subspan(part.size());
  }
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  return logits;
}

Generation generate(Session& session, const Tokenizer& tokenizer, Sampler& sampler,
                    std::span<const uint32_t> prompt, const GenerateOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  Generation result;
  std::vector<Candidate> scratch;

  const auto prompt_start = Clock::now();
  std::span<const float> logits = session.append(prompt);
  result.prompt_seconds = seconds(prompt_start);

  const auto decode_start = Clock::now();
  while (result.tokens.size() < options.max_tokens) {
    scratch.resize(logits.size());
    const uint32_t token = sampler.sample(logits, scratch);
    if (tokenizer.is_end(token)) {
      result.reason = StopReason::kEnd;
      result.end_token = token;
      break;
    }
    result.tokens.push_back(token);
    if (options.on_token && !options.on_token(token)) {
      result.reason = StopReason::kInterrupted;
      break;
    }
    if (result.tokens.size() == options.max_tokens) break;
    if (session.room() == 0) {
      result.reason = StopReason::kContextFull;
      break;
    }
    logits = session.append({&token, 1});
  }
  result.decode_seconds = seconds(decode_start);
  return result;
}

}  // namespace brim
