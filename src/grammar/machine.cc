#include "grammar/machine.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/concat.h"
#include "base/error.h"

namespace brim {

namespace {

constexpr size_t kMostPlaces = 1u << 18;
constexpr size_t kMostLeaves = 1u << 22;

Error too_large() { return Error("the grammar is too large; allow fewer repetitions or fewer alternatives"); }

// Bytes from first to last, one after the other.
struct ByteRange {
  uint8_t first, last;
};
using ByteRanges = std::vector<ByteRange>;

uint32_t utf8_bytes(uint32_t code) { return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4; }

// The i-th of the `bytes` bytes that spell a code point.
uint8_t utf8_byte(uint32_t code, uint32_t i, uint32_t bytes) {
  if (bytes == 1) return static_cast<uint8_t>(code);
  const uint32_t bits = code >> (6 * (bytes - 1 - i));
  if (i > 0) return static_cast<uint8_t>(0x80 | (bits & 0x3F));
  return static_cast<uint8_t>((0xF0u << (4 - bytes)) | bits);
}

// Calls visit(ranges) for sequences of byte ranges that together spell the code points from first to last.
template <typename Visit>
void for_each_utf8_range(uint32_t first, uint32_t last, const Visit& visit) {
  constexpr uint32_t kLastOfLength[] = {0x7F, 0x7FF, 0xFFFF, kLastCode};
  while (first <= last) {
    const uint32_t bytes = utf8_bytes(first);
    uint32_t end = std::min(last, kLastOfLength[bytes - 1]);
    // Shorten it until all bytes behind the first one that differs run from 80 to BF.
    for (uint32_t trail = 1; trail < bytes; ++trail) {
      const uint32_t below = (1u << (6 * trail)) - 1;
      if ((first | below) == (end | below)) break;
      if ((first & below) != 0) {
        end = first | below;
        break;
      }
      if ((end & below) != below) {
        end = (end & ~below) - 1;
        trail = 0;
      }
    }
    ByteRanges ranges;
    for (uint32_t i = 0; i < bytes; ++i)
      ranges.push_back({utf8_byte(first, i, bytes), utf8_byte(end, i, bytes)});
    visit(ranges);
    first = end + 1;
  }
}

}  // namespace

// Builds the automaton of each rule from its end to its start.
class Machine::Builder {
 public:
  Builder(const Syntax& syntax, Machine& machine) : syntax_(syntax), machine_(machine) {}

  PlaceId build_rule(RuleId rule) {
    tails_.clear();
    const PlaceId end = add({.kind = Kind::kEnd, .what = rule});
    return build(syntax_.rules()[rule].body, end);
  }

  std::vector<ByteSet> take_sets() { return std::move(sets_); }

 private:
  PlaceId add(const Place& place) {
    if (machine_.places_.size() >= kMostPlaces) throw too_large();
    machine_.places_.push_back(place);
    return static_cast<PlaceId>(machine_.places_.size() - 1);
  }

  PlaceId add_split(std::vector<PlaceId> targets) {
    leaves_ += targets.size();
    if (leaves_ > kMostLeaves) throw too_large();
    machine_.splits_.push_back(std::move(targets));
    return add({.kind = Kind::kSplit, .what = static_cast<uint32_t>(machine_.splits_.size() - 1)});
  }

  // Places that take the same bytes and lead to the same place are one.
  PlaceId add_bytes(ByteRange range, PlaceId next) {
    const uint64_t key = uint64_t{next} << 16 | uint64_t{range.first} << 8 | range.last;
    const auto [at, is_new] = tails_.try_emplace(key, 0);
    if (is_new) at->second = add({.kind = Kind::kBytes, .what = set_of(range), .next = next});
    return at->second;
  }

