// JSON schemas: any text is refused with a line, or followed.
#include "base/error.h"
#include "follow_grammar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    brim::follow(brim::compile_json_schema(std::string_view(reinterpret_cast<const char*>(data), size)));
  } catch (const brim::Error&) {
  }
  return 0;
}
