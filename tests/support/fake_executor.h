// An executor without a model: logits by a formula, passes written down. For tests.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/executor.h"

namespace brim::test {

class FakeExecutor final : public Executor {
 public:
  // Fills the logits that follow `tokens`, all that stand in the cache so far.
  using Model = std::function<void(std::span<const uint32_t> tokens, std::span<float> logits)>;

  struct PassRecord {
    uint32_t position, tokens, first_logits;
    bool operator==(const PassRecord&) const = default;
  };

  FakeExecutor(uint32_t vocabulary, uint32_t context, uint32_t max_tokens, Model model)
      : vocabulary_(vocabulary), context_(context), max_tokens_(max_tokens), model_(std::move(model)) {}

  std::string name() const override { return "fake"; }
  uint32_t vocabulary() const override { return vocabulary_; }
  uint32_t context() const override { return context_; }
  uint32_t max_tokens_per_pass() const override { return max_tokens_; }

  PassLogits run(const Pass& pass) override {
    if (pass.tokens.empty() || pass.tokens.size() > max_tokens_) throw Error("fake: pass width");
    if (pass.position > cache_.size()) throw Error("fake: a gap in the cache");
    if (pass.position + pass.tokens.size() > context_) throw Error("fake: context");
    for (const uint32_t token : pass.tokens) {
      if (token >= vocabulary_) throw Error("fake: token " + std::to_string(token));
    }
    const auto count = static_cast<uint32_t>(pass.tokens.size());
    passes.push_back({pass.position, count, pass.first_logits});
    cache_.resize(pass.position);
    logits_.clear();
    for (uint32_t t = 0; t < count; ++t) {
      cache_.push_back(pass.tokens[t]);
      if (t < pass.first_logits) continue;
      logits_.resize(logits_.size() + vocabulary_);
      model_(cache_, std::span(logits_).last(vocabulary_));
    }
    return logits_;
  }

  std::vector<PassRecord> passes;
  const std::vector<uint32_t>& cache() const { return cache_; }

 private:
  uint32_t vocabulary_, context_, max_tokens_;
  Model model_;
  std::vector<uint32_t> cache_;
  std::vector<float> logits_;
};

}  // namespace brim::test
