#include "sim/pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "base/error.h"
#include "compile/build_program.h"
#include "compile/matrix.h"
#include "compile/parameter_layout.h"
#include "compile/planner.h"
#include "model/synthetic.h"
#include "sim/test_models.h"

namespace brim::sim {
namespace {

uint64_t sum_of(const StallCycles& stalls) {
  return std::accumulate(stalls.begin(), stalls.end(), uint64_t{0});
}

// Beats that the image's layout says a pass moves through the stream's ports, counted without the simulator.
uint64_t layout_beats(const ModelDescription& model, const Plan& plan, const PassRequest& pass) {
  uint64_t bytes = 0;
  const auto all = matrices(model);
  for (size_t run = 0; run < plan.addresses.streams.size(); ++run) {
    const size_t end =
        run + 1 < plan.addresses.streams.size() ? plan.addresses.streams[run + 1].matrix : all.size();
    const size_t first = plan.addresses.streams[run].matrix;
    for (const auto matrices_of_run : runs_of(std::span(all).subspan(first, end - first))) {
      const Matrix& begin = matrices_of_run.front();
      if (is_of_expert(begin.kind)) {
        const auto chosen =
            draw_experts(program_header(model, 64), pass.routing, pass.position, pass.tokens, begin.layer);
        if (!std::ranges::binary_search(chosen, begin.expert)) continue;
      }
      const bool head = matrices_of_run.back().kind == MatrixKind::kLmHead;
      bytes += run_bytes(matrices_of_run.first(matrices_of_run.size() - (head && !pass.logits)));
    }
  }
  bytes += ParameterLayout(model).bytes();
  bytes += uint64_t{pass.tokens} * rope_row_bytes(model.head_size);
  bytes += uint64_t{pass.tokens} * embedding_row_bytes(plan.addresses.embedding_format, model.dim);
  const uint64_t kv_heads = uint64_t{model.layers} * model.kv_heads;
  const KvCache& cache = plan.addresses.kv_cache;
  for (const uint32_t bits : {cache.key_bits, cache.value_bits}) {
    const KvFormat format = kv_format(model.head_size, bits);
    std::set<uint64_t> beats;
    for (uint32_t t = 0; t < pass.position; ++t) {
      for (uint32_t i = 0; i < format.record_bytes; i += 32)
        beats.insert((format.offset(t) + i) / kBeatBytes);
    }
    bytes += kv_heads * beats.size() * kBeatBytes;
    const uint64_t scales = uint64_t{pass.position} * (bits == 8 ? 2 : 4);
    bytes += kv_heads * ((scales + kBeatBytes - 1) / kBeatBytes * kBeatBytes);
  }
  return bytes / kBeatBytes;
}

TEST(Pass, ReadsExactlyTheBytesOfTheImageLayoutWithAFourBitCache) {
  for (const ModelDescription& model : test_models()) {
    for (const KvCache& kv : {KvCache{.key_bits = 4, .value_bits = 4, .rotated = true},
                              {.key_bits = 8, .value_bits = 4, .rotated = false}}) {
      for (const PassRequest& pass :
           {PassRequest{0, 1, true}, PassRequest{37, 3, true}, PassRequest{199, 1, true}}) {
        const Board board = load_board("kv260");
        const Plan plan = plan_image(model, board, {.context = 256, .kv_cache = kv});
        EXPECT_EQ(simulate_pass(board, loaded(model, plan), pass).stream_beats,
                  layout_beats(model, plan, pass))
            << model.name << " at " << pass.position;
      }
    }
  }
}

// A model with experts, norms over all heads and a matrix in eight bits.
ModelDescription model_with_experts() {
  ModelDescription model = test_model("experts", 8, 8, 128);
  model.hidden = 0;
  model.experts = 16;
  model.experts_per_token = 4;
  model.expert_hidden = 512;
  model.qk_norm = model.norm_all_heads = true;
  model.eight_bit = {TensorRole::kAttentionOut};
  return model;
}

TEST(Pass, ReadsExactlyTheBytesOfTheImageLayout) {
  std::vector<ModelDescription> models = test_models();
  models.push_back(model_with_experts());
  for (const ModelDescription& model : models) {
    for (const PassRequest& pass :
         {PassRequest{0, 1, true}, PassRequest{1, 1, true}, PassRequest{37, 3, true},
          PassRequest{64, 8, false}, PassRequest{199, 1, true}}) {
      const Board board = load_board("kv260");
      const Plan plan = plan_image(model, board, {.context = 256});
      const PassResult result = simulate_pass(board, loaded(model, plan), pass);
      EXPECT_EQ(result.stream_beats, layout_beats(model, plan, pass))
          << model.name << " at " << pass.position;
      const uint64_t record_beats = kv_format(model.head_size).record_beats();
      const uint64_t logits_beats = pass.logits ? (model.vocabulary + 15) / 16 : 0;
      EXPECT_EQ(result.write_beats,
                2 * model.layers * model.kv_heads * pass.tokens * (record_beats + 1) + logits_beats);
    }
  }
}

TEST(Pass, AccountsForEveryCycle) {
  for (const ModelDescription& model : test_models()) {
    for (const PassRequest& pass :
         {PassRequest{0, 1, true}, PassRequest{100, 4, true}, PassRequest{130, 2, false}}) {
      const PassResult result = simulate(model, "kv260", pass);
      EXPECT_EQ(result.taken_cycles, result.stream_beats);
      EXPECT_EQ(result.cycles, result.taken_cycles + sum_of(result.stalls));
    }
  }
}

TEST(Pass, IsTheSameEveryTime) {
  const PassResult first = simulate(test_models()[0], "kv260", {100, 1, true});
  const PassResult second = simulate(test_models()[0], "kv260", {100, 1, true});
  EXPECT_EQ(first.cycles, second.cycles);
  EXPECT_EQ(first.stalls, second.stalls);
}

TEST(Pass, AReadyConsumerIsNeverSlower) {
  for (const ModelDescription& model : test_models()) {
    for (const PassRequest& pass : {PassRequest{0, 1, true}, PassRequest{100, 4, true}}) {
      const PassResult result = simulate(model, "kv260", pass);
      const PassResult memory = simulate(model, "kv260", pass, {.ready_consumer = true});
      EXPECT_LE(memory.cycles, result.cycles);
      EXPECT_EQ(memory.beats(), result.beats());
    }
  }
}

TEST(Pass, ADeeperFifoIsNotSlower) {
  const ModelDescription model = test_models()[0];
  Cycle shallower = ~Cycle{0};
  for (const uint32_t depth : {128u, 512u, 2048u, 8192u}) {
    Board board = load_board("kv260");
    board.accelerator.prefetch_fifo_beats = depth;
    const Cycle cycles = simulate(model, board, {0, 1, true}).cycles;
    EXPECT_LE(cycles, shallower + shallower / 1000) << depth;
    shallower = cycles;
  }
}

TEST(Pass, AFasterMemoryIsNotSlower) {
  const ModelDescription model = test_models()[0];
  Cycle slower = ~Cycle{0};
  for (const double mhz : {533.0, 800.0, 1066.0, 1200.0, 1600.0}) {
    Board board = load_board("kv260");
    board.ddr.clock_mhz = mhz;
    const Cycle cycles = simulate(model, board, {64, 1, true}).cycles;
    EXPECT_LE(cycles, slower) << mhz;
    slower = cycles;
  }
}

TEST(Pass, TakesNoLessThanTheBusNeeds) {
  for (const std::string_view name : builtin_board_names()) {
    const Board board = load_board(std::string(name));
    const PassResult result = simulate(test_models()[0], board, {100, 1, true});
    const double seconds = static_cast<double>(result.cycles) / (board.accelerator.clock_mhz * 1e6);
    const double share =
        static_cast<double>(result.beats() * kBeatBytes) / seconds / board.ddr.peak_bytes_per_second();
    EXPECT_LT(share, 0.96) << name;
    EXPECT_GT(share, 0.5) << name;
  }
}

TEST(Pass, ATokenMoreInThePassCostsLittle) {
  const ModelDescription model = test_models()[0];
  const Cycle one = simulate(model, "kv260", {64, 1, false}).cycles;
  const Cycle eight = simulate(model, "kv260", {64, 8, false}).cycles;
  EXPECT_GE(eight, one);
  EXPECT_LT(eight, one + one / 4);
}

// The union of their experts: 16 (1 - (3 / 4)^8) of 16 on average.
TEST(Pass, TokensTogetherReadTheUnionOfTheirExperts) {
  const ModelDescription model = model_with_experts();
  const ProgramHeader header = program_header(model, 256);
  size_t one = 0, eight = 0;
  for (uint32_t position = 0; position < 200; ++position) {
    one += draw_experts(header, {}, position, 1, 0).size();
    eight += draw_experts(header, {}, position, 8, 0).size();
  }
  EXPECT_EQ(one, 200u * 4);
  EXPECT_NEAR(static_cast<double>(eight) / 200, 16 * (1 - std::pow(0.75, 8)), 0.1);
}

TEST(Pass, ASkewMakesExpertsPopular) {
  const ProgramHeader header = program_header(model_with_experts(), 256);
  const auto most_popular = [&](double skew) {
    std::map<uint32_t, uint32_t> times;
    for (uint32_t position = 0; position < 1000; ++position) {
      for (const uint32_t expert : draw_experts(header, {.seed = 3, .skew = skew}, position, 1, 1))
        ++times[expert];
    }
    return std::ranges::max_element(times, {}, [](const auto& each) { return each.second; })->second;
  };
  EXPECT_NEAR(most_popular(0), 250, 60);
  EXPECT_GT(most_popular(2), 900u);
}

// Waiting for the route costs less than what half a prefetch FIFO holds.
TEST(Pass, TheRouteIsAShortPause) {
  const PassResult result = simulate(model_with_experts(), "kv260", {0, 1, true});
  EXPECT_LT(result.worst_bubble.cycles, 4096u / 2) << result.worst_bubble_step;
}

TEST(Pass, RecordedExpertsTakeThePlaceOfDrawnOnes) {
  const ModelDescription model = model_with_experts();
  const PassResult drawn = simulate(model, "kv260", {0, 1, true});
  const PassResult fewer = simulate(model, "kv260", {.position = 0, .tokens = 1, .experts = {{5}, {0, 15}}});
  const auto all = matrices(model);
  const auto expert = std::ranges::find(all, MatrixKind::kExpertGateUp, &Matrix::kind);
  EXPECT_EQ(drawn.stream_beats - fewer.stream_beats,
            (8 - 3) * run_bytes(std::span(&*expert, 2)) / kBeatBytes);
}

TEST(Pass, WithoutLogitsLeavesTheHeadOut) {
  const ModelDescription model = test_models()[0];
  const PassResult with = simulate(model, "kv260", {64, 1, true});
  const PassResult without = simulate(model, "kv260", {64, 1, false});
  const Matrix head = matrices(model).back();
  EXPECT_GE(with.stream_beats - without.stream_beats, head.pages() * 128);
}

// LLaMA2-7B cut down to some layers and next to no logits: the pauses at every hand-over, and the start.
PassResult simulate_layers(uint32_t layers, const PassRequest& pass, const Design& design = {}) {
  ModelDescription model = open_synthetic("llama2-7b")->description();
  model.vocabulary = 1000;
  model.layers = layers;
  const Board board = load_board("kv260");
  return simulate_pass(board, loaded(model, plan_image(model, board, {.context = 2048})), pass, design);
}

// The bus waits only at the start of a pass, while the SPU takes the embedding row and nothing is read that
// could be used earlier, so more layers do not make it wait longer.
TEST(Pass, LayersDoNotMakeTheBusWaitForOneToken) {
  constexpr Cycle kStart = 8000;
  for (const uint32_t position : {0u, 1u, 64u, 512u, 1500u}) {
    const PassRequest pass{position, 1, true};
    const PassResult one = simulate_layers(1, pass);
    const PassResult three = simulate_layers(3, pass);
    EXPECT_LT(one.fifo_full_cycles, kStart) << position;
    const double waited =
        static_cast<double>(three.fifo_full_cycles) - static_cast<double>(one.fifo_full_cycles);
    EXPECT_LT(waited / static_cast<double>(three.cycles - one.cycles), 1e-5) << position;
    // Half of what the FIFO holds.
    EXPECT_LT(three.worst_bubble.cycles, 4096u / 2) << position << ", " << three.worst_bubble_step;
    const PassResult memory = simulate_layers(3, pass, {.ready_consumer = true});
    EXPECT_LT(static_cast<double>(three.cycles), 1.002 * static_cast<double>(memory.cycles)) << position;
  }
}

// Eight embedding rows come one after the other. Behind few positions more than a multiple of 64 a KV head's
// pauses are longer than what the projections beside it leave room for: eight query heads are loaded one
// after the other, and `values` issues whole blocks of 64 positions.
TEST(Pass, WithEightTokensALayerCostsTheBusAtMostAFifthOfAPercent) {
  constexpr Cycle kStart = 54'000;
  for (const uint32_t position : {0u, 64u, 128u, 512u, 1500u}) {
    const PassRequest pass{position, 8, true};
    const PassResult one = simulate_layers(1, pass);
    const PassResult three = simulate_layers(3, pass);
    EXPECT_LT(one.fifo_full_cycles, kStart) << position;
    const double waited =
        static_cast<double>(three.fifo_full_cycles) - static_cast<double>(one.fifo_full_cycles);
    const auto layers = static_cast<double>(three.cycles - one.cycles);
    EXPECT_LT(waited / layers, 2e-3) << position;
    EXPECT_LT(three.worst_bubble.cycles, 5000u) << position << ", " << three.worst_bubble_step;
    const Cycle memory = simulate_layers(3, pass, {.ready_consumer = true}).cycles -
                         simulate_layers(1, pass, {.ready_consumer = true}).cycles;
    EXPECT_LT(layers, 1.002 * static_cast<double>(memory)) << position;
  }
}

TEST(Pass, RefusesWhatDoesNotFit) {
  const ModelDescription model = test_models()[0];
  EXPECT_THROW(simulate(model, "kv260", {256, 1, true}), Error);  // beyond the context
  EXPECT_THROW(simulate(model, "kv260", {0, 9, true}), Error);    // more tokens than lanes
  Board board = load_board("kv260");
  board.accelerator.score_buffer_bytes = 1024;
  EXPECT_THROW(simulate(model, board, {0, 1, true}), Error);
}

TEST(Pass, TraceIsValidJsonWithATrackForEveryUnitPortAndBank) {
  const Board board = load_board("kv260");
  Trace trace(board, 1000, 8000);
  const Plan plan = plan_image(test_models()[0], board, {.context = 256});
  const PassResult traced = simulate_pass(board, loaded(test_models()[0], plan), {100, 1, true}, {}, &trace);
  EXPECT_EQ(traced.cycles, simulate(test_models()[0], board, {100, 1, true}).cycles);
  const nlohmann::json json = nlohmann::json::parse(trace.json());
  std::set<std::string> tracks;
  std::map<int, size_t> spans;
  std::map<int, std::string> names;
  for (const auto& event : json["traceEvents"]) {
    if (event["ph"] == "M" && event["name"] == "thread_name") {
      tracks.insert(event["args"]["name"].get<std::string>());
      names[event["tid"].get<int>()] = event["args"]["name"].get<std::string>();
    }
    if (event["ph"] == "X") {
      ++spans[event["tid"].get<int>()];
      EXPECT_GE(event["dur"].get<double>(), 0);
      EXPECT_GE(event["ts"].get<double>(), 1000 / 300.0 - 0.01);
      EXPECT_LE(event["ts"].get<double>(), 9000 / 300.0 + 0.01);
    }
  }
  for (const char* name :
       {"sequencer", "MCU", "VPU", "SPU", "aux write", "port 0", "port 3", "bank group 1 bank 3"}) {
    EXPECT_TRUE(tracks.contains(name)) << name;
  }
  for (const auto& [track, name] : names) {
    if (name.starts_with("port") || name.starts_with("bank") || name == "MCU" || name == "VPU" ||
        name == "SPU") {
      EXPECT_GT(spans[track], 0u) << name;
    }
  }
}

}  // namespace
}  // namespace brim::sim
