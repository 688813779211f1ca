// The safetensors container.
#include "model/safetensors.h"

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    brim::parse_safetensors({data, size}, "input");
  } catch (const brim::Error&) {
  }
  return 0;
}
