// A reader of images that shares nothing with Brim's: offsets and formulas are those of docs/image-format.md,
// written down once more. What it reads is compared with the checkpoint.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>

#include "quantize/rtn.h"
#include "tests/support/small_models.h"

namespace brim::test {
namespace {

// Little-endian numbers at a place of the file.
class Bytes {
 public:
  explicit Bytes(std::string content) : content_(std::move(content)) {}

  size_t size() const { return content_.size(); }
  const std::string& content() const { return content_; }
  uint64_t number(uint64_t at, int bytes) const {
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= uint64_t{static_cast<uint8_t>(content_.at(at + i))} << (8 * i);
    return value;
  }
  uint32_t u8(uint64_t at) const { return static_cast<uint32_t>(number(at, 1)); }
  uint32_t u32(uint64_t at) const { return static_cast<uint32_t>(number(at, 4)); }
  uint64_t u64(uint64_t at) const { return number(at, 8); }
  float f32(uint64_t at) const { return std::bit_cast<float>(u32(at)); }
  uint32_t nibble(uint64_t at, uint64_t i) const { return u8(at + i / 2) >> (i % 2 * 4) & 15; }
  std::string text(uint64_t at) const { return content_.c_str() + at; }

  // Sign, five bits of exponent (bias 15), ten of fraction.
  double fp16(uint64_t at) const {
    const auto bits = static_cast<int>(number(at, 2));
    const int exponent = bits >> 10 & 31;
    const double fraction = (bits & 1023) / 1024.0;
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15);
    return bits & 0x8000 ? -magnitude : magnitude;
  }

 private:
  std::string content_;
};

uint64_t whole(uint64_t bytes, uint64_t unit) { return (bytes + unit - 1) / unit * unit; }

// CRC-32C, one bit at a time.
uint32_t crc_of(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78u : 0u);
  }
  return ~crc;
}

struct Region {
  uint32_t kind, crc;
  uint64_t address, bytes, file_offset, file_bytes;
  std::string name;
};

class Reader {
 public:
  explicit Reader(const std::string& path) : file(read_file(path)) {
    for (uint32_t i = 0; i < file.u32(24); ++i) {
      const uint64_t at = 264 + 64 * i;
      regions.push_back({file.u32(at), file.u32(at + 4), file.u64(at + 8), file.u64(at + 16),
                         file.u64(at + 24), file.u64(at + 32), file.text(at + 40)});
    }
  }

  const Region& region(uint32_t kind) const {
    for (const Region& region : regions) {
      if (region.kind == kind) return region;
    }
    throw Error("no region of this kind");
  }

  uint32_t dim() const { return file.u32(200); }
  uint32_t layers() const { return file.u32(204); }
  uint32_t heads() const { return file.u32(208); }
  uint32_t kv_heads() const { return file.u32(212); }
  uint32_t d() const { return file.u32(216); }
  uint32_t hidden() const { return file.u32(220); }
  uint32_t vocabulary() const { return file.u32(224); }
  bool biases() const { return file.u32(236) & 2; }
  bool head_norms() const { return file.u32(236) & 4; }

  static uint64_t groups(uint32_t inputs) { return (inputs + 127) / 128; }
  static uint64_t columns(uint64_t g) { return g % 4 == 0 ? 4 : g % 2 == 0 ? 2 : 1; }
  static uint64_t pages(uint32_t rows, uint32_t inputs) {
    const uint64_t per_page = 128 / columns(groups(inputs));
    return (rows + per_page - 1) / per_page * groups(inputs) / columns(groups(inputs));
  }

