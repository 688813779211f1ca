#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <sstream>
#include <vector>

#include "Vsim_vpu4.h"
#include "engine/kernels.h"
#include "numerics/fp16.h"
#include "operands.h"
#include "vpu_bench.h"

namespace brim::rtl {
namespace {

// A16 vectors as the lanes' memories hold them: mantissas and exponents, [tokens][blocks].
class PlainActivations {
 public:
  PlainActivations() = default;
  PlainActivations(uint32_t tokens, uint32_t elements)
      : blocks_((elements + kA16Block - 1) / kA16Block),
        mantissas_(uint64_t{tokens} * blocks_ * kA16Block),
        exponents_(uint64_t{tokens} * blocks_) {}

  uint32_t blocks() const { return blocks_; }
  int16_t* mantissas(uint32_t token, uint32_t block) { return &mantissas_[index(token, block) * kA16Block]; }
  const int16_t* mantissas(uint32_t token, uint32_t block) const {
    return &mantissas_[index(token, block) * kA16Block];
  }
  int32_t& exponent(uint32_t token, uint32_t block) { return exponents_[index(token, block)]; }
  int32_t exponent(uint32_t token, uint32_t block) const { return exponents_[index(token, block)]; }

  // The same as the kernels take it.
  Activations digits() const {
    const auto tokens = static_cast<uint32_t>(exponents_.size() / blocks_);
    Activations result(tokens, blocks_ * kA16Block);
    for (uint32_t t = 0; t < tokens; ++t) {
      for (uint32_t b = 0; b < blocks_; ++b) result.row(t)[b].assign(mantissas(t, b), exponent(t, b));
    }
    return result;
  }

 private:
  uint64_t index(uint32_t token, uint32_t block) const { return uint64_t{token} * blocks_ + block; }

  uint32_t blocks_ = 0;
  std::vector<int16_t> mantissas_;
  std::vector<int32_t> exponents_;
};

constexpr uint32_t kScores = 1024;  // parameter SCORES

// A run of chunks with random weight pages.
class Stream {
 public:
  Stream(uint64_t pages, Operands& operands) : pages_(pages), bytes_(stream_bytes(pages)) {
    for (uint8_t& byte : bytes_) byte = static_cast<uint8_t>(operands.word());
    for (uint64_t page = 0; page < pages; ++page) {
      for (uint32_t i = 0; i < kGroupsPerPage; ++i) {
        // Any finite FP16, subnormals included.
        uint16_t scale;
        do scale = static_cast<uint16_t>(operands.word());
        while ((scale & 0x7C00) == 0x7C00);
        std::memcpy(&bytes_[metadata_offset(page) + kMetadataZeroBytes + 2 * i], &scale, 2);
      }
    }
  }

  const uint8_t* data() const { return bytes_.data(); }
  uint64_t pages() const { return pages_; }

  // Beats of pages [first, last), with the metadata pages before them.
  void append(std::deque<Beat>& beats, uint64_t first, uint64_t last) const {
    for (uint64_t page = first; page < last; ++page) {
      if (page % kPagesPerChunk == 0) append_page(beats, &bytes_[page / kPagesPerChunk * kChunkBytes]);
      append_page(beats, &bytes_[page_offset(page)]);
    }
  }

 private:
  uint64_t pages_;
  std::vector<uint8_t> bytes_;
};

struct Shape {
  uint32_t rows, groups;
  bool two_planes = false;  // groups of both
};

template <typename Vpu, uint32_t Tokens>
class MatrixBench {
 public:
  explicit MatrixBench(uint64_t seed) : operands_(seed), bench_(seed, kScores) {
    bench_.ports().head_size_i = 128;
    bench_.ports().tokens_i = Tokens;
    bench_.on_score = [](uint32_t, const auto&) { FAIL() << "a score from a matrix"; };
  }
  VpuBench<Vpu, Tokens>& bench() { return bench_; }

