// Some steps through a grammar. For fuzzing targets.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "grammar/grammar_state.h"

namespace brim {

// Goes on by the first, the last, the first ... byte that is allowed. Aborts where a mask and a step
// disagree.
inline void follow(std::shared_ptr<const Grammar> grammar) {
  constexpr uint32_t kEnd = 256;
  constexpr int kSteps = 24;
  static const auto bytes = [] {
    std::vector<std::string> texts;
    for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
    texts.emplace_back();
    return std::make_shared<const TokenTrie>(std::move(texts), std::vector<uint32_t>{kEnd});
  }();
  GrammarState state(std::move(grammar), bytes);
  for (int step = 0; step < kSteps; ++step) {
    const std::span<const uint64_t> mask = state.mask();
    const auto allowed = [&](uint32_t token) { return (mask[token / 64] >> (token % 64) & 1) != 0; };
    if (allowed(kEnd) != state.can_end()) std::abort();
    uint32_t chosen = kEnd;
    for (uint32_t i = 0; i < kEnd; ++i) {
      const uint32_t byte = step % 2 == 0 ? i : kEnd - 1 - i;
      if (allowed(byte)) {
        chosen = byte;
        break;
      }
    }
    if (chosen == kEnd) return;
    if (!state.accept(chosen)) std::abort();
  }
  state.rewind(kSteps / 2);
  state.mask();
}

}  // namespace brim
