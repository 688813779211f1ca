// The pieces of the simulator whose cycles can be counted by hand.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "sim/chart.h"
#include "sim/latencies.h"
#include "sim/test_models.h"
#include "sim/vector_buffers.h"

namespace brim::sim {
namespace {

TEST(PrefetchFifo, HasRoomWhenTheBeatOneDepthAgoHasLeft) {
  PrefetchFifo fifo(4);
  for (const Cycle cycle : {10, 11, 12, 13}) fifo.push(cycle);
  EXPECT_FALSE(fifo.room_known());
  EXPECT_EQ(fifo.ready(), 10 + PrefetchFifo::kLatency);
  fifo.pop(20);
  EXPECT_TRUE(fifo.room_known());
  EXPECT_EQ(fifo.room(), 21u);
  fifo.push(21);
  EXPECT_EQ(fifo.peak(), 4u);
}

// Rows are read before they are taken, so a slot is free before its last row is taken.
TEST(ResultBuffer, HasRoomWhenASlotHasBeenRead) {
  ResultBuffer results;
  for (uint32_t i = 0; i < ResultBuffer::kSlots; ++i) results.add(32, 100 * i);
  EXPECT_FALSE(results.room_known(1));
  results.take(16, 15);
  EXPECT_FALSE(results.room_known(1));
  EXPECT_EQ(results.next().first, 16u);
  results.take(16, 31);
  EXPECT_TRUE(results.room_known(1));
  EXPECT_EQ(results.room(1), 32u - ResultBuffer::kReadAhead);
  results.add(32, 900);
  EXPECT_FALSE(results.room_known(1));
  results.take(32, 131);
  results.take(32, 231);
  EXPECT_TRUE(results.room_known(2));
  EXPECT_EQ(results.room(2), 232u - ResultBuffer::kReadAhead);
}

// KV260: half of the path is 23 cycles, a beat takes 4 on a port, 4 nCK are a cycle, 9 cycles are 16 edges of
// the switch, 9 nCK 4 edges. What enters the switch waits for its second edge, what leaves it for the second
// cycle.
TEST(Pass, OneLoadTakesTheCyclesCountedByHand) {
  Program program;
  program.header = {.head_size = 64,
                    .dim = 64,
                    .heads = 1,
                    .kv_heads = 1,
                    .hidden = 64,
                    .vocabulary = 16,
                    .context = 64,
                    .logits_stride = 1};
  program.instructions = {{.opcode = Opcode::kLoad, .address = 0x10100, .count = 1},
                          {.opcode = Opcode::kEnd}};
  // Asked for in cycle 3, the header has passed half of the path in 26, the switch's edge 46.2: there at edge
  // 48, nCK 108. ACT 108, RD 125, done 146 = edge 65. Its first transfer is out at edge 66, cycle 37.1: in
  // the fabric in 39, at the port in 66 (39 + 23 + 4). The load behind it is there in 70, long before the
  // pass is checked: it leaves the buffer in 198, is dispatched in 201, out of the MCU's queue in 203, a
  // piece in 204, a burst in 209, on the port in 212. At the switch at edge 419, nCK 943: ACT 943, RD 960,
  // done 981 = edge 436, in the fabric in 247, at the port in 274. Joined in 279, at the FIFO in 280, taken
  // in 283. All idle in 284, ended in 293.
  EXPECT_EQ(simulate_pass(load_board("kv260"), {program, 0x200000}, {0, 1, true}).cycles, 293u);

  // A second one is behind the first on port 0: there 4 cycles later.
  program.instructions.insert(program.instructions.begin(), program.instructions[0]);
  program.instructions[1].address += 2;
  EXPECT_EQ(simulate_pass(load_board("kv260"), {program, 0x200000}, {0, 1, true}).cycles, 297u);

  // 128 beats: the last port's last of 32 beats comes 31 * 4 cycles and the turns of the ports later.
  program.instructions.erase(program.instructions.begin());
  program.instructions[0].count = 128;
  const Cycle cycles = simulate_pass(load_board("kv260"), {program, 0x200000}, {0, 1, true}).cycles;
  EXPECT_GE(cycles, 289u + 127u);
}

struct Span {
  double from, to;
};

// Spans of every instruction name on a track, in order.
std::map<std::string, std::vector<Span>> spans_of(const nlohmann::json& trace, const std::string& track) {
  int id = -1;
  std::map<std::string, std::vector<Span>> spans;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == "M" && event["name"] == "thread_name" && event["args"]["name"] == track)
      id = event["tid"];
  }
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X" || event["tid"] != id) continue;
    const double from = event["ts"];
    spans[event["name"]].push_back({from, from + event["dur"].get<double>()});
  }
  return spans;
}

