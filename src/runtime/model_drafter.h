// Drafts by a second, small model with the same tokens: what it takes for the likeliest continuation.
// Freestanding, in fixed memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "runtime/drafter.h"
#include "runtime/passes.h"
#include "runtime/sampler.h"

namespace brim {

class ModelDrafter final : public Drafter {
 public:
  // `runner` runs the draft model, with a KV cache that nobody else writes to, for a model of `vocabulary`
  // tokens. It outlives the drafter.
  ModelDrafter(PassRunner& runner, uint32_t vocabulary) : runner_(runner), vocabulary_(vocabulary) {}

  // The draft model's cache holds K and V of `tokens`, which outlive the drafter, from position 0 on: of a
  // text that begins with them they are not read. What is run over them is forgotten.
  void know(std::span<const uint32_t> tokens) { baked_ = tokens; }

  // A token that the draft model does not have is another one to it; a draft need not be right.
  static uint32_t token_of(const PassRunner& runner, uint32_t token) {
    return token < runner.vocabulary() ? token : 0;
  }

  // As many as are asked for, unless its context ends or a pass fails.
  Draft propose(std::span<const uint32_t> text, std::span<uint32_t> out) override {
    recognise(text);
    const auto end = static_cast<uint32_t>(text.size());
    if (end == 0 || end > runner_.context()) return {};
    const uint32_t most =
        std::min({static_cast<uint32_t>(out.size()), runner_.context() - end + 1, kMostTokens});
    if (most == 0) return {};
    if (!read(text)) return {};
    uint32_t count = 0;
    while (true) {
      out[count++] = next_;
      if (count == most) break;
      // What is drafted stands in the cache behind the text, and stays there if it is what is chosen.
      drafted_[drafted_count_++] = next_;
      if (run(std::span(drafted_).subspan(drafted_count_ - 1, 1), end + count - 1)) continue;
      --drafted_count_;
      break;
    }
    return {count, 0};
  }

  void rewind(uint32_t count) override {
    known_ = std::min(known_, count);
    if (count < drafted_from_) drafted_count_ = 0;
  }

  uint32_t unread(std::span<const uint32_t> text) override {
    recognise(text);
    return static_cast<uint32_t>(text.size()) - std::min(known_ + 1, static_cast<uint32_t>(text.size()));
  }

  double first_acceptance(uint32_t) const override { return 0.6; }
  double cost_of_draft() const override { return 0.1; }

 private:
  static constexpr uint32_t kMostTokens = 16;

  // What of the text beyond known_ is what was drafted, and so in the cache.
  void recognise(std::span<const uint32_t> text) {
    known_ = std::min(known_, static_cast<uint32_t>(text.size()));
    while (known_ < text.size() && known_ >= drafted_from_ && known_ - drafted_from_ < drafted_count_ &&
           text[known_] == drafted_[known_ - drafted_from_])
      ++known_;
    const auto same = std::ranges::mismatch(text, baked_).in1 - text.begin();
    known_ = std::max(known_, static_cast<uint32_t>(same));
    known_ = known_ < runner_.earliest_start(written_) ? 0 : known_;
  }

  // Runs what of the text is not in the cache, at least its last token.
  bool read(std::span<const uint32_t> text) {
    const auto end = static_cast<uint32_t>(text.size());
    known_ = std::min(known_, end - 1);
    known_ = known_ < runner_.earliest_start(written_) ? 0 : known_;
    drafted_count_ = 0;
    if (!run(text.subspan(known_), known_)) return false;
    known_ = drafted_from_ = end;
    return true;
  }

  // Runs tokens from `position` on and takes the likeliest one after them.
  bool run(std::span<const uint32_t> tokens, uint32_t position) {
    const auto end = position + static_cast<uint32_t>(tokens.size());
    written_ = position == 0 ? end : std::max(written_, end);
    const auto width = std::min<size_t>(runner_.max_tokens_per_pass(), kMostTokens);
    for (size_t first = 0; first < tokens.size(); first += width) {
      const auto part = tokens.subspan(first, std::min(width, tokens.size() - first));
      const bool last = first + part.size() == tokens.size();
      for (size_t t = 0; t < part.size(); ++t) {
        pass_[t] = token_of(runner_, part[t]);
        const size_t at = position + first + t;
        if (at < baked_.size() && baked_[at] != part[t]) baked_ = baked_.first(at);
      }
      const auto count = static_cast<uint32_t>(part.size());
      const PassLogits logits = runner_.run({.tokens = std::span(pass_).first(count),
                                             .position = position + static_cast<uint32_t>(first),
                                             .first_logits = last ? count - 1 : count});
      if (logits.failed()) return false;
      if (last)
        next_ =
            argmax(logits.row(0, runner_.vocabulary()).first(std::min(runner_.vocabulary(), vocabulary_)));
    }
    return true;
  }

  PassRunner& runner_;
  const uint32_t vocabulary_;
  uint32_t known_ = 0;               // tokens of the text that stand in the cache
  uint32_t written_ = 0;             // positions of the cache, since it was begun anew
  std::span<const uint32_t> baked_;  // first positions of the cache, as far as they hold these still
  // Behind the first drafted_from_ tokens of the text, the drafts that stand in the cache.
  uint32_t drafted_from_ = 0;
  uint32_t drafted_count_ = 0;
  std::array<uint32_t, kMostTokens> drafted_{};
  std::array<uint32_t, kMostTokens> pass_{};
  uint32_t next_ = 0;  // the likeliest token after the last pass
};

}  // namespace brim
