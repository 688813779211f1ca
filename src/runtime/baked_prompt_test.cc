// Prompts that an image brings with their K and V: whoever starts behind them goes on as if they had been
// run.
#include "image/baked_prompt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "base/crc32c.h"
#include "engine/interpreter.h"
#include "isa/kv_ranges.h"
#include "runtime/conversation.h"
#include "runtime/passes.h"
#include "tests/support/small_models.h"

namespace brim {
namespace {

using test::PackedModel;

std::unique_ptr<Interpreter> executor(const MappedImage& image, std::string_view kernels) {
  return std::make_unique<Interpreter>(image, make_kernels(std::string(kernels)),
                                       InterpreterOptions{.max_tokens_per_pass = 16});
}

std::vector<uint32_t> some_ids(uint32_t count) {
  std::vector<uint32_t> ids(count);
  for (uint32_t i = 0; i < count; ++i) ids[i] = (i * 2654435761u >> 7) % 60;
  return ids;
}

void run(Executor& executor, std::span<const uint32_t> ids) {
  run_passes(executor, ids, 0, ids.size(), [](size_t, std::span<const float>) {});
}

std::vector<float> logits_behind(Executor& executor, uint32_t position) {
  const uint32_t id = 5;
  const PassLogits logits = executor.run({.tokens = {&id, 1}, .position = position, .first_logits = 0});
  return {logits.begin(), logits.end()};
}

std::string bake(const MappedImage& image, Executor& executor, uint32_t tokens, const std::string& path) {
  const auto ids = some_ids(tokens);
  run(executor, ids);
  BakedPrompt prompt{
      .kind = PromptKind::kSystem, .text = "be brief", .tokens = ids, .cache = {}, .draft_cache = {}};
  const auto parts = executor.cache_memory(0, tokens);
  prompt.cache.assign(parts.begin(), parts.end());
  write_with_prompt(image, prompt, path);
  return path;
}

void put(const BakedPrompt& prompt, Executor& executor) {
  const auto parts = executor.cache_memory(0, static_cast<uint32_t>(prompt.tokens.size()));
  ASSERT_EQ(parts.size(), prompt.cache.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    ASSERT_EQ(parts[i].size(), prompt.cache[i].size());
    std::ranges::copy(prompt.cache[i], parts[i].begin());
  }
}

TEST(BakedPrompt, GivesTheLogitsOfHavingRunIt) {
  std::vector<KvCache> caches = test::small_caches();
  caches.push_back({});
  for (const char* name : {"plain", "norm"}) {
    const auto source = make_synthetic(test::small_model(name), 3);
    for (const KvCache& kv : caches) {
      const PackedModel model(*source, {.board = load_board("kv260"), .context = 128, .kv_cache = kv});
      for (const uint32_t tokens : {1u, 63u, 64u, 77u}) {
        // By one executor, for another one.
        const auto first = executor(model.image(), available_kernels().front());
        const MappedImage baked(bake(model.image(), *first, tokens, model.folder() + "/baked"));
        const auto prompt = baked_prompt(baked);
        ASSERT_TRUE(prompt);
        EXPECT_EQ(prompt->tokens, some_ids(tokens));
        EXPECT_EQ(prompt->text, "be brief");
        const auto second = executor(baked, "reference");
        put(*prompt, *second);
        EXPECT_EQ(logits_behind(*second, tokens), logits_behind(*first, tokens)) << name << ' ' << tokens;
      }
    }
  }
}

// Of an image without what is the draft model's part, as earlier ones were, the model's own is there all the
// same.
TEST(BakedPrompt, BringsTheDraftModelsCacheUnlessThatIsShorter) {
  const auto source = make_synthetic(test::small_model("plain"), 3);
  ModelDescription small = test::small_model("norm");
  small.vocabulary = test::small_model("plain").vocabulary;
  small.trained_context = 64;
  const auto draft = make_synthetic(small, 4);
  const PackedModel model = test::packed_with_draft(*source, *draft, 128);
  for (const uint32_t tokens : {40u, 64u, 65u}) {
    const auto first = executor(model.image(), available_kernels().front());
    const auto ids = some_ids(tokens);
    run(*first, ids);
    BakedPrompt prompt{.kind = PromptKind::kText, .text = "x", .tokens = ids, .cache = {}, .draft_cache = {}};
    const auto parts = first->cache_memory(0, tokens);
    prompt.cache.assign(parts.begin(), parts.end());
    const std::string path = model.folder() + "/baked";
    write_with_prompt(model.image(), prompt, path);
    EXPECT_TRUE(baked_prompt(MappedImage(path))->draft_tokens().empty());
    if (tokens > 64) continue;

    run(*first->draft(), ids);
    const auto draft_parts = first->draft()->cache_memory(0, tokens);
    prompt.draft_cache.assign(draft_parts.begin(), draft_parts.end());
    write_with_prompt(model.image(), prompt, path);
    const MappedImage image(path);
    const auto read = baked_prompt(image);
    EXPECT_EQ(read->draft_tokens().size(), tokens);
    const auto second = executor(image, "reference");
    put(*read, *second);
    put({.kind = {}, .text = {}, .tokens = ids, .cache = read->draft_cache, .draft_cache = {}},
        *second->draft());
    if (tokens == 64) continue;  // the draft model's context is full
    EXPECT_EQ(logits_behind(*second, tokens), logits_behind(*first, tokens));
    EXPECT_EQ(logits_behind(*second->draft(), tokens), logits_behind(*first->draft(), tokens));
  }
}

TEST(BakedPrompt, LeavesTheRestOfTheImageAsItWasAndReplacesAnEarlierOne) {
  const PackedModel model(*make_synthetic(test::small_model("bias"), 3));
  const std::string path = model.folder() + "/baked", twice = model.folder() + "/twice";
  const auto runner = executor(model.image(), "reference");
  bake(model.image(), *runner, 20, path);
  const std::string plain = test::read_file(model.path()), baked = test::read_file(path);
  ASSERT_GT(baked.size(), plain.size());
  EXPECT_EQ(baked.substr(kImageHeaderBytes, plain.size() - kImageHeaderBytes),
            plain.substr(kImageHeaderBytes));
  const MappedImage image(path);
  EXPECT_EQ(image.regions().size(), model.image().regions().size() + 1);
  image.verify();
  EXPECT_FALSE(baked_prompt(model.image()));

  bake(image, *runner, 90, twice);
  EXPECT_EQ(baked_prompt(MappedImage(twice))->tokens.size(), 90u);
  bake(MappedImage(twice), *executor(model.image(), "reference"), 20, model.folder() + "/again");
  EXPECT_EQ(test::read_file(model.folder() + "/again"), baked) << "nothing of the longer one is left";
}

TEST(BakedPrompt, WhatIsDamagedOrOfAnotherProgramIsRefused) {
  const PackedModel model(*make_synthetic(test::small_model("plain"), 3));
  const std::string path = model.folder() + "/baked";
  bake(model.image(), *executor(model.image(), "reference"), 20, path);
  const std::string content = test::read_file(path);
  const uint64_t start = MappedImage(path).view().prompt->file_offset;
  for (uint64_t at = start; at < content.size(); at += (content.size() - start) / 40) {
    std::string damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    std::ofstream(path, std::ios::binary) << damaged;
    EXPECT_REFUSED(MappedImage{path}, "the checksum of region prompt is wrong");
  }
  // With checksums that fit.
  const auto forged = [&](uint64_t at, uint32_t value, const char* why) {
    std::string bytes = content;
    std::memcpy(&bytes[start + at], &value, sizeof(value));
    auto* header = reinterpret_cast<ImageHeader*>(bytes.data());
    header->regions[header->region_count - 1].crc = crc32c(&bytes[start], bytes.size() - start);
    header->crc = header_checksum(bytes.data());
    std::ofstream(path, std::ios::binary) << bytes;
    EXPECT_REFUSED(baked_prompt(MappedImage(path)), why);
  };
  forged(0, 2, "its kind is unknown");
  forged(4, 0, "it has no tokens");
  forged(4, 129, "it has no tokens, or more than the context");
  forged(4, 64, "it is of another program");
  forged(8, UINT32_MAX, "it is too short");
  forged(12, 3, "it is of another program");
  forged(512, 96, "it has a token beyond the vocabulary");
  forged(512 * 3, 0, "it is of another program");  // where the first part goes
}

TEST(BakedPrompt, ARegionWithAPlaceInMemoryIsRefused) {
  const PackedModel model(*make_synthetic(test::small_model("plain"), 3));
  const std::string path = model.folder() + "/baked";
  bake(model.image(), *executor(model.image(), "reference"), 20, path);
  std::string bytes = test::read_file(path);
  auto* header = reinterpret_cast<ImageHeader*>(bytes.data());
  header->regions[header->region_count - 1].bytes = kPageBytes;
  header->crc = header_checksum(bytes.data());
  EXPECT_STREQ(check_header(bytes.data(), bytes.size()), "a prompt's region has a place in memory");
}

// The program says where K and V are, to those who have no interpreter.
TEST(KvRanges, AreThePartsOfTheInterpretersCache) {
  for (const ModelDescription& description : test::small_models()) {
    const PackedModel model(*make_synthetic(description, 3));
    const auto runner = executor(model.image(), "reference");
    for (const uint32_t positions : {1u, 65u, 128u}) {
      const auto ranges = kv_ranges(model.image().program(), positions);
      const auto parts = runner->cache_memory(0, positions);
      ASSERT_EQ(ranges.size(), parts.size());
      ASSERT_EQ(ranges.size(), size_t{description.layers} * description.kv_heads * 4);
      for (size_t i = 0; i < ranges.size(); ++i) {
        EXPECT_EQ(ranges[i].bytes, parts[i].size());
        // Scales of a head follow one another in memory, and so do the parts.
        if (i % 4 != 3) continue;
        EXPECT_EQ(ranges[i].base - ranges[i - 2].base,
                  static_cast<uint64_t>(parts[i].data() - parts[i - 2].data()));
      }
    }
  }
}

}  // namespace
}  // namespace brim
