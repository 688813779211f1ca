// A text under way that follows a grammar: which tokens may come next.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/token_trie.h"

namespace brim {

class GrammarMatcher;

// One per sequence. A copy goes on from the same place and shares what is known of the grammar, masks above
// all: to use a grammar again, keep a fresh state and copy it. Copies may live in different threads.
class GrammarState {
 public:
  GrammarState(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTrie> vocabulary);

  // The tokens that may come next, bit t % 64 of word t / 64 for token t, as many words as the vocabulary
  // needs; end tokens are among them exactly where the text may end. Nothing, where the vocabulary has no
  // token for what the grammar wants. Valid until the next call of this state.
  std::span<const uint64_t> mask();

  // Whether a token is among them; found without the others.
  bool allows(uint32_t token) const;

  // Goes on by a token; false, and nothing changes, if it is not allowed. Behind an end token none is.
  bool accept(uint32_t token);

  // The text may end here.
  bool can_end() const;
  // An end token was accepted.
  bool ended() const { return ended_; }

  // How many tokens were accepted; goes back to where they were `count`.
  size_t tokens() const { return tokens_.size(); }
  void rewind(size_t count);

 private:
  // Of the automaton, now and behind a token; the matcher has been entered.
  uint32_t state() const;
  uint32_t behind(uint32_t token) const;

  std::shared_ptr<GrammarMatcher> matcher_;
  std::vector<uint32_t> tokens_;
  bool ended_ = false;
  std::vector<uint64_t> mask_;
  // States before each token and behind the last one, as the matcher numbers them in this epoch.
  mutable std::vector<uint32_t> states_;
  mutable uint64_t epoch_ = 0;
};

}  // namespace brim
