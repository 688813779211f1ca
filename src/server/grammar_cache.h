// Grammars that requests asked for lately: each is compiled once, and what is known of it, masks above all,
// serves the next request for it too.
#pragma once

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "grammar/grammar_state.h"

namespace brim::server {

// May be used by several threads.
class GrammarCache {
 public:
  // The grammar of this key, which compile() makes where it is not kept; what that throws is thrown.
  template <typename Compile>
  std::shared_ptr<const Grammar> grammar(const std::string& key, const Compile& compile) {
    if (auto known = find(key)) return known;
    std::shared_ptr<const Grammar> made = compile();
    const std::lock_guard lock(mutex_);
    entries_.push_front({key, made, std::nullopt});
    if (entries_.size() > kMost) entries_.pop_back();
    return made;
  }

  // The beginning of a text that follows it. The vocabulary is always the same.
  GrammarState beginning(const std::shared_ptr<const Grammar>& grammar,
                         const std::shared_ptr<const TokenTrie>& vocabulary) {
    const std::lock_guard lock(mutex_);
    const auto entry = std::ranges::find(entries_, grammar, &Entry::grammar);
    if (entry == entries_.end()) return {grammar, vocabulary};
    if (!entry->beginning) entry->beginning.emplace(grammar, vocabulary);
    return *entry->beginning;
  }

 private:
  // Each may keep some 100 MB, where texts lead to many states of it.
  static constexpr size_t kMost = 4;

  struct Entry {
    std::string key;
    std::shared_ptr<const Grammar> grammar;
    std::optional<GrammarState> beginning;
  };

  std::shared_ptr<const Grammar> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto entry = std::ranges::find(entries_, key, &Entry::key);
    if (entry == entries_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, entry);
    return entry->grammar;
  }

  std::mutex mutex_;
  std::list<Entry> entries_;  // the one that was asked for last stands first
};

}  // namespace brim::server
