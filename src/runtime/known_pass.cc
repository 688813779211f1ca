#include "runtime/known_pass.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/error.h"
#include "engine/interpreter.h"
#include "engine/kernels.h"
#include "numerics/fp32.h"
#include "runtime/passes.h"

namespace brim {

namespace {

// CRC-32C of the last token's logits.
uint32_t last_logits_crc(Executor& executor, std::span<const uint32_t> ids) {
  std::span<const float> logits;
  run_passes(executor, ids, 0, ids.size() - 1, [&](size_t, std::span<const float> row) { logits = row; });
  if (!std::all_of(logits.begin(), logits.end(), is_finite)) {
    throw Error(executor.name() +
                ": the logits of the known pass are no numbers; is the checkpoint damaged?");
  }
  return crc32c(logits.data(), logits.size_bytes());
}

}  // namespace

KnownPass run_known_pass(Executor& executor) {
  KnownPass known{};
  known.tokens = std::min(kMaxKnownTokens, executor.context());
  // Spread over the vocabulary; any will do.
  for (uint32_t t = 0; t < known.tokens; ++t) known.ids[t] = (t * 977 + 1) % executor.vocabulary();
  known.logits_crc = last_logits_crc(executor, {known.ids, known.tokens});
  return known;
}

bool gives_known_logits(Executor& executor, const KnownPass& known) {
  return last_logits_crc(executor, {known.ids, known.tokens}) == known.logits_crc;
}

KnownPass known_pass_of(const std::string& file, const std::string& name, uint32_t threads) {
  const MappedImage image(file);
  Interpreter interpreter(name, image.runnable_program(),
                          std::make_unique<BoardMemory>(image, Load::kOnDemand),
                          make_kernels(available_kernels().front()),
                          {.max_tokens_per_pass = kMaxKnownTokens, .threads = threads});
  // Packing promises to need little memory, and what is mapped of the file counts: before every matrix, let
  // go of the one before.
  interpreter.observe_inputs([&](auto...) { image.release(); });
  return run_known_pass(interpreter);
}

}  // namespace brim
