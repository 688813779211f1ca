#include "runtime/ngram_drafter.h"

#include <gtest/gtest.h>

#include <vector>

namespace brim {
namespace {

using Ids = std::vector<uint32_t>;

class NgramDrafterTest : public testing::Test {
 protected:
  // What is proposed; the kind is in kind_.
  Ids propose(const Ids& text, size_t most) {
    Ids out(most);
    const Draft draft = drafter_.propose(text, out);
    kind_ = draft.kind;
    out.resize(draft.count);
    return out;
  }

  std::vector<uint32_t> table_ = std::vector<uint32_t>(1024);
  NgramDrafter drafter_{table_};
  uint32_t kind_ = 99;
};

TEST_F(NgramDrafterTest, ProposesWhatFollowedTheLongestSuffixThatOccurredBefore) {
  EXPECT_EQ(propose({1, 2, 3, 4, 5, 6, 9, 3, 4}, 3), (Ids{5, 6, 9}));
  EXPECT_EQ(kind_, 1u) << "3 4 occurred, 9 3 4 did not";
  EXPECT_EQ(propose({1, 2, 3, 4, 5, 6, 9, 3, 4, 1, 2, 3, 4}, 2), (Ids{5, 6})) << "not what followed 9 3 4";
  EXPECT_EQ(kind_, 3u);
}

TEST_F(NgramDrafterTest, PrefersTheLatestOccurrence) {
  EXPECT_EQ(propose({7, 8, 1, 5, 7, 8, 2, 6, 7, 8}, 1), (Ids{2}));
}

TEST_F(NgramDrafterTest, GoesOnWithItselfWhereTheTextRepeatsItself) {
  EXPECT_EQ(propose({4, 5, 4, 5, 4}, 5), (Ids{5, 4, 5, 4, 5}));
  EXPECT_EQ(propose({4, 5, 4, 5, 4, 9, 9}, 3), (Ids{9, 9, 9}));
}

TEST_F(NgramDrafterTest, ProposesNothingWhereNothingOccurredBefore) {
  EXPECT_EQ(propose({}, 4), Ids{});
  EXPECT_EQ(propose({1}, 4), Ids{});
  EXPECT_EQ(propose({1, 2, 3, 4}, 4), Ids{});
  EXPECT_EQ(propose({1, 2, 3, 4, 3}, 0), Ids{});
}

TEST_F(NgramDrafterTest, ForgetsWhatWasTakenBack) {
  propose({1, 2, 3, 4, 5, 6}, 2);
  drafter_.rewind(2);
  EXPECT_EQ(propose({1, 2, 7, 4, 5}, 2), Ids{}) << "5 stood in the text before, but does no more";
  EXPECT_EQ(propose({1, 2, 7, 4, 5, 2}, 2), (Ids{7, 4}));
}

TEST_F(NgramDrafterTest, ASmallTableForgetsButIsNeverWrong) {
  std::vector<uint32_t> table(4);
  NgramDrafter small(table);
  Ids text, out(3);
  uint32_t proposed = 0;
  for (uint32_t i = 0; i < 5000; ++i) {
    text.push_back(i * i % 97);
    const Draft draft = small.propose(text, out);
    if (draft.count == 0) continue;
    ++proposed;
    // The suffix and what was proposed stand in the text one after the other.
    Ids sequence(text.end() - (draft.kind + 1), text.end());
    sequence.push_back(out[0]);
    EXPECT_NE(std::search(text.begin(), text.end(), sequence.begin(), sequence.end()), text.end()) << i;
  }
  EXPECT_GT(proposed, 10u);
}

}  // namespace
}  // namespace brim
