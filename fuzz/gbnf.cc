// GBNF: any text is refused with a line, or followed: from every state that is reached, what is allowed leads
// on.
#include "base/error.h"
#include "follow_grammar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    brim::follow(brim::compile_gbnf({reinterpret_cast<const char*>(data), size}));
  } catch (const brim::Error&) {
  }
  return 0;
}
