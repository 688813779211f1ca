// `brim sim` as its users meet it: on an image and on a model that is only planned.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/process.h"
#include "tests/support/trace_check.h"

namespace brim::test {
namespace {

using nlohmann::json;

ProcessResult sim(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {BRIM_BINARY, "sim"});
  return run_process(arguments);
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
  const json events = json::parse(trace_file);
  EXPECT_FALSE(events["traceEvents"].empty());
  EXPECT_EQ(trace_problem(events), "");
  std::ifstream report_file(report);
  const std::string html((std::istreambuf_iterator<char>(report_file)), {});
  EXPECT_NE(html.find("</html>"), std::string::npos);
  expect_failure(sim({image, "--board", "lpddr4-made-up"}), "lpddr4-made-up");
}

// What the report says to have been simulated by gives its numbers again.
TEST(CliSim, TheReportsCommandIsWhole) {
  const TemporaryFolder folder;
  const std::string report = folder.path() + "/report.html";
  const std::vector<std::string> arguments = {
      "synthetic:smollm2-135m",    "--context",       "256", "--embedding", "q4", "--generate", "2", "--set",
      "axi.fabric_latency_ns=300", "--prompt-tokens", "3"};
  std::vector<std::string> with_report = arguments;
  with_report.insert(with_report.end(), {"--report", report, "--json"});
  const json first = json::parse(sim(with_report).out);
  const std::string html = read_file(report);
  const size_t from = html.find("<code>brim sim ") + std::string("<code>brim sim ").size();
  std::istringstream words(html.substr(from, html.find("</code>", from) - from));
  std::vector<std::string> again{std::istream_iterator<std::string>(words), {}};
  again.push_back("--json");
  const ProcessResult result = sim(again);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(json::parse(result.out), first);
}

TEST(CliSim, WithoutGeneratedTokensTheirSpeedIsNull) {
  const ProcessResult result = sim({"synthetic:smollm2-135m", "--context", "256", "--generate", "0", "--json",
                                    "--sweep", "axi.fabric_latency_ns=150,400"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json points = json::parse(result.out)["points"];
  ASSERT_EQ(points.size(), 2u);
  for (const json& point : points) {
    EXPECT_TRUE(point["decode_tokens_per_second"].is_null());
    EXPECT_EQ(point["interpolated_passes"], 0);
  }
  EXPECT_EQ(points[1]["sweep"]["axi.fabric_latency_ns"], "400");
  const std::string text = sim({"synthetic:smollm2-135m", "--context", "256", "--generate", "0"}).out;
  EXPECT_NE(text.find("passes exact"), std::string::npos) << text;
  EXPECT_EQ(text.find("error at most"), std::string::npos) << text;
}

TEST(CliSim, ASweepPrintsARowForEveryPoint) {
  const ProcessResult result = sim({"synthetic:smollm2-135m", "--context", "256", "--sweep",
                                    "board=kv260,kv260-400", "--sweep", "axi.fabric_latency_ns=150,800"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 2 + 2 + 4) << result.out;
  EXPECT_NE(result.out.find("| kv260-400 | 800 |"), std::string::npos) << result.out;
}

TEST(CliSim, RefusesWhatDoesNotFitInOneLine) {
  expect_failure(sim({"synthetic:llama3-8b"}), "MiB");
  expect_failure(sim({"synthetic:qwen3-0.6b", "--context", "64", "--generate", "100"}), "context");
  expect_failure(sim({"synthetic:qwen3-0.6b", "--tokens-per-pass", "8"}), "--tokens-per-pass");
  expect_failure(sim({"synthetic:nothing"}), "llama2-7b");
  expect_failure(sim({"synthetic:qwen3-0.6b", "--board", "nonesuch"}), "kv260");
  EXPECT_EQ(sim({"synthetic:qwen3-0.6b", "--generate", "-1"}).exit_code, 2);
}

TEST(CliSim, DraftsThatAreRightGiveTheirShareMoreTokens) {
  const auto rate = [&](const std::string& accept, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"synthetic:qwen3-0.6b",
                                          "--prompt-tokens",
                                          "2",
                                          "--generate",
                                          "40",
                                          "--context",
                                          "512",
                                          "--accept",
                                          accept,
                                          "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessResult result = sim(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out)["decode_tokens_per_second"].get<double>();
  };
  const double plain = rate("0", {"--spec-draft-n-max", "3"});
  EXPECT_NEAR(rate("1", {"--spec-draft-n-max", "3"}) / plain, 4, 0.2);
  EXPECT_LT(rate("1", {"--spec-draft-n-max", "3", "--draft", "synthetic:qwen3-0.6b"}), 1.2 * plain)
      << "a model that drafts and is as large takes as long";
  expect_failure(
      sim({"synthetic:qwen3-0.6b", "--accept", "0.5", "--spec-draft-n-max", "15", "--generate", "4"}),
      "--spec-draft-n-max 15 needs passes of 16 tokens");
}

}  // namespace
}  // namespace brim::test
