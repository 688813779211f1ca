// How well a model predicts a text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/progress.h"
#include "engine/executor.h"

namespace brim {

struct Perplexity {
  double nll = 0;       // sum of -ln p(token) over the predicted tokens
  uint64_t tokens = 0;  // predicted tokens; perplexity = exp(nll / tokens)
};

// Cuts `ids` into disjoint windows of at most `window` positions, each starting with `bos` if there is one,
// and predicts every token of a window but its first from those before it. Throws Error if there is nothing
// to predict.
Perplexity measure_perplexity(Executor& executor, std::span<const uint32_t> ids, std::optional<uint32_t> bos,
                              uint32_t window, const Progress& progress);

// -ln softmax(logits)[token], in double.
double negative_log_likelihood(std::span<const float> logits, uint32_t token);

}  // namespace brim
