// Layers whose tokens attend to a window of the last positions, whose cache is a ring.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/interpreter.h"
#include "isa/kv_ranges.h"
#include "model/fp32_forward.h"
#include "numerics/split_mix.h"
#include "runtime/context_file.h"
#include "runtime/conversation.h"
#include "runtime/passes.h"
#include "tests/support/exact_kernels.h"
#include "tests/support/small_models.h"

namespace brim::test {
namespace {

constexpr uint32_t kContext = 1024;
constexpr uint32_t kWindow = 20;

// Two layers with the window, or one with it behind one without.
ModelDescription windowed(const std::string& name, bool alternating) {
  ModelDescription model = small_model(name);
  model.attention_window = kWindow;
  model.trained_context = kContext;
  model.rope_scaling = {};
  if (alternating) model.windowed = {false, true};
  return model;
}

struct Case {
  std::string model;
  bool alternating;
  KvCache kv;
};

// Heads of 8 and of 128 elements, pages of 64, 128 and 256 positions.
std::vector<Case> cases() {
  std::vector<Case> result;
  for (const KvCache& kv : {KvCache{}, small_caches()[0], small_caches()[2]}) {
    result.push_back({"plain", true, kv});
    result.push_back({"norm", false, kv});
  }
  return result;
}

class Window : public testing::TestWithParam<Case> {
 protected:
  const std::unique_ptr<TensorSource> source_ =
      make_synthetic(windowed(GetParam().model, GetParam().alternating), 5);
  const PackedModel packed_{
      *source_, {.board = load_board("kv260"), .context = kContext, .kv_cache = GetParam().kv, .threads = 2}};

  uint32_t ring() const {
    uint32_t ring = kContext;
    for (const Instruction& in : packed_.image().program().instructions) {
      if (in.opcode == Opcode::kScores && window_of(in) != 0) ring = std::min(ring, in.count);
    }
    return ring;
  }

  std::unique_ptr<Interpreter> executor(std::string_view kernels, uint32_t tokens) const {
    return std::make_unique<Interpreter>(packed_.image(), make_kernels(kernels),
                                         InterpreterOptions{.max_tokens_per_pass = tokens});
  }

  std::vector<uint32_t> some_ids(uint32_t count, uint32_t seed = 0) const {
    std::vector<uint32_t> ids(count);
    const uint32_t vocabulary = source_->description().vocabulary;
    for (uint32_t i = 0; i < count; ++i)
      ids[i] = static_cast<uint32_t>(split_mix(seed * 7919ull + i) % vocabulary);
    return ids;
  }

  // Bits of the logits of ids[first ...].
  static std::vector<uint32_t> bits_from(Executor& executor, std::span<const uint32_t> ids, uint32_t first) {
    std::vector<uint32_t> bits;
    EXPECT_TRUE(
        run_passes(executor, ids.subspan(first), first, 0, [&](size_t, std::span<const float> logits) {
          for (const float logit : logits) bits.push_back(std::bit_cast<uint32_t>(logit));
        }));
    return bits;
  }

