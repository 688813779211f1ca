// The tokens among which one is chosen, as the stages of a sampler narrow them down. Freestanding.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace brim {

// A token that may be chosen. `value` is its logit until the temperature has been applied, then its weight:
// its probability up to a common factor.
struct Candidate {
  float value;
  uint32_t token;
};

class Candidates {
 public:
  // All tokens with their logits. `memory` holds as many candidates.
  Candidates(std::span<const float> logits, std::span<Candidate> memory)
      : heap_(memory.first(logits.size())), size_(logits.size()) {
    for (uint32_t i = 0; i < logits.size(); ++i) heap_[i] = {logits[i], i};
  }

  size_t size() const { return size_; }

  // The candidates in the order of their ids. Only before any was asked for by nth().
  std::span<Candidate> by_id() { return heap_; }

  // Drops candidates of which keep(candidate) is false. Only before nth().
  template <typename Keep>
  void keep_if(const Keep& keep) {
    size_ = static_cast<size_t>(
        std::remove_if(heap_.begin(), heap_.end(), [&](const Candidate& c) { return !keep(c); }) -
        heap_.begin());
    heap_ = heap_.first(size_);
  }

  // The n-th of the candidates by value, the lower id first among equals. They come off a heap as they are
  // asked for, to the end of the memory: a few of many cost little more than one look at all.
  const Candidate& nth(size_t n) {
    const auto less = [](const Candidate& a, const Candidate& b) {
      return a.value != b.value ? a.value < b.value : a.token > b.token;
    };
    if (!ordered_) std::make_heap(heap_.begin(), heap_.end(), less);
    ordered_ = true;
    for (; sorted_ <= n; ++sorted_) {
      std::pop_heap(heap_.begin(), heap_.end() - static_cast<ptrdiff_t>(sorted_), less);
    }
    return heap_[heap_.size() - 1 - n];
  }
  // Drops all but the first `count` by value.
  void keep_first(size_t count) { size_ = std::min(size_, count); }

  // The i-th in the order that the stages have left: by value if one has asked for that, else by id.
  const Candidate& at(size_t i) { return ordered_ ? nth(i) : heap_[i]; }

  // The one with the largest logit, the lowest id among equals. Only before nth().
  const Candidate& best() const {
    return *std::max_element(heap_.begin(), heap_.end(),
                             [](const Candidate& a, const Candidate& b) { return a.value < b.value; });
  }

  double total = 0;       // the sum of the weights, in the order of at()
  uint32_t fallback = 0;  // the most probable token, for a draw that rounding leads beyond the last weight

 private:
  std::span<Candidate> heap_;
  size_t size_;
  size_t sorted_ = 0;
  bool ordered_ = false;
};

}  // namespace brim
