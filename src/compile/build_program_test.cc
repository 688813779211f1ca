#include "compile/build_program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/concat.h"
#include "base/error.h"
#include "compile/matrix.h"
#include "isa/check.h"
#include "isa/disassemble.h"
#include "isa/ops.h"
#include "isa/reads.h"

namespace brim {
namespace {

ModelDescription model_with(uint32_t layers, uint32_t heads, uint32_t kv_heads, bool bias, bool norm,
                            uint32_t dim = 256) {
  ModelDescription model;
  model.name = "test";
  model.dim = dim;
  model.layers = layers;
  model.heads = heads;
  model.kv_heads = kv_heads;
  model.head_size = 64;
  model.hidden = 512;
  model.vocabulary = 300;
  model.qkv_bias = bias;
  model.qk_norm = norm;
  return model;
}

Program program_of(const ModelDescription& model) {
  ProgramAddresses addresses;
  addresses.context = 128;
  addresses.parameters = 0x100000;
  addresses.kv.resize(uint64_t{model.layers} * model.kv_heads * 2);
  for (size_t i = 0; i < addresses.kv.size(); ++i) addresses.kv[i] = 0x1000000 + i * kPageBytes;
  const std::vector<Matrix> all = matrices(model);
  uint64_t address = 0x200000;
  for (const auto run : runs_of(all)) {
    if (run.front().expert == 0) {
      addresses.streams.push_back({static_cast<uint32_t>(&run.front() - all.data()), address});
    }
    address += run_bytes(run);
  }
  return build_program(model, addresses);
}

// Norms over all heads of q and k.
ModelDescription model_with_wide_norms(uint32_t heads, uint32_t dim) {
  ModelDescription model = model_with(2, heads, heads, false, true, dim);
  model.norm_all_heads = true;
  return model;
}

// Norms behind attention and FFN, with or without those before; every second layer without RoPE.
ModelDescription model_with_norms_behind(bool before) {
  ModelDescription model = model_with(3, 4, 2, true, true);
  model.pre_norm = before;
  model.post_norm = true;
  model.unrotated = {false, true, false};
  return model;
}

ModelDescription mixture() {
  ModelDescription model = model_with_wide_norms(4, 256);
  model.layers = 3;
  model.hidden = 0;
  model.experts = 5;
  model.experts_per_token = 2;
  model.expert_hidden = 384;
  return model;
}

std::string fault(const Program& program) {
  const auto found = find_fault(program);
  return found ? found->what : "";
}

const std::vector<ModelDescription>& models() {
  static const std::vector<ModelDescription> result = {
      model_with(1, 1, 1, false, false),    model_with(3, 4, 4, false, false),
      model_with(3, 4, 2, false, false),    model_with(2, 8, 1, true, false),
      model_with(4, 6, 3, false, true),     model_with(2, 4, 2, true, true),
      model_with_wide_norms(4, 256),        model_with_wide_norms(3, 384),
      model_with(3, 5, 5, true, true, 384), model_with_norms_behind(true),
      model_with_norms_behind(false)};
  return result;
}

TEST(Program, SurvivesSerialisation) {
  for (const auto& model : models()) {
    const Program program = program_of(model);
    const Program read = read_program(serialise(program));
    EXPECT_EQ(read.header, program.header);
    EXPECT_EQ(read.instructions, program.instructions);
    EXPECT_LE(serialise(program).size(), program_bytes(model, 1));
  }
}

TEST(Program, RefusesDamagedBytes) {
  const auto bytes = serialise(program_of(models()[0]));
  for (size_t size = 0; size < bytes.size(); size += 7) {
    EXPECT_THROW(read_program(std::span(bytes).first(size)), Error) << size;
  }
  auto wrong_opcode = bytes;
  wrong_opcode[sizeof(ProgramHeader)] = 200;
  EXPECT_THROW(read_program(wrong_opcode), Error);
  auto wrong_version = bytes;
  wrong_version[4] ^= 1;
  EXPECT_THROW(read_program(wrong_version), Error);
}

TEST(Program, StreamsEveryMatrixOnceInOrder) {
  for (const auto& model : models()) {
    const auto expected = matrices(model);
    size_t matrix = 0;
    uint32_t rows = 0;
    uint64_t pages = 0;  // of the matrix so far
    for (const Instruction& in : program_of(model).instructions) {
      if (in.opcode != Opcode::kMatvec) continue;
      ASSERT_LT(matrix, expected.size());
      EXPECT_EQ(in.groups, expected[matrix].groups());
      EXPECT_EQ(in.shape, expected[matrix].shape().columns);
      EXPECT_EQ(rows % expected[matrix].shape().rows, 0u) << "a part starts within a row block";
      rows += in.rows;
      pages += in.count;
      if (rows < expected[matrix].rows) continue;
      EXPECT_EQ(rows, expected[matrix].rows);
      EXPECT_EQ(pages, expected[matrix].pages());
      ++matrix;
      rows = 0;
      pages = 0;
    }
    EXPECT_EQ(matrix, expected.size());
  }
}

TEST(Program, HasTheStepsOfOneExpertAndTheAddressesOfAll) {
  const ModelDescription model = mixture();
  const Program program = program_of(model);
  EXPECT_FALSE(find_fault(program).has_value());
  EXPECT_LE(serialise(program).size(), program_bytes(model, 1));
  const auto all = matrices(model);
  const uint64_t stride = run_bytes(runs_of(all)[1]);
  uint32_t layers = 0;
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& in = program.instructions[i];
    if (in.opcode != Opcode::kExperts) continue;
    ++layers;
    EXPECT_EQ(in.address2 * uint64_t{kBeatBytes}, stride);
    EXPECT_EQ(program.instructions[i - 1].opcode, Opcode::kRoute);
    EXPECT_EQ(program.instructions[i + 1].rows, 2 * model.expert_hidden);
    EXPECT_EQ(program.instructions[i + 3].groups, 3u);
    EXPECT_EQ(program.instructions[i + 4].opcode, Opcode::kMix);
    EXPECT_EQ(program.instructions[i + 5].opcode, Opcode::kNorm);
  }
  EXPECT_EQ(layers, model.layers);
}

TEST(Program, AGateOfGeluIsSaidOfEverySwiglu) {
  for (const bool gelu : {false, true}) {
    ModelDescription model = model_with(3, 4, 2, false, false);
    model.gelu = gelu;
    const Program program = program_of(model);
    EXPECT_EQ(fault(program), "");
    for (const Instruction& in : program.instructions) {
      if (in.opcode == Opcode::kSwiglu) {
        EXPECT_EQ(in.flags, gelu ? kFlagGelu : 0);
      }
    }
  }
}

TEST(Program, RopeIsTakenAnewWhereALayerTurnsByAnotherTable) {
  ModelDescription model = model_with(7, 4, 2, false, false);
  model.unrotated = {true, false, false, true, true, false, false};
  model.windowed = {true, false, false, true, true, true, false};
  model.local_rope_theta = 100.0;
  const Program program = program_of(model);
  EXPECT_EQ(fault(program), "");
  std::vector<std::pair<uint32_t, uint32_t>> ropes;  // layer, table
  uint32_t layer = 0;
  const uint32_t rows = program.header.context * rope_row_bytes(model.head_size) / kBeatBytes;
  for (const Instruction& in : program.instructions) {
    if (in.opcode == Opcode::kRope) ropes.emplace_back(layer, in.address / rows);
    layer += in.opcode == Opcode::kSwiglu;
  }
  EXPECT_EQ(ropes, (std::vector<std::pair<uint32_t, uint32_t>>{{0, 2}, {1, 0}, {3, 2}, {5, 1}, {6, 0}}));
}

// OLMo 2: X as it is into attention and FFN, what they give normed, and the final norm.
TEST(Program, WithNormsBehindOnlyTheFinalNormIsBefore) {
  const Program program = program_of(model_with_norms_behind(false));
  std::vector<uint8_t> flags;
  for (const Instruction& in : program.instructions) {
    if (in.opcode == Opcode::kEmbed || in.opcode == Opcode::kResidual) flags.push_back(in.flags);
  }
  constexpr uint8_t kBoth = kFlagPlain | kFlagPostNorm;
  EXPECT_EQ(flags, (std::vector<uint8_t>{kFlagPlain, kBoth, kBoth, kBoth, kBoth, kBoth, kFlagPostNorm}));
}

TEST(Program, ASharedExpertStandsBehindTheOthersLikeAFeedForwardNetwork) {
  ModelDescription model = mixture();
  model.hidden = 512;
  const Program program = program_of(model);
  EXPECT_FALSE(find_fault(program).has_value());
  const auto mix = std::ranges::find(program.instructions, Opcode::kMix, &Instruction::opcode);
  std::vector<Opcode> behind;
  for (auto in = mix + 1; behind.size() < 5; ++in) behind.push_back(in->opcode);
  using enum Opcode;
  EXPECT_EQ(behind, (std::vector{kStream, kMatvec, kSwiglu, kMatvec, kResidual}));
}

// KV heads of each part of the first layer's Qkv matrix.
std::vector<uint32_t> parts(const ModelDescription& model) {
  std::vector<uint32_t> result;
  for (const Instruction& in : program_of(model).instructions) {
    if (in.opcode == Opcode::kResidual) break;
    if (in.opcode == Opcode::kMatvec && in.buffer == ActivationBuffer::kNormed) result.push_back(0);
    if (in.opcode == Opcode::kKey) ++result.back();
  }
  return result;
}

TEST(Program, PartsOfQkvAreAsFewKvHeadsAsFillRowBlocks) {
  using Parts = std::vector<uint32_t>;
  EXPECT_EQ(parts(model_with(1, 4, 4, false, false, 512)), Parts(4, 1));  // 192 rows per head, blocks of 32
  EXPECT_EQ(parts(model_with(1, 4, 4, false, false, 256)), Parts(4, 1));  // blocks of 64
  EXPECT_EQ(parts(model_with(1, 5, 5, false, false, 384)), (Parts{2, 2, 1}));  // blocks of 128
  EXPECT_EQ(parts(model_with(1, 4, 2, false, false, 384)), Parts(2, 1));       // 256 rows per head
  EXPECT_EQ(parts(model_with(1, 2, 2, false, false, 384)), Parts(1, 2));
}

// Results are one queue, and each unit takes its instructions in order. What waits for results that are not
// complete, or for room in the queue, must not wait for something that waits for itself. That is so if the
// results of each instruction are all taken by the SPU's next instructions, and the VPU gets none before
// those: then no instruction waits for a later one, other than for those that make room for its own results.
// Likewise `scores`, `softmax`, `values` and `output` find each other by their order. find_fault sees to it.
TEST(Program, NoInstructionWaitsForALaterOne) {
  for (const auto& model : models()) EXPECT_EQ(fault(program_of(model)), "");
}

TEST(Program, TheCheckSeesSwappedInstructions) {
  const Program program = program_of(models()[1]);
  const auto with_swapped = [&](Opcode first, Opcode second) {
    for (size_t i = 1; i < program.instructions.size(); ++i) {
      Program swapped = program;
      auto& in = swapped.instructions;
      if (in[i - 1].opcode != first || in[i].opcode != second) continue;
      std::swap(in[i - 1], in[i]);
      return swapped;
    }
    return Program(program);
  };
  EXPECT_NE(fault(with_swapped(Opcode::kMatvec, Opcode::kKey)), "");
  EXPECT_NE(fault(with_swapped(Opcode::kQuery, Opcode::kScores)), "");
  EXPECT_NE(fault(with_swapped(Opcode::kQuery, Opcode::kMatvec)), "");
  EXPECT_NE(fault(with_swapped(Opcode::kScores, Opcode::kSoftmax)), "");
  EXPECT_NE(fault(with_swapped(Opcode::kValues, Opcode::kOutput)), "");
}

// Models the units' overlap: a part of an instruction finishes after those it waits for. Two instructions of
// one unit are ordered; an instruction that reads a buffer is ordered after the one that filled it.
// Everything else may overlap, so an instruction that fills a buffer must be ordered, through these relations
// alone, after every reader and writer of the buffer's former contents.
class Overlap {
 public:
  explicit Overlap(const Program& program) : heads_per_kv_(program.header.heads / program.header.kv_heads) {
    std::map<Unit, size_t> last_of_unit;
    for (const Instruction& in : program.instructions) {
      if (in.opcode == Opcode::kLoad) load_starts_.insert(in.param);
      // The MCU is not ordered against the others: it runs ahead, and what it reads arrives through the VPU.
      // An instruction of both units passes from the VPU to the SPU, which touches the buffers.
      std::vector<size_t> parts;
      for (const Unit unit : {kVpu, kSpu}) {
        if (!(units_of(in.opcode) & unit)) continue;
        parts.push_back(before_.size());
        before_.emplace_back();
        if (last_of_unit.contains(unit)) order(parts.back(), last_of_unit[unit]);
        if (parts.size() == 2) order(parts[1], parts[0]);
        last_of_unit[unit] = parts.back();
      }
      const size_t i = parts.back();
      for (const auto& buffer : reads(in)) {
        if (writer_.contains(buffer)) order(i, writer_[buffer]);
        readers_[buffer].insert(i);
      }
      for (const auto& buffer : writes(in)) {
        // Results are a queue with back-pressure: nothing in it is ever overwritten.
        if (buffer != "results") {
          for (const size_t reader : readers_[buffer]) check(i, reader, buffer);
          if (writer_.contains(buffer)) check(i, writer_[buffer], buffer);
        }
        readers_[buffer].clear();
        writer_[buffer] = i;
      }
    }
  }

