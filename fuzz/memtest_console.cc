// What the memory tester printed on a board's console, which may hold anything else, too.
#include "base/error.h"
#include "memtest/board_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    brim::memtest::board_file({reinterpret_cast<const char*>(data), size}, "mine", "kv260");
  } catch (const brim::Error&) {
  }
  return 0;
}
