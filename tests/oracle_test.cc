// The executor against an independent decoder in double on the same dequantised weights.
//
// The bound is derived, not tuned. The contract (docs/numerics.md) rounds coarsely at two places only:
// activations that enter a dot product become 16-bit block floating point (a step 2^e per block), and K and V
// become int8 or four bits (a step s per vector). FP32 rounds 2^-24 relatively, 256 times finer than the
// finest of those. In the standard model of rounding each of these errors is independent and uniform over +-
// half a step. So the decoder in double is run kRuns times with just such errors injected, and the largest of
// max |noisy - clean| over the logits of a position says how far roundings move them. The executor's own
// roundings are one more draw from that distribution; twice the largest of kRuns leaves room for its tail.
#include <gtest/gtest.h>

#include <random>

#include "engine/interpreter.h"
#include "tests/support/dequantised_source.h"
#include "tests/support/oracle_forward.h"
#include "tests/support/small_models.h"

namespace brim::test {
namespace {

constexpr int kRuns = 16;
constexpr uint32_t kPositions = 72;  // more than one attention block

// The A16 step of a block whose largest magnitude is `max`: the smallest 2^e that keeps mantissas in range.
double a16_step(double max) {
  return max == 0 ? 0 : std::exp2(std::max(std::ceil(std::log2(max / 32639.5)), -80.0));
}

// The step of KV8 and of KV4.
double cache_step(std::span<const double> x, uint32_t bits) {
  return bits == 8 ? max_abs(x) / 127 : kv4_step(x);
}

// Independent errors of up to half a step wherever the contract rounds to A16, KV8 or KV4.
class RoundingNoise {
 public:
  explicit RoundingNoise(uint64_t seed) : random_(seed) {}

  void activations(std::span<double> x) {
    for (size_t first = 0; first < x.size(); first += 128) {
      const auto block = x.subspan(first, std::min<size_t>(128, x.size() - first));
      const double step = a16_step(max_abs(block));
      for (double& value : block) value += half() * step;
    }
  }

  void cache(std::span<double> x, uint32_t bits) {
    const double step = cache_step(x, bits);
    for (double& value : x) value += half() * step;
  }

  // Weights enter as A16 of p times the V vector's scale, in blocks of 64 positions.
  void attention(std::span<double> p, std::span<const double> v, uint32_t bits) {
    const size_t d = v.size() / p.size();
    for (size_t first = 0; first < p.size(); first += 64) {
      const size_t last = std::min(first + 64, p.size());
      const auto scale = [&](size_t t) { return cache_step(v.subspan(t * d, d), bits); };
      double max = 0;
      for (size_t t = first; t < last; ++t) max = std::max(max, p[t] * scale(t));
      for (size_t t = first; t < last; ++t) {
        if (scale(t) > 0) p[t] += half() * a16_step(max) / scale(t);
      }
    }
  }

 private:
  double half() { return std::uniform_real_distribution<double>(-0.5, 0.5)(random_); }

