// Whole images give the same logits whatever runs them: kernels, threads, tokens per pass, way of loading.
#include "engine/interpreter.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "board/board.h"
#include "engine/token_bytes.h"
#include "image/pack.h"
#include "model/synthetic.h"

namespace brim {
namespace {

constexpr uint32_t kContext = 192;

// An image in the temporary folder for as long as it lives.
class TemporaryImage {
 public:
  TemporaryImage(const TensorSource& source, const std::string& name, EmbeddingFormat embedding)
      : path_(std::filesystem::temp_directory_path() /
              ("brim_interpreter_test_" + std::to_string(getpid()) + "_" + name + ".brim")) {
    PackOptions options;
    options.board = load_board("kv260");
    options.embedding = embedding;
    options.context = kContext;
    options.threads = 1;
    pack_image(source, {}, options, path_);
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

std::unique_ptr<Interpreter> make(const MappedImage& image, std::string_view kernels, uint32_t tokens,
                                  uint32_t threads, Load load = Load::kMap) {
  return std::make_unique<Interpreter>(
      image, make_kernels(kernels),
      InterpreterOptions{.max_tokens_per_pass = tokens, .threads = threads, .pin = false, .load = load});
}

// Logits at the positions from `first_logits` on, one after the other.
std::vector<float> logits(Interpreter& executor, uint32_t count, uint32_t first_logits) {
  std::vector<uint32_t> ids(count);
  for (uint32_t i = 0; i < count; ++i) ids[i] = (i * 31 + 7) % executor.vocabulary();
  std::vector<float> result;
  for (uint32_t position = 0; position < count;) {
    const auto part = std::span<const uint32_t>(ids).subspan(
        position, std::min(count - position, executor.max_tokens_per_pass()));
    const auto size = static_cast<uint32_t>(part.size());
    const uint32_t skip = first_logits > position ? std::min(first_logits - position, size) : 0;
    const auto got = executor.run({.tokens = part, .position = position, .first_logits = skip});
    result.insert(result.end(), got.begin(), got.end());
    position += size;
  }
  return result;
}

struct Shape {
  std::string name;
  ModelDescription model;
  EmbeddingFormat embedding = EmbeddingFormat::kQ8;
};

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

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
  model.trained_context = kContext;
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
  result.push_back({"four_column_pages_tied", description(512, 8, 8, 48, 1024)});
  result.back().model.tied_embeddings = true;
  for (Shape& shape : result) shape.model.name = shape.name;
  return result;
}

class InterpreterTest : public testing::TestWithParam<Shape> {};

TEST_P(InterpreterTest, KernelsThreadsAndTokensPerPassDoNotChangeABit) {
  const auto source = make_synthetic(GetParam().model, kSyntheticSeed);
  const TemporaryImage file(*source, GetParam().name, GetParam().embedding);
  constexpr uint32_t kPositions = 70;  // more than one block of attention weights
  constexpr uint32_t kFirstLogits = 3;
  const std::vector<float> expected =
      logits(*make(file.image(), "reference", 1, 1), kPositions, kFirstLogits);
  ASSERT_EQ(expected.size(), (kPositions - kFirstLogits) * GetParam().model.vocabulary);
  for (const std::string_view kernels : available_kernels()) {
    for (const uint32_t tokens : {1u, 3u, 16u}) {
      if (kernels == "reference" && tokens != 3) continue;
      for (const uint32_t threads : {1u, 2u, 5u}) {
        const std::vector<float> got =
            logits(*make(file.image(), kernels, tokens, threads), kPositions, kFirstLogits);
        ASSERT_EQ(expected.size(), got.size());
        EXPECT_EQ(std::memcmp(expected.data(), got.data(), got.size() * sizeof(float)), 0)
            << kernels << ", " << tokens << " tokens per pass, " << threads << " threads";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, InterpreterTest, testing::ValuesIn(shapes()),
                         [](const auto& test) { return test.param.name; });

TEST(Interpreter, ACopiedImageGivesTheSameLogits) {
  const auto source = make_synthetic(description(64, 8, 4, 8, 172), kSyntheticSeed);
  const TemporaryImage file(*source, "copied", EmbeddingFormat::kQ8);
  EXPECT_EQ(logits(*make(file.image(), available_kernels().front(), 4, 2, Load::kMap), 9, 0),
            logits(*make(file.image(), available_kernels().front(), 4, 2, Load::kCopy), 9, 0));
}

TEST(Interpreter, APassWithoutLogitsGivesNoneAndFillsTheCache) {
  const auto source = make_synthetic(description(64, 8, 4, 8, 172), kSyntheticSeed);
  const TemporaryImage file(*source, "no_logits", EmbeddingFormat::kQ8);
  const auto executor = make(file.image(), available_kernels().front(), 8, 1);
  const uint32_t ids[] = {1, 2, 3, 4};
  EXPECT_TRUE(executor->run({.tokens = std::span(ids).first(3), .position = 0, .first_logits = 3}).empty());
  const auto split = executor->run({.tokens = std::span(ids).last(1), .position = 3, .first_logits = 0});
  const std::vector<float> expected(split.begin(), split.end());
  const auto whole = executor->run({.tokens = ids, .position = 0, .first_logits = 3});
  EXPECT_EQ(expected, std::vector<float>(whole.begin(), whole.end()));
}

TEST(Interpreter, RefusesTokensAndPositionsOutOfRange) {
  const auto source = make_synthetic(description(64, 8, 4, 8, 172), kSyntheticSeed);
  const TemporaryImage file(*source, "refuses", EmbeddingFormat::kQ8);
  const auto executor = make(file.image(), "reference", 2, 1);
  const uint32_t good[] = {1, 2, 3}, bad[] = {100};
  EXPECT_THROW(executor->run({.tokens = good, .position = 0}), Error);
  EXPECT_THROW(executor->run({.tokens = bad, .position = 0}), Error);
  EXPECT_THROW(executor->run({.tokens = {}, .position = 0}), Error);
  EXPECT_THROW(executor->run({.tokens = std::span(good).first(1), .position = kContext}), Error);
}

TEST(TokenBytes, CountWeightsMetadataEmbeddingRowAndCache) {
  const auto source = make_synthetic(description(256, 2, 1, 128, 768), kSyntheticSeed);
  const TemporaryImage file(*source, "bytes", EmbeddingFormat::kFp16);
  // Per layer: Qkv 512 x 256, out 256 x 256, gate and up 1536 x 256, down 256 x 768 (six groups); LM head 100
  // x 256.
  const uint64_t pages = 2 * (512 / 64 * 1 + 256 / 64 * 1 + 1536 / 64 * 1 + 256 / 64 * 3) + 2;
  const uint64_t cache = 2 * 2 * 10 * (128 + 2);
  EXPECT_EQ(token_bytes(file.image().program(), 9), pages * (8192 + 320) + 256 * 2 + cache);
}

void expect_executors_agree(const std::string& model) {
  if (!std::filesystem::exists(model)) GTEST_SKIP() << "no model at " << model;
  const auto source = open_model(model);
  const TemporaryImage file(*source, std::to_string(std::hash<std::string>()(model)), EmbeddingFormat::kQ8);
  const std::vector<float> expected = logits(*make(file.image(), "reference", 8, 1), 20, 0);
  for (const std::string_view kernels : available_kernels()) {
    for (const uint32_t tokens : {1u, 7u}) {
      for (const uint32_t threads : {1u, 2u}) {
        EXPECT_EQ(expected, logits(*make(file.image(), kernels, tokens, threads), 20, 0)) << kernels;
      }
    }
  }
}

TEST(Interpreter, ExecutorsAgreeOnTheDemoModel) { expect_executors_agree(BRIM_SOURCE_DIR "/models/demo"); }

TEST(Interpreter, ExecutorsAgreeOnStories260K) {
  expect_executors_agree(BRIM_SHARED_DATA "/stories260K/stories260K.bin");
}

}  // namespace
}  // namespace brim
