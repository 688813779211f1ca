// tokenizer.json of Hugging Face; what is built must be a sound blob.
#include <cstdlib>

#include "base/error.h"
#include "tokenizer/sources.h"
#include "tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const std::string_view json(reinterpret_cast<const char*>(data), size);
    const std::vector<uint8_t> blob = brim::write_blob(brim::read_huggingface(json, "input"));
    if (brim::Tokenizer tokenizer; !tokenizer.attach(blob).empty()) std::abort();
  } catch (const brim::Error&) {
  }
  return 0;
}
