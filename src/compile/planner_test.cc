#include "compile/planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "compile/build_program.h"
#include "compile/matrix.h"
#include "compile/parameter_layout.h"
#include "model/synthetic.h"
#include "tests/support/small_models.h"

namespace brim {
namespace {

using test::error_of;
using test::small_model;

ModelDescription published(const std::string& name) { return open_synthetic(name)->description(); }

// A board with these memories; everything else as on the KV260.
Board board_with(std::vector<MemoryRegion> regions, MemoryRegion firmware) {
  Board board = load_board("kv260");
  board.name = "made-up";
  board.regions = std::move(regions);
  board.firmware = std::move(firmware);
  board.reserved.clear();
  return board;
}

constexpr uint64_t kMiB = 1 << 20;

// What must hold of every plan.
void expect_sound(const Plan& plan, const ModelDescription& model, const Board& board) {
  uint64_t used = 0;
  uint64_t end = 0;
  for (const PlannedRegion& region : plan.regions) {
    SCOPED_TRACE(region.name);
    EXPECT_EQ(region.address % kPageBytes, 0u);
    EXPECT_EQ(region.bytes % kPageBytes, 0u);
    EXPECT_GT(region.bytes, 0u);
    EXPECT_GE(region.address, end) << "overlaps the region before, or is out of order";
    end = region.address + region.bytes;
    used += region.bytes;
    EXPECT_TRUE(std::ranges::any_of(board.regions, [&](const MemoryRegion& memory) {
      return region.address >= memory.base && end <= memory.base + memory.bytes;
    })) << "not inside one memory";
    for (const MemoryRegion& other : board.reserved) {
      EXPECT_TRUE(end <= other.base || region.address >= other.base + other.bytes)
          << "stands in " << other.name;
    }
    const bool in_firmware =
        region.address < board.firmware.base + board.firmware.bytes && board.firmware.base < end;
    EXPECT_EQ(in_firmware, region.kind == RegionKind::kReserved);
  }
  EXPECT_EQ(plan.used_bytes, used);
  EXPECT_LE(plan.used_bytes, plan.capacity_bytes);
  EXPECT_EQ(plan.addresses.context % kAttentionBlock, 0u);

  // Everything that the program refers to lies inside the region it belongs to.
  const auto within = [&](RegionKind kind, uint64_t address, uint64_t bytes) {
    return std::ranges::any_of(plan.regions, [&](const PlannedRegion& region) {
      return region.kind == kind && address >= region.address &&
             address + bytes <= region.address + region.bytes;
    });
  };
  const ProgramAddresses& a = plan.addresses;
  EXPECT_TRUE(within(RegionKind::kParameters, a.parameters, ParameterLayout(model).bytes()));
  EXPECT_TRUE(within(RegionKind::kRope, a.rope, uint64_t{a.context} * rope_row_bytes(model.head_size)));
  EXPECT_TRUE(within(RegionKind::kEmbedding, a.embedding,
                     uint64_t{model.vocabulary} * embedding_row_bytes(a.embedding_format, model.dim)));
  EXPECT_TRUE(within(RegionKind::kLogits, a.logits,
                     uint64_t{4} * model.vocabulary * board.accelerator.tokens_per_pass));
  ASSERT_EQ(a.kv.size(), uint64_t{model.layers} * model.kv_heads * 2);
  EXPECT_TRUE(within(RegionKind::kKvScales, a.kv_scales, a.kv.size() * a.context * 2));
  const uint64_t kv_bytes = kv_format(model.head_size).page_bytes(a.context);
  std::vector<uint64_t> kv = a.kv;
  std::ranges::sort(kv);
  for (size_t i = 0; i < kv.size(); ++i) {
    EXPECT_TRUE(within(RegionKind::kKv, kv[i], kv_bytes));
    if (i == 0) continue;
    EXPECT_GE(kv[i], kv[i - 1] + kv_bytes) << "two heads share a page";
  }
  // Runs of weights start with matrix 0 and hold all matrices between them.
  const auto all = matrices(model);
  ASSERT_FALSE(a.streams.empty());
  EXPECT_EQ(a.streams[0].matrix, 0u);
  for (size_t s = 0; s < a.streams.size(); ++s) {
    const size_t last = s + 1 < a.streams.size() ? a.streams[s + 1].matrix : all.size();
    uint64_t bytes = 0;
    for (const auto run : runs_of(std::span(all).subspan(a.streams[s].matrix, last - a.streams[s].matrix))) {
      bytes += run_bytes(run);
    }
    EXPECT_TRUE(within(RegionKind::kWeights, a.streams[s].address, bytes));
  }
  EXPECT_LE(serialise(build_program(model, a)).size(), plan.region(RegionKind::kProgram).bytes);
}

constexpr KvCache kFourBits = {.key_bits = 4, .value_bits = 4, .rotated = true};

TEST(Planner, FourBitKeysAndValuesGiveLlama2ItsWholeContext) {
  const ModelDescription model = published("llama2-7b");
  const Board board = load_board("kv260");
  const Plan plan =
      plan_image(model, board, {.context = {}, .kv_cache = kFourBits, .tokenizer_bytes = 1 << 20});
  EXPECT_EQ(plan.addresses.context, 4096u);
  EXPECT_EQ(plan.limited_by, ContextLimit::kTrained);
  // Records of 64 bytes and scales of 4 for K and V of every layer and head.
  uint64_t kv = 0;
  for (const PlannedRegion& region : plan.regions) {
    if (region.kind == RegionKind::kKv || region.kind == RegionKind::kKvScales) kv += region.bytes;
  }
  EXPECT_EQ(kv, uint64_t{4096} * 32 * 32 * 2 * (64 + 4));
  const ProgramHeader header = build_program(model, plan.addresses).header;
  EXPECT_EQ(header.key_bits, 4);
  EXPECT_EQ(header.value_bits, 4);
  EXPECT_EQ(header.kv_flags, kKvRotated);
  EXPECT_EQ(header.inverse_sqrt_head_size, static_cast<float>(1.0 / std::sqrt(128.0)) / 128.0f);
}

TEST(Planner, TakesTheSmallerCacheOnlyWhereTheOtherDoesNotHoldTheContext) {
  const Board board = load_board("kv260");
  const auto cache_of = [&](const char* name, std::optional<uint32_t> context) {
    return plan_image(published(name), board, {.context = context, .smaller_kv_cache = kFourBits})
        .addresses.kv_cache;
  };
  EXPECT_EQ(cache_of("tinyllama-1.1b", {}), KvCache{});
  EXPECT_EQ(cache_of("llama2-7b", {}), kFourBits);
  EXPECT_EQ(cache_of("llama2-7b", 2000), KvCache{});
  EXPECT_EQ(cache_of("llama2-7b", 4096), kFourBits);
}

TEST(Planner, AnEmbeddingOnTheCardLeavesItsMemoryToTheContext) {
  const ModelDescription model = published("llama3-8b");
  const Board board = load_board("kv260");
  const auto plan_with = [&](const KvCache& kv, bool on_card) {
    return plan_image(model, board, {.embedding_on_card = on_card, .context = {}, .kv_cache = kv});
  };
  EXPECT_EQ(plan_with(kFourBits, true).addresses.context, 8192u);
  EXPECT_GE(plan_with({}, true).addresses.context, 5500u);
  EXPECT_REFUSED(plan_with({}, false), "llama3-8b with a context of 64 tokens needs");
  // Slots in memory for two passes of eight tokens, and the rows at the end of the file.
  const Plan plan = plan_with({}, true);
  const PlannedRegion& embedding = plan.region(RegionKind::kEmbedding);
  const uint64_t row = embedding_row_bytes(EmbeddingFormat::kQ8, 4096);
  EXPECT_GE(embedding.bytes, 16 * row);
  EXPECT_LT(embedding.bytes, 16 * row + kPageBytes);
  EXPECT_GE(embedding.file_bytes, model.vocabulary * row);
  EXPECT_EQ(embedding.file_offset + embedding.file_bytes, plan.file_bytes);
}

TEST(Planner, AnEmbeddingThatIsNoLargerThanItsSlotsStaysInMemory) {
  ModelDescription model = test::small_model("plain");
  model.vocabulary = 30;  // rows of 192 bytes
  EXPECT_REFUSED(plan_image(model, load_board("kv260"), {.embedding_on_card = true, .context = 64}),
                 "no larger than its slots");
}

TEST(Planner, KeysInEightBitsAndValuesInFourTakeThreeQuartersAndStandApart) {
  const ModelDescription model = published("tinyllama-1.1b");  // heads of 64
  const KvCache kv = {.key_bits = 8, .value_bits = 4, .rotated = false};
  const ProgramAddresses a =
      plan_image(model, load_board("kv260"), {.context = 512, .kv_cache = kv}).addresses;
  ASSERT_EQ(a.kv[1] - a.kv[0], 512u * 64);
  ASSERT_EQ(a.kv[2] - a.kv[1], 512u * 32);
  std::vector<uint64_t> scales;
  for (const Instruction& in : build_program(model, a).instructions) {
    if (in.opcode == Opcode::kKey || in.opcode == Opcode::kValue)
      scales.push_back(uint64_t{in.address2} * kBeatBytes);
  }
  EXPECT_EQ(scales[0], a.kv_scales);
  EXPECT_EQ(scales[1], a.kv_scales + 512 * 2);
  EXPECT_EQ(scales[2], a.kv_scales + 512 * (2 + 4));
}

TEST(Planner, Llama2SevenBillionFillsTheKv260ToTheBrim) {
  const ModelDescription model = published("llama2-7b");
  const Board board = load_board("kv260");
  const Plan plan = plan_image(model, board, {.context = {}, .tokenizer_bytes = 1 << 20});
  expect_sound(plan, model, board);
  EXPECT_GE(static_cast<double>(plan.used_bytes) / static_cast<double>(plan.capacity_bytes), 0.99);
  EXPECT_EQ(plan.capacity_bytes, 4096 * kMiB);
  EXPECT_GE(plan.addresses.context, 2600u);
  EXPECT_LE(plan.addresses.context, model.trained_context);
}

// The largest plan stands on both sides of a reserved range and up to its edges.
TEST(Planner, LeavesReservedRangesAlone) {
  const ModelDescription model = published("llama2-7b");
  Board board = load_board("kv260");
  board.reserved = {
      {"middle", 0x4000'0000, kMiB}, {"end", 0x7FF0'0000, kMiB}, {"start", 0x8'0000'0000, kMiB}};
  const Plan plan = plan_image(model, board, {.context = {}});
  expect_sound(plan, model, board);
  EXPECT_GE(static_cast<double>(plan.used_bytes) / static_cast<double>(plan.capacity_bytes), 0.98);
  EXPECT_EQ(plan.capacity_bytes, 4096 * kMiB) << "what others hold is part of the board's memory";
}

TEST(Planner, EveryPublishedShapeGetsASoundPlanOrAReasonOnEveryBoard) {
  for (const std::string_view name : synthetic_names()) {
    const ModelDescription model = published(std::string(name));
    for (const std::string_view board_name : builtin_board_names()) {
      SCOPED_TRACE(std::string(name) + " on " + std::string(board_name));
      const Board board = load_board(std::string(board_name));
      for (const EmbeddingFormat format :
           {EmbeddingFormat::kFp16, EmbeddingFormat::kQ8, EmbeddingFormat::kQ4}) {
        try {
          const Plan plan = plan_image(model, board, {.embedding = format, .context = {}});
          expect_sound(plan, model, board);
          const auto next = plan.addresses.context + kAttentionBlock;
          if (next > usual_context(model)) continue;
          EXPECT_THROW(plan_image(model, board, {.embedding = format, .context = next}), Error)
              << "a longer context would have fitted";
        } catch (const Error& error) {
          // Too much for the memory, or for the accelerator, by number.
          const std::string reason = error.what();
          EXPECT_TRUE(reason.find("needs") != std::string::npos ||
                      reason.find("is more than the accelerator") != std::string::npos)
              << reason;
        }
      }
    }
  }
}

TEST(Planner, SmallModelsGetTheContextThatIsAskedForInWholeBlocks) {
  for (const ModelDescription& model : test::small_models()) {
    SCOPED_TRACE(model.name);
    const Board board = load_board("kv260");
    for (const uint32_t context : {1u, 64u, 65u, 100u, 4096u}) {
      const Plan plan = plan_image(model, board, {.context = context});
      expect_sound(plan, model, board);
      EXPECT_EQ(plan.addresses.context, (context + 63) / 64 * 64);
    }
    EXPECT_EQ(plan_image(model, board, {}).addresses.context, model.trained_context)
        << "no longer than the model was trained for";
  }
}

TEST(Planner, AnAttentionWindowIsTheContextUnlessMoreIsAskedFor) {
  ModelDescription model = small_model("plain");
  model.trained_context = 1024;
  model.attention_window = 200;
  const Board board = load_board("kv260");
  const Plan plan = plan_image(model, board, {.context = {}});
  EXPECT_EQ(plan.addresses.context, 192u);  // whole blocks of 64
  EXPECT_EQ(plan.limited_by, ContextLimit::kWindow);
  const Plan longer = plan_image(model, board, {.context = 1024});
  EXPECT_EQ(longer.addresses.context, 1024u);
  EXPECT_EQ(longer.limited_by, ContextLimit::kAsked);
  model.attention_window = 4096;
  EXPECT_EQ(plan_image(model, board, {.context = {}}).limited_by, ContextLimit::kTrained);
}

TEST(Planner, FirmwareMayStandAtTheEndInTheMiddleOrInTheSecondMemory) {
  const ModelDescription model = small_model("plain");
  const std::vector<MemoryRegion> one = {{"ddr", 0x40000000, 64 * kMiB}};
  const std::vector<MemoryRegion> two = {{"low", 0, 8 * kMiB}, {"high", 0x800000000, 56 * kMiB}};
  const struct {
    std::vector<MemoryRegion> regions;
    MemoryRegion firmware;
  } cases[] = {
      {one, {"firmware", 0x40000000, 2 * kMiB}},
      {one, {"firmware", 0x40000000 + 62 * kMiB, 2 * kMiB}},
      {one, {"firmware", 0x40000000 + 3 * kMiB, 2 * kMiB}},
      {one, {"firmware", 0x40000000 + kPageBytes, 2 * kMiB}},
      {two, {"firmware", 0, 2 * kMiB}},
      {two, {"firmware", 0x800000000 + 5 * kMiB, 2 * kMiB}},
      {two, {"firmware", 0, 8 * kMiB}},  // all of the first memory
  };
  for (const auto& [regions, firmware] : cases) {
    const Board board = board_with(regions, firmware);
    expect_sound(plan_image(model, board, {}), model, board);
    // The longest context that memory allows, where training sets no limit.
    ModelDescription untrained = model;
    untrained.trained_context = 0;
    Board roomy = board;
    roomy.accelerator.max_context = kMaxContext;
    roomy.accelerator.score_buffer_bytes = 1u << 30;
    const Plan longest = plan_image(untrained, roomy, {});
    EXPECT_EQ(longest.limited_by, ContextLimit::kMemory);
    expect_sound(longest, model, roomy);
    EXPECT_GT(longest.addresses.context, 10000u);
    EXPECT_GE(static_cast<double>(longest.used_bytes) / static_cast<double>(longest.capacity_bytes), 0.9);
  }
}

TEST(Planner, MemoriesMayBeListedInAnyOrder) {
  const ModelDescription model = small_model("plain");
  const Board board =
      board_with({{"high", 0x800000000, 32 << 10}, {"low", 0, 32 * kMiB}}, {"firmware", 0, 2 * kMiB});
  const Plan plan = plan_image(model, board, {});
  expect_sound(plan, model, board);
  const auto first = std::ranges::find_if(plan.regions, [](const PlannedRegion& r) { return r.in_file; });
  EXPECT_EQ(first->kind, RegionKind::kHeader) << "readers look for the header at the start of the file";
}

TEST(Planner, ARefusalNamesModelContextNeedAndRoomAndSaysWhatToDo) {
  const std::string too_large =
      error_of([] { plan_image(published("llama3-8b"), load_board("ultra96-v2"), {}); });
  EXPECT_EQ(too_large.find("llama3-8b with a context of 64 tokens needs "), 0u) << too_large;
  EXPECT_NE(too_large.find("board ultra96-v2 has 2046 MiB for it"), std::string::npos) << too_large;
  EXPECT_NE(too_large.find("--embedding q4"), std::string::npos) << too_large;

  const std::string too_long =
      error_of([] { plan_image(published("llama2-7b"), load_board("kv260"), {.context = 4096}); });
  EXPECT_EQ(too_long.find("llama2-7b with a context of 4096 tokens needs "), 0u) << too_long;
  EXPECT_NE(too_long.find("--context max"), std::string::npos) << too_long;
}

TEST(Planner, ARefusalAdvisesOnlyWhatCanHelp) {
  const auto refusal = [](PlanOptions options) {
    return error_of([&] { plan_image(published("llama3-8b"), load_board("ultra96-v2"), options); });
  };
  EXPECT_TRUE(
      refusal({.context = 10}).ends_with("; try a smaller embedding (--embedding q4) or another --board"));
  EXPECT_TRUE(
      refusal({.context = 4096}).ends_with("; try a smaller embedding (--embedding q4) or another --board"))
      << "no context fits";
  EXPECT_TRUE(refusal({.embedding = EmbeddingFormat::kQ4, .context = {}}).ends_with("; try another --board"));
}

TEST(Planner, RefusesContextsThatNoImageCanHave) {
  for (const uint32_t context : {0u, (1u << 24) + 1, UINT32_MAX - 10, UINT32_MAX}) {
    EXPECT_REFUSED(plan_image(small_model("plain"), load_board("kv260"), {.context = context}), "context");
  }
}

}  // namespace
}  // namespace brim
