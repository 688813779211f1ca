// Regular expressions of JSON schemas (ECMA-262, a subset) as what stands between the quotes of a JSON
// string.
#pragma once

#include <string_view>

#include "grammar/json_text.h"

namespace brim {

// Supported: characters, ., sets, \d \w \s and their opposites, \n \r \t \f \v \0 \xHH \uHHHH and escaped
// signs, groups, |, * + ? {m} {m,} {m,n}, also lazy ones, ^ and $ at the ends of the whole or of its
// alternatives. Throws Error naming anything else.
ExpressionId pattern_body(Syntax& syntax, JsonText& json, std::string_view pattern);

}  // namespace brim
