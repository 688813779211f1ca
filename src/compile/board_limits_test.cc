#include "compile/board_limits.h"

#include <gtest/gtest.h>

#include "compile/build_program.h"
#include "compile/planner.h"
#include "model/synthetic.h"
#include "tests/support/small_models.h"

namespace brim {
namespace {

using test::error_of;

// A board with room for anything, but the KV260's accelerator.
Board large_board() {
  Board board = load_board("kv260");
  board.name = "large";
  board.regions[1].bytes = uint64_t{32} << 30;
  return board;
}

ModelDescription qwen2_7b() {
  ModelDescription model;
  model.name = "qwen2-7b";
  model.dim = 3584;
  model.layers = 28;
  model.heads = 28;
  model.kv_heads = 4;
  model.head_size = 128;
  model.hidden = 18944;
  model.vocabulary = 152064;
  model.qkv_bias = true;
  model.trained_context = 32768;
  return model;
}

TEST(BoardLimits, AModelThatIsTooWideIsRefusedByNameAndNumber) {
  EXPECT_EQ(error_of([] { plan_image(qwen2_7b(), large_board(), {}); }),
            "qwen2-7b: hidden 18944 is more than the accelerator of board large takes (14336); choose a "
            "smaller model, or pack it for this machine alone with --set "
            "accelerator.largest_model.hidden=18944");
  Board wider = large_board();
  wider.accelerator.largest_model.hidden = 18944;
  EXPECT_NO_THROW(plan_image(qwen2_7b(), wider, {}));
  ModelDescription narrower = qwen2_7b();
  narrower.hidden = 14336;
  EXPECT_NO_THROW(plan_image(narrower, large_board(), {}));
}

TEST(BoardLimits, HeadsOf256AreForThisMachineAlone) {
  const ModelDescription model = open_synthetic("gemma3-1b")->description();
  Board board = load_board("kv260");
  EXPECT_EQ(
      error_of([&] { plan_image(model, board, {}); }),
      "gemma3-1b: head_size 256 is more than the accelerator of board kv260 takes (128); choose a smaller "
      "model, or pack it for this machine alone with --set accelerator.largest_model.head_size=256");
  board.accelerator.largest_model.head_size = 256;
  EXPECT_NO_THROW(plan_image(model, board, {}));
}

TEST(BoardLimits, AContextIsAtMostWhatTheScoreBufferHolds) {
  for (const char* name : {"qwen3-0.6b", "llama3.2-1b"}) {
    const ModelDescription model = open_synthetic(name)->description();
    const Board board = load_board("kv260");
    const Plan plan = plan_image(model, board, {});
    EXPECT_EQ(plan.addresses.context, 8192u) << name;
    EXPECT_EQ(plan.limited_by, ContextLimit::kAccelerator) << name;
    EXPECT_GT(plan.tokens_per_pass, 0u) << name;
    EXPECT_NE(
        error_of([&] { plan_image(model, board, {.context = 100'000}); }).find("context 100032 is more than"),
        std::string::npos);
  }
}

TEST(BoardLimits, EveryBoardHasTheAcceleratorThatTheRtlIs) {
  for (const auto name : builtin_board_names())
    EXPECT_EQ(limits_of(load_board(std::string(name))).model, LargestModel{}) << name;
}

TEST(BoardLimits, MoreRoundsThanResultsHaveSlotsForAreRefused) {
  Board board = large_board();
  board.accelerator.tokens_per_pass = 1;
  board.accelerator.largest_model.heads_per_kv = 16;
  ProgramHeader header = program_header(qwen2_7b(), 64);
  header.hidden = 14336;
  header.heads = 32;
  EXPECT_NO_THROW(require_taken("model", header, board));
  header.heads = 36;
  EXPECT_EQ(error_of([&] { require_taken("model", header, board); }),
            "model: rounds of attention of a token 9 is more than the accelerator of board large takes (8); "
            "choose a smaller model");
}

TEST(BoardLimits, EveryBoardTakesALayerOfSevenBillionWeights) {
  for (const auto name : builtin_board_names()) {
    const Board board = load_board(std::string(name));
    ProgramHeader header = program_header(qwen2_7b(), 64);
    header.hidden = 11008;
    EXPECT_NO_THROW(require_taken("model", header, board));
  }
}

}  // namespace
}  // namespace brim
