// Packing against reading back: every value in an image is what the checkpoint's row quantises to.
#include "image/pack.h"

#include <gtest/gtest.h>

#include <cmath>

#include "compile/matrix.h"
#include "numerics/fp16.h"
#include "quantize/rtn.h"
#include "tests/support/dequantised_source.h"
#include "tests/support/small_models.h"

namespace brim {
namespace {

using test::DequantisedSource;
using test::PackedModel;
using test::read_file;
using test::small_model;
using test::small_models;

std::vector<float> read_row(const TensorSource& source, TensorId id, uint64_t row) {
  std::vector<float> values(tensor_shape(source.description(), id.role).columns);
  source.read_rows(id, row, 1, values);
  return values;
}

// Values after 4-bit quantisation, group by group, the last one padded with zeros.
std::vector<float> after_rtn(std::vector<float> row) {
  const size_t n = row.size();
  row.resize((n + kGroup - 1) / kGroup * kGroup);
  for (size_t first = 0; first < row.size(); first += kGroup) {
    const auto group = std::span(row).subspan(first).first<kGroup>();
    std::array<uint8_t, kGroup> q;
    const auto [scale, zero] = quantise_group(group, q);
    for (size_t i = 0; i < kGroup; ++i) group[i] = static_cast<float>(q[i] - zero) * fp16_to_float(scale);
  }
  row.resize(n);
  return row;
}

// Element of a checkpoint's head that stands at element i of the image's.
uint32_t in_checkpoint(const ModelDescription& model, uint32_t i) {
  if (model.rope_pairing == RopePairing::kAdjacent) return i;
  return i % 2 == 0 ? i / 2 : i / 2 + model.head_size / 2;
}

bool rotated(TensorRole role) {
  return role == TensorRole::kQuery || role == TensorRole::kKey || role == TensorRole::kQueryBias ||
         role == TensorRole::kKeyBias || role == TensorRole::kQueryNorm || role == TensorRole::kKeyNorm;
}

class Pack : public testing::TestWithParam<ModelDescription> {};

TEST_P(Pack, EveryWeightIsWhatTheCheckpointsRowQuantisesTo) {
  const ModelDescription& model = GetParam();
  const auto checkpoint = make_synthetic(model, 7);
  const PackedModel packed(*checkpoint);
  const DequantisedSource image(packed.image());
  for (const TensorRole role :
       {TensorRole::kQuery, TensorRole::kKey, TensorRole::kValue, TensorRole::kAttentionOut,
        TensorRole::kGate, TensorRole::kUp, TensorRole::kDown, TensorRole::kLmHead}) {
    for (uint32_t layer = 0; layer < (is_per_layer(role) ? model.layers : 1); ++layer) {
      for (uint64_t row = 0; row < tensor_shape(model, role).rows; ++row) {
        const auto element = static_cast<uint32_t>(row % model.head_size);
        const uint64_t from = rotated(role) ? row - element + in_checkpoint(model, element) : row;
        ASSERT_EQ(read_row(image, {role, layer}, row), after_rtn(read_row(*checkpoint, {role, layer}, from)))
            << tensor_name({role, layer}) << " row " << row;
      }
    }
  }
}

TEST_P(Pack, NormsAndBiasesAreTheCheckpointsInTheImagesOrder) {
  const ModelDescription& model = GetParam();
  const auto checkpoint = make_synthetic(model, 7);
  const PackedModel packed(*checkpoint);
  const DequantisedSource image(packed.image());
  for (const TensorRole role :
       {TensorRole::kAttentionNorm, TensorRole::kFfnNorm, TensorRole::kFinalNorm, TensorRole::kQueryBias,
        TensorRole::kKeyBias, TensorRole::kValueBias, TensorRole::kQueryNorm, TensorRole::kKeyNorm}) {
    for (uint32_t layer = 0; layer < (is_per_layer(role) ? model.layers : 1); ++layer) {
      const TensorId id{role, layer};
      ASSERT_EQ(has_tensor(image.description(), id), has_tensor(model, id));
      if (!has_tensor(model, id)) continue;
      const auto from = read_row(*checkpoint, id, 0);
      std::vector<float> expected(from.size());
      for (uint32_t i = 0; i < from.size(); ++i) {
        const uint32_t element = i % model.head_size;
        expected[i] = rotated(role) ? from[i - element + in_checkpoint(model, element)] : from[i];
      }
      EXPECT_EQ(read_row(image, id, 0), expected) << tensor_name(id);
    }
  }
}

TEST_P(Pack, EmbeddingsAreTheCheckpointsRoundedAsTheFormatSays) {
  const ModelDescription& model = GetParam();
  const auto checkpoint = make_synthetic(model, 7);
  for (const EmbeddingFormat format : {EmbeddingFormat::kFp16, EmbeddingFormat::kQ8, EmbeddingFormat::kQ4}) {
    const PackedModel packed(*checkpoint, format);
    const DequantisedSource image(packed.image());
    for (uint32_t token = 0; token < model.vocabulary; ++token) {
      const auto exact = read_row(*checkpoint, {TensorRole::kEmbedding}, token);
      const auto stored = read_row(image, {TensorRole::kEmbedding}, token);
      if (format == EmbeddingFormat::kQ4) {
        ASSERT_EQ(stored, after_rtn(exact));
        continue;
      }
      for (uint32_t i = 0; i < model.dim; ++i) {
        if (format == EmbeddingFormat::kFp16) {
          ASSERT_EQ(stored[i], fp16_to_float(float_to_fp16(exact[i])));
          continue;
        }
        float max = 0;
        for (uint32_t j = i / 128 * 128; j < std::min(i / 128 * 128 + 128, model.dim); ++j) {
          max = std::max(max, std::abs(exact[j]));
        }
        // Half a step of max / 127, and the FP16 rounding of the step at the end of the range.
        ASSERT_NEAR(stored[i], exact[i], max / 127 * (0.5 + 127 * 0x1p-11)) << i;
      }
    }
  }
}

TEST_P(Pack, RopeRowsAreCosAndSinOfEachPair) {
  const ModelDescription& model = GetParam();
  const PackedModel packed(*make_synthetic(model, 7));
  const DequantisedSource image(packed.image());
  const RopeFrequencies frequencies = rope_frequencies(model);
  for (const uint32_t position : {0u, 1u, 63u, 127u}) {
    const std::vector<float> row = image.rope_row(position);
    for (uint32_t pair = 0; pair < model.head_size / 2; ++pair) {
      const double angle = position * frequencies.radians_per_position[pair];
      EXPECT_EQ(row[2 * pair], static_cast<float>(frequencies.amplitude * std::cos(angle)));
      EXPECT_EQ(row[2 * pair + 1], static_cast<float>(frequencies.amplitude * std::sin(angle)));
    }
  }
}

TEST_P(Pack, TheFileIsTheSameForAnyNumberOfThreads) {
  const auto checkpoint = make_synthetic(GetParam(), 7);
  const test::TemporaryFolder folder;
  std::string expected;
  for (const uint32_t threads : {1u, 2u, 5u}) {
    PackOptions options;
    options.board = load_board("kv260");
    options.threads = threads;
    pack_image(*checkpoint, {}, options, folder.path() + "/image.brim");
    const std::string content = read_file(folder.path() + "/image.brim");
    if (expected.empty()) expected = content;
    EXPECT_TRUE(content == expected) << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Pack, testing::ValuesIn(small_models()),
                         [](const auto& test) { return test.param.name; });

TEST(PackedPages, UnusedRowsGroupsAndRecordsAreZero) {
  const ModelDescription model = small_model("plain");
  const PackedModel packed(*make_synthetic(model, 7));
  const uint8_t* stream = packed.image().content(packed.image().view().weights).data();
  uint64_t page = 0;
  for (const Matrix& matrix : matrices(model)) {
    for (uint64_t p = 0; p < matrix.pages(); ++p, ++page) {
      const uint32_t first_row = static_cast<uint32_t>(p / matrix.pages_per_block()) * matrix.shape().rows;
      for (uint32_t group = 0; group < kGroupsPerPage; ++group) {
        if (first_row + group % matrix.shape().rows < matrix.rows) continue;
        const uint8_t* bytes = stream + page_offset(page) + group * kGroupBytes;
        EXPECT_TRUE(std::all_of(bytes, bytes + kGroupBytes, [](uint8_t b) { return b == 0; }));
        const uint8_t* record = stream + metadata_offset(page);
        EXPECT_EQ((record[group / 2] >> (group % 2 * 4)) & 15, 0);
        EXPECT_EQ(record[kMetadataZeroBytes + 2 * group] | record[kMetadataZeroBytes + 2 * group + 1], 0);
      }
    }
  }
  EXPECT_EQ(packed.image().content(packed.image().view().weights).size(), stream_bytes(page));
}

// A checkpoint whose down matrices come quantised.
class Quantised final : public TensorSource {
 public:
  explicit Quantised(const ModelDescription& model) : plain_(make_synthetic(model, 7)) {}
  const ModelDescription& description() const override { return plain_->description(); }
  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    if (is_quantised(id)) throw Error("quantised rows must be taken over as they are");
    plain_->read_rows(id, first_row, rows, out);
  }
  bool is_quantised(TensorId id) const override { return id.role == TensorRole::kDown; }
  void read_quantised_rows(TensorId, uint64_t first_row, uint64_t rows,
                           const QuantisedRows& out) const override {
    const size_t groups = out.zeros.size() / rows;
    const size_t width = groups * kGroup;
    for (size_t i = 0; i < out.q.size(); ++i) out.q[i] = (i % width * 7 + first_row + i / width) % 16;
    for (size_t g = 0; g < groups * rows; ++g) {
      const uint64_t row = first_row + g / groups;
      out.zeros[g] = static_cast<uint8_t>((g % groups + row) % 16);
      out.scales[g] = static_cast<uint16_t>(0x2000 + g % groups + row);
    }
  }

 private:
  std::unique_ptr<TensorSource> plain_;
};

TEST(PackQuantised, LevelsZeroPointsAndScalesAreTakenOverAsTheyAre) {
  const ModelDescription model = small_model("bias");  // hidden is a multiple of 128, as such files have it
  const Quantised checkpoint(model);
  const PackedModel packed(checkpoint);
  const DequantisedSource image(packed.image());
  const uint32_t groups = model.hidden / kGroup;
  for (uint32_t row = 0; row < model.dim; ++row) {
    const auto values = read_row(image, {TensorRole::kDown, 1}, row);
    for (uint32_t i = 0; i < model.hidden; ++i) {
      const uint32_t g = i / kGroup % groups;
      const float q = static_cast<float>((i * 7 + row) % 16);
      const float zero = static_cast<float>((g + row) % 16);
      ASSERT_EQ(values[i], (q - zero) * fp16_to_float(static_cast<uint16_t>(0x2000 + g + row)));
    }
  }
}

// Sets the last value of what is read of one tensor at a time.
class TooLarge final : public TensorSource {
 public:
  TooLarge(const ModelDescription& model, TensorId tensor, float value)
      : plain_(make_synthetic(model, 7)), tensor_(tensor), value_(value) {}
  const ModelDescription& description() const override { return plain_->description(); }
  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    plain_->read_rows(id, first_row, rows, out);
    if (id == tensor_) out.back() = value_;
  }

