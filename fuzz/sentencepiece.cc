// SentencePiece models and llama2.c tokenizers; what is built must be a sound blob.
#include <cstdlib>

#include "base/error.h"
#include "tokenizer/build.h"
#include "tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const auto build : {brim::build_from_sentencepiece, brim::build_from_llama2c}) {
    try {
      const std::vector<uint8_t> blob = build({data, size}, "input");
      if (brim::Tokenizer tokenizer; !tokenizer.attach(blob).empty()) std::abort();
    } catch (const brim::Error&) {
    }
  }
  return 0;
}
