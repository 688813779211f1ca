// How well a model predicts a text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/progress.h"
#include "engine/executor.h"
#include "model/fp32_forward.h"

namespace brim {

// How a text is cut into runs that fit into a context.
struct EvalWindows {
  std::optional<uint32_t> bos = {};  // put before every window
  uint32_t window = 0;               // tokens of a window, BOS included; at least 2
  uint32_t stride = 0;               // tokens from one window's start to the next; 0: disjoint windows
};

struct Perplexity {
  double nll = 0;       // sum of -ln p(token) over the predicted tokens
  uint64_t tokens = 0;  // predicted tokens

  double mean_nll() const { return nll / static_cast<double>(tokens); }
  double perplexity() const;  // exp(mean_nll)
};

// Every token that has another one before it in its window is predicted once, in the first window that it
// stands in. Throws Error if there is nothing to predict or a window exceeds the executor's context.
Perplexity measure_perplexity(Executor& executor, std::span<const uint32_t> ids, const EvalWindows& windows,
                              const Progress& progress);
Perplexity measure_perplexity(Fp32Forward& model, std::span<const uint32_t> ids, const EvalWindows& windows,
                              const Progress& progress);

// An executor beside the checkpoint in plain FP32, over the same predictions.
struct Comparison {
  Perplexity executor;
  Perplexity reference;
  double kl = 0;          // sum of KL(reference || executor) in nats
  uint64_t same_top = 0;  // predictions with the same most probable token

  double mean_kl() const { return kl / static_cast<double>(executor.tokens); }
  double top1_agreement() const {
    return static_cast<double>(same_top) / static_cast<double>(executor.tokens);
  }
};
Comparison compare_with_reference(Executor& executor, Fp32Forward& reference, std::span<const uint32_t> ids,
                                  const EvalWindows& windows, const Progress& progress);

// ln softmax(logits), in double.
std::vector<double> log_softmax(std::span<const float> logits);

}  // namespace brim
