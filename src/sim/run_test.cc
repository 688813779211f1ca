#include "sim/run.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "model/synthetic.h"
#include "sim/report.h"
#include "sim/shares.h"
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

TEST(Run, WaitsForTheRowsOfAnEmbeddingOnTheCardUnlessAPassHidesThem) {
  Board board = load_board("kv260");
  board.card = {.megabytes_per_second = 20, .read_latency_us = 10};
  const ModelDescription& model = test_models()[0];
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

}  // namespace
}  // namespace brim::sim