  std::mt19937_64 random_;
};

struct Cache {
  bool rounded;  // every run rounds K and V as the contract does: the bound holds A16's errors only. Else
                 // they are exact in the clean run; their rounding is noise like the others
  KvCache kv = {};
};
constexpr Cache kNoise = {.rounded = false}, kKv8 = {.rounded = true};

// What happens to K and V: with `noise`, errors of up to half a step, else the contract's rounding.
void set_cache(OracleRoundings& roundings, const KvCache& kv, RoundingNoise* noise) {
  const auto change = [noise](uint32_t bits) -> OracleRoundings::Change {
    if (noise != nullptr) return [=](std::span<double> x) { noise->cache(x, bits); };
    return bits == 8 ? round_to_kv8 : round_to_kv4;
  };
  roundings.keys = change(kv.key_bits);
  roundings.values = change(kv.value_bits);
  if (!kv.rotated) return;
  roundings.keys = [inner = roundings.keys](std::span<double> x) { change_rotated(x, inner); };
}

// Largest |logit difference| from `clean` that noise makes at each position, over kRuns runs.
std::vector<double> noise_bound(const DequantisedSource& source, std::span<const uint32_t> ids, Cache cache,
                                const std::vector<std::vector<double>>& clean) {
  std::vector<double> largest(ids.size());
  for (int run = 0; run < kRuns; ++run) {
    RoundingNoise noise(static_cast<uint64_t>(run) + 1);
    OracleRoundings roundings;
    roundings.activations = [&](std::span<double> x) { noise.activations(x); };
    roundings.attention = [&](std::span<double> p, std::span<const double> v) {
      noise.attention(p, v, cache.kv.value_bits);
    };
    set_cache(roundings, cache.kv, cache.rounded ? nullptr : &noise);
    OracleForward oracle(
        source, [&](uint32_t position) { return source.rope_row(position); }, roundings);
    for (size_t position = 0; position < ids.size(); ++position) {
      const auto logits = oracle.step(ids[position]);
      for (size_t i = 0; i < logits.size(); ++i) {
        largest[position] = std::max(largest[position], std::abs(logits[i] - clean[position][i]));
      }
    }
  }
  return largest;
}

std::vector<std::vector<double>> clean_logits(const TensorSource& source, const DequantisedSource& image,
                                              std::span<const uint32_t> ids, Cache cache) {
  OracleRoundings roundings;
  if (cache.rounded) set_cache(roundings, cache.kv, nullptr);
  OracleForward oracle(
      source, [&](uint32_t position) { return image.rope_row(position); }, roundings);
  std::vector<std::vector<double>> logits;
  for (const uint32_t id : ids) logits.push_back(oracle.step(id));
  return logits;
}

// The largest |executor - oracle| at each position, as a share of the noise's.
std::vector<double> error_shares(const PackedModel& packed, const TensorSource& oracle_source, Cache cache) {
  const DequantisedSource source(packed.image());
  Interpreter executor(packed.image(), make_reference_kernels(), {.max_tokens_per_pass = kPositions});
  std::vector<uint32_t> ids(kPositions);
  for (uint32_t i = 0; i < kPositions; ++i) ids[i] = (i * 2654435761u >> 7) % executor.vocabulary();

  const auto oracle = clean_logits(oracle_source, source, ids, cache);
  const auto clean = clean_logits(source, source, ids, cache);
  const auto bound = noise_bound(source, ids, cache, clean);
  const auto logits = executor.run({.tokens = ids, .position = 0, .first_logits = 0});
  std::vector<double> shares(ids.size());
  for (size_t position = 0; position < ids.size(); ++position) {
    for (size_t i = 0; i < oracle[position].size(); ++i) {
      const double error = std::abs(logits[position * executor.vocabulary() + i] - oracle[position][i]);
      shares[position] = std::max(shares[position], error / bound[position]);
    }
  }
  return shares;
}

void expect_within_bound(const TensorSource& checkpoint, Cache cache) {
  const PackedModel packed(checkpoint, EmbeddingFormat::kQ8, 128, load_board("kv260"), {}, cache.kv);
  const DequantisedSource source(packed.image());
  const auto shares = error_shares(packed, source, cache);
  for (size_t position = 0; position < shares.size(); ++position) {
    EXPECT_LT(shares[position], 2.0) << "position " << position;
  }
  const double worst = *std::max_element(shares.begin(), shares.end());
  testing::Test::RecordProperty("worst_share_of_noise", std::to_string(worst));
  std::printf("largest error: %.2f of the largest of %d noisy runs\n", worst, kRuns);
}

class Oracle : public testing::TestWithParam<ModelDescription> {};

TEST_P(Oracle, LogitsAreAsNearAsA16AndKv8RoundingAllow) {
  expect_within_bound(*make_synthetic(GetParam(), 5), kNoise);
}

TEST_P(Oracle, LogitsAreAsNearAsA16RoundingAllowsWhereBothRoundKv8) {
  expect_within_bound(*make_synthetic(GetParam(), 5), kKv8);
}

INSTANTIATE_TEST_SUITE_P(Models, Oracle, testing::ValuesIn(small_models()),
                         [](const auto& test) { return test.param.name; });

TEST(OracleStories260K, LogitsAreAsNearAsA16AndKv8RoundingAllow) {
  BRIM_NEED_STORIES260K();
  expect_within_bound(*open_model(stories260k_folder() + "stories260K.bin"), kNoise);
}

TEST(OracleStories260K, LogitsAreAsNearAsA16RoundingAllowsWhereBothRoundKv8) {
  BRIM_NEED_STORIES260K();
  expect_within_bound(*open_model(stories260k_folder() + "stories260K.bin"), kKv8);
}

TEST_P(Oracle, LogitsAreAsNearAsA16AndFourBitRoundingAllow) {
  for (const KvCache& kv : small_caches()) {
    expect_within_bound(*make_synthetic(GetParam(), 5), {.rounded = false, .kv = kv});
  }
}

TEST(OracleStories260K, LogitsAreAsNearAsA16AndFourBitRoundingAllow) {
  BRIM_NEED_STORIES260K();
  const auto stories = open_model(stories260k_folder() + "stories260K.bin");
  for (const KvCache& kv : small_caches()) expect_within_bound(*stories, {.rounded = false, .kv = kv});
}

TEST(OracleStories260K, LogitsAreAsNearAsA16RoundingAllowsWhereBothRoundToFourBits) {
  BRIM_NEED_STORIES260K();
  const auto stories = open_model(stories260k_folder() + "stories260K.bin");
  for (const KvCache& kv : small_caches()) expect_within_bound(*stories, {.rounded = true, .kv = kv});
}

// A source with a small mistake: one row of one matrix 5% too large.
class SlightlyWrong final : public TensorSource {
 public:
  explicit SlightlyWrong(const TensorSource& source) : source_(source) {}
  const ModelDescription& description() const override { return source_.description(); }
  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    source_.read_rows(id, first_row, rows, out);
    if (id != TensorId{TensorRole::kDown, 0} || first_row > 0) return;
    const uint64_t columns = tensor_shape(description(), id.role).columns;
    for (float& value : out.first(columns)) value *= 1.05f;
  }

 private:
  const TensorSource& source_;
};

TEST(OracleBound, IsTightEnoughToNoticeOneRowThatIsFivePercentTooLarge) {
  const PackedModel packed(*make_synthetic(small_model("bias"), 5));
  const DequantisedSource source(packed.image());
  const auto shares = error_shares(packed, SlightlyWrong(source), kKv8);
  EXPECT_GT(*std::max_element(shares.begin(), shares.end()), 2.0);
}

}  // namespace
}  // namespace brim::test
