#include "runtime/sampler_options.h"

#include <algorithm>
#include <limits>

#include "base/number.h"

namespace brim {

namespace {

bool in_range(const SamplerOption& option, double value) {
  return value >= option.least && value <= option.most;
}

bool set_decimal(const SamplerOption& option, std::string_view text, SamplerOptions& options) {
  const auto value = parse_decimal(text);
  if (!value || !in_range(option, *value)) return false;
  options.*option.decimal = static_cast<float>(*value);
  return true;
}

bool set_integer(const SamplerOption& option, std::string_view text, SamplerOptions& options) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto magnitude = parse_whole(text);
  if (!magnitude || *magnitude > INT32_MAX) return false;
  const auto value = negative ? -static_cast<int32_t>(*magnitude) : static_cast<int32_t>(*magnitude);
  if (!in_range(option, value)) return false;
  options.*option.integer = value;
  return true;
}

// "15043+1.5", "15043-inf".
std::optional<LogitBias> parse_bias(std::string_view text) {
  const size_t sign = std::min(text.find_first_of("+-"), text.size());
  const std::string_view bias(text.data() + sign, text.size() - sign);
  const auto token = parse_whole({text.data(), sign});
  if (!token || *token > UINT32_MAX || bias.empty()) return std::nullopt;
  if (bias == "-inf")
    return LogitBias{static_cast<uint32_t>(*token), -std::numeric_limits<float>::infinity()};
  const auto value = parse_decimal(bias);
  constexpr double kMost = 1e6;  // beyond all logits
  if (!value || *value < -kMost || *value > kMost) return std::nullopt;
  return LogitBias{static_cast<uint32_t>(*token), static_cast<float>(*value)};
}

// The text with \n, \r, \t and \\ as what they stand for; other backslashes are themselves.
bool add_text(std::string_view text, StopTexts& texts) {
  constexpr std::string_view kEscapes = "nrt\\";
  constexpr std::string_view kMeanings = "\n\r\t\\";
  std::array<char, StopTexts::kMostBytes> room;
  size_t bytes = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      if (const size_t escape = kEscapes.find(text[i + 1]); escape != std::string_view::npos) {
        c = kMeanings[escape];
        ++i;
      }
    }
    if (bytes == room.size()) return false;
    room[bytes++] = c;
  }
  return texts.add({room.data(), bytes});
}

std::optional<SamplerOrder> parse_order(std::string_view text) {
  SamplerOrder order;
  while (true) {
    const size_t end = std::min(text.find(';'), text.size());
    const auto stage = sampler_stage_named({text.data(), end});
    if (!stage || std::find(order.begin(), order.end(), *stage) != order.end()) return std::nullopt;
    order.push(*stage);
    if (end == text.size()) return order;
    text.remove_prefix(end + 1);
  }
}

bool set_flag(std::string_view text, bool& flag) {
  if (text != "on" && text != "off") return false;
  flag = text == "on";
  return true;
}

}  // namespace

std::optional<SamplerStageName> sampler_stage_named(std::string_view name) {
  struct Alias {
    std::string_view name;
    SamplerStageName stage;
  };
  static constexpr auto kAliases = std::to_array<Alias>({
      {"top-k", SamplerStageName::kTopK},
      {"typ-p", SamplerStageName::kTypical},
      {"typ", SamplerStageName::kTypical},
      {"typical", SamplerStageName::kTypical},
      {"typical-p", SamplerStageName::kTypical},
      {"top-p", SamplerStageName::kTopP},
      {"nucleus", SamplerStageName::kTopP},
      {"min-p", SamplerStageName::kMinP},
      {"temp", SamplerStageName::kTemperature},
  });
  for (size_t i = 0; i < kSamplerStageNames.size(); ++i) {
    if (name == kSamplerStageNames[i]) return static_cast<SamplerStageName>(i);
  }
  for (const Alias& alias : kAliases) {
    if (name == alias.name) return alias.stage;
  }
  return std::nullopt;
}

bool set_option(const SamplerOption& option, std::string_view text, SamplerOptions& options) {
  if (option.decimal != nullptr) return set_decimal(option, text, options);
  if (option.integer != nullptr) return set_integer(option, text, options);
  if (option.flag != nullptr) return set_flag(text, options.*option.flag);
  if (option.biases != nullptr) {
    LogitBiases& biases = options.*option.biases;
    if (text.empty()) {
      biases.clear();
      return true;
    }
    const auto bias = parse_bias(text);
    return bias && biases.push(*bias);
  }
  if (option.texts != nullptr) {
    StopTexts& texts = options.*option.texts;
    if (!text.empty()) return add_text(text, texts);
    texts.clear();
    return true;
  }
  if (option.order != nullptr) {
    const auto order = parse_order(text);
    if (order) options.*option.order = *order;
    return order.has_value();
  }
  const auto value = parse_whole(text);
  if (!value) return false;
  if (option.number != nullptr) {
    options.*option.number = *value;
    return true;
  }
  if (!in_range(option, static_cast<double>(*value))) return false;
  options.*option.count = static_cast<uint32_t>(*value);
  return true;
}

void write_expected(const SamplerOption& option, TextWriter& text) {
  if (option.flag != nullptr) {
    text.add("on or off");
  } else if (option.biases != nullptr) {
    text.add("a token and what is added to its logit, as 15043+1 or 15043-inf, at most ");
    text.add(LogitBiases::kMost).add(" of them");
  } else if (option.texts != nullptr) {
    text.add("a text of at most ").add(StopTexts::kMostBytes).add(" bytes, at most ");
    text.add(StopTexts::kMost).add(" of them");
  } else if (option.order != nullptr) {
    text.add("a list of stages, each once, among ");
    for (size_t i = 0; i < kSamplerStageNames.size(); ++i)
      text.add(i > 0 ? ";" : "").add(kSamplerStageNames[i]);
  } else {
    text.add(option.decimal != nullptr ? "a number" : "a whole number");
    if (option.number != nullptr) return;
    text.add(" from ").add_decimal(option.least).add(" to ").add_decimal(option.most);
  }
}

void write_value(const SamplerOption& option, const SamplerOptions& options, TextWriter& text) {
  if (option.decimal != nullptr) {
    text.add_decimal(static_cast<double>(options.*option.decimal));
  } else if (option.count != nullptr) {
    text.add(options.*option.count);
  } else if (option.integer != nullptr) {
    text.add_decimal(options.*option.integer);
  } else if (option.number != nullptr) {
    text.add(options.*option.number);
  } else if (option.flag != nullptr) {
    text.add(options.*option.flag ? "on" : "off");
  } else if (option.biases != nullptr) {
    text.add((options.*option.biases).size());
  } else if (option.texts != nullptr) {
    text.add((options.*option.texts).size());
  } else {
    const SamplerOrder& order = options.*option.order;
    for (size_t i = 0; i < order.size(); ++i) text.add(i > 0 ? ";" : "").add(name_of(order[i]));
  }
}

}  // namespace brim
