// A grammar as a recursive transition network over bytes (Woods, CACM 13(10), 1970): a finite automaton for
// each rule, some of whose steps are calls of rules.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <vector>

#include "grammar/syntax.h"

namespace brim {

using PlaceId = uint32_t;

class Machine {
 public:
  enum class Kind : uint8_t { kBytes, kCall, kEnd, kSplit };

  // A place in the automaton of a rule.
  struct Place {
    Kind kind;
    uint32_t what = 0;  // kBytes: of byte_sets(); kCall, kEnd: the rule; kSplit: of splits
    PlaceId next = 0;   // kBytes, kCall: where it goes on behind
  };

  // Throws Error, naming the rule: left recursion, a rule that no text ends, a rule that is used and not
  // defined; or the limit that the grammar exceeds.
  explicit Machine(const Syntax& syntax);

  const Place& place(PlaceId place) const { return places_[place]; }
  uint32_t places() const { return static_cast<uint32_t>(places_.size()); }

  // Where a text that has come to `place` can go on: places of kinds kBytes, kCall and kEnd, the latter only
  // where the rule may end there. Only of places behind a byte or a call, and of starts.
  std::span<const PlaceId> leaves(PlaceId place) const {
    const Range range = leaf_ranges_[place];
    return std::span(leaves_).subspan(range.first, range.count);
  }
  // Nothing can follow but the rule's end.
  bool only_end(PlaceId place) const {
    return leaf_ranges_[place].count == 1 && places_[leaves(place)[0]].kind == Kind::kEnd;
  }

  PlaceId start(RuleId rule) const { return starts_[rule]; }
  // Rules that another one may call first, before it has read anything, have a greater rank.
  uint32_t rank(RuleId rule) const { return ranks_[rule]; }
  RuleId rule_of_rank(uint32_t rank) const { return rules_of_ranks_[rank]; }

  // Bytes that no place tells apart have the same class.
  uint8_t byte_class(uint8_t byte) const { return byte_classes_[byte]; }
  uint32_t byte_classes() const { return class_count_; }
  bool takes(const Place& place, uint8_t byte_class) const { return class_set(place)[byte_class]; }
  // The classes that a place of kind kBytes takes.
  using ByteSet = std::bitset<256>;
  const ByteSet& class_set(const Place& place) const { return class_sets_[place.what]; }

 private:
  struct Range {
    uint32_t first = 0, count = 0;
  };

  class Builder;

  void number_bytes(const std::vector<ByteSet>& sets);
  void find_left_calls(const Syntax& syntax);
  void rank_rules(const Syntax& syntax, const std::vector<std::vector<RuleId>>& left_calls);
  void check_ends(const Syntax& syntax) const;
  void find_leaves();

  std::vector<Place> places_;
  std::vector<std::vector<PlaceId>> splits_;
  std::vector<PlaceId> starts_;
  std::vector<PlaceId> ends_;       // of rules: their first places, each before all of its others
  std::vector<bool> may_be_empty_;  // of rules
  std::vector<uint32_t> ranks_;
  std::vector<RuleId> rules_of_ranks_;
  std::vector<Range> leaf_ranges_;
  std::vector<PlaceId> leaves_;
  std::array<uint8_t, 256> byte_classes_{};
  uint32_t class_count_ = 0;
  std::vector<ByteSet> class_sets_;
};

}  // namespace brim
