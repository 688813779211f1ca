// config.json of a Hugging Face model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/description.h"
#include "model/family.h"

namespace brim {

inline constexpr uint32_t kWholeRow = 0;  // as a group

// The parts of `quantization_config` that matter once it has been checked.
struct QuantisationConfig {
  enum class Method : uint8_t {
    kAwq,         // AutoAWQ "gemm"
    kAwqGemv,     // AutoAWQ "gemv"
    kGptq,        // AutoGPTQ, zero-points stored minus one
    kGptq2,       // "gptq_v2": zero-points as they are
    kCompressed,  // compressed-tensors "pack-quantized"
    kFp8,         // E4M3 with scales of rows, of blocks or of the matrix
  };
  Method method;
  uint32_t group = kWholeRow;  // inputs that share a scale, or kWholeRow; not for kFp8
  bool symmetric = false;      // every zero-point is 8, in whichever convention it is stored
  uint32_t block_rows = 128, block_columns = 128;  // kFp8: of matrices that are scaled in blocks
  bool operator==(const QuantisationConfig&) const = default;
};

struct HfConfig {
  const Family* family;
  ModelDescription model;
  Multipliers multipliers;
  bool sees_images;  // the model is the text part of one that takes images too
  bool tied;         // says that the LM head is the embedding; the folds of the two may still differ
  std::optional<QuantisationConfig> quantisation;
  std::vector<std::string> absent;  // sizes that have the family's default, "hidden_size" ...
};

// Reads the text of a config.json. Throws Error, naming `origin` and the field, where the text is
// malformed, a field is missing, or the model needs something that is not supported.
HfConfig parse_hf_config(std::string_view text, const std::string& origin);

}  // namespace brim
