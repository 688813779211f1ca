// A program that cannot be run is refused by every executor with the same line, before it runs anything.
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "engine/interpreter.h"
#include "rtl_target/executor.h"
#include "sim/subject.h"
#include "tests/support/forged_image.h"

namespace brim::test {
namespace {

struct Runner {
  const char* name;
  std::function<void(const MappedImage&)> start;
};

void interpret(const MappedImage& image, std::unique_ptr<Kernels> kernels) {
  Interpreter(image, std::move(kernels), {.load = Load::kOnDemand});
}

std::vector<Runner> runners() {
  return {
      {"cpu", [](const auto& image) { interpret(image, make_kernels(available_kernels().front())); }},
      {"reference", [](const auto& image) { interpret(image, make_reference_kernels()); }},
      {"sim", [](const auto& image) { sim::subject_of(image, load_board("kv260")); }},
      // Before it looks for the library of the RTL, so that this needs none.
      {"rtl", [](const auto& image) { rtl_target::RtlExecutor(image, load_board("kv260"), {}); }},
  };
}

struct Crafted {
  Opcode opcode;
  std::function<void(Instruction&)> change;
  const char* disassembly;
  const char* fault;
};

// The model has matrices of four column groups; the first vector in P is its attention norm, of 32 beats.
std::vector<Crafted> crafted() {
  return {
      {Opcode::kValue, [](auto& in) { in.flags |= kFlagNorm; }, "value flags=3 kv_head=0",
       "flags 3 is not made of flags that the instruction knows"},
      {Opcode::kMatvec,  // as many pages either way
       [](auto& in) { in.shape = 1, in.rows = 256, in.count = 8; },
       "matvec normed rows=256 groups=4 shape=1x128 pages=8",
       "shape 1 is not the largest of 4, 2 and 1 that divides groups"},
      {Opcode::kLoad, [](auto& in) { in.count = 0; }, "load P[0] from=0x", "count 0 is not 1 ... 1024"},
      {Opcode::kLoad, [](auto& in) { in.param = 1000; }, "load P[1000] from=0x",
       "param 1000 is not so that all of the load is within P"},
      {Opcode::kEmbed, [](auto& in) { in.param = 1000; }, "embed q8 table=0x",
       "param 1000 is not so that the norm weights are within P"},
  };
}

class RefusedPrograms : public testing::TestWithParam<Runner> {};

TEST_P(RefusedPrograms, AreRefusedWithTheSameLine) {
  ForgedImage forged(small_model("wide"));
  for (const Crafted& program : crafted()) {
    forged.reset();
    size_t at = 0;
    while (forged.instructions()[at].opcode != program.opcode) ++at;
    program.change(forged.instructions()[at]);
    const MappedImage image(forged.write());
    try {
      GetParam().start(image);
      ADD_FAILURE() << "runs: " << program.fault;
    } catch (const Error& error) {
      const std::string line = error.what();
      EXPECT_EQ(line.find(image.path() + ": program: instruction " + std::to_string(at) + " (" +
                          program.disassembly),
                0u)
          << line;
      const std::string end = std::string("): ") + program.fault + "; pack the model again";
      ASSERT_GE(line.size(), end.size());
      EXPECT_EQ(line.substr(line.size() - end.size()), end);
    }
  }
}

// A model that is wider than the RTL, packed for an accelerator that takes it.
constexpr uint32_t kWideHidden = 14464;

Board wide_board() {
  Board board = load_board("kv260");
  board.accelerator.largest_model.hidden = kWideHidden;
  return board;
}

ForgedImage wide_image() {
  ModelDescription model = small_model("plain");
  model.hidden = kWideHidden;
  model.layers = 1;
  return ForgedImage(model, wide_board());
}

TEST_P(RefusedPrograms, AModelTooWideForTheImagesBoardIsRefusedWithTheSameLine) {
  ForgedImage forged = wide_image();
  forged.header().largest_model = {};
  const MappedImage image(forged.write());
  try {
    GetParam().start(image);
    ADD_FAILURE() << "runs";
  } catch (const Error& error) {
    EXPECT_EQ(
        std::string(error.what()),
        image.path() +
            ": hidden 14464 is more than the accelerator of board kv260 takes (14336); choose a smaller "
            "model, or pack it for this machine alone with --set "
            "accelerator.largest_model.hidden=14464");
  }
}

TEST(WideModel, RunsWhereItWasPackedForAnAcceleratorThatTakesIt) {
  const MappedImage image(wide_image().write());
  EXPECT_EQ(image.header().largest_model.hidden, kWideHidden);
  interpret(image, make_reference_kernels());
  interpret(image, make_kernels(available_kernels().front()));
  EXPECT_NO_THROW(sim::subject_of(image, wide_board()));
  EXPECT_THROW(sim::subject_of(image, load_board("kv260")), Error);
}

INSTANTIATE_TEST_SUITE_P(Executors, RefusedPrograms, testing::ValuesIn(runners()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ForgedImage, ItselfIsSound) {
  ForgedImage forged(small_model("wide"));
  const MappedImage image(forged.write());
  for (const Runner& runner : runners()) {
    if (std::string(runner.name) == "rtl") continue;  // which would need its library now
    EXPECT_NO_THROW(runner.start(image)) << runner.name;
  }
}

}  // namespace
}  // namespace brim::test
