// Whether two tokenizers have the same tokens. Hosted code.
#pragma once

#include <string>

#include "tokenizer/tables.h"

namespace brim {

// What the first token is in which `other` differs from `tables`, for people: "token 57 is \"a\", not \"b\"";
// empty if all are the same. Texts of tokens are compared, not how a text is cut into them.
std::string first_difference(const TokenizerTables& tables, const TokenizerTables& other);

}  // namespace brim
