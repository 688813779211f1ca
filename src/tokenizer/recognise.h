// Recognises what tokenizer files name by convention or spell out as programs: byte alphabets, word rules,
// end tokens. Hosted code.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tokenizer/blob_writer.h"
#include "tokenizer/format.h"

namespace brim {

// The bytes that a byte-level piece spells with GPT-2's alphabet of 256 printable characters (Radford et
// al. 2019, encoder.py), or nothing if it has other characters.
std::optional<std::string> spelt_bytes(std::string_view piece);

// The character of that alphabet, as UTF-8.
std::string byte_character(uint8_t byte);

// The rule with exactly this regular expression, or kNone.
PreTokenizer rule_of_pattern(std::string_view regular_expression);

// Adds the tokens that end texts or turns by convention ("<|eot_id|>") to the ends, as far as they are among
// the added tokens.
void add_known_ends(TokenizerParts& parts);

// The added token with this text, else any token with it, else kNoToken.
uint32_t find_token(const TokenizerParts& parts, std::string_view text);

// Makes a token one that is matched by its text, in place of what was known of it.
void add_token(const AddedToken& token, TokenizerParts& parts);

// Leaves out added tokens that a model of so many tokens has no rows for, as fine-tunes with a padding token
// have them, and tells it. Other tokens stay.
void limit_added_tokens(uint32_t vocabulary, TokenizerParts& parts);

// What all sources have in common once everything is read: the conventional ends, which tokens only the
// caller may ask for, the chat table. Special is, besides those that the files call so, what begins or ends
// texts and what the chat template writes: whether a token is shown says nothing about who may write it.
void finish_parts(TokenizerParts& parts);

}  // namespace brim
