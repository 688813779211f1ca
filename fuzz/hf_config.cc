// config.json.
#include "model/hf_config.h"

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const brim::HfConfig config = brim::parse_hf_config({reinterpret_cast<const char*>(data), size}, "input");
    brim::rope_frequencies(config.model);
  } catch (const brim::Error&) {
  }
  return 0;
}