  uint32_t set_of(ByteRange range) {
    const auto [at, is_new] = set_numbers_.try_emplace(uint32_t{range.first} << 8 | range.last,
                                                       static_cast<uint32_t>(sets_.size()));
    if (is_new) {
      ByteSet set;
      for (uint32_t byte = range.first; byte <= range.last; ++byte) set.set(byte);
      sets_.push_back(set);
    }
    return at->second;
  }

  // Where the expression begins if `next` follows it.
  PlaceId build(ExpressionId id, PlaceId next) {
    const Syntax::Expression& expression = syntax_.expression(id);
    switch (expression.kind) {
      case Syntax::Kind::kLiteral:
        for (size_t i = expression.bytes.size(); i > 0; --i) {
          const auto byte = static_cast<uint8_t>(expression.bytes[i - 1]);
          next = add_bytes({byte, byte}, next);
        }
        return next;
      case Syntax::Kind::kCharacter:
        return build_character(expression.codes, next);
      case Syntax::Kind::kSequence:
        for (size_t i = expression.children.size(); i > 0; --i)
          next = build(expression.children[i - 1], next);
        return next;
      case Syntax::Kind::kChoice: {
        std::vector<PlaceId> targets;
        for (const ExpressionId child : expression.children) targets.push_back(build(child, next));
        return add_split(std::move(targets));
      }
      case Syntax::Kind::kRepeat:
        return build_repeat(expression, next);
      case Syntax::Kind::kRule:
        return add({.kind = Kind::kCall, .what = expression.rule, .next = next});
    }
    return next;
  }

  PlaceId build_character(const std::vector<CodeRange>& codes, PlaceId next) {
    std::vector<PlaceId> targets;
    for (const CodeRange& range : codes) {
      for_each_utf8_range(range.first, range.last, [&](const ByteRanges& bytes) {
        PlaceId place = next;
        for (size_t i = bytes.size(); i > 0; --i) place = add_bytes(bytes[i - 1], place);
        targets.push_back(place);
      });
    }
    return targets.size() == 1 ? targets[0] : add_split(std::move(targets));
  }

  PlaceId build_repeat(const Syntax::Expression& expression, PlaceId next) {
    const ExpressionId part = expression.children[0];
    uint32_t copies = expression.least;
    PlaceId place = next;
    if (expression.most == Syntax::kUnbounded) {
      // The last copy goes round.
      const PlaceId again = add_split({});
      const PlaceId begin = build(part, again);
      machine_.splits_[machine_.places_[again].what] = {begin, next};
      place = copies == 0 ? again : begin;
      if (copies > 0) --copies;
    } else {
      for (uint32_t i = expression.least; i < expression.most; ++i) {
        const PlaceId begin = build(part, place);
        if (begin == place) break;  // the part is empty
        place = add_split({begin, next});
      }
    }
    for (; copies > 0; --copies) {
      const PlaceId begin = build(part, place);
      if (begin == place) break;
      place = begin;
    }
    return place;
  }

  const Syntax& syntax_;
  Machine& machine_;
  std::vector<ByteSet> sets_;
  std::map<uint32_t, uint32_t> set_numbers_;
  std::unordered_map<uint64_t, PlaceId> tails_;  // of the rule under way
  size_t leaves_ = 0;
};

Machine::Machine(const Syntax& syntax) {
  Builder builder(syntax, *this);
  for (RuleId rule = 0; rule < syntax.rules().size(); ++rule) {
    const Syntax::Rule& source = syntax.rules()[rule];
    if (!source.defined) throw Error(concat("rule '", source.name, "' is used and not defined"));
    ends_.push_back(places());
    starts_.push_back(builder.build_rule(rule));
  }
  number_bytes(builder.take_sets());
  find_left_calls(syntax);
  check_ends(syntax);
  find_leaves();
}

void Machine::number_bytes(const std::vector<ByteSet>& sets) {
  // Every set splits the classes that it divides.
  std::array<uint32_t, 256> classes{};
  uint32_t count = 1;
  for (const ByteSet& set : sets) {
    std::map<std::pair<uint32_t, bool>, uint32_t> numbers;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const auto [at, is_new] =
          numbers.try_emplace({classes[byte], set[byte]}, static_cast<uint32_t>(numbers.size()));
      classes[byte] = at->second;
    }
    count = static_cast<uint32_t>(numbers.size());
  }
  class_count_ = count;
  for (uint32_t byte = 0; byte < 256; ++byte) byte_classes_[byte] = static_cast<uint8_t>(classes[byte]);
  for (const ByteSet& set : sets) {
    ByteSet of_classes;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      if (set[byte]) of_classes.set(byte_classes_[byte]);
    }
    class_sets_.push_back(of_classes);
  }
}

