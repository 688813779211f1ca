// `brim` as a child process. For tests with BRIM_BINARY defined.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace brim::test {

using Arguments = std::vector<std::string>;

inline ProcessResult brim(Arguments arguments, const std::string& input = "", Stdout where = Stdout::kFile) {
  arguments.insert(arguments.begin(), BRIM_BINARY);
  return run_process(arguments, input, where);
}

// The standard output of a command that must succeed and have nothing to say on standard error.
inline std::string output(const Arguments& arguments, const std::string& input = "") {
  const ProcessResult result = brim(arguments, input);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return result.out;
}

inline nlohmann::json json_of(const Arguments& arguments, const std::string& input = "") {
  return nlohmann::json::parse(output(arguments, input));
}

inline void expect_keys(const nlohmann::json& object, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) EXPECT_TRUE(object.contains(key)) << key << " is missing in " << object;
}

}  // namespace brim::test
