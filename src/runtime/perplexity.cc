#include "runtime/perplexity.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "runtime/passes.h"
#include "runtime/sampler.h"

namespace brim {

namespace {

// One run of consecutive tokens from an empty context.
struct Window {
  std::vector<uint32_t> tokens;  // BOS included
  size_t first_scored;           // index of the first token that is predicted here
  size_t end;                    // of the text, behind the window
};

std::vector<Window> cut(std::span<const uint32_t> ids, const EvalWindows& options) {
  const size_t lead = options.bos ? 1 : 0;
  if (options.window < 2 || ids.size() + lead < 2) {
    throw Error("nothing to evaluate: give a longer text, or a --context of at least 2");
  }
  const size_t room = options.window - lead;
  const size_t stride = options.stride ? std::min<size_t>(options.stride, room) : room;
  std::vector<Window> windows;
  size_t scored = 0;
  for (size_t start = 0; scored < ids.size(); start += stride) {
    const auto part = ids.subspan(start, std::min(room, ids.size() - start));
    Window window{
        .tokens = {}, .first_scored = std::max<size_t>(scored - start + lead, 1), .end = start + part.size()};
    if (options.bos) window.tokens.push_back(*options.bos);
    window.tokens.insert(window.tokens.end(), part.begin(), part.end());
    scored = window.end;
    if (window.first_scored < window.tokens.size()) windows.push_back(std::move(window));
  }
  return windows;
}

// Calls use(logits, next token) for every scored prediction of the executor.
template <typename Use>
void predict(Executor& executor, const Window& window, const Use& use) {
  // The last token is only predicted; position i predicts token i + 1.
  run_passes(executor, std::span(window.tokens).first(window.tokens.size() - 1), 0, window.first_scored - 1,
             [&](size_t i, std::span<const float> logits) { use(logits, window.tokens[i + 1]); });
}

template <typename Use>
void predict(Fp32Forward& model, const Window& window, const Use& use) {
  model.reset();
  for (size_t position = 0; position + 1 < window.tokens.size(); ++position) {
    const auto logits = model.step(window.tokens[position]);
    if (position + 1 >= window.first_scored) use(logits, window.tokens[position + 1]);
  }
}

void score(std::span<const float> logits, uint32_t token, Perplexity* result) {
  result->nll -= log_softmax(logits)[token];
  ++result->tokens;
}

template <typename Model>
Perplexity measure(Model& model, std::span<const uint32_t> ids, const EvalWindows& options,
                   const Progress& progress) {
  Perplexity result;
  for (const Window& window : cut(ids, options)) {
    predict(model, window,
            [&](std::span<const float> logits, uint32_t token) { score(logits, token, &result); });
    if (progress) progress(window.end, ids.size());
  }
  return result;
}

}  // namespace

double Perplexity::perplexity() const { return std::exp(mean_nll()); }

std::vector<double> log_softmax(std::span<const float> logits) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - max);
  const double log_sum = max + std::log(sum);
  std::vector<double> result(logits.size());
  std::transform(logits.begin(), logits.end(), result.begin(), [&](float logit) { return logit - log_sum; });
  return result;
}

Perplexity measure_perplexity(Executor& executor, std::span<const uint32_t> ids, const EvalWindows& windows,
                              const Progress& progress) {
  return measure(executor, ids, windows, progress);
}

Perplexity measure_perplexity(Fp32Forward& model, std::span<const uint32_t> ids, const EvalWindows& windows,
                              const Progress& progress) {
  return measure(model, ids, windows, progress);
}

Comparison compare_with_reference(Executor& executor, Fp32Forward& reference, std::span<const uint32_t> ids,
                                  const EvalWindows& windows, const Progress& progress) {
  Comparison result;
  for (const Window& window : cut(ids, windows)) {
    std::vector<std::vector<float>> expected;
    predict(reference, window, [&](std::span<const float> logits, uint32_t token) {
      score(logits, token, &result.reference);
      expected.emplace_back(logits.begin(), logits.end());
    });
    size_t next = 0;
    predict(executor, window, [&](std::span<const float> logits, uint32_t token) {
      score(logits, token, &result.executor);
      const auto p = log_softmax(expected[next]);
      const auto q = log_softmax(logits);
      for (size_t i = 0; i < p.size(); ++i) result.kl += std::exp(p[i]) * (p[i] - q[i]);
      result.same_top += argmax(expected[next]) == argmax(logits);
      ++next;
    });
    if (progress) progress(window.end, ids.size());
  }
  return result;
}

}  // namespace brim
