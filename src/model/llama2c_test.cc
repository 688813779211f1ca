#include "model/llama2c.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "model/checkpoint_test_util.h"

namespace brim {
namespace {

using test::TemporaryFolder;

constexpr int32_t kDim = 8, kHidden = 12, kLayers = 2, kHeads = 4, kKvHeads = 2, kVocabulary = 10,
                  kContext = 6;

// A checkpoint whose values count up from 0, so that a value is its own position in the file.
std::string counting_checkpoint(bool tied) {
  std::string bytes;
  for (const int32_t field :
       {kDim, kHidden, kLayers, kHeads, kKvHeads, tied ? kVocabulary : -kVocabulary, kContext}) {
    test::append(bytes, field);
  }
  const int32_t kv = kKvHeads * kDim / kHeads;
  const int32_t layer = 2 * kDim * kDim + 2 * kv * kDim + 3 * kHidden * kDim + 2 * kDim;
  const int32_t count = kVocabulary * kDim + kLayers * layer + kDim + kContext * kDim / kHeads +
                        (tied ? 0 : kVocabulary * kDim);
  for (int32_t i = 0; i < count; ++i) test::append(bytes, static_cast<float>(i));
  return bytes;
}

float first_value(const TensorSource& source, TensorId id, uint64_t row) {
  std::vector<float> values(tensor_shape(source.description(), id.role).columns);
  source.read_rows(id, row, 1, values);
  return values[0];
}

TEST(Llama2c, FindsEveryTensorAtItsPlaceInTheFile) {
  const TemporaryFolder folder;
  const auto source = open_llama2c(folder.write("model.bin", counting_checkpoint(false)));
  EXPECT_EQ(source->description().head_size, 2u);
  EXPECT_EQ(source->description().vocabulary, 10u);
  EXPECT_FALSE(source->description().tied_embeddings);
  EXPECT_EQ(source->description().rope_pairing, RopePairing::kAdjacent);
  using enum TensorRole;
  EXPECT_EQ(first_value(*source, {kEmbedding}, 3), 24);
  EXPECT_EQ(first_value(*source, {kAttentionNorm, 1}, 0), 80 + 8);
  EXPECT_EQ(first_value(*source, {kQuery, 0}, 0), 96);
  EXPECT_EQ(first_value(*source, {kQuery, 1}, 7), 96 + 64 + 56);
  EXPECT_EQ(first_value(*source, {kKey, 1}, 1), 224 + 32 + 8);
  EXPECT_EQ(first_value(*source, {kValue, 0}, 0), 288);
  EXPECT_EQ(first_value(*source, {kAttentionOut, 0}, 0), 352);
  EXPECT_EQ(first_value(*source, {kFfnNorm, 0}, 0), 480);
  EXPECT_EQ(first_value(*source, {kGate, 0}, 0), 496);
  EXPECT_EQ(first_value(*source, {kDown, 1}, 2), 688 + 96 + 24);
  EXPECT_EQ(first_value(*source, {kUp, 0}, 0), 880);
  EXPECT_EQ(first_value(*source, {kFinalNorm}, 0), 1072);
  EXPECT_EQ(first_value(*source, {kLmHead}, 0), 1080 + 12);
}

TEST(Llama2c, ATiedClassifierIsTheEmbedding) {
  const TemporaryFolder folder;
  const auto source = open_llama2c(folder.write("model.bin", counting_checkpoint(true)));
  EXPECT_TRUE(source->description().tied_embeddings);
  EXPECT_EQ(first_value(*source, {TensorRole::kLmHead}, 3), 24);
}

TEST(Llama2c, RefusesEveryOtherSize) {
  const TemporaryFolder folder;
  const std::string whole = counting_checkpoint(false);
  for (size_t size = 0; size < whole.size(); size += 7) {
    EXPECT_THROW(open_llama2c(folder.write("cut.bin", whole.substr(0, size))), Error) << size;
  }
  EXPECT_REFUSED(open_llama2c(folder.write("long.bin", whole + "x")), "long.bin: 4");
}

TEST(Llama2c, RefusesHeadersThatMakeNoSense) {
  const TemporaryFolder folder;
  const std::string whole = counting_checkpoint(false);
  for (size_t field = 0; field < 7; ++field) {
    for (const int32_t value : {0, INT32_MIN, INT32_MAX, 3}) {
      std::string bytes = whole;
      std::memcpy(&bytes[4 * field], &value, 4);
      EXPECT_THROW(open_llama2c(folder.write("odd.bin", bytes)), Error) << field << " " << value;
    }
  }
}

TEST(Llama2c, RefusesVersionedExportsByName) {
  const TemporaryFolder folder;
  std::string bytes = counting_checkpoint(false);
  bytes.replace(0, 8, std::string("24ka\x01\0\0\0", 8));
  EXPECT_REFUSED(open_llama2c(folder.write("v1.bin", bytes)), "--version 0");
}

TEST(Llama2c, NamesTheTensorThatIsNotFinite) {
  const TemporaryFolder folder;
  std::string bytes = counting_checkpoint(false);
  const float nan = NAN;
  std::memcpy(&bytes[28 + 4 * 489], &nan, 4);  // the second layer's ffn_norm
  const auto source = open_llama2c(folder.write("nan.bin", bytes));
  EXPECT_REFUSED(first_value(*source, {TensorRole::kFfnNorm, 1}, 0), "layer 1 ffn_norm");
}

TEST(Llama2c, RefusesRowsOutsideTheTensor) {
  const TemporaryFolder folder;
  const auto source = open_llama2c(folder.write("model.bin", counting_checkpoint(false)));
  std::vector<float> out(kDim);
  EXPECT_REFUSED(source->read_rows({TensorRole::kEmbedding}, 10, 1, out), "10 rows");
  EXPECT_REFUSED(source->read_rows({TensorRole::kEmbedding}, UINT64_MAX, 2, out), "10 rows");
  EXPECT_REFUSED(source->read_rows({TensorRole::kEmbedding}, 0, 2, out), "destination");
  EXPECT_REFUSED(source->read_rows({TensorRole::kQuery, 2}, 0, 1, out), "no layer 2 wq");
  EXPECT_REFUSED(source->read_rows({TensorRole::kQueryNorm, 0}, 0, 1, out), "no layer 0 q_norm");
}

}  // namespace
}  // namespace brim
