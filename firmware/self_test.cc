#include "firmware/self_test.h"

#include <algorithm>
#include <span>

#include "base/crc32c.h"
#include "firmware/cache.h"
#include "firmware/console.h"
#include "firmware/timer.h"
#include "numerics/fp32.h"
#include "runtime/passes.h"

namespace brim {

namespace {

// Runs the tokens, and gives the checksum of the last one's logits. False, with what is wrong on the console,
// if there are none.
bool run(Accelerator& accelerator, uint32_t position, std::span<const uint32_t> tokens,
         uint32_t* logits_crc) {
  // Logits of an earlier pass would pass for those of an accelerator that writes nothing; these are no
  // numbers.
  for (uint32_t t = 0; t < accelerator.max_tokens_per_pass(); ++t) {
    const auto row = accelerator.logits_row(t);
    std::fill(row.begin(), row.end(), kNan);
    flush_cache(row.data(), row.size_bytes());
  }
  std::span<const float> logits;
  if (!run_passes(accelerator, tokens, position, tokens.size() - 1,
                  [&](size_t, std::span<const float> row) { logits = row; })) {
    print("Error: self test: a pass failed.\n");
    return false;
  }
  if (!std::all_of(logits.begin(), logits.end(), is_finite)) {
    print("Error: self test: logits are missing or no numbers. The accelerator cannot be trusted.\n");
    return false;
  }
  *logits_crc = crc32c(logits.data(), logits.size_bytes());
  return true;
}

}  // namespace

bool self_test(Accelerator& accelerator, const KnownPass& known) {
  if (known.tokens == 0) {
    print("No self test: the image carries no known pass. Pack it with `brim pack` to have one.\n");
    return true;
  }
  const double start = seconds_now();
  for (const uint32_t first : {uint32_t{0}, known.tokens - 1}) {
    const uint32_t tokens = known.tokens - first;
    uint32_t crc = 0;
    if (!run(accelerator, first, {known.ids + first, tokens}, &crc)) return false;
    if (crc == known.logits_crc) continue;
    print("Error: self test: ", tokens, tokens == 1 ? " token" : " tokens", " from position ", first,
          ": the checksum of the logits is ", Hex{crc}, ", expected ", Hex{known.logits_crc},
          ". The accelerator cannot be trusted.\n");
    return false;
  }
  print("Self test passed: ", known.tokens, " tokens give the logits that the image carries, checksum ",
        Hex{known.logits_crc}, " (", Fixed{seconds_now() - start, 2}, " s).\n");
  accelerator.clear_work();
  return true;
}

}  // namespace brim