TEST(Pass, NoInstructionRunsBeforeWhatItNeeds) {
  const Board board = load_board("kv260");
  for (const ModelDescription& model : test_models()) {
    for (const PassRequest& pass :
         {PassRequest{0, 1, true}, PassRequest{0, 8, true}, PassRequest{100, 3, true}}) {
      Trace trace(board, 0, 10000000);
      simulate_pass(board, loaded(model, plan_image(model, board, {.context = 256})), pass, {}, &trace);
      const auto json = nlohmann::json::parse(trace.json());
      auto vpu = spans_of(json, "VPU");
      auto spu = spans_of(json, "SPU");
      auto mcu = spans_of(json, "MCU");
      const size_t attentions = size_t{model.layers} * model.kv_heads;
      ASSERT_EQ(vpu["scores"].size(), attentions);
      for (size_t i = 0; i < attentions; ++i) {
        EXPECT_GE(vpu["scores"][i].to, spu["key"][i].to - 1);  // then writes its record, while scores go on
        EXPECT_GT(spu["softmax"][i].to, vpu["scores"][i].to);
        EXPECT_GT(vpu["values"][i].to, spu["softmax"][i].to - 0.1);
        EXPECT_GT(spu["output"][i].to, vpu["values"][i].to);
      }
      // Of each layer: a part of Qkv for each KV head, output, gate and up, down.
      const size_t per_layer = size_t{model.kv_heads} + 3;
      ASSERT_EQ(vpu["matvec"].size(), per_layer * model.layers + 1);
      EXPECT_GT(vpu["matvec"][0].to, spu["embed"][0].to);
      for (size_t layer = 0; layer < model.layers; ++layer) {
        const size_t out = per_layer * layer + model.kv_heads, gate_up = out + 1, down = out + 2;
        EXPECT_GT(vpu["matvec"][out].to, spu["output"][model.kv_heads * (layer + 1) - 1].to);
        EXPECT_GT(spu["residual"][2 * layer].to, vpu["matvec"][out].to);
        EXPECT_GT(vpu["matvec"][gate_up].to, spu["residual"][2 * layer].to);
        EXPECT_GT(spu["swiglu"][layer].to, vpu["matvec"][gate_up].to);
        EXPECT_GT(vpu["matvec"][down].to, spu["swiglu"][layer].to);
      }
      for (size_t i = 0; i < mcu["matvec"].size(); ++i) EXPECT_GT(vpu["matvec"][i].to, mcu["matvec"][i].to);
    }
  }
}

TEST(Chart, TicksAreRoundAndInside) {
  EXPECT_EQ(ticks({"", 0, 20.7}), (std::vector<double>{0, 5, 10, 15, 20}));
  EXPECT_EQ(ticks({"", 0, 2688}), (std::vector<double>{0, 1000, 2000}));
  EXPECT_EQ(ticks({"", 1, 64, true}), (std::vector<double>{1, 2, 4, 8, 16, 32, 64}));
  EXPECT_EQ(ticks({"", 9, 1300, true}), (std::vector<double>{10, 100, 1000}));
  EXPECT_EQ(short_number(1234567), "1,234,567");
  EXPECT_EQ(short_number(5.168), "5.17");
  EXPECT_EQ(short_number(-42.5), "-42.5");
}

// The simulator's and the RTL's names of the FP32 operators' cycles.
TEST(Latencies, AreThoseOfTheRtl) {
  std::ifstream in(BRIM_SOURCE_DIR "/rtl/latency_pkg.sv");
  const std::string source((std::istreambuf_iterator<char>(in)), {});
  const auto expect = [&](const std::string& name, Cycle cycles) {
    EXPECT_NE(source.find("localparam int " + name + " = " + std::to_string(cycles) + ";"), std::string::npos)
        << name;
  };
  expect("ADD", kAdd);
  expect("ADD_SMALL", kAddSmall);
  expect("MUL", kMul);
  expect("INT_TO_FP", kIntToFp);
  expect("FP_TO_INT", kFpToInt);
  EXPECT_NE(
      source.find("EXP = 1 + MUL + FP_TO_INT + INT_TO_FP + MUL + ADD + ADD + MUL + 1 + ADD_SMALL + MUL + "
                  "ADD_SMALL + 1;"),
      std::string::npos)
      << "kExp";
}

}  // namespace
}  // namespace brim::sim
