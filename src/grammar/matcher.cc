#include "grammar/matcher.h"

namespace brim {

namespace {

constexpr size_t kMostMaskBytes = size_t{64} << 20;

}  // namespace

GrammarMatcher::GrammarMatcher(std::shared_ptr<const Grammar> grammar,
                               std::shared_ptr<const TokenTrie> vocabulary)
    : grammar_(std::move(grammar)),
      vocabulary_(std::move(vocabulary)),
      path_(size_t{vocabulary_->most_bytes()} + 1) {
  automaton_.emplace(grammar_->machine());
}

std::unique_lock<std::mutex> GrammarMatcher::enter() {
  std::unique_lock lock(mutex_);
  const size_t mask_bytes = (masks_.size() + locals_.size()) * (vocabulary_->vocabulary() / 8 + 64);
  if (automaton_->full() || mask_bytes > kMostMaskBytes) {
    masks_.clear();
    locals_.clear();
    automaton_.emplace(grammar_->machine());
    ++epoch_;
  }
  automaton_->restart_budget();
  return lock;
}

StateId GrammarMatcher::next(StateId state, std::string_view bytes) {
  for (const char byte : bytes) {
    if (state == Automaton::kDead) break;
    state = automaton_->next(state, static_cast<uint8_t>(byte));
  }
  return state;
}

void GrammarMatcher::add_tokens_at(uint32_t node, Words& words) const {
  for (const uint32_t token : vocabulary_->tokens_at(node)) words[token / 64] |= uint64_t{1} << (token % 64);
}

template <typename OnOpen>
void GrammarMatcher::add_tokens(StateId state, uint32_t begin, uint32_t end, Words& words,
                                const OnOpen& on_open) {
  const std::span<const TokenTrie::Node> nodes = vocabulary_->nodes();
  if (begin == end) return;
  path_[nodes[begin].depth - 1u] = state;
  for (uint32_t i = begin; i < end;) {
    const TokenTrie::Node& node = nodes[i];
    const StateId next = automaton_->next(path_[node.depth - 1u], node.byte);
    if (next == Automaton::kDead) {
      i = node.skip;
    } else if (automaton_->is_open(next)) {
      on_open(i);
      i = node.skip;
    } else {
      path_[node.depth] = next;
      add_tokens_at(i, words);
      ++i;
    }
  }
}

const GrammarMatcher::Local& GrammarMatcher::local(StateId cut) {
  if (const auto known = locals_.find(cut); known != locals_.end()) return known->second;
  Local result;
  result.allowed.resize((vocabulary_->vocabulary() + 63) / 64);
  add_tokens(cut, 0, static_cast<uint32_t>(vocabulary_->nodes().size()), result.allowed,
             [&](uint32_t node) { result.open.push_back(node); });
  return locals_.emplace(cut, std::move(result)).first->second;
}

// Most of a mask depends on the places only, and is the same within every string, say, of a text. What
// remains are tokens in which a rule ends and its caller goes on.
std::span<const uint64_t> GrammarMatcher::mask(StateId state) {
  if (const auto known = masks_.find(state); known != masks_.end()) return known->second;
  const Local& known = local(automaton_->cut(state));
  Words words = known.allowed;
  const std::span<const TokenTrie::Node> nodes = vocabulary_->nodes();
  for (const uint32_t node : known.open) {
    const std::string_view path =
        vocabulary_->text(vocabulary_->token_below(node)).substr(0, nodes[node].depth);
    const StateId at = next(state, path);
    if (at == Automaton::kDead) continue;
    add_tokens_at(node, words);
    add_tokens(at, node + 1, nodes[node].skip, words, [](uint32_t) {});
  }
  if (can_end(state)) {
    for (const uint32_t token : vocabulary_->ends()) words[token / 64] |= uint64_t{1} << (token % 64);
  }
  return masks_.emplace(state, std::move(words)).first->second;
}

}  // namespace brim