  // Multiplies matrices of one stream in turn, each with new activations in a random buffer. Activations
  // become complete block by block, with `delay` cycles between.
  void run(const std::vector<Shape>& shapes, uint32_t delay) {
    uint64_t pages = 0;
    for (const Shape& shape : shapes) pages += page_count(shape);
    const Stream stream(pages, operands_);
    bench_.instructions.push_back({{.opcode = Opcode::kStream}, 0});
    uint64_t first_page = 0;
    for (const Shape& shape : shapes) {
      const PageShape page = page_shape(shape.groups);
      const uint64_t count = page_count(shape);
      const uint32_t buffer = bench_.random(3);
      const auto generation = static_cast<uint8_t>(bench_.generations[buffer] + 1);
      const uint32_t blocks = shape.two_planes ? shape.groups / 2 : shape.groups;
      PlainActivations x(Tokens, blocks * kA16Block);
      fill(x);
      stream.append(bench_.beats, first_page, first_page + count);
      bench_.instructions.push_back({{.opcode = Opcode::kMatvec,
                                      .flags = shape.two_planes ? kFlagEightBit : uint8_t{0},
                                      .buffer = static_cast<ActivationBuffer>(buffer),
                                      .shape = static_cast<uint8_t>(page.columns),
                                      .rows = shape.rows,
                                      .count = static_cast<uint32_t>(count),
                                      .groups = static_cast<uint16_t>(shape.groups)},
                                     generation});
      // Blocks come while the matrix is under way; until then memory holds something else.
      uint32_t wait = delay;
      bench_.every_cycle = [&, buffer, generation]() {
        if (wait-- != 0) return;
        wait = delay;
        const bool started = bench_.generations[buffer] == generation;
        const uint32_t block = started ? bench_.blocks[buffer] : 0;
        if (block == blocks) return;
        bench_.generations[buffer] = generation;
        for (uint32_t t = 0; t < Tokens; ++t) {
          std::memcpy(&bench_.lanes[t].activations[buffer * 2048 + block * 32], x.mantissas(t, block), 256);
          bench_.lanes[t].activation_exponents[buffer * 64 + block] =
              static_cast<int8_t>(x.exponent(t, block));
        }
        bench_.blocks[buffer] = static_cast<uint8_t>(block + 1);
      };
      bench_.results.clear();
      ASSERT_TRUE(bench_.run(20'000 + count * 4'000)) << "hangs";

      const MatrixView view{stream.data(), first_page, page, shape.rows, shape.groups / page.columns};
      std::vector<float> expected(Tokens * shape.rows);
      // Two planes: one matrix of twice as many inputs, which come twice.
      const PlainActivations inputs = shape.two_planes ? twice(x) : x;
      make_reference_kernels()->matvec(view, inputs.digits().view(0, Tokens), 0, view.row_blocks(),
                                       expected.data(), shape.rows);
      ASSERT_EQ(bench_.results.size(), shape.rows);
      for (uint32_t row = 0; row < shape.rows; ++row) {
        for (uint32_t t = 0; t < Tokens; ++t) {
          ASSERT_PRED2(same, float_from_bits(bench_.results[row][t]), expected[t * shape.rows + row])
              << shape.rows << " rows, " << shape.groups << " groups: row " << row << " of token " << t;
        }
      }
      first_page += count;
    }
  }

 private:
  static uint64_t page_count(const Shape& shape) {
    const PageShape page = page_shape(shape.groups);
    return uint64_t{(shape.rows + page.rows - 1) / page.rows} * (shape.groups / page.columns);
  }

  static PlainActivations twice(const PlainActivations& x) {
    PlainActivations result(Tokens, 2 * x.blocks() * kA16Block);
    for (uint32_t t = 0; t < Tokens; ++t) {
      for (uint32_t b = 0; b < result.blocks(); ++b) {
        std::copy_n(x.mantissas(t, b % x.blocks()), kA16Block, result.mantissas(t, b));
        result.exponent(t, b) = x.exponent(t, b % x.blocks());
      }
    }
    return result;
  }

  void fill(PlainActivations& x) {
    const uint32_t kind = operands_.below(4);
    for (uint32_t t = 0; t < Tokens; ++t) {
      for (uint32_t b = 0; b < x.blocks(); ++b) {
        // Exponents over the whole range, or close together as in a model.
        x.exponent(t, b) = kind == 0 ? static_cast<int32_t>(operands_.below(181)) - 80
                                     : static_cast<int32_t>(operands_.below(8)) - 20;
        for (int32_t i = 0; i < kA16Block; ++i) {
          const int32_t m = static_cast<int32_t>(operands_.below(2 * kA16MaxMantissa + 1)) - kA16MaxMantissa;
          x.mantissas(t, b)[i] =
              static_cast<int16_t>(kind == 1 ? (m < 0 ? -kA16MaxMantissa : kA16MaxMantissa) : m);
        }
      }
    }
  }

