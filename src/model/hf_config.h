// config.json of a Hugging Face model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/description.h"

namespace brim {

// The parts of `quantization_config` that matter once it has been checked.
struct QuantisationConfig {
  enum class Method : uint8_t { kAwq, kGptq, kGptq2 };
  Method method;
  uint32_t group;
  bool symmetric;  // GPTQ: every zero-point is 8, in whichever convention it is stored
};

struct HfConfig {
  ModelDescription model;
  std::optional<QuantisationConfig> quantisation;
};

// Reads the text of a config.json. Throws Error, naming `origin` and the field, where the text is
// malformed, a field is missing, or the model needs something that is not supported.
HfConfig parse_hf_config(std::string_view text, const std::string& origin);

}  // namespace brim
