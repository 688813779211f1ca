// Recognises what tokenizer files name by convention or spell out as programs: byte alphabets, word rules,
// chat templates. Hosted code.
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

// The family of a Jinja chat template, told by its markers; kNone if it is of no supported family.
ChatTemplate family_of_chat(std::string_view jinja);

// Sets the chat template, unless the vocabulary lacks a token that the family needs.
void set_chat_template(std::string_view jinja, TokenizerParts& parts);

// Adds the special tokens that end texts or turns by convention ("<|eot_id|>") to the ends, as far as the
// vocabulary has them.
void add_known_ends(TokenizerParts& parts);

// The special token with this text, or kNoToken.
uint32_t find_special(const TokenizerParts& parts, std::string_view text);

// Adds to the ends what is not among them yet.
void add_end(uint32_t id, TokenizerParts& parts);

}  // namespace brim
