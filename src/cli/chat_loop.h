// The interactive part of `brim run --chat`.
#pragma once

#include <atomic>

#include "engine/executor.h"
#include "image/header.h"
#include "runtime/chat.h"
#include "runtime/chat_command.h"
#include "runtime/host_speculation.h"

namespace brim {

// Reads lines from standard input, turns and commands, and writes the answers to standard output until the
// input ends or says /quit. `executor` is what runs the chat's passes, `known` what /selfcheck runs. Setting
// `interrupted` ends the answer under way, not the chat.
void chat_loop(Chat& chat, const Tokenizer& tokenizer, HostSpeculation& speculation, ChatSettings settings,
               Executor& executor, const KnownPass& known, std::atomic<bool>& interrupted);

}  // namespace brim