  const std::vector<std::string>& hazards() const { return hazards_; }

 private:
  void order(size_t later, size_t earlier) {
    if (later == earlier) return;
    before_[later].insert(earlier);
    before_[later].insert(before_[earlier].begin(), before_[earlier].end());
  }
  void check(size_t later, size_t earlier, const std::string& buffer) {
    if (later != earlier && !before_[later].contains(earlier)) {
      hazards_.push_back(buffer + ": " + std::to_string(later) + " may overtake " + std::to_string(earlier));
    }
  }

  static std::string part(Buffer buffer, uint32_t index) { return concat(buffer_name(buffer), ' ', index); }
  // The vector in P that `beat` lies in: loads are told apart by their start.
  std::string parameter(uint32_t beat) const {
    return "P" + std::to_string(*std::prev(load_starts_.upper_bound(beat)));
  }

  void add(const Use& use, const Instruction& in, std::vector<std::string>& names) const {
    const Buffer buffer = resolve(use.buffer, in);
    switch (use.part) {
      case BufferPart::kAll:
        names.push_back(buffer_name(buffer));
        break;
      case BufferPart::kHead:
        names.push_back(part(buffer, in.head));
        break;
      case BufferPart::kHeadsOfKv:
        for (uint32_t i = 0; i < heads_per_kv_; ++i)
          names.push_back(part(buffer, in.head * heads_per_kv_ + i));
        break;
      case BufferPart::kParityOfHead:
        names.push_back(part(buffer, in.head % 2));
        break;
    }
  }
  void add_parameters(const Instruction& in, bool filled, std::vector<std::string>& names) const {
    for (const Operand& operand : op(in.opcode).operands) {
      if (operand.form != Form::kParameter || filled != (operand.bound == Bound::kLoadInP)) continue;
      if (!is_there(operand, in.flags)) continue;
      names.push_back(parameter(value_of(operand.field, in)));
    }
  }

