// What a grammar costs a token. The vocabulary is the demo model's, or, in benchmarks named "large", that of
// the tokenizer.json that BRIM_REAL_TOKENIZERS/llama3.json is (128,256 tokens).
#include <benchmark/benchmark.h>

#include <bit>
#include <cstdlib>
#include <filesystem>

#include "grammar/grammar_state.h"
#include "numerics/split_mix.h"
#include "tokenizer/build.h"

namespace brim {
namespace {

constexpr const char* kRecord =
    R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},)"
    R"("email":{"type":"string","maxLength":40},"tags":{"type":"array","items":{"type":"string"}},)"
    R"("address":{"type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"}},"required":["street","city"]},)"
    R"("kind":{"enum":["person","company","other"]}},"required":["name","age","tags","address","kind"]})";
constexpr const char* kAnyJson = "{}";

std::shared_ptr<const TokenTrie> vocabulary_of(const std::filesystem::path& path) {
  const std::vector<uint8_t> blob = build_tokenizer(path);
  Tokenizer tokenizer;
  tokenizer.attach(blob);
  return std::make_shared<const TokenTrie>(tokenizer);
}

std::shared_ptr<const TokenTrie> vocabulary(bool large) {
  if (!large) {
    static const auto demo = vocabulary_of(BRIM_SOURCE_DIR "/models/demo");
    return demo;
  }
  static const auto llama3 = [] {
    const char* const folder = std::getenv("BRIM_REAL_TOKENIZERS");
    const auto path = std::filesystem::path(folder == nullptr ? "" : folder) / "llama3.json";
    return std::filesystem::exists(path) ? vocabulary_of(path) : nullptr;
  }();
  return llama3;
}

// A text of letters, digits and the signs that the grammar wants: of what is allowed, a token of at most six
// bytes, as long as there is one, with an end after some 200.
std::vector<uint32_t> random_text(GrammarState state, const TokenTrie& trie, uint64_t seed) {
  std::vector<uint32_t> text;
  while (!state.ended() && text.size() < 400) {
    std::vector<uint32_t> allowed;
    const auto mask = state.mask();
    for (uint32_t word = 0; word < mask.size(); ++word) {
      for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
        const uint32_t token = word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
        const std::string_view bytes = trie.text(token);
        if (trie.is_end(token) || (bytes.size() <= 6 && static_cast<uint8_t>(bytes[0]) < 0x80))
          allowed.push_back(token);
      }
    }
    if (allowed.empty()) break;
    uint32_t token = allowed[split_mix(seed += kSplitMixStep) % allowed.size()];
    // Strings of a dozen tokens.
    if (split_mix(seed += kSplitMixStep) % 12 == 0) {
      for (const uint32_t other : allowed) {
        if (trie.text(other) == "\"") token = other;
      }
    }
    state.accept(token);
    text.push_back(token);
  }
  return text;
}

// mask() and accept() of every token of a text. `fresh`: nothing is known of the grammar when the text
// begins; else it is the second text.
void text(benchmark::State& bench, const char* schema, bool large, bool fresh) {
  const auto trie = vocabulary(large);
  if (trie == nullptr) return bench.SkipWithError("set BRIM_REAL_TOKENIZERS");
  const auto grammar = compile_json_schema(std::string_view(schema));
  const GrammarState known(grammar, trie);
  const std::vector<uint32_t> tokens = random_text(known, *trie, 1);
  for (auto _ : bench) {
    GrammarState state = fresh ? GrammarState(grammar, trie) : known;
    for (const uint32_t token : tokens) {
      benchmark::DoNotOptimize(state.mask().data());
      state.accept(token);
    }
  }
  bench.counters["tokens"] = static_cast<double>(tokens.size());
  bench.counters["s/token"] =
      benchmark::Counter(static_cast<double>(tokens.size()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(text, record_demo_fresh, kRecord, false, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(text, record_demo_known, kRecord, false, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(text, record_large_fresh, kRecord, true, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(text, record_large_known, kRecord, true, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(text, any_json_large_fresh, kAnyJson, true, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(text, any_json_large_known, kAnyJson, true, false)->Unit(benchmark::kMillisecond);

// The first mask within a string: the longest that there is.
void first_mask_in_a_string(benchmark::State& bench, bool large) {
  const auto trie = vocabulary(large);
  if (trie == nullptr) return bench.SkipWithError("set BRIM_REAL_TOKENIZERS");
  const auto grammar = compile_json_schema(std::string_view(R"({"type":"string"})"));
  for (auto _ : bench) {
    bench.PauseTiming();
    GrammarState state(grammar, trie);
    for (uint32_t token = 0; token < trie->vocabulary(); ++token) {
      if (trie->text(token) == "\"" && state.accept(token)) break;
    }
    bench.ResumeTiming();
    benchmark::DoNotOptimize(state.mask().data());
  }
}
BENCHMARK_CAPTURE(first_mask_in_a_string, demo, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(first_mask_in_a_string, large, true)->Unit(benchmark::kMicrosecond);

void compile(benchmark::State& bench) {
  for (auto _ : bench) benchmark::DoNotOptimize(compile_json_schema(std::string_view(kRecord)));
}
BENCHMARK(compile)->Unit(benchmark::kMicrosecond);

void build_trie(benchmark::State& bench, bool large) {
  if (large && vocabulary(true) == nullptr) return bench.SkipWithError("set BRIM_REAL_TOKENIZERS");
  const std::vector<uint8_t> blob =
      build_tokenizer(large ? std::filesystem::path(std::getenv("BRIM_REAL_TOKENIZERS")) / "llama3.json"
                            : BRIM_SOURCE_DIR "/models/demo");
  Tokenizer tokenizer;
  tokenizer.attach(blob);
  for (auto _ : bench) benchmark::DoNotOptimize(TokenTrie(tokenizer));
}
BENCHMARK_CAPTURE(build_trie, demo, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(build_trie, large, true)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace brim