  // Row r of a matrix whose first page is page f of the (only) run of chunks.
  std::vector<float> weights(uint64_t f, uint32_t inputs, uint32_t r) const {
    const uint64_t run = region(7).file_offset;
    const uint64_t g_count = groups(inputs);
    const uint64_t rows_per_page = 128 / columns(g_count);
    std::vector<float> values(inputs);
    for (uint32_t i = 0; i < inputs; ++i) {
      const uint64_t g = i / 128;
      const uint64_t p = f + r / rows_per_page * g_count / columns(g_count) + g / columns(g_count);
      const uint64_t j = g % columns(g_count) * rows_per_page + r % rows_per_page;
      const uint64_t page = run + p / 25 * 26 * 8192 + (1 + p % 25) * 8192;
      const uint64_t record = run + p / 25 * 26 * 8192 + p % 25 * 320;
      const int q = static_cast<int>(file.nibble(page + 64 * j, i % 128));
      const int z = static_cast<int>(file.nibble(record, j));
      values[i] = static_cast<float>((q - z) * file.fp16(record + 64 + 2 * j));
    }
    return values;
  }

  std::vector<float> embedding(uint32_t token) const {
    const uint64_t g_count = groups(dim());
    const uint64_t sizes[] = {2ull * dim(), g_count * 130, g_count * 67};
    const uint32_t format = file.u8(240);
    const uint64_t row = region(6).file_offset + token * whole(sizes[format], 64);
    std::vector<float> values(dim());
    for (uint32_t i = 0; i < dim(); ++i) {
      const uint64_t g = i / 128;
      double value = 0;
      if (format == 0) value = file.fp16(row + 2 * uint64_t{i});
      if (format == 1) value = static_cast<int8_t>(file.u8(row + i)) * file.fp16(row + 128 * g_count + 2 * g);
      if (format == 2) {
        const int z = static_cast<int>(file.u8(row + 66 * g_count + g));
        value = (static_cast<int>(file.nibble(row, i)) - z) * file.fp16(row + 64 * g_count + 2 * g);
      }
      values[i] = static_cast<float>(value);
    }
    return values;
  }

  // FP32 vector of n elements; moves `at` past it to the next beat.
  std::vector<float> vector(uint64_t& at, uint32_t n) const {
    std::vector<float> values(n);
    for (uint32_t i = 0; i < n; ++i) values[i] = file.f32(at + 4 * uint64_t{i});
    at += whole(4 * uint64_t{n}, 64);
    return values;
  }

  const Bytes file;
  std::vector<Region> regions;
};

std::vector<float> row_of(const TensorSource& source, TensorRole role, uint32_t layer, uint64_t row) {
  std::vector<float> values(tensor_shape(source.description(), role).columns);
  source.read_rows({role, layer}, row, 1, values);
  return values;
}

std::vector<float> four_bits(std::vector<float> row) {
  const size_t n = row.size();
  row.resize(whole(n, 128));
  for (size_t first = 0; first < row.size(); first += 128) {
    std::array<uint8_t, 128> q;
    const auto group = std::span(row).subspan(first).first<128>();
    const GroupParameters parameters = quantise_group(group, q);
    const std::string scale = {static_cast<char>(parameters.scale & 255),
                               static_cast<char>(parameters.scale >> 8)};
    for (size_t i = 0; i < 128; ++i) {
      group[i] = static_cast<float>((q[i] - parameters.zero) * Bytes(scale).fp16(0));
    }
  }
  row.resize(n);
  return row;
}

class Format : public testing::TestWithParam<ModelDescription> {
 protected:
  Format()
      : model_(GetParam()),
        checkpoint_(make_synthetic(model_, 9)),
        packed_(*checkpoint_, EmbeddingFormat::kQ8, 128, load_board("kv260"), kTokenizer),
        reader_(packed_.path()) {}

  // The element of the checkpoint's head that stands at element i.
  uint32_t permuted(uint32_t i) const {
    return model_.rope_pairing == RopePairing::kAdjacent ? i : i / 2 + i % 2 * (model_.head_size / 2);
  }

  std::vector<float> head_part(const std::vector<float>& all, uint32_t head, bool rotated) const {
    std::vector<float> part(model_.head_size);
    for (uint32_t i = 0; i < part.size(); ++i)
      part[i] = all[head * part.size() + (rotated ? permuted(i) : i)];
    return part;
  }

  static constexpr uint8_t kTokenizer[] = {'t', 'o', 'k'};

