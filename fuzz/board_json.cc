// Board files: any text is refused with a line, or describes a board that the simulator can run.
#include "base/error.h"
#include "board/board.h"
#include "memtest/board_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const brim::Board board = brim::parse_board({reinterpret_cast<const char*>(data), size}, "input");
    brim::memtest::idle_latency_ns(board);
  } catch (const brim::Error&) {
  }
  return 0;
}
