// A conversation with a model: turns become tokens in the layout that the model was trained with, and what
// was said stays in the KV cache.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/session.h"
#include "tokenizer/tokenizer.h"

namespace brim {

class Chat {
 public:
  // `system` opens the conversation if it is not empty and the model's layout has a place for it.
  Chat(Session& session, const Tokenizer& tokenizer, std::string system)
      : session_(session), tokenizer_(tokenizer), system_(std::move(system)) {}

  // The model's answer to `user`. Throws Error if the turn does not fit into the rest of the context: then
  // nothing was said, and `reset` makes room.
  Generation answer(std::string_view user, Sampler& sampler, const GenerateOptions& options);

  // Forgets the conversation.
  void reset();

 private:
  std::vector<uint32_t> turn_tokens(std::string_view user) const;

  Session& session_;
  const Tokenizer& tokenizer_;
  std::string system_;
  bool started_ = false;
  std::vector<uint32_t> unread_;  // tokens of the last answer that have not been run
};

// Encodes with memory of its own. Throws Error if the text is too long.
std::vector<uint32_t> encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options);

}  // namespace brim
