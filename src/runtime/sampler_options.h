// What can be said about choosing tokens: the one table from which the command line, the firmware's commands
// and the server take names, ranges, defaults and help. Freestanding. A new option is a member here, a row
// here, and its arithmetic in sampler_stages.h.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/number.h"

namespace brim {

struct SamplerOptions {
  float temperature = 0.0f;
  uint32_t top_k = 0;
  float top_p = 1.0f;
  float min_p = 0.0f;
  uint64_t seed = 0;
};

struct SamplerOption {
  std::string_view name;  // --name on the command line, /name in a chat
  double least, most;
  std::string_view help;
  // Where it is kept: one of these.
  float SamplerOptions::*decimal = nullptr;
  uint32_t SamplerOptions::*count = nullptr;
  uint64_t SamplerOptions::*number = nullptr;
};

inline constexpr auto kSamplerOptions = std::to_array<SamplerOption>({
    {.name = "temp",
     .least = 0,
     .most = 100,
     .help = "Temperature; 0 takes the most probable token",
     .decimal = &SamplerOptions::temperature},
    {.name = "top-k",
     .least = 0,
     .most = UINT32_MAX,
     .help = "Sample among the k most probable tokens; 0: all",
     .count = &SamplerOptions::top_k},
    {.name = "top-p",
     .least = 0,
     .most = 1,
     .help = "Then among the fewest that hold this share of probability",
     .decimal = &SamplerOptions::top_p},
    {.name = "min-p",
     .least = 0,
     .most = 1,
     .help = "Only tokens at least this share as probable as the most probable one, before temperature",
     .decimal = &SamplerOptions::min_p},
    {.name = "seed",
     .least = 0,
     .most = static_cast<double>(UINT64_MAX),
     .help = "Seed of the sampler: the same seed, the same text",
     .number = &SamplerOptions::seed},
});

// Sets the option to the number that `text` is. False, with nothing changed, if it is none or out of range.
constexpr bool set_option(const SamplerOption& option, std::string_view text, SamplerOptions& options) {
  if (option.decimal != nullptr) {
    const auto value = parse_decimal(text);
    if (!value || *value < option.least || *value > option.most) return false;
    options.*option.decimal = static_cast<float>(*value);
    return true;
  }
  const auto value = parse_whole(text);
  if (!value) return false;
  if (option.number != nullptr) {
    options.*option.number = *value;
    return true;
  }
  if (static_cast<double>(*value) < option.least || static_cast<double>(*value) > option.most) return false;
  options.*option.count = static_cast<uint32_t>(*value);
  return true;
}

// The option's value, for printing.
constexpr double value_of(const SamplerOption& option, const SamplerOptions& options) {
  if (option.decimal != nullptr) return static_cast<double>(options.*option.decimal);
  if (option.count != nullptr) return options.*option.count;
  return static_cast<double>(options.*option.number);
}

}  // namespace brim
