// Brim without an operating system: loads the image, checks the accelerator, talks.
#include <string_view>

#include "firmware/accelerator.h"
#include "firmware/baked_prompt.h"
#include "firmware/board.h"
#include "firmware/chat.h"
#include "firmware/console.h"
#include "firmware/exception_level.h"
#include "firmware/image_loader.h"
#include "firmware/memory_tester.h"
#include "firmware/mmu.h"
#include "firmware/processing_system.h"
#include "firmware/self_test.h"
#include "firmware/timer.h"

extern "C" char firmware_start[], firmware_end[];

extern "C" [[noreturn]] void firmware_main() {
  using namespace brim;
  enable_mmu();
  const bool timer_runs = start_timer();
  console::start();
  print("\nBrim on ", std::string_view(board::kName), ", EL", exception_level(), ", firmware of ",
        static_cast<uint64_t>(firmware_end - firmware_start) / 1024, " KiB\n");

  if (!timer_runs) {
    print(
        "Error: the processor's timer stands still, so no wait would end. The boot loader has to start "
        "it.\n");
    halt(true);
  }

  stop_devices();
  print_memory_path();

  if (memory_tester_present()) halt(!test_memory());

  static Accelerator accelerator;
  static EmbeddingRows rows;
  static BakedPrompt prompt;
  const ImageHeader* image = load_image(rows);
  const bool talked = image != nullptr && accelerator.attach(*image, rows) &&
                      self_test(accelerator, image->known_pass) && prompt.load(*image, card_with_image()) &&
                      chat(accelerator, *image, prompt);
  halt(!talked);
}
