// SentencePiece models and llama2.c tokenizers; what is built must be a sound blob.
#include <cstdlib>

#include "base/error.h"
#include "tokenizer/sources.h"
#include "tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const auto read : {brim::read_sentencepiece, brim::read_llama2c}) {
    try {
      const std::vector<uint8_t> blob = brim::write_blob(read({data, size}, "input"));
      if (brim::Tokenizer tokenizer; !tokenizer.attach(blob).empty()) std::abort();
    } catch (const brim::Error&) {
    }
  }
  return 0;
}
