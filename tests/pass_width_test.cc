// Results do not depend on how many positions a pass holds, nor on what the executor did before.
#include <gtest/gtest.h>

#include <bit>

#include "engine/interpreter.h"
#include "tests/support/small_models.h"

namespace brim::test {
namespace {

// `count` token ids without a pattern.
std::vector<uint32_t> some_ids(uint32_t count, uint32_t vocabulary) {
  std::vector<uint32_t> ids(count);
  for (uint32_t i = 0; i < count; ++i) ids[i] = (i * 2654435761u >> 7) % vocabulary;
  return ids;
}

// Bits of the logits of positions `position` ..., in passes of `width` tokens.
std::vector<uint32_t> logit_bits(Executor& executor, std::span<const uint32_t> ids, uint32_t width,
                                 uint32_t position = 0) {
  std::vector<uint32_t> bits;
  while (!ids.empty()) {
    const auto part = ids.first(std::min<size_t>(width, ids.size()));
    for (const float logit : executor.run({.tokens = part, .position = position, .first_logits = 0}))
      bits.push_back(std::bit_cast<uint32_t>(logit));
    position += static_cast<uint32_t>(part.size());
    ids = ids.subspan(part.size());
  }
  return bits;
}

void expect_no_dependence_on_pass_width(const TensorSource& source, EmbeddingFormat embedding) {
  const PackedModel packed(source, embedding);
  Interpreter one(packed.image(), make_reference_kernels(), {.max_tokens_per_pass = 1});
  Interpreter many(packed.image(), make_reference_kernels(), {.max_tokens_per_pass = 8});
  // Past one attention block of 64 positions, and no multiple of either width.
  const auto ids = some_ids(77, one.vocabulary());
  const auto expected = logit_bits(one, ids, 1);
  ASSERT_EQ(expected.size(), ids.size() * one.vocabulary());
  EXPECT_EQ(logit_bits(many, ids, 8), expected) << "T = 8";
  EXPECT_EQ(logit_bits(many, ids, 3), expected) << "T = 3, over the cache that T = 8 left";
  EXPECT_EQ(logit_bits(many, ids, 1), expected) << "T = 1 in an executor made for 8";
  Interpreter fastest(packed.image(), make_kernels(available_kernels().front()),
                      {.max_tokens_per_pass = 16, .threads = 2});
  EXPECT_EQ(logit_bits(fastest, ids, 16), expected) << fastest.name() << " kernels, T = 16, two threads";

  // Back to position 60, something else there, then the old continuation again.
  const auto other = some_ids(90, one.vocabulary());
  logit_bits(many, std::span(other).last(17), 8, 60);
  const std::vector<uint32_t> tail(expected.begin() + 60 * one.vocabulary(), expected.end());
  EXPECT_EQ(logit_bits(many, std::span(ids).subspan(60), 8, 60), tail) << "after a rewind";
}

class PassWidth : public testing::TestWithParam<ModelDescription> {};

TEST_P(PassWidth, LogitsAreTheSameBitsForAnyWidthAndAfterRewinding) {
  expect_no_dependence_on_pass_width(*make_synthetic(GetParam(), 11), EmbeddingFormat::kQ8);
}

// Three texts of different lengths, pieces of them in one pass, their tokens in no order.
TEST_P(PassWidth, SeveralTextsInAPassGetTheLogitsThatEachHasAlone) {
  const PackedModel packed(*make_synthetic(GetParam(), 11));
  Interpreter alone(packed.image(), make_reference_kernels(), {.max_tokens_per_pass = 8});
  Interpreter together(packed.image(), make_kernels(available_kernels().front()),
                       {.max_tokens_per_pass = 16, .caches = 3, .threads = 2});
  const auto all = some_ids(190, alone.vocabulary());
  const std::vector<std::span<const uint32_t>> texts = {
      std::span(all).first(77), std::span(all).subspan(77, 70), std::span(all).subspan(147, 43)};
  std::vector<std::vector<uint32_t>> expected;
  expected.reserve(texts.size());
  for (const auto text : texts) expected.push_back(logit_bits(alone, text, 8));

  const uint32_t vocabulary = alone.vocabulary();
  std::vector<uint32_t> done(texts.size());
  for (uint32_t round = 0; done[0] < 77 || done[1] < 70 || done[2] < 43; ++round) {
    std::vector<uint32_t> tokens;
    std::vector<Place> places;
    for (uint32_t text = 0; text < texts.size(); ++text) {
      for (uint32_t i = 0; i < 1 + (round + text) % 5 && done[text] < texts[text].size(); ++i, ++done[text]) {
        tokens.insert(tokens.begin() + static_cast<ptrdiff_t>(round % (tokens.size() + 1)),
                      texts[text][done[text]]);
        places.insert(places.begin() + static_cast<ptrdiff_t>(round % (places.size() + 1)),
                      {text, done[text]});
      }
    }
    const PassLogits logits = together.run({.tokens = tokens, .first_logits = 0, .places = places});
    for (size_t t = 0; t < places.size(); ++t) {
      const auto row = logits.row(t, vocabulary);
      const auto* want = &expected[places[t].cache][uint64_t{places[t].position} * vocabulary];
      ASSERT_TRUE(std::equal(row.begin(), row.end(), want,
                             [](float a, uint32_t bits) { return std::bit_cast<uint32_t>(a) == bits; }))
          << "position " << places[t].position << " of text " << places[t].cache << " in a pass of "
          << tokens.size();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PassWidth, testing::ValuesIn(small_models()),
                         [](const auto& test) { return test.param.name; });

TEST(PassWidthStories260K, LogitsAreTheSameBitsForAnyWidthAndAfterRewinding) {
  BRIM_NEED_STORIES260K();
  expect_no_dependence_on_pass_width(*open_model(stories260k_folder() + "stories260K.bin"),
                                     EmbeddingFormat::kQ4);
}

TEST(Pass, LogitsOfTheLastTokenAloneAreThoseOfAllTokens) {
  const PackedModel packed(*make_synthetic(small_model("plain"), 3));
  Interpreter executor(packed.image(), make_reference_kernels(), {.max_tokens_per_pass = 8});
  const auto ids = some_ids(8, executor.vocabulary());
  const auto all = logit_bits(executor, ids, 8);
  const auto last = executor.run({.tokens = ids, .position = 0, .first_logits = 7});
  ASSERT_EQ(last.size(), executor.vocabulary());
  for (size_t i = 0; i < last.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(last[i]), all[all.size() - last.size() + i]);
  }
  EXPECT_TRUE(executor.run({.tokens = ids, .position = 0, .first_logits = 8}).empty());
}

TEST(Pass, LogitsDoNotDependOnWhereInTheBoardsMemoryTheImageStands) {
  const auto source = make_synthetic(small_model("plain"), 3);
  const PackedModel one_memory(*source);
  Board board = load_board("kv260");
  board.regions = {{"high", 0x800000000, 64 << 20}, {"low", 0x10000, 192 << 10}};
  board.firmware = {"firmware", 0x10000 + (64 << 10), 16 << 10};  // three stretches of memory
  const PackedModel several(*source, EmbeddingFormat::kQ8, 128, board);
  ASSERT_GT(several.plan().addresses.streams.size(), 1u) << "the test wants more than one run of weights";
  const auto ids = some_ids(20, source->description().vocabulary);
  Interpreter a(one_memory.image(), make_reference_kernels(), {.max_tokens_per_pass = 8});
  Interpreter b(several.image(), make_reference_kernels(), {.max_tokens_per_pass = 8});
  EXPECT_EQ(logit_bits(a, ids, 8), logit_bits(b, ids, 8));
}

TEST(Pass, LogitsDoNotDependOnWhetherTheEmbeddingIsOnTheCard) {
  const auto source = make_synthetic(small_model("bias"), 3);
  for (const EmbeddingFormat format : {EmbeddingFormat::kFp16, EmbeddingFormat::kQ8, EmbeddingFormat::kQ4}) {
    const PackedModel memory(*source, format);
    const PackedModel card(*source, {.board = load_board("kv260"),
                                     .embedding = format,
                                     .embedding_on_card = true,
                                     .context = 128,
                                     .threads = 2});
    ASSERT_TRUE(card.image().view().embedding.on_card());
    EXPECT_LT(card.plan().used_bytes, memory.plan().used_bytes);
    EXPECT_NO_THROW(card.image().verify());
    const auto ids = some_ids(20, source->description().vocabulary);
    Interpreter a(memory.image(), make_reference_kernels(), {.max_tokens_per_pass = 8});
    for (const Load load : {Load::kMap, Load::kCopy}) {
      Interpreter b(card.image(), make_reference_kernels(), {.max_tokens_per_pass = 8, .load = load});
      EXPECT_EQ(logit_bits(a, ids, 8), logit_bits(b, ids, 8));
    }
  }
}

TEST(Pass, RefusesTokensPositionsAndWidthsOutOfRange) {
  const PackedModel packed(*make_synthetic(small_model("plain"), 3));
  Interpreter executor(packed.image(), make_reference_kernels(), {.max_tokens_per_pass = 8});
  const std::vector<uint32_t> ids(9, 1);
  const auto run = [&](size_t count, uint32_t position) {
    executor.run({.tokens = std::span(ids).first(count), .position = position, .first_logits = 0});
  };
  EXPECT_REFUSED(run(0, 0), "1 to 8 tokens");
  EXPECT_REFUSED(run(9, 0), "1 to 8 tokens");
  EXPECT_REFUSED(run(2, executor.context() - 1), "context");
  EXPECT_REFUSED(run(1, UINT32_MAX), "context");
  const uint32_t beyond = executor.vocabulary();
  EXPECT_REFUSED(executor.run({.tokens = {&beyond, 1}, .position = 0, .first_logits = 0}), "vocabulary");
  run(2, executor.context() - 2);  // the last position is usable
}

TEST(Pass, RefusesPlacesThatAreNotThereAndTwoTokensInOne) {
  const PackedModel packed(*make_synthetic(small_model("plain"), 3));
  Interpreter one(packed.image(), make_reference_kernels(), {.max_tokens_per_pass = 8});
  Interpreter two(packed.image(), make_reference_kernels(), {.max_tokens_per_pass = 8, .caches = 2});
  const std::vector<uint32_t> ids = {1, 2};
  const auto run = [&](Executor& executor, std::vector<Place> places) {
    executor.run({.tokens = ids, .places = places});
  };
  run(two, {{1, 0}, {0, 0}});
  EXPECT_REFUSED(run(one, {{0, 0}, {0, 1}}), "one text at a time");
  EXPECT_REFUSED(run(two, {{0, 0}}), "2 tokens has 1 places");
  EXPECT_REFUSED(run(two, {{2, 0}, {0, 0}}), "KV cache 2");
  EXPECT_REFUSED(run(two, {{1, 128}, {0, 0}}), "position 128");
  EXPECT_REFUSED(run(two, {{1, 3}, {1, 3}}), "two tokens");
}

}  // namespace
}  // namespace brim::test
