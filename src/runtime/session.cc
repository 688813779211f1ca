#include "runtime/session.h"

#include <chrono>

#include "base/error.h"

namespace brim {

void Session::require_room(size_t tokens) const {
  if (tokens <= room()) return;
  throw Error("the context holds " + std::to_string(executor_.context()) +
              " tokens: " + std::to_string(position()) + " are used, " + std::to_string(tokens) +
              " more do not fit; shorten the prompt or pack with a larger --context");
}

std::span<const float> Session::append(std::span<const uint32_t> tokens) {
  require_room(tokens.size());
  std::span<const float> logits;
  place_.append(tokens, logits);
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
  const auto prompt_start = Clock::now();
  std::span<const float> logits = session.append(prompt);
  result.prompt_seconds = seconds(prompt_start);

  std::vector<Candidate> scratch(logits.size());
  const auto decode_start = Clock::now();
  const Stop stop =
      decode(session, tokenizer, sampler, logits, scratch, options.max_tokens, [&](uint32_t token) {
        result.tokens.push_back(token);
        return !options.on_token || options.on_token(token);
      });
  result.reason = stop.reason;
  result.unrun = stop.unrun;
  result.decode_seconds = seconds(decode_start);
  return result;
}

}  // namespace brim
