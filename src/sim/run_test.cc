#include "sim/run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "model/synthetic.h"
#include "sim/limits.h"
#include "sim/report.h"
#include "sim/shares.h"
#include "sim/sweep.h"
#include "sim/test_models.h"

namespace brim::sim {
namespace {

Subject subject_on(const Board& board) { return subject_of(test_models()[0], board, {.context = 256}); }

TEST(Run, InterpolationStaysWithinItsBound) {
  const Board board = load_board("kv260");
  const Subject subject = subject_on(board);
  const RunResult run =
      simulate_run(board, subject, {.prompt_tokens = 20, .generate = 60, .tokens_per_pass = 4});
  double exact = 0;
  for (uint32_t p = 0; p < 20; p += 4) {
    exact += static_cast<double>(simulate_pass(board, subject.program, {p, 4, p + 4 == 20}).cycles);
  }
  for (uint32_t p = 20; p < 80; ++p) {
    exact += static_cast<double>(simulate_pass(board, subject.program, {p, 1, true}).cycles);
  }
  EXPECT_NEAR(run.all().cycles, exact, run.error_bound_cycles + 0.001 * exact);
  EXPECT_LT(run.error_bound_cycles, 0.01 * exact);
  EXPECT_LE(run.all().memory_cycles, run.all().cycles);
  EXPECT_EQ(run.all().tokens, 80);
  EXPECT_EQ(run.all().passes, 65);
}

TEST(Run, AShortRunIsExact) {
  const Board board = load_board("kv260");
  const Subject subject = subject_on(board);
  const RunResult run =
      simulate_run(board, subject, {.prompt_tokens = 9, .generate = 2, .tokens_per_pass = 8});
  double exact = 0;
  for (const PassRequest& pass : {PassRequest{0, 8, false}, PassRequest{8, 1, true}, PassRequest{9, 1, true},
                                  PassRequest{10, 1, true}}) {
    exact += static_cast<double>(simulate_pass(board, subject.program, pass).cycles);
  }
  EXPECT_EQ(run.all().cycles, exact);
  EXPECT_EQ(run.error_bound_cycles, 0);
}

TEST(Run, LongerPassesReachTheFirstTokenSooner) {
  const Board board = load_board("kv260");
  const Subject subject = subject_on(board);
  double slower = 1e9;
  for (const uint32_t t : {1u, 2u, 4u, 8u}) {
    const double ttft =
        shares_of(board, subject, simulate_run(board, subject, {.prompt_tokens = 64, .tokens_per_pass = t}))
            .ttft_seconds;
    EXPECT_LT(ttft, 0.7 * slower) << t;
    slower = ttft;
  }
}

TEST(Run, SharesFollowFromTheirDefinitions) {
  const Board board = load_board("kv260");
  const Subject subject = subject_on(board);
  const RunResult run = simulate_run(board, subject, {.prompt_tokens = 1, .generate = 1});
  const Shares shares = shares_of(board, subject, run);
  const double decode = static_cast<double>(run.samples[1].result.cycles) / 300e6;
  EXPECT_DOUBLE_EQ(shares.bytes_per_token, static_cast<double>(run.samples[1].result.beats() * 64));
  EXPECT_DOUBLE_EQ(shares.limit_tokens_per_second,
                   19.2e9 / (0.5 * static_cast<double>(streamed_weights(test_models()[0]))));
  EXPECT_DOUBLE_EQ(shares.limit_share, 1 / decode / shares.limit_tokens_per_second);
  EXPECT_GT(shares.ddr_limited_share, 0.5);
  EXPECT_LE(shares.ddr_limited_share, 1.0);
  EXPECT_LT(shares.bandwidth_share, shares.ddr_limited_share);
}

TEST(Run, WithoutGeneratedTokensNoSpeedOfDecodingIsClaimed) {
  const Board board = load_board("kv260");
  const Subject subject = subject_on(board);
  EXPECT_FALSE(shares_of(board, subject, simulate_run(board, subject, {.prompt_tokens = 3}))
                   .decode_tokens_per_second.has_value());
}

TEST(Run, SaysHowManyPassesItInterpolated) {
  const Board board = load_board("kv260");
  const Subject subject = subject_on(board);
  EXPECT_EQ(simulate_run(board, subject, {.prompt_tokens = 1, .generate = 3}).interpolated_passes, 0u);
  EXPECT_EQ(simulate_run(board, subject, {.prompt_tokens = 1, .generate = 30}).interpolated_passes, 26u)
      << "four of the thirty are exact";
}

// A short read queue makes a consumer that asks early lose by it.
TEST(Run, NoShareOfTheMemoryIsAboveOne) {
  for (const uint32_t queue : {1u, 2u, 3u, 8u}) {
    Board board = load_board("kv260");
    board.ddr.controller.read_queue = queue;
    const Subject subject = subject_on(board);
    const Shares shares =
        shares_of(board, subject, simulate_run(board, subject, {.prompt_tokens = 1, .generate = 2}));
    EXPECT_LE(shares.ddr_limited_share, 1.0) << queue;
  }
}

// A layer of LLaMA2-7B, beside which the start of a pass is nothing.
Subject layer_on(const Board& board) {
  ModelDescription model = open_synthetic("llama2-7b")->description();
  model.vocabulary = 1000;
  model.layers = 1;
  return subject_of(model, board, {.context = 256});
}

// The limit of a board on which all but one part are fast.
std::string limit_with(const std::vector<std::string>& settings) {
  const Board board = load_board("kv260", settings);
  const Subject subject = layer_on(board);
  return limit_of(board, simulate_run(board, subject, {.prompt_tokens = 1, .generate = 2})).name;
}

TEST(Limits, TheTrueOneIsNamed) {
  EXPECT_EQ(limit_with({}), "dram");
  EXPECT_EQ(limit_with({"axi.data_width_bits=32", "axi.burst_bytes=1024"}), "ports");
  EXPECT_EQ(limit_with({"axi.switch.clock_mhz=100"}), "inputs");
  EXPECT_EQ(limit_with({"ddr.clock_mhz=2400", "axi.data_width_bits=256"}), "stream");
  EXPECT_EQ(limit_with({"accelerator.vpu_lanes=32"}), "lanes");
  EXPECT_EQ(limit_with({"axi.fabric_latency_ns=20000"}), "requests");
}

TEST(Limits, OnePortIsNoMemory) {
  Board board = load_board("kv260");
  board.axi.ports.resize(1);
  const Subject subject = layer_on(board);
  const RunResult run = simulate_run(board, subject, {.prompt_tokens = 1, .generate = 2});
  EXPECT_EQ(limit_of(board, run).name, "ports");
  EXPECT_NE(limit_of(board, run).reason.find("1 port, 128 bit at 300 MHz"), std::string::npos)
      << limit_of(board, run).reason;
}

TEST(Limits, NoRunIsAboveACeiling) {
  for (const std::string_view name : builtin_board_names()) {
    const Board board = load_board(std::string(name));
    const Subject subject = subject_on(board);
    const RunResult run = simulate_run(board, subject, {.prompt_tokens = 9, .generate = 2});
    const double seconds = run.all().cycles / (board.accelerator.clock_mhz * 1e6);
    double last = 0;
    for (const Ceiling& ceiling : ceilings_of(board)) {
      EXPECT_LE(last, ceiling.bytes_per_second) << name << ": the lowest comes first";
      last = ceiling.bytes_per_second;
      EXPECT_LE((ceiling.of_all_traffic ? run.all().bytes : run.all().stream_bytes) / seconds, last)
          << name << ": " << ceiling.name;
    }
  }
}

TEST(Sweep, AxesAreKeysWithValues) {
  const SweepAxis axis = parse_sweep_axis("axi.fabric_latency_ns=150,400");
  EXPECT_EQ(axis.key, "axi.fabric_latency_ns");
  EXPECT_EQ(axis.values, (std::vector<std::string>{"150", "400"}));
  for (const char* wrong : {"", "x", "=1", "x=", "x=1,", "x=,1"})
    EXPECT_THROW(parse_sweep_axis(wrong), Error) << wrong;
}

TEST(Sweep, APointIsTheRunOfItsBoard) {
  const SweepRequest request{.axes = {parse_sweep_axis("axi.fabric_latency_ns=150,800"),
                                      parse_sweep_axis("accelerator.prefetch_fifo_beats=256,4096")},
                             .board = "kv260",
                             .settings = {"axi.switch.clock_mhz=400"},
                             .run = {.prompt_tokens = 2, .generate = 1}};
  const auto points = simulate_sweep(request, subject_on);
  ASSERT_EQ(points.size(), 4u);
  EXPECT_EQ(points[1].values, (std::vector<std::string>{"150", "4096"})) << "the last axis changes first";
  for (const SweepPoint& point : points) {
    const std::vector<std::string> settings = {"axi.switch.clock_mhz=400",
                                               "axi.fabric_latency_ns=" + point.values[0],
                                               "accelerator.prefetch_fifo_beats=" + point.values[1]};
    const Board board = load_board("kv260", settings);
    EXPECT_EQ(point.board, board);
    const RunResult alone = simulate_run(board, subject_on(board), request.run);
    EXPECT_EQ(point.run.all().cycles, alone.all().cycles);
    EXPECT_EQ(point.run.all().memory_cycles, alone.all().memory_cycles);
  }
}

TEST(Sweep, BoardsAreAnAxisAndWrongValuesAreRefusedBeforeAnythingIsSimulated) {
  SweepRequest request{.axes = {parse_sweep_axis("board=kv260,kv260-400")},
                       .board = "nonesuch",
                       .settings = {},
                       .run = {.prompt_tokens = 1}};
  EXPECT_EQ(simulate_sweep(request, subject_on)[1].board.name, "kv260-400");
  request = {.axes = {parse_sweep_axis("axi.fabric_latency_ns=150,fast")},
             .board = "kv260",
             .settings = {},
             .run = {.prompt_tokens = 1}};
  EXPECT_THROW(simulate_sweep(request, subject_on), Error);
}

TEST(Sweep, TheReportHasARowForEveryPoint) {
  const std::vector<SweepAxis> axes = {parse_sweep_axis("board=kv260,kv260-400,ultra96-v2")};
  const auto points =
      simulate_sweep({.axes = axes, .board = "", .settings = {}, .run = {.prompt_tokens = 1}}, subject_on);
  const std::string html = sweep_report(axes, points, "brim sim <x>");
  EXPECT_EQ(html.find("nan"), std::string::npos);
  for (const char* part : {"<td>kv260-400</td>", "<td>ultra96-v2</td>", "brim sim &lt;x&gt;", "</svg>"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
}

TEST(Run, WaitsForTheRowsOfAnEmbeddingOnTheCardUnlessAPassHidesThem) {
  Board board = load_board("kv260");
  board.card = {.megabytes_per_second = 20, .read_latency_us = 10};
  const ModelDescription model = test_models()[0];
  const Subject memory = subject_of(model, board, {.context = 256});
  const Subject card = subject_of(model, board, {.embedding_on_card = true, .context = 256});
  const double row_seconds =
      10e-6 + static_cast<double>(embedding_row_bytes(EmbeddingFormat::kQ8, model.dim)) / 20e6;
  // Generated tokens are not known before; of a prompt only the first pass waits while the others take
  // longer.
  const RunRequest request{.prompt_tokens = 12, .generate = 3, .tokens_per_pass = 4};
  const RunResult run = simulate_run(board, card, request);
  const double pass_seconds = static_cast<double>(run.samples[0].result.cycles) / 300e6;
  const double left = std::max(0.0, 4 * row_seconds - pass_seconds);
  EXPECT_NEAR(shares_of(board, card, run).card_seconds, (4 + 3) * row_seconds + 2 * left,
              0.1 * row_seconds + left);
  EXPECT_EQ(shares_of(board, memory, simulate_run(board, memory, request)).card_seconds, 0);
  board.card.read_latency_us = 100'000;  // longer than any pass
  const double slow = shares_of(board, card, simulate_run(board, card, request)).card_seconds;
  EXPECT_NEAR(slow, 15 * 0.1, 0.05);
}

TEST(Run, RefusesWhatDoesNotFit) {
  const Board board = load_board("kv260");
  const Subject subject = subject_on(board);
  EXPECT_THROW(simulate_run(board, subject, {.prompt_tokens = 200, .generate = 57}), Error);
  EXPECT_THROW(simulate_run(board, subject, {.prompt_tokens = 200, .generate = 1, .tokens_per_pass = 9}),
               Error);
  EXPECT_THROW(subject_of(open_synthetic("llama2-7b")->description(), load_board("zcu104"), {}), Error);
}

TEST(Run, ALongTrainedContextIsCutToTheScoreBuffer) {
  const Board board = load_board("kv260");
  const Subject subject = subject_of(open_synthetic("llama3.2-1b")->description(), board, {});
  // One round of pairs, in which all lanes hold as many positions.
  EXPECT_EQ(subject.context(),
            board.accelerator.score_buffer_bytes / (8 * board.accelerator.tokens_per_pass));
  EXPECT_EQ(max_tokens_per_pass(board, subject.program.program.header), 2u) << "four query heads each";
}

TEST(Run, EveryBoardRunsASmallModel) {
  for (const std::string_view name : builtin_board_names()) {
    const Board board = load_board(std::string(name));
    const Subject subject = subject_on(board);
    const Shares shares =
        shares_of(board, subject, simulate_run(board, subject, {.prompt_tokens = 10, .generate = 2}));
    EXPECT_GT(shares.ddr_limited_share, 0.8) << name;
    EXPECT_LT(shares.bandwidth_share, 0.96) << name;
  }
}

TEST(Report, IsSelfContainedAndBalanced) {
  const Board board = load_board("kv260");
  const Subject subject = subject_on(board);
  const RunResult run = simulate_run(board, subject, {.prompt_tokens = 16, .generate = 8});
  const std::string html = html_report({board, subject, run, "brim sim <x> & \"y\"", {}});
  const auto count = [&](std::string_view what) {
    size_t n = 0;
    for (size_t at = html.find(what); at != std::string::npos; at = html.find(what, at + 1)) ++n;
    return n;
  };
  EXPECT_EQ(count("<svg"), 5u);
  EXPECT_EQ(count("<svg"), count("</svg>"));
  EXPECT_EQ(count("<table>"), count("</table>"));
  EXPECT_EQ(count("http"), 0u);
  EXPECT_EQ(count("<script"), 0u);
  EXPECT_EQ(count("nan"), 0u);
  EXPECT_NE(html.find("brim sim &lt;x&gt; &amp; &quot;y&quot;"), std::string::npos);
}

// The y of every point of the first chart's curve, and of its dashed line.
TEST(Report, TheBandwidthCurveStaysBelowThePeak) {
  for (const std::string_view name : builtin_board_names()) {
    const Board board = load_board(std::string(name));
    const Subject subject = subject_on(board);
    const RunResult run = simulate_run(board, subject, {.prompt_tokens = 1, .generate = 1});
    const std::string html = html_report({board, subject, run, "", {}});
    const size_t dashed = html.find("stroke-dasharray");
    const double peak = std::stod(html.substr(html.find("y1=\"", dashed) + 4));
    const size_t curve = html.find("<polyline");
    std::istringstream points(html.substr(html.find("points=\"", curve) + 8));
    ASSERT_LT(curve, dashed);
    size_t count = 0;
    for (double x, y; points >> x && points.ignore() && points >> y; ++count) EXPECT_GE(y, peak) << name;
    EXPECT_GT(count, 20u) << name;
  }
}

}  // namespace
}  // namespace brim::sim
