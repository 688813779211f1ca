#include "grammar/grammar_state.h"

#include "grammar/matcher.h"

namespace brim {

GrammarState::GrammarState(std::shared_ptr<const Grammar> grammar,
                           std::shared_ptr<const TokenTrie> vocabulary)
    : matcher_(std::make_shared<GrammarMatcher>(std::move(grammar), std::move(vocabulary))) {}

// Where the matcher has forgotten its states, the text leads to them again.
uint32_t GrammarState::state() const {
  if (epoch_ != matcher_->epoch()) {
    epoch_ = matcher_->epoch();
    states_.assign(1, matcher_->start());
    for (const uint32_t token : tokens_) {
      const bool end = matcher_->vocabulary().is_end(token);
      states_.push_back(end ? states_.back()
                            : matcher_->next(states_.back(), matcher_->vocabulary().text(token)));
    }
  }
  return states_.back();
}

std::span<const uint64_t> GrammarState::mask() {
  if (ended_) {
    mask_.assign((matcher_->vocabulary().vocabulary() + 63) / 64, 0);
    return mask_;
  }
  const auto lock = matcher_->enter();
  const std::span<const uint64_t> words = matcher_->mask(state());
  mask_.assign(words.begin(), words.end());
  return mask_;
}

uint32_t GrammarState::behind(uint32_t token) const {
  const TokenTrie& vocabulary = matcher_->vocabulary();
  if (ended_) return Automaton::kDead;
  const StateId from = state();
  if (vocabulary.is_end(token)) return matcher_->can_end(from) ? from : Automaton::kDead;
  const std::string_view text = vocabulary.text(token);
  return text.empty() ? Automaton::kDead : matcher_->next(from, text);
}

bool GrammarState::allows(uint32_t token) const {
  const auto lock = matcher_->enter();
  return behind(token) != Automaton::kDead;
}

bool GrammarState::accept(uint32_t token) {
  const auto lock = matcher_->enter();
  const StateId next = behind(token);
  if (next == Automaton::kDead) return false;
  tokens_.push_back(token);
  states_.push_back(next);
  ended_ = matcher_->vocabulary().is_end(token);
  return true;
}

bool GrammarState::can_end() const {
  const auto lock = matcher_->enter();
  return !ended_ && matcher_->can_end(state());
}

void GrammarState::rewind(size_t count) {
  if (count >= tokens_.size()) return;
  tokens_.resize(count);
  if (!states_.empty()) states_.resize(count + 1);
  ended_ = false;
}

}  // namespace brim
