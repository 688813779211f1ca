#include "isa/program.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

#include "base/error.h"

namespace brim {
namespace {

ModelDescription model_with(uint32_t layers, uint32_t heads, uint32_t kv_heads, bool bias, bool norm) {
  ModelDescription model;
  model.name = "test";
  model.dim = 256;
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
  addresses.streams = {{0, 0x200000}};
  return build_program(model, addresses);
}

const std::vector<ModelDescription>& models() {
  static const std::vector<ModelDescription> result = {
      model_with(1, 1, 1, false, false), model_with(3, 4, 4, false, false), model_with(3, 4, 2, false, false),
      model_with(2, 8, 1, true, false),  model_with(4, 6, 3, false, true),  model_with(2, 4, 2, true, true)};
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
    size_t next = 0;
    for (const Instruction& in : program_of(model).instructions) {
      if (in.opcode != Opcode::kMatvec) continue;
      ASSERT_LT(next, expected.size());
      EXPECT_EQ(in.rows, expected[next].rows);
      EXPECT_EQ(in.groups, expected[next].groups());
      EXPECT_EQ(in.count, expected[next].pages());
      ++next;
    }
    EXPECT_EQ(next, expected.size());
  }
}

TEST(Program, ResultsAreAllConsumed) {
  for (const auto& model : models()) {
    uint64_t waiting = 0;
    for (const Instruction& in : program_of(model).instructions) {
      switch (in.opcode) {
        case Opcode::kMatvec:
          EXPECT_EQ(waiting, 0u);
          waiting = in.rows;
          break;
        case Opcode::kQuery:
        case Opcode::kKey:
        case Opcode::kValue:
          waiting -= model.head_size;
          break;
        case Opcode::kResidual:
        case Opcode::kSwiglu:
        case Opcode::kLogits:
          waiting -= in.rows;
          break;
        default:
          break;
      }
    }
    EXPECT_EQ(waiting, 0u);
  }
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

  static std::string head(const char* name, uint32_t index) { return name + std::to_string(index); }
  // The vector in P that `beat` lies in: loads are told apart by their start.
  std::string parameter(uint32_t beat) const {
    return "P" + std::to_string(*std::prev(load_starts_.upper_bound(beat)));
  }

  std::vector<std::string> reads(const Instruction& in) const {
    static const char* kInputs[] = {"normed", "attention", "hidden"};
    std::vector<std::string> result;
    const auto parameters = [&] {
      if (in.flags & kFlagBias) result.push_back(parameter(in.param));
      if (in.flags & kFlagNorm) result.push_back(parameter(in.param2));
    };
    switch (in.opcode) {
      case Opcode::kMatvec:
        return {kInputs[static_cast<uint32_t>(in.buffer)]};
      case Opcode::kEmbed:
        return {parameter(in.param)};
      case Opcode::kResidual:
        return {"results", "x", parameter(in.param)};
      case Opcode::kQuery:
      case Opcode::kKey:
        result = {"results", "r", "rope"};
        parameters();
        return result;
      case Opcode::kValue:
        result = {"results", "r"};
        parameters();
        return result;
      case Opcode::kSwiglu:
      case Opcode::kLogits:
        return {"results", "r"};
      case Opcode::kScores:
        result = {head("local_k", in.head)};
        for (uint32_t i = 0; i < heads_per_kv_; ++i)
          result.push_back(head("query", in.head * heads_per_kv_ + i));
        return result;
      case Opcode::kSoftmax:
        return {head("scores", in.head % 2), head("value_scales", in.head % 2)};
      case Opcode::kValues:
        return {head("weights", in.head % 2), head("local_v", in.head)};
      case Opcode::kOutput:
        return {"results", head("denominator", in.head % 2)};
      default:
        return {};
    }
  }

  std::vector<std::string> writes(const Instruction& in) const {
    switch (in.opcode) {
      case Opcode::kLoad:
        return {parameter(in.param)};
      case Opcode::kRope:
        return {"rope"};
      case Opcode::kMatvec:
      case Opcode::kValues:
        return {"results"};
      case Opcode::kEmbed:
      case Opcode::kResidual:
        return {"x", "normed", "r"};
      case Opcode::kQuery:
        return {head("query", in.head)};
      case Opcode::kKey:
        return {head("local_k", in.head)};
      case Opcode::kValue:
        return {head("local_v", in.head)};
      case Opcode::kScores:
        return {head("scores", in.head % 2), head("value_scales", in.head % 2)};
      case Opcode::kSoftmax:
        return {head("weights", in.head % 2), head("denominator", in.head % 2)};
      case Opcode::kSwiglu:
        return {"hidden"};
      case Opcode::kOutput:
        return {"attention"};
      default:
        return {};
    }
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
  for (const Instruction& in : program_of(models().back()).instructions) {
    EXPECT_EQ(disassemble(in).find(opcode_name(in.opcode)), 0u);
    seen.insert(in.opcode);
  }
  EXPECT_EQ(seen.size(), kOpcodes);
}

}  // namespace
}  // namespace brim
