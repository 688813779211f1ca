// Added tokens as Hugging Face's files write them. Hosted code.
#pragma once

#include "tokenizer/blob_writer.h"
#include "tokenizer/json.h"

namespace brim {

// Gives the id a piece. Ids that no token has stay control tokens without text: they are never found and
// decode to nothing.
void place_token(uint32_t id, const std::string& piece, TokenType type, TokenizerParts& parts);

// Takes {"content": ..., "special": ..., "lstrip": ..., ...} under the id. Throws Error if they are none, or
// if another token has the id already.
void add_json_token(const Json& id, const Json& token, TokenizerParts& parts);

}  // namespace brim