  const ModelDescription model_;
  const std::unique_ptr<TensorSource> checkpoint_;
  const PackedModel packed_;
  const Reader reader_;
};

TEST_P(Format, HeaderFieldsStandWhereTheDocumentSays) {
  const Bytes& file = reader_.file;
  EXPECT_EQ(file.content().substr(0, 8), std::string("BRIMIMG\0", 8));
  EXPECT_EQ(file.u32(8), 2u);
  std::string page = file.content().substr(0, 8192);
  page.replace(12, 4, 4, '\0');
  EXPECT_EQ(file.u32(12), crc_of(page));
  EXPECT_EQ(file.u64(16), file.size());
  EXPECT_EQ(file.u32(28), 2u);
  EXPECT_EQ(file.u32(32), 128u);
  EXPECT_EQ(file.u32(36), 8u);
  EXPECT_EQ(file.text(40), "kv260");
  EXPECT_EQ(file.u64(72), 0u);
  EXPECT_EQ(file.u64(80), uint64_t{1} << 31);
  EXPECT_EQ(file.u64(88), 0x800000000u);
  EXPECT_EQ(file.u64(96), uint64_t{1} << 31);
  EXPECT_EQ(file.text(136), model_.name);
  EXPECT_EQ(reader_.dim(), model_.dim);
  EXPECT_EQ(reader_.layers(), model_.layers);
  EXPECT_EQ(reader_.heads(), model_.heads);
  EXPECT_EQ(reader_.kv_heads(), model_.kv_heads);
  EXPECT_EQ(reader_.d(), model_.head_size);
  EXPECT_EQ(reader_.hidden(), model_.hidden);
  EXPECT_EQ(reader_.vocabulary(), model_.vocabulary);
  EXPECT_EQ(file.u32(228), model_.trained_context);
  EXPECT_EQ(file.f32(232), model_.norm_eps);
  EXPECT_EQ(file.u32(236), model_.tied_embeddings * 1u + model_.qkv_bias * 2u + model_.qk_norm * 4u);
  EXPECT_EQ(file.u8(240), 1u);
  EXPECT_EQ(file.text(248), "rtn");
  EXPECT_EQ(file.content().substr(4360, 8192 - 4360), std::string(8192 - 4360, '\0'));
}

TEST_P(Format, RegionsStandOneAfterTheOtherWithTheirChecksums) {
  uint64_t offset = 0;
  uint64_t end = 0;
  std::map<uint32_t, int> count;
  for (const Region& region : reader_.regions) {
    SCOPED_TRACE(region.name);
    ++count[region.kind];
    EXPECT_GE(region.address, end);
    end = region.address + region.bytes;
    EXPECT_EQ(region.address % 8192 + region.bytes % 8192, 0u);
    const bool has_content = region.kind <= 7;
    EXPECT_EQ(region.file_bytes, has_content ? region.bytes : 0);
    EXPECT_EQ(region.file_offset, has_content ? offset : 0);
    offset += region.file_bytes;
    const std::string content = reader_.file.content().substr(region.file_offset, region.file_bytes);
    EXPECT_EQ(region.crc, has_content && region.kind != 1 ? crc_of(content) : 0);
  }
  EXPECT_EQ(offset, reader_.file.size());
  for (uint32_t kind = 1; kind <= 11; ++kind) EXPECT_EQ(count[kind], 1) << kind;
  EXPECT_EQ(reader_.region(1).file_offset, 0u);
  EXPECT_EQ(reader_.file.text(reader_.region(5).file_offset), "tok");
  EXPECT_EQ(reader_.file.text(reader_.region(2).file_offset).substr(0, 4), "BRMP");
}

