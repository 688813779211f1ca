// What templates find ready: filters, tests and functions, as Jinja and transformers have them.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "template/interpreter.h"

namespace brim::tmpl {

// A template's own raise_exception: it refuses the conversation, and is no fault.
class Raised : public Error {
 public:
  using Error::Error;
};

// Throws Error if there is no such filter (test), or it cannot be applied to the value.
Value apply_filter(Interpreter& interpreter, const std::string& name, const Value& value,
                   const Arguments& arguments);
bool apply_test(const std::string& name, const Value& value, const Arguments& arguments);

// Undefined if there is no such function.
Value global_function(Interpreter& interpreter, std::string_view name);

}  // namespace brim::tmpl
