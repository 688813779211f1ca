// JSON schemas as parts of a grammar.
#pragma once

#include <nlohmann/json.hpp>

#include "grammar/json_text.h"
#include "grammar/syntax.h"

namespace brim {

// A JSON text that the schema accepts; its `#/...` are within the schema. `json` is of this syntax, and
// shared by all schemas in it. Throws Error as compile_json_schema() does.
ExpressionId add_json_schema(Syntax& syntax, JsonText& json, const nlohmann::ordered_json& schema);

}  // namespace brim
