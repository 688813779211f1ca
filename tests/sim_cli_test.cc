// `brim sim` as its users meet it: on an image and on a model that is only planned.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/process.h"

namespace brim::test {
namespace {

using nlohmann::json;

ProcessResult sim(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {BRIM_BINARY, "sim"});
  return run_process(arguments);
}

void expect_failure(const ProcessResult& result, const std::string& part) {
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_EQ(result.error_lines(), 1u) << result.err;
  EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
}

TEST(CliSim, JsonHasTheKeysThatChecksUse) {
  const ProcessResult result =
      sim({"synthetic:qwen3-0.6b", "--prompt-tokens", "2", "--generate", "1", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  for (const char* key : {"tokens_per_second", "ttft_seconds", "bytes_per_token", "peak_bytes_per_second",
                          "bandwidth_share", "limit_share", "ddr_limited_share", "worst_bubble_cycles"}) {
    ASSERT_TRUE(report.contains(key) && report[key].is_number()) << key;
    EXPECT_GT(report[key].get<double>(), 0) << key;
  }
  EXPECT_EQ(report["peak_bytes_per_second"], 19.2e9);
  ASSERT_TRUE(report["stall_cycles"].is_object());
  double cycles = 0;
  for (const auto& [cause, value] : report["stall_cycles"].items()) cycles += value.get<double>();
  EXPECT_LT(cycles, report["cycles"].get<double>());
  EXPECT_FALSE(report["memory_map"]["regions"].empty());
}

TEST(CliSim, TakesAnImageByItsContentAndWritesTraceAndReport) {
  const TemporaryFolder folder;
  const std::string image = folder.path() + "/demo";
  ASSERT_EQ(run_process({BRIM_BINARY, "pack", BRIM_SOURCE_DIR "/models/demo", "-o", image, "--quant", "rtn"})
                .exit_code,
            0);
  const std::string trace = folder.path() + "/trace.json", report = folder.path() + "/report.html";
  const ProcessResult result = sim({image, "--generate", "3", "--trace", trace, "--report", report});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"token/s", "ddr_limited_share", "worst bubble", "weights.0"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part;
  }
  std::ifstream trace_file(trace);
  EXPECT_FALSE(json::parse(trace_file)["traceEvents"].empty());
  std::ifstream report_file(report);
  const std::string html((std::istreambuf_iterator<char>(report_file)), {});
  EXPECT_NE(html.find("</html>"), std::string::npos);
  expect_failure(sim({image, "--board", "lpddr4-made-up"}), "lpddr4-made-up");
}

TEST(CliSim, RefusesWhatDoesNotFitInOneLine) {
  expect_failure(sim({"synthetic:llama3-8b"}), "MiB");
  expect_failure(sim({"synthetic:qwen3-0.6b", "--context", "64", "--generate", "100"}), "context");
  expect_failure(sim({"synthetic:qwen3-0.6b", "--tokens-per-pass", "8"}), "--tokens-per-pass");
  expect_failure(sim({"synthetic:nothing"}), "llama2-7b");
  expect_failure(sim({"synthetic:qwen3-0.6b", "--board", "nonesuch"}), "kv260");
  EXPECT_EQ(sim({"synthetic:qwen3-0.6b", "--generate", "-1"}).exit_code, 2);
}

}  // namespace
}  // namespace brim::test
