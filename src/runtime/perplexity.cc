#include "runtime/perplexity.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"

namespace brim {

double negative_log_likelihood(std::span<const float> logits, uint32_t token) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - max);
  return max + std::log(sum) - static_cast<double>(logits[token]);
}

Perplexity measure_perplexity(Executor& executor, std::span<const uint32_t> ids, std::optional<uint32_t> bos,
                              uint32_t window, const Progress& progress) {
  const uint32_t lead = bos ? 1 : 0;
  if (window < 2 || ids.size() + lead < 2)
    throw Error("nothing to evaluate: give a longer text or --context");
  Perplexity result;
  std::vector<uint32_t> tokens;
  for (size_t start = 0; start < ids.size(); start += window - lead) {
    const auto part = ids.subspan(start, std::min<size_t>(ids.size() - start, window - lead));
    tokens.clear();
    if (bos) tokens.push_back(*bos);
    tokens.insert(tokens.end(), part.begin(), part.end());
    // The last token is only predicted, never run.
    for (uint32_t position = 0; position + 1 < tokens.size();) {
      const size_t count = std::min<size_t>(tokens.size() - 1 - position, executor.max_tokens_per_pass());
      const auto logits = executor.run(
          {.tokens = std::span(tokens).subspan(position, count), .position = position, .first_logits = 0});
      for (size_t t = 0; t < count; ++t) {
        result.nll += negative_log_likelihood(
            logits.subspan(t * executor.vocabulary(), executor.vocabulary()), tokens[position + t + 1]);
      }
      position += static_cast<uint32_t>(count);
      result.tokens += count;
      if (progress) progress(std::min<size_t>(start + position, ids.size()), ids.size());
    }
  }
  return result;
}

}  // namespace brim
