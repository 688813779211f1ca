// Passes of the whole accelerator, seen by software through its registers and by memory through its AXI
// ports, give the reference interpreter's logits.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/crc32c.h"
#include "engine/interpreter.h"
#include "operands.h"
#include "tests/support/executor_shapes.h"
#include "tests/support/small_models.h"
#include "top_bench.h"

namespace brim::rtl {

inline constexpr uint64_t kLimit = 20'000'000;

// Passes of so many tokens each, one behind the other. A cache below the first `position` holds zeros.
template <typename Top>
void expect_reference_logits(const MappedImage& image, const std::vector<uint32_t>& passes,
                             const AxiTiming& timing, uint32_t position = 0) {
  Interpreter reference(
      image, make_kernels("reference"),
      InterpreterOptions{.max_tokens_per_pass = 8, .threads = 1, .pin = false, .load = Load::kMap});
  TopBench<Top> bench(image, timing, 1);
  Operands operands(2);
  for (const uint32_t tokens : passes) {
    std::vector<uint32_t> ids(tokens);
    for (uint32_t& id : ids) id = operands.below(image.header().model.vocabulary);
    const uint32_t first = operands.below(4) == 0 ? tokens : operands.below(tokens);
    const auto expected = reference.run({.tokens = ids, .position = position, .first_logits = first});
    ASSERT_TRUE(bench.run(ids, position, first, kLimit)) << "hangs at position " << position;
    ASSERT_EQ(bench.get(registers::kStatus), registers::kDone)
        << describe(static_cast<registers::ErrorCode>(bench.get(registers::kErrorCode))) << " at beat "
        << bench.get(registers::kErrorAddress);
    for (uint32_t t = first; t < tokens; ++t) {
      const std::vector<float> got = bench.logits(t);
      EXPECT_EQ(bench.get(registers::kLogitsCrc + 4 * t), crc32c(got.data(), got.size() * sizeof(float)));
      for (uint32_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(float_bits(got[i]), float_bits(expected[(t - first) * got.size() + i]))
            << "position " << position + t << ", logit " << i;
      }
    }
    position += tokens;
  }
  EXPECT_EQ(bench.violations(), std::vector<std::string>());
  EXPECT_EQ(bench.stray_writes, 0u);
}

template <typename Top>
void expect_reference_logits(const test::ExecutorShape& shape, const std::vector<uint32_t>& passes,
                             const AxiTiming& timing, uint32_t position = 0,
                             uint32_t context = test::kExecutorContext) {
  const test::PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, context,
                               load_board("kv260"), {}, shape.kv);
  expect_reference_logits<Top>(file.image(), passes, timing, position);
}

}  // namespace brim::rtl
