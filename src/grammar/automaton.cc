#include "grammar/automaton.h"

#include <algorithm>

#include "base/error.h"

namespace brim {

namespace {

// Stacks of which nothing is left, and of which nothing is known.
constexpr StackId kBottom = 0;
constexpr StackId kUnknown = 1;
// No stack: it would be deeper than they may be.
constexpr StackId kTooDeep = std::numeric_limits<StackId>::max();

// Calls within calls beyond this are not allowed: nested texts may not nest deeper.
constexpr uint32_t kMostDepth = 1000;
constexpr uint64_t kMostWork = 10'000'000;  // places looked at: less than a second
constexpr size_t kMostFrames = 32'000'000;
constexpr size_t kEnoughFrames = 4'000'000;
constexpr size_t kEnoughTransitions = 8'000'000;
constexpr uint32_t kUsualStates = 1024;  // that a text leads to: room for them is made at once

uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 29);
}

template <typename Frames>
uint64_t hash_of(const Frames& frames, bool first, bool second) {
  uint64_t hash = (first ? 2u : 0u) + (second ? 1u : 0u);
  for (const auto& frame : frames) hash = mix(hash, uint64_t{frame.place} << 32 | frame.below);
  return hash;
}

}  // namespace

Automaton::Automaton(const Machine& machine) : machine_(machine) {
  transitions_.reserve(size_t{kUsualStates} * machine.byte_classes());
  intern_stack({}, /*bottom=*/true, /*unknown=*/false);
  intern_stack({}, /*bottom=*/false, /*unknown=*/true);
  intern_state(found_, /*can_end=*/false, /*open=*/false);  // kDead
  // Where the first rule may be empty its end is found here, for no caller has looked at that.
  go_on_at(machine.start(0), kBottom);
  expand();
  start_ = intern_state(found_, can_end_, open_);
}

bool Automaton::full() const {
  return frames_.size() > kEnoughFrames || transitions_.size() > kEnoughTransitions ||
         unions_.size() > kEnoughFrames;
}

void Automaton::spend() {
  if (++work_ > kMostWork || frames_.size() > kMostFrames)
    throw Error("the grammar is too ambiguous to be followed; make its rules tell texts apart sooner");
}

StateId Automaton::find_next(StateId state, uint8_t byte_class) {
  const StateId next = step(state, byte_class);
  transitions_[size_t{state} * machine_.byte_classes() + byte_class] = next;
  return next;
}

StateId Automaton::step(StateId state, uint8_t byte_class) {
  found_.clear();
  todo_.clear();
  calls_.clear();
  if (!done_.empty()) done_.clear();  // which takes its time even so
  can_end_ = open_ = false;
  const State from = states_[state];
  for (uint32_t i = from.first; i < from.first + from.count; ++i) {
    const Frame frame = frames_[i];
    const Machine::Place& place = machine_.place(frame.place);
    if (machine_.takes(place, byte_class)) go_on_at(place.next, frame.below);
  }
  expand();
  return intern_state(found_, can_end_, open_);
}

// Follows everything that can be reached from here without a byte, but for the calls of rules, which are
// gathered: one rule, however often it is called at this byte, is gone through once.
void Automaton::go_on_at(PlaceId start, StackId start_stack) {
  todo_.push_back({start, start_stack});
  for (bool first = true; !todo_.empty(); first = false) {
    const Frame frame = todo_.back();
    todo_.pop_back();
    // Frames below ends are met again and again; that at which this began, once.
    if (!first && !done_.insert(uint64_t{frame.place} << 32 | frame.below).second) continue;
    for (const PlaceId leaf : machine_.leaves(frame.place)) {
      spend();
      const Machine::Place& place = machine_.place(leaf);
      if (place.kind == Machine::Kind::kBytes) {
        found_.push_back({leaf, frame.below});
      } else if (place.kind == Machine::Kind::kEnd) {
        const Stack stack = stacks_[frame.below];
        can_end_ |= stack.bottom;
        open_ |= stack.unknown;
        for (uint32_t i = stack.first; i < stack.first + stack.count; ++i) {
          spend();
          todo_.push_back(frames_[i]);
        }
      } else {
        // Behind a call that ends its rule there is nothing to come back to.
        const StackId stack = machine_.only_end(place.next) ? frame.below : push(place.next, frame.below);
        if (stack == kTooDeep) continue;
        const auto [at, is_new] = calls_.try_emplace(machine_.rank(place.what), stack);
        if (!is_new) at->second = unite(at->second, stack);
      }
    }
  }
}

// Goes through the rules that were called. A rule is called only by rules of lower rank, so that each has all
// of its callers when its turn comes.
void Automaton::expand() {
  while (!calls_.empty()) {
    const auto [rank, stack] = *calls_.begin();
    calls_.erase(calls_.begin());
    const PlaceId start = machine_.start(machine_.rule_of_rank(rank));
    for (const PlaceId leaf : machine_.leaves(start)) {
      spend();
      const Machine::Place& place = machine_.place(leaf);
      if (place.kind == Machine::Kind::kBytes) {
        found_.push_back({leaf, stack});
      } else if (place.kind == Machine::Kind::kCall) {
        const StackId inner = machine_.only_end(place.next) ? stack : push(place.next, stack);
        if (inner == kTooDeep) continue;
        const auto [at, is_new] = calls_.try_emplace(machine_.rank(place.what), inner);
        if (!is_new) at->second = unite(at->second, inner);
      }
      // That the rule may be empty is known to its callers (Machine::leaves).
    }
  }
}

