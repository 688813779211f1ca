// DDR images: header, region table, program, prompt.
#include "base/error.h"
#include "image/baked_prompt.h"
#include "memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const brim::fuzz::MemoryFile file(data, size);
  try {
    const brim::MappedImage image(file.path());
    image.program();
    brim::baked_prompt(image);
    image.verify();
  } catch (const brim::Error&) {
  }
  return 0;
}
