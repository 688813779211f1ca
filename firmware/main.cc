// Brim without an operating system: loads the image, checks the accelerator, talks.
#include <string_view>

#include "firmware/accelerator.h"
#include "firmware/board.h"
#include "firmware/chat.h"
#include "firmware/console.h"
#include "firmware/image_loader.h"
#include "firmware/mmu.h"
#include "firmware/self_test.h"
#include "firmware/timer.h"

extern "C" char firmware_start[], firmware_end[];

extern "C" [[noreturn]] void firmware_main() {
  using namespace brim;
  enable_mmu();
  start_timer();
  console::start();
  uint64_t level;
  asm volatile("mrs %0, CurrentEL" : "=r"(level));
  print("\nBrim on ", std::string_view(board::kName), ", EL", level >> 2, ", firmware of ",
        static_cast<uint64_t>(firmware_end - firmware_start) / 1024, " KiB\n");

  static Accelerator accelerator;
  const ImageHeader* image = load_image();
  const bool talked =
      image != nullptr && accelerator.attach(*image) && self_test(accelerator) && chat(accelerator, *image);
  halt(!talked);
}