  Operands operands_;
  VpuBench<Vpu, Tokens> bench_;
};

TEST(VpuMatrix, EqualsTheReferenceForEveryPageShape) {
  MatrixBench<Vsim_vpu4, 4> bench(1);
  bench.run({{32, 4}, {64, 2}, {128, 1}, {96, 8}, {200, 6}, {300, 3}, {1, 4}, {65, 2}, {129, 5}}, 0);
}

// Pages of four columns that hold the end of one plane and the beginning of the other, of two, and of one
// plane only.
TEST(VpuMatrix, InTwoPlanesEqualsTheReference) {
  MatrixBench<Vsim_vpu4, 4> bench(9);
  bench.run(
      {{64, 2, true}, {100, 4, true}, {8, 12, true}, {70, 6, true}, {33, 32, true}, {64, 2}, {5, 8, true}},
      0);
}

TEST(VpuMatrix, EqualsTheReferenceUnderRandomGapsAndBackPressure) {
  for (uint32_t seed = 2; seed < 8; ++seed) {
    MatrixBench<Vsim_vpu4, 4> bench(seed);
    bench.bench().gap_percent = bench.bench().random(70);
    bench.bench().results_percent = 1 + bench.bench().random(100);
    std::vector<Shape> shapes;
    for (uint32_t i = 0; i < 6; ++i) {
      const bool two_planes = bench.bench().random(3) == 0;
      const uint32_t blocks = 1 + bench.bench().random(two_planes ? 6 : 12);
      shapes.push_back({1 + bench.bench().random(400), two_planes ? 2 * blocks : blocks, two_planes});
    }
    bench.run(shapes, bench.bench().random(300));
  }
}

TEST(VpuMatrix, TakesABeatPerCycle) {
  MatrixBench<Vsim_vpu4, 4> bench(20);
  const uint64_t before = bench.bench().cycles();
  bench.run({{32 * 40, 16}}, 0);
  const uint64_t pages = 40 * 4;
  const uint64_t beats = (pages + (pages + kPagesPerChunk - 1) / kPagesPerChunk) * kGroupsPerPage;
  EXPECT_LE(bench.bench().cycles() - before, beats + 300);  // activations at the start, adders at the end
}

// A model's attention of one KV head at a time, for T tokens from position p.
struct Attention {
  uint32_t head_size, heads_per_kv, kv_heads, position, tokens, context;
  uint32_t key_bits = 8, value_bits = 8;
};

template <typename Vpu, uint32_t Tokens>
class AttentionBench {
 public:
  AttentionBench(uint64_t seed, const Attention& a)
      : a_(a),
        formats_{kv_format(a.head_size, a.key_bits), kv_format(a.head_size, a.value_bits)},
        operands_(seed),
        bench_(seed, kScores) {
    Vpu& v = bench_.ports();
    v.head_size_i = static_cast<uint16_t>(a.head_size);
    v.key_four_bits_i = a.key_bits == 4;
    v.value_four_bits_i = a.value_bits == 4;
    v.context_i = a.context;
    v.heads_per_kv_i = static_cast<uint8_t>(a.heads_per_kv);
    v.inverse_sqrt_head_size_i = float_bits(1.0f / std::sqrt(static_cast<float>(a.head_size)));
    v.position_i = a.position;
    v.tokens_i = static_cast<uint8_t>(a.tokens);
    v.q_generation_i = 1;
    v.q_heads_i = 0;
    v.softmax_done_i = 0;
    // A pass's parameters stand long before its first instruction.
    for (uint32_t i = 0; i < 8; ++i) bench_.cycle();
  }
  VpuBench<Vpu, Tokens>& bench() { return bench_; }

  void run() {
    queries();
    bench_.ports().q_heads_i = static_cast<uint8_t>(a_.kv_heads * a_.heads_per_kv);
    for (uint32_t kv_head = 0; kv_head < a_.kv_heads; ++kv_head) {
      cache(kv_head);
      ASSERT_NO_FATAL_FAILURE(scores(kv_head));
      ASSERT_NO_FATAL_FAILURE(values(kv_head));
    }
  }

