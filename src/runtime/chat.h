// A conversation with a model: turns become tokens in the layout that the model was trained with, and what
// was said stays in the KV cache.
#pragma once

#include <string>
#include <string_view>

#include "runtime/session.h"

namespace brim {

class Chat {
 public:
  // `system` opens the conversation if it is not empty and the model's layout has a place for it.
  Chat(Session& session, std::string system) : session_(session), system_(std::move(system)) {}

  // The model's answer to `user`. Throws Error if the turn does not fit into the rest of the context: then
  // nothing was said, and `reset` makes room.
  Generation answer(std::string_view user, HostSampler& sampler, const GenerateOptions& options);

  // Forgets the conversation.
  void reset() { session_.rewind(0); }

  Session& session() { return session_; }
  const Session& session() const { return session_; }

 private:
  Session& session_;
  std::string system_;
};

}  // namespace brim
