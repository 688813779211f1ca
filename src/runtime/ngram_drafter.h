// Drafts by looking up: what followed the last tokens when they stood in the text before (Saxena, "Prompt
// Lookup Decoding", 2023; llama.cpp's --spec-type ngram). Freestanding, in fixed memory.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "runtime/drafter.h"

namespace brim {

// The longest of the last 4 ... 1 tokens that occurred before decides, by its latest occurrence. The draft's
// kind is its length less 1.
class NgramDrafter final : public Drafter {
 public:
  static constexpr uint32_t kLongest = 4;

  // `table`: a power of two of entries. n-grams share them: of two that fall together the later is kept, so
  // that a table of some entries per token of the text misses little, and a smaller one forgets.
  explicit NgramDrafter(std::span<uint32_t> table)
      : table_(table), shift_(64 - static_cast<uint32_t>(std::countr_zero(table.size()))) {
    for (uint32_t& entry : table_) entry = kNone;
  }

  Draft propose(std::span<const uint32_t> text, std::span<uint32_t> out) override {
    for (; indexed_ < text.size(); ++indexed_) {
      for (uint32_t n = 1; n <= kLongest && n <= indexed_; ++n)
        entry(text.subspan(indexed_ - n, n)) = indexed_;
    }
    const auto end = static_cast<uint32_t>(text.size());
    for (uint32_t n = kLongest; n > 0; --n) {
      if (n >= end) continue;
      const auto suffix = text.subspan(end - n, n);
      const uint32_t next = entry(suffix);
      if (next == kNone || next >= end || next < n) continue;
      bool same = true;
      for (uint32_t i = 0; i < n; ++i) same &= text[next - n + i] == suffix[i];
      if (!same) continue;
      // Beyond the end of the text the draft goes on with itself, as a text does that repeats itself.
      for (uint32_t i = 0; i < out.size(); ++i)
        out[i] = next + i < end ? text[next + i] : out[next + i - end];
      return {static_cast<uint32_t>(out.size()), n - 1};
    }
    return {};
  }

  // Entries of what was forgotten are found out when they are looked up.
  void rewind(uint32_t count) override { indexed_ = count < indexed_ ? count : indexed_; }

  double first_acceptance(uint32_t kind) const override { return 0.3 + 0.1 * kind; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  // Where the token that followed the n-gram stands.
  uint32_t& entry(std::span<const uint32_t> ngram) {
    uint64_t hash = ngram.size();
    for (const uint32_t token : ngram) hash = (hash ^ token) * 0x9E3779B97F4A7C15;
    return table_[hash >> shift_];
  }

  std::span<uint32_t> table_;
  uint32_t shift_;
  uint32_t indexed_ = 0;  // tokens of the text whose n-grams are in the table
};

}  // namespace brim
