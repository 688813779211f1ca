#include "runtime/known_pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/crc32c.h"
#include "engine/interpreter.h"
#include "engine/kernels.h"
#include "image/pack.h"
#include "tests/support/fake_executor.h"
#include "tests/support/small_models.h"

namespace brim {
namespace {

using test::FakeExecutor;
using test::PackedModel;
using test::small_model;

// Logits that depend on all tokens so far.
void hash_model(std::span<const uint32_t> tokens, std::span<float> logits) {
  float sum = 0;
  for (const uint32_t token : tokens) sum = sum * 0.5f + static_cast<float>(token);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = sum + static_cast<float>(i);
}

TEST(KnownPass, HasTheChecksumOfTheLastTokensLogitsWhateverTheWidthOfPasses) {
  const uint32_t ids[] = {1, 8, 5, 2, 9, 6, 3, 0};  // 977 t + 1 modulo 10
  std::vector<float> logits(10);
  hash_model(ids, logits);
  for (const uint32_t width : {1u, 3u, 8u, 64u}) {
    FakeExecutor executor(10, 64, width, hash_model);
    const KnownPass known = run_known_pass(executor);
    EXPECT_TRUE(std::ranges::equal(std::span(known.ids, known.tokens), ids));
    EXPECT_EQ(known.logits_crc, crc32c(logits.data(), logits.size() * sizeof(float)));
    EXPECT_TRUE(gives_known_logits(executor, known));
  }
}

TEST(KnownPass, TellsLogitsThatDifferInOneBit) {
  FakeExecutor executor(10, 64, 8, hash_model);
  const KnownPass known = run_known_pass(executor);
  FakeExecutor faulty(10, 64, 8, [](auto tokens, std::span<float> logits) {
    hash_model(tokens, logits);
    logits[3] = std::nextafter(logits[3], 0.0f);
  });
  EXPECT_FALSE(gives_known_logits(faulty, known));
}

TEST(KnownPass, RefusesLogitsThatAreNoNumbers) {
  FakeExecutor executor(10, 64, 8, [](auto, std::span<float> logits) { std::ranges::fill(logits, NAN); });
  EXPECT_REFUSED(run_known_pass(executor), "no numbers");
}

TEST(KnownPass, OfAPackedImageIsThatOfEveryExecutor) {
  const test::TemporaryFolder folder;
  PackOptions options;
  options.board = load_board("kv260");
  options.context = 128;
  options.known_pass = [](const std::string& file) { return known_pass_of(file, "small", 2); };
  pack_image(*make_synthetic(small_model("plain"), 1), {}, options, folder.path() + "/image.brim");
  const MappedImage image(folder.path() + "/image.brim");
  ASSERT_EQ(image.header().known_pass.tokens, kMaxKnownTokens);
  Interpreter reference(image, make_reference_kernels(), {.max_tokens_per_pass = 1});
  EXPECT_TRUE(gives_known_logits(reference, image.header().known_pass));
}

}  // namespace
}  // namespace brim