// Follows every rule as far as it goes without reading a byte: which rules may be empty, and which they may
// call before they read one.
void Machine::find_left_calls(const Syntax& syntax) {
  const size_t rules = starts_.size();
  may_be_empty_.assign(rules, false);
  std::vector<bool> reached(places_.size());
  std::vector<std::pair<PlaceId, RuleId>> todo;  // a place, and the rule that it is of
  std::vector<std::vector<std::pair<PlaceId, RuleId>>> waiting(
      rules);  // calls, for the rule to be found empty
  std::vector<std::vector<RuleId>> left_calls(rules);
  for (RuleId rule = 0; rule < rules; ++rule) todo.emplace_back(starts_[rule], rule);
  while (!todo.empty()) {
    const auto [place, rule] = todo.back();
    todo.pop_back();
    if (reached[place]) continue;
    reached[place] = true;
    const Place& at = places_[place];
    if (at.kind == Kind::kSplit) {
      for (const PlaceId target : splits_[at.what]) todo.emplace_back(target, rule);
    } else if (at.kind == Kind::kCall) {
      left_calls[rule].push_back(at.what);
      if (may_be_empty_[at.what]) {
        todo.emplace_back(at.next, rule);
      } else {
        waiting[at.what].emplace_back(at.next, rule);
      }
    } else if (at.kind == Kind::kEnd) {
      may_be_empty_[rule] = true;
      todo.insert(todo.end(), waiting[rule].begin(), waiting[rule].end());
      waiting[rule].clear();
    }
  }
  rank_rules(syntax, left_calls);
}

// Depth first; a rule that is met again while it is under way is left-recursive.
void Machine::rank_rules(const Syntax& syntax, const std::vector<std::vector<RuleId>>& left_calls) {
  enum class Mark : uint8_t { kNew, kUnderWay, kDone };
  std::vector<Mark> marks(left_calls.size(), Mark::kNew);
  std::vector<RuleId> done;
  struct Step {
    RuleId rule;
    size_t call = 0;
  };
  std::vector<Step> path;
  for (RuleId first = 0; first < left_calls.size(); ++first) {
    if (marks[first] != Mark::kNew) continue;
    path.push_back({first});
    marks[first] = Mark::kUnderWay;
    while (!path.empty()) {
      Step& step = path.back();
      if (step.call == left_calls[step.rule].size()) {
        marks[step.rule] = Mark::kDone;
        done.push_back(step.rule);
        path.pop_back();
        continue;
      }
      const RuleId called = left_calls[step.rule][step.call++];
      if (marks[called] == Mark::kUnderWay) {
        const auto begin =
            std::find_if(path.begin(), path.end(), [&](const Step& s) { return s.rule == called; });
        std::string cycle;
        for (auto at = begin; at != path.end(); ++at) cycle += syntax.rules()[at->rule].name + " -> ";
        throw Error(concat("left recursion: ", cycle, syntax.rules()[called].name,
                           " comes back without reading anything; write the repetition with * or +"));
      }
      if (marks[called] == Mark::kNew) {
        marks[called] = Mark::kUnderWay;
        path.push_back({called});
      }
    }
  }
  rules_of_ranks_.assign(done.rbegin(), done.rend());
  ranks_.resize(done.size());
  for (uint32_t rank = 0; rank < rules_of_ranks_.size(); ++rank) ranks_[rules_of_ranks_[rank]] = rank;
}

