// What runs a model's program, and how large it is made.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/interpreter.h"
#include "engine/thread_pool.h"
#include "image/mapped_image.h"

namespace brim {

struct Target {
  std::string name = "cpu";  // "cpu": the fastest kernels of this processor; kernels by name; or "rtl"
  std::optional<uint32_t> rtl_tokens = {};  // TOKENS of the RTL; none: the smallest one built that fits
  std::string board = {};             // that the RTL is simulated on, a name or a file; empty: the image's
  std::vector<std::string> set = {};  // changes of it, "KEY=VALUE"
  uint32_t tokens_per_pass = 0;       // 0: the executor's own choice
  uint32_t caches = 1;                // texts that share passes; the RTL holds one
  uint32_t threads = 0;               // 0: one per physical core
  bool pin = false;                   // threads to CPUs
  Load load = Load::kMap;
  bool check_stream = false;  // compare the checksums of weights as they are used

  bool is_rtl() const { return name == "rtl"; }
  uint32_t thread_count() const { return threads ? threads : physical_cores(); }
};

// Kernels on this machine. Throws Error if this processor cannot run them, or the target is the RTL.
std::unique_ptr<Interpreter> make_interpreter(const MappedImage& image, const Target& target);

// Throws Error if this machine cannot run the target, rtl_target::DoesNotFit if the RTL cannot run the image.
std::unique_ptr<Executor> make_executor(const MappedImage& image, const Target& target);

}  // namespace brim
