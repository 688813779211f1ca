#include "runtime/target.h"

#include <algorithm>

#include "base/error.h"
#include "engine/kernels.h"
#include "rtl_target/does_not_fit.h"
#include "rtl_target/executor.h"
#include "rtl_target/model.h"

namespace brim {

namespace {

// The board that was named, else the one that the image was packed for.
Board board_of(const MappedImage& image, const Target& target) {
  if (!target.board.empty()) return load_board(target.board, target.set);
  const auto names = builtin_board_names();
  if (std::ranges::find(names, std::string_view(image.header().board)) == names.end()) {
    throw rtl_target::DoesNotFit(image.path() + ": was packed for board " + image.header().board +
                                 ", which is none of brim's own; give its description with --board FILE");
  }
  return load_board(image.header().board, target.set);
}

}  // namespace

std::unique_ptr<Interpreter> make_interpreter(const MappedImage& image, const Target& target) {
  if (target.is_rtl()) {
    throw Error(
        "the RTL is simulated, its speed on this machine says nothing; brim run --target rtl --json gives "
        "its cycles");
  }
  constexpr uint32_t kReferenceTokens = 8;
  constexpr uint32_t kCpuTokens = 64;  // by measurement: docs/performance.md
  auto kernels = make_kernels(target.name == "cpu" ? available_kernels().front() : target.name);
  const uint32_t tokens = kernels->name() == "reference" ? kReferenceTokens : kCpuTokens;
  return std::make_unique<Interpreter>(
      image, std::move(kernels),
      InterpreterOptions{.max_tokens_per_pass = target.tokens_per_pass ? target.tokens_per_pass : tokens,
                         .caches = target.caches,
                         .threads = target.thread_count(),
                         .pin = target.pin,
                         .load = target.load,
                         .check_stream = target.check_stream});
}

std::unique_ptr<Executor> make_executor(const MappedImage& image, const Target& target) {
  if (!target.is_rtl()) return make_interpreter(image, target);
  if (target.caches > 1) throw Error("the RTL holds one KV cache; --parallel goes with kernels only");
  return std::make_unique<rtl_target::RtlExecutor>(
      image, board_of(image, target),
      rtl_target::RtlOptions{
          .models = rtl_target::model_folder(),
          .tokens = target.rtl_tokens,
          .max_tokens_per_pass = target.tokens_per_pass ? target.tokens_per_pass : UINT32_MAX});
}

}  // namespace brim
