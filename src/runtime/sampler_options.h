// What can be said about choosing tokens: the one table from which the command line, the firmware's commands
// and the server take names, ranges, defaults and help. Names and meanings are llama.cpp's. Freestanding. A
// new option is a member here, a row here, and its arithmetic in sampler_stages.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fixed_list.h"
#include "base/text_writer.h"
#include "runtime/stop_texts.h"

namespace brim {

// A stage of the sampler whose place can be chosen.
enum class SamplerStageName : uint8_t { kPenalties, kTopK, kTypical, kTopP, kMinP, kTemperature };

inline constexpr auto kSamplerStageNames =
    std::to_array<std::string_view>({"penalties", "top_k", "typ_p", "top_p", "min_p", "temperature"});

constexpr std::string_view name_of(SamplerStageName stage) {
  return kSamplerStageNames[static_cast<size_t>(stage)];
}
// Also by the other names that llama.cpp takes: "top-k", "nucleus", "typ", "temp" ...
std::optional<SamplerStageName> sampler_stage_named(std::string_view name);

using SamplerOrder = FixedList<SamplerStageName, kSamplerStageNames.size()>;

// All of them, as they are declared, which is llama.cpp's default.
constexpr SamplerOrder default_sampler_order() {
  SamplerOrder order;
  for (size_t i = 0; i < kSamplerStageNames.size(); ++i) order.push(static_cast<SamplerStageName>(i));
  return order;
}

// What is added to a token's logit; -infinity: it is never chosen.
struct LogitBias {
  uint32_t token;
  float bias;
};
using LogitBiases = FixedList<LogitBias, 320>;

struct SamplerOptions {
  float temperature = 0.0f;
  uint32_t top_k = 0;
  float top_p = 1.0f;
  float min_p = 0.0f;
  float typical = 1.0f;
  float repeat_penalty = 1.0f;
  int32_t repeat_last_n = 64;  // -1: the whole text
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  bool ignore_eos = false;
  LogitBiases logit_bias = {};
  StopTexts stop = {};
  SamplerOrder samplers = default_sampler_order();
  uint64_t seed = 0;
};

struct SamplerOption {
  std::string_view name;      // --name on the command line, /name in a chat
  std::string_view argument;  // as help shows it; empty: none is needed
  std::string_view help;
  double least = 0, most = 0;  // of decimals and integers
  // Where it is kept: one of these.
  float SamplerOptions::*decimal = nullptr;
  uint32_t SamplerOptions::*count = nullptr;
  int32_t SamplerOptions::*integer = nullptr;
  uint64_t SamplerOptions::*number = nullptr;
  bool SamplerOptions::*flag = nullptr;
  LogitBiases SamplerOptions::*biases = nullptr;
  StopTexts SamplerOptions::*texts = nullptr;
  SamplerOrder SamplerOptions::*order = nullptr;

  // Each value adds to those before.
  constexpr bool is_list() const { return biases != nullptr || texts != nullptr; }
};

inline constexpr auto kSamplerOptions = std::to_array<SamplerOption>({
    {.name = "temp",
     .argument = "X",
     .help = "Temperature; 0 takes the most probable token",
     .least = 0,
     .most = 100,
     .decimal = &SamplerOptions::temperature},
    {.name = "top-k",
     .argument = "N",
     .help = "Sample among the k most probable tokens; 0: all",
     .least = 0,
     .most = UINT32_MAX,
     .count = &SamplerOptions::top_k},
    {.name = "top-p",
     .argument = "X",
     .help = "Then among the fewest that hold this share of probability",
     .least = 0,
     .most = 1,
     .decimal = &SamplerOptions::top_p},
    {.name = "min-p",
     .argument = "X",
     .help = "Only tokens at least this share as probable as the most probable one",
     .least = 0,
     .most = 1,
     .decimal = &SamplerOptions::min_p},
    {.name = "typical",
     .argument = "X",
     .help = "Only the tokens of most typical information that hold this share of probability; 1: all",
     .least = 0,
     .most = 1,
     .decimal = &SamplerOptions::typical},
    {.name = "repeat-penalty",
     .argument = "X",
     .help = "Divide (negative: multiply) logits of tokens that stand in the last text by this; 1: do not",
     .least = 0.01,
     .most = 100,
     .decimal = &SamplerOptions::repeat_penalty},
    {.name = "repeat-last-n",
     .argument = "N",
     .help = "How many last tokens the three penalties look at, the prompt's too; 0: none, -1: all",
     .least = -1,
     .most = INT32_MAX,
     .integer = &SamplerOptions::repeat_last_n},
    {.name = "presence-penalty",
     .argument = "X",
     .help = "Take this from logits of tokens that stand in the last text",
     .least = -100,
     .most = 100,
     .decimal = &SamplerOptions::presence_penalty},
    {.name = "frequency-penalty",
     .argument = "X",
     .help = "Take this from a token's logit for each time it stands in the last text",
     .least = -100,
     .most = 100,
     .decimal = &SamplerOptions::frequency_penalty},
    {.name = "ignore-eos",
     .argument = "",
     .help = "Never choose a token that ends the text",
     .flag = &SamplerOptions::ignore_eos},
    {.name = "logit-bias",
     .argument = "TOKEN+BIAS",
     .help = "Add to a token's logit, as 15043+1, or take from it, as 15043-1; 15043-inf: never; repeatable",
     .biases = &SamplerOptions::logit_bias},
    {.name = "stop",
     .argument = "TEXT",
     .help = "End the answer where this text appears, without it; \\n is a line break; repeatable",
     .texts = &SamplerOptions::stop},
    {.name = "samplers",
     .argument = "ORDER",
     .help = "The stages in their order, as penalties;top_k;typ_p;top_p;min_p;temperature",
     .order = &SamplerOptions::samplers},
    {.name = "seed",
     .argument = "N",
     .help = "Seed of the sampler: the same seed, the same text",
     .number = &SamplerOptions::seed},
});

// Sets the option to what `text` says; a list gets it as one more element, or loses all by an empty text.
// False, with nothing changed, if it is no value of this option.
bool set_option(const SamplerOption& option, std::string_view text, SamplerOptions& options);

// "a number from 0 to 1": what set_option() takes, for messages.
void write_expected(const SamplerOption& option, TextWriter& text);

// The option's value, as set_option() would take it; of lists, how many there are.
void write_value(const SamplerOption& option, const SamplerOptions& options, TextWriter& text);

}  // namespace brim
