// Whole decode programs on the compute side give the reference interpreter's logits.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "Vsim_compute1.h"
#include "Vsim_compute4.h"
#include "board/board.h"
#include "compute_bench.h"
#include "engine/interpreter.h"
#include "image/pack.h"
#include "model/synthetic.h"
#include "operands.h"

namespace brim::rtl {
namespace {

struct Shape {
  std::string name;
  ModelDescription model;
  EmbeddingFormat embedding = EmbeddingFormat::kQ8;
};

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

// An image in the temporary folder for as long as it lives.
class TemporaryImage {
 public:
  TemporaryImage(const Shape& shape, const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("brim_rtl_" + std::to_string(getpid()) + "_" + name + "_" + shape.name + ".brim")) {
    PackOptions options;
    options.board = load_board("kv260");
    options.embedding = shape.embedding;
    options.context = shape.model.trained_context;
    options.threads = 1;
    pack_image(*make_synthetic(shape.model, kSyntheticSeed), {}, options, path_);
    image_.emplace(path_);
  }
  ~TemporaryImage() {
    image_.reset();
    std::filesystem::remove(path_);
  }
  const MappedImage& image() const { return *image_; }

 private:
  std::filesystem::path path_;
  std::optional<MappedImage> image_;
};

ModelDescription description(uint32_t dim, uint32_t heads, uint32_t kv_heads, uint32_t head_size,
                             uint32_t hidden) {
  ModelDescription model;
  model.dim = dim;
  model.layers = 2;
  model.heads = heads;
  model.kv_heads = kv_heads;
  model.head_size = head_size;
  model.hidden = hidden;
  model.vocabulary = 100;
  model.trained_context = 192;
  return model;
}

std::vector<Shape> shapes() {
  std::vector<Shape> result;
  result.push_back({"one_group_gqa_heads_of_8", description(64, 8, 4, 8, 172)});
  result.push_back(
      {"one_column_pages_heads_of_64_bias", description(384, 6, 2, 64, 640), EmbeddingFormat::kFp16});
  result.back().model.qkv_bias = true;
  result.push_back(
      {"two_column_pages_heads_of_128_qk_norm", description(256, 2, 1, 128, 768), EmbeddingFormat::kQ4});
  result.back().model.qk_norm = true;
  result.push_back({"four_column_pages_heads_of_48", description(512, 8, 8, 48, 1024)});
  for (Shape& shape : result) shape.model.name = shape.name;
  return result;
}

template <typename Compute>
void expect_reference_logits(const Shape& shape, const std::string& name, const std::vector<uint32_t>& passes,
                             uint32_t gap_percent, uint32_t write_percent) {
  const TemporaryImage file(shape, name);
  Interpreter reference(
      file.image(), make_kernels("reference"),
      InterpreterOptions{.max_tokens_per_pass = 8, .threads = 1, .pin = false, .load = Load::kMap});
  ComputeBench<Compute> bench(file.image(), 1);
  bench.gap_percent = gap_percent;
  bench.write_percent = write_percent;
  Operands operands(2);
  uint32_t position = 0;
  for (const uint32_t tokens : passes) {
    std::vector<uint32_t> ids(tokens);
    for (uint32_t& id : ids) id = operands.below(shape.model.vocabulary);
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

class ComputeTest : public testing::TestWithParam<Shape> {};

TEST_P(ComputeTest, GivesTheReferencesLogitsWithOneLane) {
  expect_reference_logits<Vsim_compute1>(GetParam(), "one_lane", {1, 1, 1}, 0, 100);
}

TEST_P(ComputeTest, GivesTheReferencesLogitsForAnyNumberOfTokens) {
  expect_reference_logits<Vsim_compute4>(GetParam(), "four_lanes", {1, 4, 3, 2, 4}, 0, 100);
}

// 68 positions: more than a block of attention weights.
TEST_P(ComputeTest, GivesTheReferencesLogitsUnderRandomGapsAndBackPressure) {
  expect_reference_logits<Vsim_compute4>(GetParam(), "stalled", std::vector<uint32_t>(17, 4), 30, 40);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ComputeTest, testing::ValuesIn(shapes()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace brim::rtl