TEST_P(Format, WeightsStandWhereTheFormulasSay) {
  using enum TensorRole;
  const uint32_t d = model_.head_size;
  const uint32_t shared = model_.heads / model_.kv_heads;
  uint64_t f = 0;
  const auto expect_row = [&](uint32_t inputs, uint32_t r, TensorRole role, uint32_t layer, uint64_t from) {
    ASSERT_EQ(reader_.weights(f, inputs, r), four_bits(row_of(*checkpoint_, role, layer, from)))
        << tensor_name({role, layer}) << ' ' << from;
  };
  for (uint32_t layer = 0; layer < model_.layers; ++layer) {
    uint32_t r = 0;
    for (uint32_t g = 0; g < model_.kv_heads; ++g) {
      for (uint32_t i = 0; i < d; ++i) expect_row(model_.dim, r++, kKey, layer, g * d + permuted(i));
      for (uint32_t i = 0; i < d; ++i) expect_row(model_.dim, r++, kValue, layer, g * d + i);
      for (uint32_t h = g * shared; h < (g + 1) * shared; ++h) {
        for (uint32_t i = 0; i < d; ++i) expect_row(model_.dim, r++, kQuery, layer, h * d + permuted(i));
      }
    }
    f += Reader::pages((model_.heads + 2 * model_.kv_heads) * d, model_.dim);
    for (r = 0; r < model_.dim; ++r) expect_row(model_.heads * d, r, kAttentionOut, layer, r);
    f += Reader::pages(model_.dim, model_.heads * d);
    for (r = 0; r < 2 * model_.hidden; ++r) expect_row(model_.dim, r, r % 2 == 0 ? kGate : kUp, layer, r / 2);
    f += Reader::pages(2 * model_.hidden, model_.dim);
    for (r = 0; r < model_.dim; ++r) expect_row(model_.hidden, r, kDown, layer, r);
    f += Reader::pages(model_.dim, model_.hidden);
  }
  for (uint32_t r = 0; r < model_.vocabulary; ++r) expect_row(model_.dim, r, kLmHead, 0, r);
  f += Reader::pages(model_.vocabulary, model_.dim);
  EXPECT_EQ(reader_.region(7).bytes, (f + (f + 24) / 25) * 8192);
}

TEST_P(Format, PagesHaveTheirChecksumsInTheOrderOfTheStream) {
  const Bytes& file = reader_.file;
  const Region& weights = reader_.region(7);
  const auto stream = [&](uint64_t page) {
    std::string beats;
    for (uint64_t k = 0; k < 128; ++k) {
      beats += file.content().substr(weights.file_offset + page * 8192 + k % 4 * 2048 + k / 4 * 64, 64);
    }
    return beats;
  };
  uint64_t metadata = 0;
  for (uint64_t page = 0; page < weights.bytes / 8192; ++page) {
    if (page % 26 == 0) metadata = weights.file_offset + page * 8192;
    const uint32_t expected =
        page % 26 == 0 ? file.u32(metadata + 8188) : file.u32(metadata + 8000 + 4 * (page % 26 - 1));
    ASSERT_EQ(crc_of(stream(page).substr(0, page % 26 == 0 ? 8188 : 8192)), expected) << page;
    if (page % 26 == 0) {
      ASSERT_EQ(crc_of(stream(page)), 0x48674BC7u);
    }
  }
}

TEST_P(Format, TheProgramAndTheVectorsThatItLoadsHaveTheirChecksums) {
  const Bytes& file = reader_.file;
  const uint64_t program = reader_.region(2).file_offset;
  const Region& parameters = reader_.region(3);
  EXPECT_EQ(file.u32(program + 60), crc_of(file.content().substr(program, 60)));
  uint32_t loads = 0;
  for (uint32_t i = 0; i < file.u32(program + 8); ++i) {
    const uint64_t at = program + 64 + 32 * uint64_t{i};
    std::string bytes = {static_cast<char>(i), static_cast<char>(i >> 8), static_cast<char>(i >> 16),
                         static_cast<char>(i >> 24)};
    bytes += file.content().substr(at, 28);
    ASSERT_EQ(file.u32(at + 28), crc_of(bytes)) << i;
    if (file.u8(at) != 3) continue;
    const uint64_t from = parameters.file_offset + uint64_t{file.u32(at + 8)} * 64 - parameters.address;
    ASSERT_EQ(file.u32(at + 12), crc_of(file.content().substr(from, uint64_t{file.u32(at + 16)} * 64))) << i;
    ++loads;
  }
  EXPECT_EQ(loads, 1 + reader_.layers() * (2 + reader_.biases() + reader_.head_norms()));
}

