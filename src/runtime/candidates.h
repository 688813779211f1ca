// The tokens among which one is chosen, as the stages of a sampler change their logits and narrow them down.
// Freestanding.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "numerics/exp.h"

namespace brim {

struct Candidate {
  float value;  // its logit
  uint32_t token;
};

// A set of tokens as bits: token t is bit t % 64 of word t / 64; none beyond the words.
class TokenSet {
 public:
  TokenSet() = default;
  TokenSet(std::span<const uint64_t> words) : words_(words) {}  // NOLINT(google-explicit-constructor)
  bool empty() const { return words_.empty(); }
  bool contains(uint32_t token) const {
    return token / 64 < words_.size() && (words_[token / 64] >> (token % 64) & 1u) != 0;
  }
  // Of tokens 64 n ... 64 n + 63, a bit each.
  uint64_t word(size_t n) const { return n < words_.size() ? words_[n] : 0; }
  // visit(token) for those below `end`, ascending.
  template <typename Visit>
  void for_each(size_t end, const Visit& visit) const {
    for (size_t word = 0; word < words_.size(); ++word) {
      for (uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
        const size_t token = word * 64 + static_cast<size_t>(std::countr_zero(bits));
        if (token >= end) return;
        visit(static_cast<uint32_t>(token));
      }
    }
  }

 private:
  std::span<const uint64_t> words_;
};

class Candidates {
 public:
  // The tokens of `allowed`, all if it is empty, with their logits. `memory` holds as many candidates as
  // there are logits.
  Candidates(std::span<const float> logits, TokenSet allowed, std::span<Candidate> memory) {
    size_t count = 0;
    const auto add = [&](uint32_t token) { memory[count++] = {logits[token], token}; };
    if (allowed.empty()) {
      for (uint32_t token = 0; token < logits.size(); ++token) add(token);
    } else {
      allowed.for_each(logits.size(), add);
    }
    all_ = memory.first(count);
  }

  size_t size() const { return all_.size(); }

  // All of them: by id, until a stage has asked for another order.
  std::span<Candidate> all() { return all_; }

  // Brings them back into the order of their ids; whoever changes values works on these.
  std::span<Candidate> by_id() {
    if (order_ != Order::kId)
      std::sort(all_.begin(), all_.end(),
                [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
    order_ = Order::kId;
    return all_;
  }

  // The candidate of a token, or null. Only after by_id().
  Candidate* find(uint32_t token) {
    if (token < all_.size() && all_[token].token == token) return &all_[token];
    const auto at = std::lower_bound(all_.begin(), all_.end(), token,
                                     [](const Candidate& c, uint32_t wanted) { return c.token < wanted; });
    return at != all_.end() && at->token == token ? &*at : nullptr;
  }

  // Drops candidates of which keep(candidate) is false.
  template <typename Keep>
  void keep_if(const Keep& keep) {
    const auto end = std::remove_if(all_.begin(), all_.end(), [&](const Candidate& c) { return !keep(c); });
    all_ = all_.first(static_cast<size_t>(end - all_.begin()));
  }

  // Keeps the first candidates in the order of before(a, b), up to the one of which last(candidate) is true;
  // they are asked one after the other. A few of many cost little more than one look at all.
  template <typename Before, typename Last>
  void keep_first(const Before& before, const Last& last) {
    const auto later = [&](const Candidate& a, const Candidate& b) { return before(b, a); };
    std::make_heap(all_.begin(), all_.end(), later);
    size_t kept = 0;
    while (kept < all_.size()) {
      std::pop_heap(all_.begin(), all_.end() - static_cast<ptrdiff_t>(kept), later);
      ++kept;
      if (last(all_[all_.size() - kept])) break;
    }
    all_ = all_.last(kept);
    std::reverse(all_.begin(), all_.end());
    order_ = Order::kOther;
  }

  // Keeps the `count` most probable ones, in this order; among equals the lower id is first.
  void keep_top(size_t count) {
    count = std::min(count, size());
    if (order_ != Order::kValue)
      std::partial_sort(all_.begin(), all_.begin() + static_cast<ptrdiff_t>(count), all_.end(),
                        more_probable);
    all_ = all_.first(count);
    order_ = Order::kValue;
  }

  // Likewise, up to the one of which last(candidate) is true.
  template <typename Last>
  void keep_most_probable(const Last& last) {
    if (order_ == Order::kValue) {
      size_t kept = 0;
      while (kept < all_.size() && !last(all_[kept++])) {
      }
      all_ = all_.first(kept);
      return;
    }
    keep_first(more_probable, last);
    order_ = Order::kValue;
  }

  // The one with the largest logit, the lowest id among equals.
  const Candidate& best() const {
    if (order_ == Order::kValue) return all_.front();
    if (order_ == Order::kId)
      return *std::max_element(all_.begin(), all_.end(),
                               [](const Candidate& a, const Candidate& b) { return a.value < b.value; });
    return *std::min_element(all_.begin(), all_.end(), more_probable);
  }

  // Keeps the most probable ones that hold the share p of the weights, and at least one.
  void keep_share(float p) {
    const float highest = best().value;
    // Also the sums of the weights of each power of two, to tell which are needed in any case.
    std::array<double, 128> sums{};
    double total = 0;
    for (const Candidate& c : all_) {
      const float w = exp_fp32(c.value - highest);
      total += static_cast<double>(w);
      sums[static_cast<size_t>(exponent_field(w))] += static_cast<double>(w);
    }
    const double enough = static_cast<double>(p) * total;
    drop_needless(sums, enough, highest);
    double kept = 0;
    keep_most_probable([&](const Candidate& c) { return (kept += weight(c, highest)) >= enough; });
  }

  // Replaces every logit by its weight, its probability as a share of that of `highest`, the largest logit.
  // Returns their sum.
  double turn_into_weights(float highest) {
    double total = 0;
    for (Candidate& c : all_) {
      c.value = exp_fp32(c.value - highest);
      total += static_cast<double>(c.value);
    }
    return total;
  }
  static double weight(const Candidate& candidate, float highest) {
    return static_cast<double>(exp_fp32(candidate.value - highest));
  }

 private:
  enum class Order : uint8_t { kId, kValue, kOther };

  static bool more_probable(const Candidate& a, const Candidate& b) {
    return a.value != b.value ? a.value > b.value : a.token < b.token;
  }

  // Drops candidates behind others that have a weight of `enough` together: sorting is dear, and of a
  // vocabulary few are kept. sums[e]: of the weights with the exponent e. A little more than `enough`, and a
  // weight only half as large, leave room for rounding.
  void drop_needless(std::span<const double> sums, double enough, float highest) {
    size_t exponent = sums.size();
    for (double above = 0; exponent > 0 && above < enough * (1 + 0x1p-30);) above += sums[--exponent];
    if (exponent == 0) return;
    const auto lowest = static_cast<float>((static_cast<double>(exponent) - 128) * kLn2);
    keep_if([&](const Candidate& c) { return c.value - highest >= lowest; });
  }

  std::span<Candidate> all_;
  Order order_ = Order::kId;
};

}  // namespace brim
