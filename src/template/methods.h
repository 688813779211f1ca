// The methods of values, as Python has them.
#pragma once

#include <string_view>

#include "template/interpreter.h"

namespace brim::tmpl {

// Undefined if there is no such method.
Value method_of(Interpreter& interpreter, const Value& value, std::string_view name);

// Tuples of key and value.
Value items_of_dict(Interpreter& interpreter, const Dict& dict);

}  // namespace brim::tmpl