// Wherever a text can get, it must be able to end.
void Machine::check_ends(const Syntax& syntax) const {
  const auto for_each_next = [&](PlaceId place, const auto& visit) {
    const Place& at = places_[place];
    if (at.kind == Kind::kSplit) {
      for (const PlaceId target : splits_[at.what]) visit(target);
    } else if (at.kind != Kind::kEnd) {
      visit(at.next);
      if (at.kind == Kind::kCall) visit(starts_[at.what]);
    }
  };
  std::vector<std::vector<PlaceId>> before(places_.size());
  for (PlaceId place = 0; place < places_.size(); ++place)
    for_each_next(place, [&](PlaceId next) { before[next].push_back(place); });

  std::vector<bool> can_end(places_.size());
  std::vector<PlaceId> todo;
  const auto find = [&](std::vector<bool>& found, PlaceId place) {
    if (!found[place]) todo.push_back(place);
    found[place] = true;
  };
  for (const PlaceId end : ends_) find(can_end, end);
  while (!todo.empty()) {
    const PlaceId end = todo.back();
    todo.pop_back();
    for (const PlaceId place : before[end]) {
      const Place& at = places_[place];
      if (at.kind != Kind::kCall || (can_end[at.next] && can_end[starts_[at.what]])) find(can_end, place);
    }
  }

  std::vector<bool> reached(places_.size());
  find(reached, starts_[0]);
  while (!todo.empty()) {
    const PlaceId place = todo.back();
    todo.pop_back();
    // An alternative that takes nothing is none; a way into it is a trap.
    if (!can_end[place] && (places_[place].kind != Kind::kSplit || place == starts_[0])) {
      const Place& at = places_[place];
      const PlaceId trap = at.kind == Kind::kCall && !can_end[starts_[at.what]] ? starts_[at.what] : place;
      const auto rule = std::upper_bound(ends_.begin(), ends_.end(), trap) - ends_.begin() - 1;
      throw Error(concat("rule '", syntax.rules()[static_cast<size_t>(rule)].name, "': no text ends it"));
    }
    for_each_next(place, [&](PlaceId next) { find(reached, next); });
  }
}

void Machine::find_leaves() {
  std::vector<bool> wanted(places_.size());
  for (const PlaceId start : starts_) wanted[start] = true;
  for (const Place& place : places_) {
    if (place.kind == Kind::kBytes || place.kind == Kind::kCall) wanted[place.next] = true;
  }
  leaf_ranges_.resize(places_.size());
  std::vector<uint32_t> seen(places_.size());
  uint32_t round = 0;
  std::vector<PlaceId> todo;
  size_t work = 0;
  for (PlaceId first = 0; first < places_.size(); ++first) {
    if (!wanted[first]) continue;
    const auto begin = static_cast<uint32_t>(leaves_.size());
    ++round;
    todo.push_back(first);
    while (!todo.empty()) {
      const PlaceId place = todo.back();
      todo.pop_back();
      if (seen[place] == round) continue;
      seen[place] = round;
      if (++work > kMostLeaves) throw too_large();
      const Place& at = places_[place];
      if (at.kind == Kind::kSplit) {
        todo.insert(todo.end(), splits_[at.what].begin(), splits_[at.what].end());
        continue;
      }
      leaves_.push_back(place);
      if (at.kind == Kind::kCall && may_be_empty_[at.what]) todo.push_back(at.next);
    }
    std::sort(leaves_.begin() + begin,
              leaves_.end());  // as states have them, which mostly saves sorting there
    leaf_ranges_[first] = {begin, static_cast<uint32_t>(leaves_.size()) - begin};
  }
}

}  // namespace brim
