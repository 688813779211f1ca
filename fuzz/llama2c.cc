// llama2.c checkpoints.
#include "model/llama2c.h"

#include "memory_file.h"
#include "read_all.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const brim::fuzz::MemoryFile file(data, size);
  try {
    brim::fuzz::read_all(*brim::open_llama2c(file.path()));
  } catch (const brim::Error&) {
  }
  return 0;
}