 private:
  uint32_t pairs() const { return a_.tokens * a_.heads_per_kv; }
  uint32_t positions() const { return a_.position + a_.tokens; }
  uint32_t lane_of(uint32_t pair) const { return pair % Tokens; }
  uint32_t round_of(uint32_t pair) const { return pair / Tokens; }
  uint32_t count_of(uint32_t pair) const { return a_.position + pair / a_.heads_per_kv + 1; }
  // Element of the score buffer.
  uint32_t element(uint32_t kv_head, uint32_t pair, uint32_t position) const {
    return kv_head % 2 * kScores + round_of(pair) * a_.context + position;
  }
  // Often the largest, so that sums are as large as they can be.
  int16_t mantissa() {
    if (operands_.below(2) == 0) return kA16MaxMantissa;
    return static_cast<int16_t>(static_cast<int32_t>(operands_.below(2 * kA16MaxMantissa + 1)) -
                                kA16MaxMantissa);
  }

  void queries() {
    const uint32_t heads = a_.kv_heads * a_.heads_per_kv;
    queries_ = PlainActivations(a_.tokens, heads * kA16Block);
    for (uint32_t t = 0; t < a_.tokens; ++t) {
      for (uint32_t h = 0; h < heads; ++h) {
        queries_.exponent(t, h) = static_cast<int32_t>(operands_.below(20)) - 20;
        for (uint32_t i = 0; i < a_.head_size; ++i) queries_.mantissas(t, h)[i] = mantissa();
        std::memcpy(&bench_.lanes[t].queries[h * 32], queries_.mantissas(t, h), 256);
        bench_.lanes[t].query_exponents[h] = static_cast<int8_t>(queries_.exponent(t, h));
      }
    }
  }

  // K and V of all positions as the cache would hold them; those of the pass go to the local buffer too.
  void cache(uint32_t kv_head) {
    for (uint32_t value = 0; value < 2; ++value) {
      const KvFormat& format = formats_[value];
      pages_[value].assign(format.page_bytes(positions()), 0);
      scales_[value].assign(format.scale_beats(positions()) * kBeatBytes, 0);
      for (uint32_t i = 0; i < positions(); ++i) {
        auto* record = &pages_[value][format.offset(i)];
        for (uint32_t j = 0; j < a_.head_size; ++j) {
          if (format.bits == 8)
            record[j] = static_cast<uint8_t>(static_cast<int32_t>(operands_.below(255)) - 127);
          else
            record[j / 2] |=
                static_cast<uint8_t>((operands_.below(2) == 0 ? 15 : operands_.below(16)) << j % 2 * 4);
        }
        const auto scale = static_cast<uint16_t>(operands_.below(0x7C00));
        const auto zero = static_cast<uint16_t>(format.bits == 8 ? 0 : operands_.below(16));
        std::memcpy(&scales_[value][format.scale_bytes * i], &scale, 2);
        if (format.bits == 4) std::memcpy(&scales_[value][4 * i + 2], &zero, 2);
        if (i < a_.position) continue;
        const uint32_t token = i - a_.position;
        // Records of half a beat stand there twice.
        for (uint32_t byte = 0; byte < format.record_beats() * kBeatBytes; ++byte) {
          reinterpret_cast<uint8_t*>(
              bench_.local_rows[((kv_head * 8 + token) * 2 + value) * 2 + byte / kBeatBytes]
                  .data())[byte % kBeatBytes] = record[byte % format.record_bytes];
        }
        bench_.local_scales[(kv_head * 8 + token) * 2 + value] = uint32_t{zero} << 16 | scale;
      }
    }
  }

  void append_records(uint32_t value) {
    const KvFormat& format = formats_[value];
    const uint32_t beats = format.record_beats();
    const uint32_t per_page = format.tokens_per_page();
    const uint32_t round =
        format.record_bytes < kBeatBytes ? 8 : 4;  // records that bring a beat of each port
    for (uint32_t base = 0; base < a_.position; base += per_page) {
      const uint32_t n = std::min(per_page, a_.position - base);
      for (uint32_t m = 0; m < n; m += round) {
        for (uint32_t half = 0; half < beats; ++half) {
          for (uint32_t i = m; i < std::min(m + 4, n); ++i) {
            Beat beat;
            std::memcpy(beat.data(), &pages_[value][format.offset(base + i) + half * kBeatBytes], kBeatBytes);
            bench_.beats.push_back(beat);
          }
        }
      }
    }
  }

