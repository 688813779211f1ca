// DDR images: header, region table, program, prompt.
#include "base/error.h"
#include "image/baked_prompt.h"
#include "memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const brim::fuzz::MemoryFile file(data, size);
  try {
    const brim::MappedImage image(file.path());
    for (uint16_t model = 0; model < image.header().models(); ++model) image.program(model);
    brim::baked_prompt(image);
    image.verify();
  } catch (const brim::Error&) {
  }
  return 0;
}