  std::vector<std::string> reads(const Instruction& in) const {
    std::vector<std::string> result;
    for (const Use& use : op(in.opcode).uses) add(use, in, result);
    add_parameters(in, false, result);
    if (op(in.opcode).takes != Results::kNone) result.push_back("results");
    return result;
  }

  std::vector<std::string> writes(const Instruction& in) const {
    std::vector<std::string> result;
    for (const Use& use : op(in.opcode).fills) add(use, in, result);
    add_parameters(in, true, result);
    if (op(in.opcode).gives != Results::kNone) result.push_back("results");
    return result;
  }

  const uint32_t heads_per_kv_;
  std::set<uint32_t> load_starts_;
  std::vector<std::set<size_t>> before_;  // for each part of an instruction: those certainly finished
  std::map<std::string, size_t> writer_;
  std::map<std::string, std::set<size_t>> readers_;
  std::vector<std::string> hazards_;
};

TEST(Program, NoInstructionOverwritesWhatAnotherUnitStillReads) {
  for (const auto& model : models()) {
    const Overlap overlap(program_of(model));
    EXPECT_TRUE(overlap.hazards().empty()) << overlap.hazards().front();
  }
  // With the steps of experts as often as they are run.
  const Program program = program_of(mixture());
  Program unrolled{program.header, {}};
  const std::vector<uint32_t> experts = {0, 3, 4};
  for_each_step(
      program.instructions, [&](uint32_t) -> const std::vector<uint32_t>& { return experts; },
      [&](const Instruction& in, uint32_t) {
        unrolled.instructions.push_back(in);
        return true;
      });
  EXPECT_EQ(unrolled.instructions.size(), program.instructions.size() + 3 * 2 * (1 + kExpertSteps));
  const Overlap overlap(unrolled);
  EXPECT_TRUE(overlap.hazards().empty()) << overlap.hazards().front();
}

TEST(Program, TheHazardCheckSeesAMisplacedLoad) {
  Program program = program_of(models()[1]);
  // Loading the next layer's attention norm right after the embedding would overtake the embedding.
  const auto load = std::find_if(program.instructions.begin(), program.instructions.end(),
                                 [](const auto& in) { return in.opcode == Opcode::kLoad; });
  const auto embed = std::find_if(program.instructions.begin(), program.instructions.end(),
                                  [](const auto& in) { return in.opcode == Opcode::kEmbed; });
  const Instruction copy = *load;
  program.instructions.insert(embed + 1, copy);
  EXPECT_FALSE(Overlap(program).hazards().empty());
}

TEST(Program, DisassemblyNamesEveryInstruction) {
  std::set<Opcode> seen;
  for (const auto& model : {models().back(), mixture()}) {
    for (const Instruction& in : program_of(model).instructions) {
      EXPECT_EQ(disassemble(in).find(opcode_name(in.opcode)), 0u);
      seen.insert(in.opcode);
    }
  }
  EXPECT_EQ(seen.size(), kOpcodes);
}

}  // namespace
}  // namespace brim