  void scores(uint32_t kv_head) {
    for (uint32_t value = 0; value < 2; ++value) {
      const uint32_t bytes = formats_[value].scale_bytes;
      for (uint32_t beat = 0; beat < formats_[value].scale_beats(a_.position); ++beat) {
        // Scales of the pass's own positions are not in memory yet.
        Beat scales;
        std::memcpy(scales.data(), &scales_[value][beat * 64], 64);
        for (uint32_t i = 0; i < kBeatBytes; ++i) {
          if (beat * kBeatBytes + i >= a_.position * bytes)
            reinterpret_cast<uint8_t*>(scales.data())[i] = 0xA5;
        }
        bench_.beats.push_back(scales);
      }
    }
    append_records(0);
    bench_.instructions.push_back({{.opcode = Opcode::kScores, .head = static_cast<uint16_t>(kv_head)}, 1});
    std::vector<std::vector<uint32_t>> written(Tokens, std::vector<uint32_t>(2 * kScores, 0xDEADBEEF));
    bench_.on_score = [&](uint32_t address, const std::array<uint32_t, Tokens>& row) {
      for (uint32_t lane = 0; lane < Tokens; ++lane) written[lane].at(address) = row[lane];
    };
    ASSERT_TRUE(bench_.run(100'000)) << "hangs";
    ASSERT_EQ(bench_.ports().scores_done_o, kv_head + 1);

    const auto kernels = make_reference_kernels();
    const KvView keys{pages_[0].data(), scales_[0].data(), formats_[0]};
    for (uint32_t pair = 0; pair < pairs(); ++pair) {
      const uint32_t token = pair / a_.heads_per_kv;
      const uint32_t head = kv_head * a_.heads_per_kv + pair % a_.heads_per_kv;
      std::vector<float> expected(count_of(pair));
      kernels->scores(keys, queries_.mantissas(token, head), queries_.exponent(token, head),
                      1.0f / std::sqrt(static_cast<float>(a_.head_size)), 0, count_of(pair), expected.data());
      for (uint32_t i = 0; i < count_of(pair); ++i) {
        ASSERT_EQ(written[lane_of(pair)][element(kv_head, pair, i)], float_bits(expected[i]))
            << "KV head " << kv_head << ", pair " << pair << ", position " << i;
      }
      bench_.ports().max_read_i = static_cast<uint8_t>(kv_head % 2 * 8 + round_of(pair));
      bench_.ports().eval();
      ASSERT_EQ(get_word(bench_.ports().max_o, lane_of(pair)),
                float_bits(*std::max_element(expected.begin(), expected.end())))
          << "KV head " << kv_head << ", pair " << pair;
    }
  }

  void values(uint32_t kv_head) {
    std::vector<std::vector<int16_t>> mantissas(pairs());
    std::vector<std::vector<int32_t>> exponents(pairs());
    const uint32_t blocks = (positions() + kAttentionBlock - 1) / kAttentionBlock;
    for (uint32_t pair = 0; pair < pairs(); ++pair) {
      mantissas[pair].assign(blocks * kAttentionBlock, 0);
      exponents[pair].assign(blocks, kA16MinExponent);
      for (uint32_t i = 0; i < blocks * kAttentionBlock; ++i) {
        if (i < count_of(pair)) mantissas[pair][i] = mantissa();
        // Blocks past the token's own position count as zeros, as softmax leaves them.
        if (i % kAttentionBlock == 0 && i < count_of(pair)) {
          exponents[pair][i / kAttentionBlock] = static_cast<int32_t>(operands_.below(30)) - 40;
        }
        const uint32_t at = element(kv_head, pair, i);
        std::memcpy(reinterpret_cast<uint8_t*>(bench_.lanes[lane_of(pair)].weights.data()) + 2 * at,
                    &mantissas[pair][i], 2);
        bench_.lanes[lane_of(pair)].weight_exponents[at / kAttentionBlock] =
            static_cast<int8_t>(exponents[pair][i / kAttentionBlock]);
      }
    }
    append_records(1);
    bench_.instructions.push_back({{.opcode = Opcode::kValues, .head = static_cast<uint16_t>(kv_head)}, 0});
    bench_.results.clear();
    for (uint32_t i = 0; i < 50; ++i) bench_.cycle();
    ASSERT_TRUE(bench_.ports().stall_softmax_o) << "did not wait for the attention weights";
    bench_.ports().softmax_done_i = static_cast<uint8_t>(kv_head + 1);
    ASSERT_TRUE(bench_.run(200'000)) << "hangs";

    ASSERT_EQ(bench_.results.size(), pairs() * a_.head_size);
    const auto kernels = make_reference_kernels();
    const KvView view{pages_[1].data(), scales_[1].data(), formats_[1]};
    for (uint32_t pair = 0; pair < pairs(); ++pair) {
      std::vector<float> expected(formats_[1].elements());
      kernels->values(view, mantissas[pair].data(), exponents[pair].data(), count_of(pair), expected.data());
      for (uint32_t j = 0; j < a_.head_size; ++j) {
        for (uint32_t lane = 0; lane < Tokens; ++lane) {
          ASSERT_EQ(bench_.results[pair * a_.head_size + j][lane], float_bits(expected[j]))
              << "KV head " << kv_head << ", pair " << pair << ", element " << j;
        }
      }
    }
  }

  Attention a_;
  KvFormat formats_[2];  // of K and of V
  Operands operands_;
  VpuBench<Vpu, Tokens> bench_;
  PlainActivations queries_;
  std::vector<uint8_t> pages_[2];
  std::vector<uint8_t> scales_[2];
};

class VpuAttention : public testing::TestWithParam<Attention> {};

TEST_P(VpuAttention, EqualsTheReference) { AttentionBench<Vsim_vpu4, 4>(1, GetParam()).run(); }

TEST_P(VpuAttention, EqualsTheReferenceUnderRandomGapsAndBackPressure) {
  AttentionBench<Vsim_vpu4, 4> bench(2, GetParam());
  bench.bench().gap_percent = 40;
  bench.bench().results_percent = 30;
  bench.run();
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, VpuAttention,
    testing::Values(Attention{128, 1, 3, 0, 1, 256}, Attention{128, 1, 2, 63, 1, 256},
                    Attention{128, 1, 2, 64, 4, 256}, Attention{128, 4, 2, 61, 4, 128},
                    Attention{128, 2, 2, 100, 3, 128}, Attention{64, 4, 2, 0, 4, 128},
                    Attention{64, 1, 2, 130, 2, 256}, Attention{64, 8, 1, 62, 4, 128},
                    Attention{8, 2, 4, 126, 4, 256}, Attention{96, 3, 2, 127, 3, 192},
                    Attention{48, 7, 1, 64, 4, 128}, Attention{128, 1, 1, 250, 4, 256},
                    Attention{128, 1, 2, 0, 1, 256, 4, 4}, Attention{128, 4, 2, 61, 4, 128, 4, 4},
                    Attention{128, 2, 2, 127, 3, 320, 4, 4}, Attention{96, 3, 2, 258, 4, 320, 4, 4},
                    Attention{64, 1, 2, 0, 1, 256, 4, 4}, Attention{64, 4, 2, 62, 4, 128, 4, 4},
                    Attention{8, 2, 4, 253, 4, 320, 4, 4}, Attention{48, 2, 1, 259, 4, 320, 4, 4},
                    Attention{128, 2, 2, 130, 4, 192, 8, 4}, Attention{128, 2, 2, 130, 4, 192, 4, 8},
                    Attention{64, 1, 2, 130, 2, 192, 8, 4}, Attention{64, 1, 2, 130, 2, 192, 4, 8}),
    [](const auto& shape) {
      const Attention& a = shape.param;
      std::ostringstream name;
      name << 'd' << a.head_size << "_heads" << a.heads_per_kv << "_p" << a.position << "_T" << a.tokens;
      if (a.key_bits + a.value_bits < 16) name << "_k" << a.key_bits << 'v' << a.value_bits;
      return name.str();
    });

}  // namespace
}  // namespace brim::rtl
