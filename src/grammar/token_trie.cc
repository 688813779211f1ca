#include "grammar/token_trie.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "tokenizer/decoder.h"

namespace brim {

TokenTrie::TokenTrie(const Tokenizer& tokenizer, std::span<const TokenMarker> markers) {
  std::string room(StreamDecoder(tokenizer).max_text_bytes(), '\0');
  for (uint32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
    const bool has_text = tokenizer.tables().type(id) != TokenType::kUnknown && !tokenizer.is_end(id);
    texts_.emplace_back(has_text ? token_bytes(tokenizer, id, room) : std::string_view());
    if (texts_.back().find(kMarkerByte) != std::string::npos) texts_.back().clear();
    if (tokenizer.is_end(id)) ends_.push_back(id);
  }
  for (const TokenMarker& marker : markers) texts_[marker.token] = marker_text(marker.text);
  if (ends_.empty())
    throw Error("the tokenizer has no token that ends a text, so that a grammar could not end");
  build();
}

TokenTrie::TokenTrie(std::vector<std::string> texts, std::vector<uint32_t> ends)
    : texts_(std::move(texts)), ends_(std::move(ends)) {
  std::sort(ends_.begin(), ends_.end());
  build();
}

bool TokenTrie::is_end(uint32_t token) const { return std::binary_search(ends_.begin(), ends_.end(), token); }

// Sorted texts are the trie in preorder: each shares its path with the one before as far as they are equal.
void TokenTrie::build() {
  for (uint32_t id = 0; id < texts_.size(); ++id) {
    if (texts_[id].size() > std::numeric_limits<uint16_t>::max()) texts_[id].clear();
    if (!texts_[id].empty()) tokens_.push_back(id);
  }
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [&](uint32_t a, uint32_t b) { return texts_[a] < texts_[b]; });
  std::vector<uint32_t> path;  // of nodes
  const auto leave = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back())
      nodes_[path.back()].skip = static_cast<uint32_t>(nodes_.size());
  };
  std::string_view before;
  for (uint32_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view text = texts_[tokens_[i]];
    const size_t common = static_cast<size_t>(
        std::mismatch(text.begin(), text.end(), before.begin(), before.end()).first - text.begin());
    leave(common);
    for (size_t depth = common; depth < text.size(); ++depth) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({.skip = 0,
                        .first_token = i,
                        .depth = static_cast<uint16_t>(depth + 1),
                        .byte = static_cast<uint8_t>(text[depth])});
    }
    most_bytes_ = std::max(most_bytes_, static_cast<uint32_t>(text.size()));
    before = text;
  }
  leave(0);
}

}  // namespace brim
