// GGUF files: container, metadata, tensors, and the tokenizer, which must become a sound blob.
#include "memory_file.h"
#include "model/gguf_checkpoint.h"
#include "read_all.h"
#include "tokenizer/build.h"
#include "tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const brim::fuzz::MemoryFile file(data, size);
  try {
    const auto source = brim::open_gguf_checkpoint(file.path());
    brim::fuzz::read_all(*source);
    if (const auto arrays = source->embedded_tokenizer()) {
      const std::vector<uint8_t> blob = brim::build_tokenizer_from_arrays(*arrays);
      if (brim::Tokenizer tokenizer; !tokenizer.attach(blob).empty()) std::abort();
    }
  } catch (const brim::Error&) {
  }
  return 0;
}