 private:
  std::unique_ptr<TensorSource> plain_;
  TensorId tensor_;
  float value_;
};

TEST(PackDamaged, ValuesBeyondWhatTheirFormatHoldsAreRefusedByTensorAndRow) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/image.brim";
  const ModelDescription model = small_model("plain");
  const auto pack = [&](TensorRole role, float value, EmbeddingFormat embedding) {
    PackOptions options;
    options.board = load_board("kv260");
    options.embedding = embedding;
    options.threads = 1;  // then the first rows that are read are the first of the tensor
    pack_image(TooLarge(model, {role}, value), {}, options, path);
  };
  EXPECT_REFUSED(
      pack(TensorRole::kUp, -491'281.0f, EmbeddingFormat::kQ8),
      tensor_name({TensorRole::kUp}) + ", row 63: -491281 is beyond the 491280 that a 4-bit group");
  EXPECT_REFUSED(pack(TensorRole::kEmbedding, 65'505.0f, EmbeddingFormat::kFp16),
                 tensor_name({TensorRole::kEmbedding}) + ", row 63: 65505 is beyond the 65504 that FP16");
  EXPECT_REFUSED(pack(TensorRole::kEmbedding, 8'319'010.0f, EmbeddingFormat::kQ8), "that an 8-bit group");
  EXPECT_REFUSED(pack(TensorRole::kEmbedding, 491'281.0f, EmbeddingFormat::kQ4), "that a 4-bit group");
  EXPECT_FALSE(std::filesystem::exists(path));
  // What they just hold is no error.
  pack(TensorRole::kUp, -491'280.0f, EmbeddingFormat::kQ8);
  pack(TensorRole::kEmbedding, 65'504.0f, EmbeddingFormat::kFp16);
  pack(TensorRole::kEmbedding, 8'319'008.0f, EmbeddingFormat::kQ8);
  pack(TensorRole::kEmbedding, 491'280.0f, EmbeddingFormat::kQ4);
}

// A checkpoint that turns out to be damaged half-way.
class Damaged final : public TensorSource {
 public:
  explicit Damaged(const ModelDescription& model) : plain_(make_synthetic(model, 7)) {}
  const ModelDescription& description() const override { return plain_->description(); }
  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    if (id == TensorId{TensorRole::kDown, 1}) throw Error("made-up damage");
    plain_->read_rows(id, first_row, rows, out);
  }

 private:
  std::unique_ptr<TensorSource> plain_;
};

TEST(PackDamaged, ACheckpointThatFailsHalfWayLeavesTheOldImageAndNothingElse) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("image.brim", "old");
  PackOptions options;
  options.board = load_board("kv260");
  options.threads = 2;
  EXPECT_REFUSED(pack_image(Damaged(small_model("plain")), {}, options, path), "made-up damage");
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace brim
