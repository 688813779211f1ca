// A Machine made deterministic as far as texts need it. A state is all places where a text may have come to,
// each with all stacks of calls it may be in: a set of stacks is a graph whose nodes are shared (Tomita,
// "Efficient Parsing for Natural Language", 1986), in one form only, so that equal sets have equal numbers.
// At most one node stands in a set for each place, so that its size does not depend on how many ways there
// are to read a text.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "grammar/machine.h"

namespace brim {

using StateId = uint32_t;
using StackId = uint32_t;

class Automaton {
 public:
  // Nothing is possible in this state, not even the end.
  static constexpr StateId kDead = 0;

  explicit Automaton(const Machine& machine);

  StateId start() const { return start_; }
  // The state behind `byte`. Throws Error where that takes more than the budget.
  StateId next(StateId state, uint8_t byte) {
    const uint8_t byte_class = machine_.byte_class(byte);
    const StateId known = transitions_[size_t{state} * machine_.byte_classes() + byte_class];
    return known != kUnknownState ? known : find_next(state, byte_class);
  }

  // The text may end here.
  bool can_end(StateId state) const { return states_[state].can_end; }

  // The same places with nothing known of the calls that they are in; what may happen behind the end of those
  // is left out, and a state in which such an end has been reached is open.
  StateId cut(StateId state);
  bool is_open(StateId state) const { return states_[state].open; }

  // Following a text is bounded by the work done since the last call of this.
  void restart_budget() { work_ = 0; }

  // So much has been kept that a new one should take its place.
  bool full() const;

 private:
  // A place to go on at, and the set of stacks below it.
  struct Frame {
    PlaceId place;
    StackId below;
    bool operator==(const Frame&) const = default;
  };
  // A set of stacks by their uppermost frames, ascending by place.
  struct Stack {
    uint32_t first, count;  // of frames_
    uint32_t depth;         // of the deepest
    bool bottom;            // one of them is empty: the text may end
    bool unknown;           // of one of them nothing is known
  };
  struct State {
    uint32_t first, count;  // of frames_: places of kind kBytes
    bool can_end;
    bool open;
  };

  static constexpr StateId kUnknownState = std::numeric_limits<StateId>::max();

  StateId find_next(StateId state, uint8_t byte_class);
  StateId step(StateId state, uint8_t byte_class);
  void go_on_at(PlaceId place, StackId stack);
  void expand();
  StackId push(PlaceId place, StackId stack);
  StackId unite(StackId a, StackId b);
  StackId intern_stack(std::vector<Frame> frames, bool bottom, bool unknown);
  // Sorts the frames, and leaves them to be used again.
  StateId intern_state(std::vector<Frame>& frames, bool can_end, bool open);
  void merge_places(std::vector<Frame>& frames);
  void spend();

  std::span<const Frame> frames_of(uint32_t first, uint32_t count) const {
    return std::span(frames_).subspan(first, count);
  }

  const Machine& machine_;
  std::vector<Frame> frames_;
  std::vector<Stack> stacks_;
  std::vector<State> states_;
  std::vector<StateId> transitions_;  // [state][class of byte]
  std::unordered_multimap<uint64_t, StackId> stack_numbers_;
  std::unordered_multimap<uint64_t, StateId> state_numbers_;
  std::unordered_map<uint64_t, StackId> unions_;
  std::unordered_map<StateId, StateId> cuts_;
  StateId start_ = kDead;

  // Of the step under way.
  std::vector<Frame> todo_;
  std::unordered_set<uint64_t> done_;
  std::vector<Frame> found_;
  std::map<uint32_t, StackId> calls_;  // by rank of the rule
  bool can_end_ = false;
  bool open_ = false;
  uint64_t work_ = 0;
};

}  // namespace brim
