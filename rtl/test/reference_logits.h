// Whole decode programs on the compute side give the reference interpreter's logits.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "compute_bench.h"
#include "engine/interpreter.h"
#include "model/synthetic.h"
#include "operands.h"
#include "tests/support/executor_shapes.h"
#include "tests/support/small_models.h"

namespace brim::rtl {

using test::executor_shapes;
using test::ExecutorShape;
using test::kExecutorContext;

// Passes of so many tokens each, one after the other, with random tokens and logits. Below the first
// `position` the cache has some finite content.
template <typename Compute>
void expect_reference_logits(const MappedImage& image, ComputeBench<Compute>& bench,
                             const std::vector<uint32_t>& passes, uint32_t position = 0) {
  Interpreter reference(
      image, make_kernels("reference"),
      InterpreterOptions{.max_tokens_per_pass = 8, .threads = 1, .pin = false, .load = Load::kMap});
  if (position > 0) {
    reference.fill_cache();
    bench.fill_cache();
  }
  Operands operands(2);
  for (const uint32_t tokens : passes) {
    std::vector<uint32_t> ids(tokens);
    for (uint32_t& id : ids) id = operands.below(image.header().model.vocabulary);
    const uint32_t first = operands.below(4) == 0 ? tokens : operands.below(tokens);
    const auto expected = reference.run({.tokens = ids, .position = position, .first_logits = first});
    ASSERT_TRUE(bench.run(ids, position, first, 20'000'000)) << "hangs at position " << position;
    EXPECT_FALSE(bench.overflow());
    for (uint32_t t = first; t < tokens; ++t) {
      const std::vector<float> got = bench.logits(t);
      for (uint32_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(float_bits(got[i]), float_bits(expected[(t - first) * got.size() + i]))
            << "position " << position + t << ", logit " << i;
      }
    }
    position += tokens;
  }
}

template <typename Compute>
void expect_reference_logits(const ExecutorShape& shape, const std::vector<uint32_t>& passes,
                             uint32_t gap_percent, uint32_t write_percent) {
  const test::PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding,
                               kExecutorContext, load_board("kv260"), {}, shape.kv);
  ComputeBench<Compute> bench(file.image(), 1);
  bench.gap_percent = gap_percent;
  bench.write_percent = write_percent;
  expect_reference_logits(file.image(), bench, passes);
}

}  // namespace brim::rtl
