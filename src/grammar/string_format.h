// The formats of strings that JSON schemas name.
#pragma once

#include <optional>
#include <string_view>

#include "grammar/syntax.h"

namespace brim {

// What stands between the quotes: "date", "time", "date-time" (RFC 3339, days as the calendar has them, no
// leap seconds) or "uuid" (RFC 4122). Nothing for other names.
std::optional<ExpressionId> string_format(Syntax& syntax, std::string_view name);

}  // namespace brim