  static void run(Executor& executor, std::span<const uint32_t> ids) {
    run_passes(executor, ids, 0, ids.size(), [](size_t, std::span<const float>) {});
  }
};

TEST_P(Window, TakesNoMoreMemoryThanItsRing) {
  ASSERT_LT(ring(), kContext / 2 + 1) << "or nothing here goes round it";
  const PackedModel whole(*make_synthetic(
                              [&] {
                                ModelDescription model = source_->description();
                                model.attention_window = 0;
                                model.windowed = {};
                                return model;
                              }(),
                              5),
                          {.board = load_board("kv260"), .context = kContext, .kv_cache = GetParam().kv});
  const auto bytes = [](const PackedModel& model) {
    uint64_t sum = 0;
    for (const RegionEntry& region : model.image().regions()) {
      if (region.kind == RegionKind::kKv || region.kind == RegionKind::kKvScales) sum += region.bytes;
    }
    return static_cast<double>(sum);
  };
  const double of_layer = static_cast<double>(ring()) / kContext;
  const double share = GetParam().alternating ? (1 + of_layer) / 2 : of_layer;
  EXPECT_NEAR(bytes(packed_) / bytes(whole), share, 0.03);
}

// Keys, values and weights kept exact: what is left are A16 and the FP16 embedding.
TEST_P(Window, GivesTheLogitsOfThePublishedEquationsRoundAndRoundTheRing) {
  if (GetParam().kv.rotated) GTEST_SKIP() << "exact keys are those before the rotation";
  const PackedModel packed(*source_, {.board = load_board("kv260"),
                                      .embedding = EmbeddingFormat::kFp16,
                                      .context = kContext,
                                      .kv_cache = GetParam().kv});
  Interpreter exact(packed.image(), std::make_unique<ExactKernels>(*source_), {.max_tokens_per_pass = 16});
  Fp32Forward forward(*source_, kContext);
  const auto ids = some_ids(2 * ring() + 100 > kContext ? kContext : 2 * ring() + 100);
  std::vector<std::vector<float>> expected;
  float largest = 0;
  for (const uint32_t id : ids) {
    const auto logits = forward.step(id);
    expected.emplace_back(logits.begin(), logits.end());
    for (const float logit : logits) largest = std::max(largest, std::fabs(logit));
  }
  size_t position = 0;
  run_passes(exact, ids, 0, 0, [&](size_t, std::span<const float> logits) {
    for (size_t i = 0; i < logits.size(); ++i) {
      ASSERT_NEAR(logits[i], expected[position][i], largest * 0x1p-7f)
          << "position " << position << ", " << i;
    }
    ++position;
  });
  EXPECT_EQ(position, ids.size());
}

TEST_P(Window, LogitsAreTheSameBitsWithAllKernelsAndPassWidths) {
  const auto ids = some_ids(std::min(kContext, 2 * ring() + 77));
  const auto first = static_cast<uint32_t>(ids.size()) - 150;
  const auto reference = executor("reference", 1);
  run(*reference, std::span(ids).first(first));
  const auto expected = bits_from(*reference, ids, first);
  for (const std::string_view kernels : available_kernels()) {
    for (const uint32_t tokens : {7u, 64u}) {
      const auto other = executor(kernels, tokens);
      run(*other, std::span(ids).first(first));
      EXPECT_EQ(bits_from(*other, ids, first), expected) << kernels << ", T = " << tokens;
    }
  }
}

TEST_P(Window, PassesAreNoWiderThanTheRingHasRoomFor) {
  EXPECT_EQ(executor(available_kernels().front(), 128)->max_tokens_per_pass(), kMaxWindowTokens);
}

// Drafts that are not kept overwrite places of the ring.
TEST_P(Window, GoesOnBehindDraftsThatAreDropped) {
  const auto ids = some_ids(ring() + 200);
  const auto plain = executor(available_kernels().front(), 1);
  const auto drafting = executor(available_kernels().front(), 64);
  run(*plain, ids);
  const auto wrong = some_ids(64, 3);
  for (uint32_t at = 0; at < ids.size();) {
    const uint32_t kept = std::min<uint32_t>(1 + at % 5, static_cast<uint32_t>(ids.size()) - at);
    std::vector<uint32_t> pass(ids.begin() + at, ids.begin() + at + kept);
    pass.insert(pass.end(), wrong.begin(), wrong.begin() + (64 - kept));
    drafting->run({.tokens = pass, .position = at, .first_logits = 64});
    at += kept;
  }
  auto more = ids;
  more.insert(more.end(), {5, 6, 7});
  const auto end = static_cast<uint32_t>(ids.size());
  EXPECT_EQ(bits_from(*drafting, more, end), bits_from(*plain, more, end));
}

// A conversation that goes back anywhere, and on with something else.
TEST_P(Window, ConversationsGoBackToAnyPrefix) {
  const Tokenizer tokenizer;
  const auto runner = executor(available_kernels().front(), 16);
  std::vector<uint32_t> memory(kContext + 1);
  Conversation conversation(*runner, tokenizer, memory);
  uint64_t state = 1;
  const auto random = [&](uint32_t below) {
    return static_cast<uint32_t>(split_mix(state += kSplitMixStep) % below);
  };
  uint32_t run_whole = 0, went_on = 0;
  std::vector<uint32_t> text;
  for (uint32_t round = 0; round < 30; ++round) {
    // It grows by hundreds, goes back a little, and then far.
    const uint32_t back = random(round % 3 == 2 ? 600 : 40);
    text.resize(text.size() - std::min<size_t>(text.size(), back));
    const auto more = some_ids(20 + random(round % 3 == 0 ? 600 : 30), round + 1);
    text.insert(text.end(), more.begin(), more.end());
    text.resize(std::min<size_t>(text.size(), kContext - 8));
    const uint32_t prefix = conversation.keep_prefix(text);
    ASSERT_EQ(conversation.add(std::span(text).subspan(prefix)), Conversation::Added::kYes);
    ++(conversation.position() < prefix ? run_whole : went_on);
    ASSERT_TRUE(conversation.read());
    const std::vector<float> logits(conversation.logits().begin(), conversation.logits().end());
    const auto fresh = executor(available_kernels().front(), 64);
    run(*fresh, std::span(text).first(text.size() - 1));
    const auto expected = bits_from(*fresh, text, static_cast<uint32_t>(text.size()) - 1);
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(std::bit_cast<uint32_t>(logits[i]), expected[i]) << "round " << round;
  }
  EXPECT_GE(run_whole, 2u);
  EXPECT_GT(went_on, 10u);
}

TEST_P(Window, ASavedContextGoesOnAndBackWithTheSameLogits) {
  const Tokenizer tokenizer;
  const auto first = executor(available_kernels().front(), 16);
  const auto ids = some_ids(ring() + 90);
  run(*first, ids);
  const auto count = static_cast<uint32_t>(ids.size());
  const std::string path = packed_.folder() + "/context";
  save_context({.tokens = ids, .position = count, .written = count + 5}, *first, packed_.image(), path);
  const auto second = executor("reference", 16);
  const SavedContext loaded = load_context(*second, packed_.image(), path);
  EXPECT_EQ(loaded.written, count + 5);
  std::vector<uint32_t> memory(kContext + 1);
  Conversation conversation(*second, tokenizer, memory);
  conversation.assume(loaded.tokens, loaded.position, loaded.written);
  EXPECT_EQ(conversation.position(), count);
  auto text = ids;
  text.back() += text.back() == 0 ? 1 : -1;
  conversation.add(std::span(text).subspan(conversation.keep_prefix(text)));
  EXPECT_EQ(conversation.position(), count - 1) << "what it needs is there";
  ASSERT_TRUE(conversation.read());
  const auto expected = bits_from(*first, text, count - 1);
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint32_t>(conversation.logits()[i]), expected[i]);
}

// For those who have no interpreter: what is baked, and what the RTL's memory is asked for.
TEST_P(Window, TheProgramSaysWhereTheRingsAre) {
  const auto runner = executor("reference", 16);
  for (const uint32_t positions : {10u, ring() + 1, kContext}) {
    const auto ranges = kv_ranges(packed_.image().program(), positions);
    const auto parts = runner->cache_memory(0, positions);
    ASSERT_EQ(ranges.size(), parts.size());
    for (size_t i = 0; i < ranges.size(); ++i) EXPECT_EQ(ranges[i].bytes, parts[i].size()) << i;
  }
}

std::string name_of(const testing::TestParamInfo<Case>& test) {
  const Case& one = test.param;
  return one.model + "_k" + std::to_string(one.kv.key_bits) + "v" + std::to_string(one.kv.value_bits);
}

INSTANTIATE_TEST_SUITE_P(Models, Window, testing::ValuesIn(cases()), name_of);

}  // namespace
}  // namespace brim::test