TEST_P(Format, ParametersStandInTheOrderOfTheDocument) {
  using enum TensorRole;
  uint64_t at = reader_.region(3).file_offset;
  const auto vector = [&](uint32_t n) { return reader_.vector(at, n); };
  for (uint32_t layer = 0; layer < model_.layers; ++layer) {
    EXPECT_EQ(vector(model_.dim), row_of(*checkpoint_, kAttentionNorm, layer, 0));
    EXPECT_EQ(vector(model_.dim), row_of(*checkpoint_, kFfnNorm, layer, 0));
    const uint32_t shared = model_.heads / model_.kv_heads;
    for (uint32_t g = 0; reader_.biases() && g < model_.kv_heads; ++g) {
      EXPECT_EQ(vector(reader_.d()), head_part(row_of(*checkpoint_, kKeyBias, layer, 0), g, true));
      EXPECT_EQ(vector(reader_.d()), head_part(row_of(*checkpoint_, kValueBias, layer, 0), g, false));
      for (uint32_t h = g * shared; h < (g + 1) * shared; ++h) {
        EXPECT_EQ(vector(reader_.d()), head_part(row_of(*checkpoint_, kQueryBias, layer, 0), h, true));
      }
    }
    if (!reader_.head_norms()) continue;
    EXPECT_EQ(vector(reader_.d()), head_part(row_of(*checkpoint_, kQueryNorm, layer, 0), 0, true));
    EXPECT_EQ(vector(reader_.d()), head_part(row_of(*checkpoint_, kKeyNorm, layer, 0), 0, true));
  }
  EXPECT_EQ(vector(model_.dim), row_of(*checkpoint_, kFinalNorm, 0, 0));
  EXPECT_EQ(whole(at - reader_.region(3).file_offset, 8192), reader_.region(3).bytes);
}

TEST_P(Format, EmbeddingRowsAreTheTokensInEveryFormat) {
  for (const EmbeddingFormat format : {EmbeddingFormat::kFp16, EmbeddingFormat::kQ8, EmbeddingFormat::kQ4}) {
    const PackedModel packed(*checkpoint_, format);
    const Reader reader(packed.path());
    for (const uint32_t token : {0u, 1u, model_.vocabulary - 1}) {
      const auto exact = row_of(*checkpoint_, TensorRole::kEmbedding, 0, token);
      const auto stored = reader.embedding(token);
      if (format == EmbeddingFormat::kQ4) {
        EXPECT_EQ(stored, four_bits(exact));
        continue;
      }
      const float largest =
          std::abs(*std::ranges::max_element(exact, {}, [](float x) { return std::abs(x); }));
      const float step = format == EmbeddingFormat::kFp16 ? largest * 0x1p-11f : largest / 127 * 0.57f;
      for (uint32_t i = 0; i < model_.dim; ++i) EXPECT_NEAR(stored[i], exact[i], step);
    }
  }
}

TEST_P(Format, RopeRowsAreCosAndSinOfEveryPosition) {
  const RopeFrequencies frequencies = rope_frequencies(model_);
  uint64_t at = reader_.region(4).file_offset;
  for (uint32_t position = 0; position < reader_.file.u32(32); ++position) {
    const auto row = reader_.vector(at, model_.head_size);
    for (uint32_t j = 0; j < model_.head_size / 2; ++j) {
      const double angle = position * frequencies.radians_per_position[j];
      ASSERT_NEAR(row[2 * j], frequencies.amplitude * std::cos(angle), 1e-6);
      ASSERT_NEAR(row[2 * j + 1], frequencies.amplitude * std::sin(angle), 1e-6);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Format, testing::ValuesIn(small_models()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace brim::test
