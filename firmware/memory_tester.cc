#include "firmware/memory_tester.h"

#include <array>
#include <string_view>
#include <type_traits>

#include "firmware/board.h"
#include "firmware/console.h"
#include "firmware/io.h"
#include "firmware/line_editor.h"
#include "firmware/timer.h"
#include "memtest/measure.h"

namespace brim {

namespace {

// Ports in the order of boards/kv260.json, aux last.
constexpr std::array<const char*, memtest::kPorts> kNames = {"HP0", "HP1", "HP3", "HPC1", "HPC0"};
// Far from this program, and no image is there when it runs: 128 MiB to read, as many to write.
constexpr memtest::Range kMemory = {0x10000000, 0x10000000};
constexpr uint32_t kBursts = 65536;
constexpr double kPhaseSeconds = 10;

struct Block {
  uint32_t read(uint32_t offset) { return io_read<uint32_t>(board::kAccelerator + offset); }
  void write(uint32_t offset, uint32_t value) { io_write(board::kAccelerator + offset, value); }
};

bool measure() {
  Block block;
  memtest::Figures figures;
  const Timeout timeout(kPhaseSeconds);
  const auto wait = [&] {
    console::poll();
    return !timeout.expired();
  };
  memtest::Tester tester(block, kMemory, kBursts, wait);
  if (!tester.run(figures)) {
    print("Error: a port of the memory tester does not finish (busy: ", Hex{block.read(memtest::kControl)},
          "). Reset the board.\n");
    return false;
  }
  memtest::print_figures(figures, kNames, [](const auto&... pieces) {
    const auto one = [](const auto& piece) {
      if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(piece)>>) {
        print(piece);
      } else {
        print(std::string_view(piece));
      }
    };
    (one(pieces), ...);
  });
  return figures.errors() == 0;
}

char line_buffer[64];

}  // namespace

bool memory_tester_present() {
  Block block;
  return block.read(memtest::kId) == memtest::kIdValue &&
         block.read(memtest::kVersion) == memtest::kVersionValue;
}

bool test_memory() {
  print("The memory tester's bitstream is loaded: no model runs.\n");
  bool good = measure();
  LineEditor editor({line_buffer, sizeof(line_buffer)});
  print("/memtest measures again, /quit stops.\n> ");
  while (true) {
    const int byte = console::take();
    if (byte < 0) continue;
    const LineEditor::Event event = editor.feed(static_cast<char>(byte));
    print(editor.echo());
    if (event == LineEditor::Event::kNone) continue;
    if (event == LineEditor::Event::kEndOfInput || editor.line() == "/quit") return good;
    if (event == LineEditor::Event::kLine && editor.line() == "/memtest") {
      good = measure();
    } else {
      print("Error: only /memtest and /quit are known while the memory tester is loaded.\n");
    }
    print("> ");
  }
}

}  // namespace brim
