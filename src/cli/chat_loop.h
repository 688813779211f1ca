// The interactive part of `brim run --chat`.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/chat.h"

namespace brim {

// Reads turns from standard input, a line each, and writes the answers to standard output until the input
// ends or says /quit. Setting `interrupted` ends the answer under way, not the chat.
void chat_loop(Chat& chat, const Tokenizer& tokenizer, Sampler& sampler, uint32_t max_tokens,
               std::atomic<bool>& interrupted);

}  // namespace brim
