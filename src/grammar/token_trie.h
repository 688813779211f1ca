// The vocabulary as a grammar sees it: the bytes that each token adds to a text, as a trie.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace brim {

// A control token that a grammar may ask for by its name, as it has no text.
struct TokenMarker {
  uint32_t token = 0;
  std::string text;  // its name
};

class TokenTrie {
 public:
  // A byte behind those of the node's parent. Nodes are in preorder, children by byte.
  struct Node {
    uint32_t skip;         // the node behind this one's subtree
    uint32_t first_token;  // of tokens(): those of the subtree begin here; those that end here come first
    uint16_t depth;        // bytes, at least 1
    uint8_t byte;
  };

  // Of all tokens that have text. Throws Error if none ends a text: a grammar could not end either. Copies
  // what it needs. `markers` have marker_text() for a text, and are the only tokens that have.
  explicit TokenTrie(const Tokenizer& tokenizer, std::span<const TokenMarker> markers = {});
  // Of these texts; one that is empty, or longer than 65535 bytes, is a token that is never allowed.
  TokenTrie(std::vector<std::string> texts, std::vector<uint32_t> ends);

  // What stands for a marker in a grammar: no text, as none in UTF-8 has this byte.
  static constexpr char kMarkerByte = '\xFF';
  static std::string marker_text(std::string_view name) { return kMarkerByte + std::string(name); }

  std::span<const Node> nodes() const { return nodes_; }
  // Tokens that end at node i: all but those of its children.
  std::span<const uint32_t> tokens_at(uint32_t i) const {
    const uint32_t end =
        i + 1 < nodes_.size() ? nodes_[i + 1].first_token : static_cast<uint32_t>(tokens_.size());
    return std::span(tokens_).subspan(nodes_[i].first_token, end - nodes_[i].first_token);
  }
  // One of the tokens whose texts begin with the node's path.
  uint32_t token_below(uint32_t i) const { return tokens_[nodes_[i].first_token]; }
  uint32_t most_bytes() const { return most_bytes_; }  // of a token
  uint32_t vocabulary() const { return static_cast<uint32_t>(texts_.size()); }
  // Empty for tokens that have no text, and beyond the vocabulary.
  std::string_view text(uint32_t token) const {
    return token < texts_.size() ? texts_[token] : std::string_view();
  }
  // Tokens that end a text.
  std::span<const uint32_t> ends() const { return ends_; }
  bool is_end(uint32_t token) const;

 private:
  void build();

  std::vector<std::string> texts_;
  std::vector<uint32_t> ends_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> tokens_;
  uint32_t most_bytes_ = 0;
};

}  // namespace brim
