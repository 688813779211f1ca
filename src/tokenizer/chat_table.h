// From a chat template, a program, to the chat table that an image carries for its board. Hosted code.
#pragma once

#include "tokenizer/blob_writer.h"

namespace brim {

// Runs the default template on probing conversations and sets parts.chat to what it writes round the texts.
// What it writes otherwise than a table can say, and a template that cannot be run, is told in parts.notes.
void derive_chat_table(TokenizerParts& parts);

}  // namespace brim
