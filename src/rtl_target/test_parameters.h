// Accelerators and models for the tests of the RTL target, and how their cases are named.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>

#include "tests/support/executor_shapes.h"

namespace brim::rtl_target {

inline constexpr uint32_t kLanes[] = {1, 4, 8};
inline const std::string kModels[] = {
    // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): folder and name
    BRIM_SOURCE_DIR "/models/demo", BRIM_SHARED_DATA "/stories260K/stories260K.bin",
    BRIM_SOURCE_DIR "/tests/golden/phi3", BRIM_SOURCE_DIR "/tests/golden/smollm3",
    BRIM_SOURCE_DIR "/tests/golden/olmo2"};

inline std::string case_name(const std::string& subject, uint32_t lanes) {
  return subject + "_" + std::to_string(lanes) + "_lanes";
}

struct ShapeCase {
  using Parameters = std::tuple<test::ExecutorShape, uint32_t>;
  std::string operator()(const auto& test) const {
    return case_name(std::get<0>(test.param).name, std::get<1>(test.param));
  }
};

struct ModelCase {
  using Parameters = std::tuple<std::string, uint32_t>;
  std::string operator()(const auto& test) const {
    return case_name(std::filesystem::path(std::get<0>(test.param)).stem().string(), std::get<1>(test.param));
  }
};

}  // namespace brim::rtl_target
