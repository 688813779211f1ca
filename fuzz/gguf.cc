// GGUF files: container, metadata, tokenizer and tensors.
#include "memory_file.h"
#include "model/gguf_checkpoint.h"
#include "read_all.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const brim::fuzz::MemoryFile file(data, size);
  try {
    brim::fuzz::read_all(*brim::open_gguf_checkpoint(file.path()));
  } catch (const brim::Error&) {
  }
  return 0;
}
