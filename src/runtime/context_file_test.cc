// Contexts on disk: what is loaded goes on as if it had never been saved.
#include "runtime/context_file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "engine/interpreter.h"
#include "tests/support/small_models.h"

namespace brim {
namespace {

using test::PackedModel;

constexpr uint32_t kTokens = 77;

std::vector<uint32_t> some_ids() {
  std::vector<uint32_t> ids(kTokens);
  for (uint32_t i = 0; i < kTokens; ++i) ids[i] = (i * 2654435761u >> 7) % 60;
  return ids;
}

std::unique_ptr<Interpreter> executor(const PackedModel& model) {
  return std::make_unique<Interpreter>(model.image(), make_kernels(available_kernels().front()),
                                       InterpreterOptions{.max_tokens_per_pass = 16});
}

void run(Executor& executor, std::span<const uint32_t> ids) {
  for (uint32_t at = 0; at < ids.size(); at += 16) {
    const auto part = ids.subspan(at, std::min<size_t>(16, ids.size() - at));
    executor.run({.tokens = part, .position = at, .first_logits = static_cast<uint32_t>(part.size())});
  }
}

std::vector<float> next_logits(Executor& executor) {
  const uint32_t id = 5;
  const PassLogits logits = executor.run({.tokens = {&id, 1}, .position = kTokens, .first_logits = 0});
  return {logits.begin(), logits.end()};
}

TEST(ContextFile, GoesOnWithTheSameLogits) {
  const auto source = make_synthetic(test::small_model("norm"), 3);
  std::vector<KvCache> caches = test::small_caches();
  caches.push_back({});
  for (const KvCache& kv : caches) {
    const PackedModel model(*source, {.board = load_board("kv260"), .context = 128, .kv_cache = kv});
    const std::string path = model.folder() + "/context";
    const auto first = executor(model);
    const auto ids = some_ids();
    run(*first, ids);
    save_context({.tokens = ids, .position = kTokens, .sampler = 42}, *first, model.image(), path);
    const std::vector<float> expected = next_logits(*first);

    const auto second = executor(model);
    const SavedContext loaded = load_context(*second, model.image(), path);
    EXPECT_EQ(loaded.tokens, ids);
    EXPECT_EQ(loaded.position, kTokens);
    EXPECT_EQ(loaded.sampler, 42u);
    EXPECT_EQ(next_logits(*second), expected);
  }
}

TEST(ContextFile, OfAnotherImageOrDamagedIsRefusedAndLeavesTheCache) {
  const PackedModel model(*make_synthetic(test::small_model("plain"), 3));
  const PackedModel other(*make_synthetic(test::small_model("plain"), 4));
  const std::string path = model.folder() + "/context";
  const auto ids = some_ids();
  const auto first = executor(model);
  run(*first, ids);
  save_context({.tokens = ids, .position = kTokens}, *first, model.image(), path);
  EXPECT_REFUSED(load_context(*executor(other), other.image(), path),
                 "is a context of another image, of model plain");

  const std::string content = test::read_file(path);
  const auto second = executor(model);
  const auto refused = [&](const std::string& bytes, const char* why) {
    std::ofstream(path, std::ios::binary) << bytes;
    EXPECT_REFUSED(load_context(*second, model.image(), path), why);
  };
  refused("", "is no saved context (too short)");
  refused(content.substr(0, 100), "is no saved context (too short)");
  refused("x" + content.substr(1), "is no saved context (wrong magic)");
  refused(content.substr(0, content.size() - 1), "its checksum is wrong");
  for (size_t at = 8; at < content.size(); at += content.size() / 50) {
    std::string damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    refused(damaged, path.c_str());
  }
  const uint32_t id = ids[0];
  const auto fresh = executor(model);
  const auto untouched = fresh->run({.tokens = {&id, 1}});
  const std::vector<float> expected(untouched.begin(), untouched.end());
  const auto got = second->run({.tokens = {&id, 1}});
  EXPECT_EQ(std::vector<float>(got.begin(), got.end()), expected);
}

// An executor whose cache ends the process that reads its n-th part.
class Deadly final : public Executor {
 public:
  Deadly(Executor& executor, uint32_t part) : executor_(executor), part_(part) {}
  std::string name() const override { return "deadly"; }
  uint32_t vocabulary() const override { return executor_.vocabulary(); }
  uint32_t context() const override { return executor_.context(); }
  uint32_t max_tokens_per_pass() const override { return executor_.max_tokens_per_pass(); }
  PassLogits run(const Pass& pass) override { return executor_.run(pass); }
  std::vector<std::span<uint8_t>> cache_memory(uint32_t cache, uint32_t positions) override {
    auto parts = executor_.cache_memory(cache, positions);
    // No memory is there. NOLINTNEXTLINE(performance-no-int-to-ptr)
    parts[part_] = {reinterpret_cast<uint8_t*>(kBeatBytes), parts[part_].size()};
    return parts;
  }

 private:
  Executor& executor_;
  uint32_t part_;
};

TEST(ContextFile, KilledWhileSavingLeavesTheOldFileWhole) {
  ModelDescription description = test::small_model("plain");
  description.layers = 4;  // 4 layers of 4 KV heads: 64 parts
  const PackedModel model(*make_synthetic(description, 3));
  const std::string path = model.folder() + "/context";
  const auto ids = some_ids();
  const auto first = executor(model);
  run(*first, ids);
  save_context({.tokens = ids, .position = kTokens}, *first, model.image(), path);
  const std::string whole = test::read_file(path);
  const auto parts = static_cast<uint32_t>(first->cache_memory(0, kTokens).size());
  ASSERT_GE(parts, 50u);
  for (uint32_t part = 0; part < parts; ++part) {
    const pid_t child = fork();
    if (child == 0) {
      Deadly deadly(*first, part);
      save_context({.tokens = ids, .position = kTokens, .sampler = 7}, deadly, model.image(), path);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_NE(status, 0) << "it was to be killed";
    ASSERT_EQ(test::read_file(path), whole) << "killed at part " << part;
  }
}

}  // namespace
}  // namespace brim
