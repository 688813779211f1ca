#include "firmware/self_test.h"

#include <algorithm>
#include <bit>

#include "firmware/cache.h"
#include "firmware/console.h"
#include "firmware/timer.h"
#include "numerics/fp32.h"

namespace brim {

namespace {

// FNV-1a over the bits of the logits: a fingerprint to compare a pass's logits with another's, without room
// for both.
uint64_t fingerprint(std::span<const float> logits) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const float value : logits) hash = (hash ^ std::bit_cast<uint32_t>(value)) * 0x100000001B3;
  return hash;
}

// Runs a pass whose last token's logits are wanted; null if it gives numbers that differ, else what is wrong.
const char* run(Accelerator& accelerator, std::span<const uint32_t> tokens, uint32_t position,
                uint64_t* result) {
  const auto last = static_cast<uint32_t>(tokens.size() - 1);
  // What an accelerator that writes nothing leaves behind is no number.
  const auto row = accelerator.logits_row(last);
  std::fill(row.begin(), row.end(), kNan);
  flush_cache(row.data(), row.size_bytes());
  std::span<const float> logits;
  if (!accelerator.run_pass({.tokens = tokens, .position = position, .first_logits = last}, logits)) {
    return "a pass failed";
  }
  if (!std::all_of(logits.begin(), logits.end(), is_finite)) return "logits are missing or no numbers";
  if (std::all_of(logits.begin(), logits.end(), [&](float x) { return x == logits[0]; })) {
    return "all logits are the same";
  }
  *result = fingerprint(logits);
  return nullptr;
}

}  // namespace

bool self_test(Accelerator& accelerator) {
  const double start = seconds_now();
  const uint32_t width =
      std::min({accelerator.max_tokens_per_pass(), accelerator.context(), accelerator.vocabulary()});
  uint32_t tokens[16];
  for (uint32_t t = 0; t < width; ++t) tokens[t] = (t * 977 + 1) % accelerator.vocabulary();
  uint64_t wide = 0;
  uint64_t narrow = 0;
  const char* problem = run(accelerator, {tokens, width}, 0, &wide);
  for (uint32_t t = 0; t < width && problem == nullptr; ++t) {
    problem = run(accelerator, {tokens + t, 1}, t, &narrow);
  }
  if (problem == nullptr && wide != narrow) problem = "one wide pass and single tokens give different logits";
  if (problem != nullptr) {
    print("Error: self test: ", std::string_view(problem), ". The accelerator cannot be trusted.\n");
    return false;
  }
  print("Self test passed: ", width, " tokens at once and one by one give the same logits (",
        Fixed{seconds_now() - start, 2}, " s).\n");
  accelerator.clear_work();
  return true;
}

}  // namespace brim