StackId Automaton::push(PlaceId place, StackId stack) {
  if (stacks_[stack].depth >= kMostDepth) return kTooDeep;
  return intern_stack({{place, stack}}, false, false);
}

// Frames of one place become one, above the union of what is below them.
void Automaton::merge_places(std::vector<Frame>& frames) {
  if (frames.size() < 2) return;
  const auto before = [](const Frame& a, const Frame& b) {
    return a.place != b.place ? a.place < b.place : a.below < b.below;
  };
  if (!std::is_sorted(frames.begin(), frames.end(), before)) std::sort(frames.begin(), frames.end(), before);
  size_t kept = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    if (kept > 0 && frames[kept - 1].place == frames[i].place) {
      frames[kept - 1].below = unite(frames[kept - 1].below, frames[i].below);
    } else {
      frames[kept++] = frames[i];
    }
  }
  frames.resize(kept);
}

StackId Automaton::unite(StackId a, StackId b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);
  const uint64_t key = uint64_t{a} << 32 | b;
  if (const auto known = unions_.find(key); known != unions_.end()) return known->second;
  const Stack x = stacks_[a], y = stacks_[b];
  std::vector<Frame> frames;
  uint32_t i = 0, j = 0;
  while (i < x.count || j < y.count) {
    spend();
    if (j == y.count || (i < x.count && frames_[x.first + i].place < frames_[y.first + j].place)) {
      frames.push_back(frames_[x.first + i++]);
    } else if (i == x.count || frames_[y.first + j].place < frames_[x.first + i].place) {
      frames.push_back(frames_[y.first + j++]);
    } else {
      const Frame p = frames_[x.first + i++], q = frames_[y.first + j++];
      frames.push_back({p.place, unite(p.below, q.below)});  // at most kMostDepth deep
    }
  }
  const StackId result = intern_stack(std::move(frames), x.bottom || y.bottom, x.unknown || y.unknown);
  unions_.emplace(key, result);
  return result;
}

StackId Automaton::intern_stack(std::vector<Frame> frames, bool bottom, bool unknown) {
  const uint64_t hash = hash_of(frames, bottom, unknown);
  const auto [begin, end] = stack_numbers_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    const Stack& known = stacks_[at->second];
    if (known.bottom == bottom && known.unknown == unknown &&
        std::ranges::equal(frames_of(known.first, known.count), frames)) {
      return at->second;
    }
  }
  uint32_t depth = 0;
  for (const Frame& frame : frames) depth = std::max(depth, stacks_[frame.below].depth + 1);
  const auto id = static_cast<StackId>(stacks_.size());
  stacks_.push_back(
      {static_cast<uint32_t>(frames_.size()), static_cast<uint32_t>(frames.size()), depth, bottom, unknown});
  frames_.insert(frames_.end(), frames.begin(), frames.end());
  stack_numbers_.emplace(hash, id);
  return id;
}

StateId Automaton::intern_state(std::vector<Frame>& frames, bool can_end, bool open) {
  merge_places(frames);
  const uint64_t hash = hash_of(frames, can_end, open);
  const auto [begin, end] = state_numbers_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    const State& known = states_[at->second];
    if (known.can_end == can_end && known.open == open &&
        std::ranges::equal(frames_of(known.first, known.count), frames)) {
      return at->second;
    }
  }
  const auto id = static_cast<StateId>(states_.size());
  states_.push_back(
      {static_cast<uint32_t>(frames_.size()), static_cast<uint32_t>(frames.size()), can_end, open});
  frames_.insert(frames_.end(), frames.begin(), frames.end());
  state_numbers_.emplace(hash, id);
  // Most bytes lead nowhere, in most states: that is seen for all of them at once.
  Machine::ByteSet taken;
  for (const Frame& frame : frames) taken |= machine_.class_set(machine_.place(frame.place));
  const size_t row = transitions_.size();
  transitions_.resize(row + machine_.byte_classes(), kDead);
  for (uint32_t byte_class = 0; byte_class < machine_.byte_classes(); ++byte_class) {
    if (taken[byte_class]) transitions_[row + byte_class] = kUnknownState;
  }
  return id;
}

StateId Automaton::cut(StateId state) {
  if (const auto known = cuts_.find(state); known != cuts_.end()) return known->second;
  const State from = states_[state];
  std::vector<Frame> frames;
  for (const Frame& frame : frames_of(from.first, from.count)) frames.push_back({frame.place, kUnknown});
  const StateId result = intern_state(frames, false, false);
  cuts_.emplace(state, result);
  return result;
}

}  // namespace brim
