// What is known of a grammar over a vocabulary, shared by all sequences that follow it: states of the
// automaton and which tokens each of them allows.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "grammar/automaton.h"
#include "grammar/grammar.h"
#include "grammar/token_trie.h"

namespace brim {

class GrammarMatcher {
 public:
  GrammarMatcher(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTrie> vocabulary);

  const TokenTrie& vocabulary() const { return *vocabulary_; }

  // Exclusive use, which every other call needs. Begins a new epoch if too much has been kept: states of
  // another epoch mean nothing.
  std::unique_lock<std::mutex> enter();
  uint64_t epoch() const { return epoch_; }

  StateId start() const { return automaton_->start(); }
  StateId next(StateId state, std::string_view bytes);
  bool can_end(StateId state) const { return automaton_->can_end(state); }

  // The tokens that the state allows, as TokenSet has them.
  std::span<const uint64_t> mask(StateId state);

 private:
  using Words = std::vector<uint64_t>;

  // What the places of a state allow whatever calls they are in, and nodes of the trie at which the calls
  // matter.
  struct Local {
    Words allowed;
    std::vector<uint32_t> open;
  };

  const Local& local(StateId cut);
  // Adds the tokens below the nodes from `begin` to `end`, which follow `state` and have its depth. At an
  // open state, on_open(node) instead of them.
  template <typename OnOpen>
  void add_tokens(StateId state, uint32_t begin, uint32_t end, Words& words, const OnOpen& on_open);
  void add_tokens_at(uint32_t node, Words& words) const;

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const TokenTrie> vocabulary_;
  std::mutex mutex_;
  std::optional<Automaton> automaton_;
  std::unordered_map<StateId, Words> masks_;
  std::unordered_map<StateId, Local> locals_;
  std::vector<StateId> path_;  // of add_tokens(), by depth
  uint64_t epoch_ = 1;
};

}  // namespace brim
