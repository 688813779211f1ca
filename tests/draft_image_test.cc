// An image with a second model that drafts: two programs over one memory.
#include <cstring>
#include <functional>

#include "engine/interpreter.h"
#include "engine/kernels.h"
#include "tests/support/small_models.h"

namespace brim::test {
namespace {

constexpr uint32_t kContext = 128;

PackOptions options_with(const TensorSource* draft) {
  PackOptions options;
  options.board = load_board("kv260");
  options.context = kContext;
  options.threads = 2;
  if (draft != nullptr) options.draft = DraftModel{.source = draft, .embedding = EmbeddingFormat::kQ4};
  return options;
}

// Logits of some tokens at the beginning of a text.
std::vector<float> logits_of(Executor& executor) {
  const std::vector<uint32_t> ids = {5, 9, 5, 30, 2};
  const PassLogits logits = executor.run({.tokens = ids});
  return {logits.begin(), logits.end()};
}

class DraftImage : public testing::Test {
 protected:
  // Each model of another shape.
  const std::unique_ptr<TensorSource> model_ = make_synthetic(small_model("plain"), kSyntheticSeed);
  const std::unique_ptr<TensorSource> draft_ = make_synthetic(small_model("norm"), kSyntheticSeed + 1);
  const PackedModel packed_{*model_, options_with(draft_.get())};

  std::unique_ptr<Interpreter> executor_of(const MappedImage& image) const {
    return std::make_unique<Interpreter>(image, make_kernels(available_kernels().front()),
                                         InterpreterOptions{.max_tokens_per_pass = 8});
  }

  // What is wrong with the header once it has been changed.
  const char* problem_after(const std::function<void(ImageHeader&)>& change) const {
    std::vector<uint8_t> page(kImageHeaderBytes);
    std::memcpy(page.data(), packed_.image().bytes().data(), page.size());
    auto& header = *reinterpret_cast<ImageHeader*>(page.data());
    change(header);
    header.crc = header_checksum(page.data());
    return check_header(page.data(), packed_.image().bytes().size());
  }
};

TEST_F(DraftImage, EachModelGivesTheLogitsThatItGivesInAnImageOfItsOwn) {
  packed_.image().verify();
  const auto both = executor_of(packed_.image());
  ASSERT_NE(both->draft(), nullptr);
  const PackedModel model(*model_, options_with(nullptr));
  const PackedModel draft(*draft_, EmbeddingFormat::kQ4, kContext);
  // One after the other, so that each would meet what the other has written.
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(logits_of(*both), logits_of(*executor_of(model.image())));
    EXPECT_EQ(logits_of(*both->draft()), logits_of(*executor_of(draft.image())));
  }
}

TEST_F(DraftImage, AReaderThatDoesNotKnowDraftModelsFindsARegionOfNoKindItKnows) {
  uint32_t regions = 0;
  for (const RegionEntry& region : packed_.image().regions()) {
    if (region.model != kDraftModel) continue;
    ++regions;
    uint32_t kind = 0;  // as it was before there were draft models
    std::memcpy(&kind, &region, sizeof(kind));
    EXPECT_GT(kind, static_cast<uint32_t>(RegionKind::kReserved)) << region.name;
    EXPECT_EQ(std::string(region.name).find("draft."), 0u) << region.name;
  }
  EXPECT_EQ(regions, 8u);
}

TEST_F(DraftImage, WithoutOneAnImageIsWhatItWasBeforeThereWereAny) {
  const PackedModel plain(*model_, options_with(nullptr));
  const auto page = plain.image().bytes().first(kImageHeaderBytes);
  const auto behind = page.subspan(offsetof(ImageHeader, draft));
  EXPECT_TRUE(std::ranges::all_of(behind, [](uint8_t byte) { return byte == 0; }));
  for (const RegionEntry& region : plain.image().regions()) EXPECT_EQ(region.model, kMainModel);
  EXPECT_EQ(executor_of(plain.image())->draft(), nullptr);
}

TEST_F(DraftImage, AHeaderThatContradictsItselfIsRefused) {
  EXPECT_EQ(problem_after([](ImageHeader&) {}), nullptr);
  const auto last = [](ImageHeader& h) -> RegionEntry& {
    RegionEntry* found = nullptr;
    for (uint32_t i = 0; i < h.region_count; ++i) {
      if (h.regions[i].model == kDraftModel) found = &h.regions[i];
    }
    return *found;
  };
  EXPECT_STREQ(problem_after([](ImageHeader& h) { h.draft = {}; }),
               "a region is of a model that the image does not have");
  EXPECT_STREQ(problem_after([&](ImageHeader& h) { last(h).model = 2; }),
               "a region is of a model that the image does not have");
  EXPECT_STREQ(problem_after([&](ImageHeader& h) { last(h).kind = RegionKind::kReserved; }),
               "a region of all models is one of the draft model");
  EXPECT_STREQ(problem_after([](ImageHeader& h) {
                 for (uint32_t i = 0; i < h.region_count; ++i) {
                   RegionEntry& region = h.regions[i];
                   if (region.model == kDraftModel && region.kind == RegionKind::kRope)
                     region.kind = RegionKind::kWeights;
                 }
               }),
               "regions lacks one of the draft model's");
  EXPECT_STREQ(problem_after([](ImageHeader& h) { h.draft.name[0] = '\n'; }),
               "the model's name has control characters");
}

TEST_F(DraftImage, TheDraftModelHasAsManyPositionsAsItWasTrainedForAtMost) {
  EXPECT_EQ(packed_.plan().draft->context, kContext);
  EXPECT_EQ(packed_.image().program(kDraftModel).header.context, kContext);
  ModelDescription shorter = small_model("norm");
  shorter.trained_context = 60;
  const Plan plan =
      plan_image(small_model("plain"), load_board("kv260"), {.context = kContext, .draft = &shorter});
  EXPECT_EQ(plan.addresses.context, kContext);
  EXPECT_EQ(plan.draft->context, 64u);
}

TEST_F(DraftImage, WhatDoesNotFitTogetherIsRefusedWithTheBytes) {
  const ModelDescription model = open_synthetic("llama2-7b")->description(),
                         draft = open_synthetic("tinyllama-1.1b")->description();
  const Board board = load_board("kv260");
  EXPECT_NO_THROW(plan_image(model, board, {.context = 1024}));
  const std::string refusal = error_of([&] { plan_image(model, board, {.context = 1024, .draft = &draft}); });
  EXPECT_EQ(refusal.find("llama2-7b, draft model tinyllama-1.1b with a context of 1024 tokens needs "), 0u)
      << refusal;
  EXPECT_NE(refusal.find("a smaller --draft"), std::string::npos) << refusal;
}

}  // namespace
}  // namespace brim::test
