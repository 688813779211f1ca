// Whatever goes wrong, the pass ends with the right error, and a soft reset brings the accelerator back.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "Vsim_top1.h"
#include "Vsim_top4.h"
#include "base/concat.h"
#include "base/crc32c.h"
#include "engine/interpreter.h"
#include "isa/damage.h"
#include "isa/ops.h"
#include "model/synthetic.h"
#include "operands.h"
#include "tests/support/executor_shapes.h"
#include "tests/support/small_models.h"
#include "top_bench.h"

namespace brim::rtl {
namespace {

using registers::ErrorCode;
using test::executor_shapes;
using test::kExecutorContext;

constexpr uint64_t kLimit = 5'000'000;
constexpr uint32_t kErrorStatus = registers::kError;
constexpr uint64_t kFetchBytes = 512;  // a burst of the program ends at a multiple of it

// Grouped queries, one-group matrices: the smallest model.
const test::PackedModel& model() {
  static const test::PackedModel file(*make_synthetic(executor_shapes()[0].model, kSyntheticSeed),
                                      executor_shapes()[0].embedding, kExecutorContext);
  return file;
}

// Every token chooses both experts, so every pass reads all weights.
const test::PackedModel& mixture() {
  static const test::PackedModel file = [] {
    ModelDescription description = executor_shapes()[0].model;
    description.experts = description.experts_per_token = 2;
    description.expert_hidden = 86;
    return test::PackedModel(*make_synthetic(description, kSyntheticSeed), executor_shapes()[0].embedding,
                             kExecutorContext);
  }();
  return file;
}

template <typename Top>
class Accelerator : public TopBench<Top> {
 public:
  explicit Accelerator(const AxiTiming& timing = kIdeal, uint64_t seed = 1,
                       const MappedImage& image = model().image())
      : TopBench<Top>(image, timing, seed),
        image_(image),
        reference_(
            image, make_kernels("reference"),
            InterpreterOptions{.max_tokens_per_pass = 8, .threads = 1, .pin = false, .load = Load::kMap}) {}

  // Decodes a few tokens from position 0 on; every logit must be the reference's.
  void expect_right_passes(uint32_t passes = 2) {
    const uint32_t tokens = this->get(registers::kMaxTokens);
    for (uint32_t pass = 0; pass < passes; ++pass) {
      std::vector<uint32_t> ids(tokens);
      for (uint32_t t = 0; t < tokens; ++t)
        ids[t] = (11 * pass + 3 * t + 5) % this->program.header.vocabulary;
      const auto expected = reference_.run({.tokens = ids, .position = pass * tokens, .first_logits = 0});
      ASSERT_TRUE(this->run(ids, pass * tokens, 0, kLimit));
      ASSERT_EQ(this->get(registers::kStatus), registers::kDone);
      ASSERT_EQ(this->get(registers::kErrorCode), 0u);
      for (uint32_t t = 0; t < tokens; ++t) {
        const std::vector<float> got = this->logits(t);
        for (uint32_t i = 0; i < got.size(); ++i) {
          ASSERT_EQ(float_bits(got[i]), float_bits(expected[t * got.size() + i])) << "logit " << i;
        }
      }
    }
    EXPECT_EQ(this->violations(), std::vector<std::string>());
    EXPECT_EQ(this->stray_writes, 0u);
  }

  void expect_error(ErrorCode code) {
    EXPECT_EQ(this->get(registers::kStatus), kErrorStatus);
    EXPECT_EQ(static_cast<ErrorCode>(this->get(registers::kErrorCode)), code)
        << describe(static_cast<ErrorCode>(this->get(registers::kErrorCode)));
    EXPECT_EQ(this->get(registers::kInterruptStatus), kErrorStatus);
  }

  void soft_reset() {
    this->set(registers::kControl, registers::kSoftReset);
    ASSERT_TRUE(this->wait(100000));
    EXPECT_EQ(this->get(registers::kStatus), 0u);
    EXPECT_EQ(this->get(registers::kErrorCode), 0u);
    EXPECT_EQ(this->get(registers::kCycles), 0u);
    this->set(registers::kInterruptStatus, kErrorStatus | registers::kDone);
  }

  const RegionEntry& region(RegionKind kind) const {
    for (const RegionEntry& entry : image_.regions()) {
      if (entry.kind == kind) return entry;
    }
    throw Error("no such region");
  }

 private:
  const MappedImage& image_;
  Interpreter reference_;
};

using OneLane = Accelerator<Vsim_top1>;
using FourLanes = Accelerator<Vsim_top4>;

// ------------------------------------------------------------------ refusals

struct BadHeader {
  const char* name;
  std::function<void(ProgramHeader&)> change;
};

const std::vector<BadHeader>& bad_headers() {
  static const std::vector<BadHeader> all = {
      {"magic", [](auto& h) { h.magic ^= 1; }},
      {"version", [](auto& h) { ++h.version; }},
      {"keys of 5 bits", [](auto& h) { h.key_bits = 5; }},
      {"values of 3 bits", [](auto& h) { h.value_bits = 3; }},
      {"unknown flags of K and V", [](auto& h) { h.kv_flags = 2; }},
      {"experts of no width", [](auto& h) { h.experts = 64, h.experts_per_token = 8; }},
      {"experts of which none is chosen", [](auto& h) { h.experts = 64, h.expert_hidden = 64; }},
      {"a choice of no experts", [](auto& h) { h.experts_per_token = 2, h.expert_hidden = 64; }},
      {"129 experts", [](auto& h) { h.experts = 129, h.experts_per_token = 8, h.expert_hidden = 64; }},
      {"9 experts per token", [](auto& h) { h.experts = 64, h.experts_per_token = 9, h.expert_hidden = 64; }},
      {"more experts per token than experts",
       [](auto& h) { h.experts = 4, h.experts_per_token = 5, h.expert_hidden = 64; }},
      {"experts of 14,337 hidden elements",
       [](auto& h) { h.experts = 64, h.experts_per_token = 8, h.expert_hidden = 14337; }},
      {"no instructions", [](auto& h) { h.instructions = 0; }},
      {"head size 0", [](auto& h) { h.head_size = 0; }},
      {"odd head size", [](auto& h) { h.head_size = 7; }},
      {"head size 130", [](auto& h) { h.head_size = 130; }},
      {"head size 2^15", [](auto& h) { h.head_size = 0x8000; }},
      {"dim 0", [](auto& h) { h.dim = 0; }},
      {"dim 4097", [](auto& h) { h.dim = 4097; }},
      {"dim 2^31", [](auto& h) { h.dim = 1u << 31; }},
      {"no heads", [](auto& h) { h.heads = 0; }},
      {"65 heads", [](auto& h) { h.heads = 65, h.kv_heads = 13; }},
      {"no KV heads", [](auto& h) { h.kv_heads = 0; }},
      {"33 KV heads", [](auto& h) { h.heads = h.kv_heads = 33; }},
      {"9 query heads per KV head", [](auto& h) { h.heads = 9, h.kv_heads = 1; }},
      {"heads that KV heads do not divide", [](auto& h) { h.heads = 7, h.kv_heads = 2; }},
      {"fewer heads than KV heads", [](auto& h) { h.heads = 2, h.kv_heads = 4; }},
      {"65,535 heads", [](auto& h) { h.heads = h.kv_heads = 65535; }},
      {"hidden 0", [](auto& h) { h.hidden = 0; }},
      {"hidden 14,337", [](auto& h) { h.hidden = 14337; }},
      {"vocabulary 0", [](auto& h) { h.vocabulary = 0; }},
      {"vocabulary 2^24", [](auto& h) { h.vocabulary = 1u << 24; }},
      {"context 0", [](auto& h) { h.context = 0; }},
      {"context 100", [](auto& h) { h.context = 100; }},
      {"context past MAX_CONTEXT", [](auto& h) { h.context = 4096 + 64; }},
      {"context 2^31", [](auto& h) { h.context = 1u << 31; }},
  };
  return all;
}

TEST(TopFaults, RefuseAHeaderOutOfRangeBeforeReadingAnythingElse) {
  OneLane top;
  const std::vector<uint32_t> ids = {1};
  for (const BadHeader& bad : bad_headers()) {
    SCOPED_TRACE(bad.name);
    ProgramHeader header = top.program.header;
    bad.change(header);
    top.memory.put(top.program_address, sealed(header));
    const uint64_t stream = top.stream_transfers(), written = top.write_transfers;
    ASSERT_TRUE(top.run(ids, 0, 0, 10000));
    top.expect_error(ErrorCode::kBadProgram);
    EXPECT_EQ(top.get(registers::kErrorAddress), top.program_address / kBeatBytes);
    EXPECT_EQ(top.stream_transfers(), stream);
    EXPECT_EQ(top.write_transfers, written);
    top.soft_reset();
  }
  top.memory.put(top.program_address, sealed(top.program.header));
  top.expect_right_passes();
}

TEST(TopFaults, RefuseAPassOutOfRange) {
  OneLane top;
  const auto expect_refused = [&](const char* name, const std::function<void()>& change) {
    SCOPED_TRACE(name);
    const std::vector<uint32_t> ids = {1};
    top.set_up(ids, 0, 0);
    change();
    const uint64_t stream = top.stream_transfers();
    top.start();
    ASSERT_TRUE(top.wait(10000));
    top.expect_error(ErrorCode::kBadPass);
    EXPECT_EQ(top.get(registers::kErrorAddress), top.program_address / kBeatBytes);
    EXPECT_EQ(top.stream_transfers(), stream);
    top.soft_reset();
  };
  using namespace registers;
  expect_refused("no tokens", [&] { top.set(kTokens, 0), top.set(kFirstLogits, 0); });
  expect_refused("two tokens in one lane", [&] { top.set(kTokens, 2); });
  expect_refused("2^31 + 1 tokens", [&] { top.set(kTokens, 0x80000001); });
  expect_refused("17 tokens", [&] { top.set(kTokens, 17); });
  expect_refused("logits from the third token on", [&] { top.set(kFirstLogits, 2); });
  expect_refused("logits from token 2^32 - 1 on", [&] { top.set(kFirstLogits, 0xFFFFFFFF); });
  expect_refused("position at the context's end", [&] { top.set(kPosition, kExecutorContext); });
  expect_refused("position 2^32 - 1", [&] { top.set(kPosition, 0xFFFFFFFF); });
  expect_refused("a token past the vocabulary", [&] { top.set(kTokenId, top.program.header.vocabulary); });
  expect_refused("token 2^32 - 1", [&] { top.set(kTokenId, 0xFFFFFFFF); });
  // 32 KiB of scores hold 4,096 pairs of a query head and a position.
  ProgramHeader header = top.program.header;
  header.context = 2048;
  header.heads = 12;
  header.kv_heads = 4;
  top.memory.put(top.program_address, sealed(header));
  expect_refused("scores of three heads and 2,048 positions", [] {});
  top.memory.put(top.program_address, sealed(top.program.header));
  top.expect_right_passes();
}

TEST(TopFaults, CheckTheIdsOfThePassesTokensAndNoOthers) {
  FourLanes top;
  const std::vector<uint32_t> ids = {1, 2, 3};
  top.set_up(ids, 0, 0);
  top.set(registers::kTokenId + 4 * 3, 0xFFFFFFFF);
  top.start();
  ASSERT_TRUE(top.wait(kLimit));
  EXPECT_EQ(top.get(registers::kStatus), registers::kDone);
  top.set(registers::kInterruptStatus, registers::kDone);
  top.set(registers::kTokenId + 4 * 2, top.program.header.vocabulary);
  top.start();
  ASSERT_TRUE(top.wait(kLimit));
  top.expect_error(ErrorCode::kBadPass);
  top.soft_reset();
  top.expect_right_passes();
}

// 128 KiB of scores for four lanes: 4,096 positions of one round of pairs.
TEST(TopFaults, CountScoresInRoundsOfPairs) {
  FourLanes top;
  ProgramHeader header = top.program.header;
  header.context = 4096;
  top.memory.put(top.program_address, sealed(header));
  const std::vector<uint32_t> ids = {1, 2, 3};
  const auto refused = [&](uint32_t tokens) {
    top.set_up(std::span(ids).first(tokens), 0, 0);
    top.start();
    EXPECT_TRUE(top.wait(kLimit));
    const bool result = top.get(registers::kErrorCode) == static_cast<uint32_t>(ErrorCode::kBadPass);
    EXPECT_EQ(top.get(registers::kStatus), result ? kErrorStatus : registers::kDone);
    top.soft_reset();
    return result;
  };
  EXPECT_FALSE(refused(2));  // 2 tokens x 2 heads: one round
  EXPECT_TRUE(refused(3));
  top.memory.put(top.program_address, sealed(top.program.header));
  top.expect_right_passes();
}

struct BadInstruction {
  const char* name;
  Opcode opcode;
  std::function<void(Instruction&)> change;
};

const std::vector<BadInstruction>& bad_instructions() {
  const auto set_opcode = [](uint8_t code) {
    return [code](Instruction& in) { in.opcode = static_cast<Opcode>(code); };
  };
  // P holds 1,024 beats; the model has dim 64, hidden 172, 8 heads of 8, 4 KV heads, vocabulary 100.
  static const std::vector<BadInstruction> all = {
      {"the first unknown opcode", Opcode::kEnd, set_opcode(kOpcodes)},
      {"opcode 255", Opcode::kEnd, set_opcode(255)},
      {"load of nothing", Opcode::kLoad, [](auto& in) { in.count = 0; }},
      {"load past P", Opcode::kLoad, [](auto& in) { in.param = 1021; }},
      {"load of 1,025 beats", Opcode::kLoad, [](auto& in) { in.param = 0, in.count = 1025; }},
      {"load of 2^16 + 1 beats", Opcode::kLoad, [](auto& in) { in.param = 0, in.count = 65537; }},
      {"RoPE rows too long", Opcode::kRope, [](auto& in) { ++in.count; }},
      {"RoPE rows of nothing", Opcode::kRope, [](auto& in) { in.count = 0; }},
      {"embedding format 3", Opcode::kEmbed, [](auto& in) { in.shape = 3; }},
      {"embedding format 3 with the rows of q4", Opcode::kEmbed,
       [](auto& in) { in.shape = 3, in.count = 2; }},
      {"embedding rows of another format", Opcode::kEmbed, [](auto& in) { in.shape = 2; }},
      {"embedding rows too short", Opcode::kEmbed, [](auto& in) { --in.count; }},
      {"norm past P", Opcode::kEmbed, [](auto& in) { in.param = 1021; }},
      {"buffer 3", Opcode::kMatvec, [](auto& in) { in.buffer = static_cast<ActivationBuffer>(3); }},
      {"buffer 3 with the groups of buffer 2", Opcode::kMatvec,
       [](auto& in) {
         in.buffer = static_cast<ActivationBuffer>(3);
         in.groups = 2, in.shape = 2, in.rows = 128, in.count = 2;
       }},
      {"buffer of another length", Opcode::kMatvec, [](auto& in) { in.buffer = ActivationBuffer::kHidden; }},
      {"shape 0", Opcode::kMatvec, [](auto& in) { in.shape = 0; }},
      {"shape 3", Opcode::kMatvec, [](auto& in) { in.shape = 3; }},
      {"shape 8", Opcode::kMatvec, [](auto& in) { in.shape = 8; }},
      {"half a page of columns", Opcode::kMatvec, [](auto& in) { in.shape = 2; }},
      {"shape 1 of two groups", Opcode::kMatvec,  // as many pages either way
       [](auto& in) {
         in.buffer = ActivationBuffer::kHidden, in.groups = 2, in.shape = 1, in.rows = 128, in.count = 2;
       }},
      {"no rows", Opcode::kMatvec, [](auto& in) { in.rows = 0; }},
      {"2^24 rows", Opcode::kMatvec, [](auto& in) { in.rows = 1u << 24; }},
      {"groups", Opcode::kMatvec, [](auto& in) { ++in.groups; }},
      {"two planes of a plane's groups", Opcode::kMatvec, [](auto& in) { in.flags = kFlagEightBit; }},
      {"two planes of odd groups", Opcode::kMatvec,
       [](auto& in) { in.flags = kFlagEightBit, in.groups = 3, in.count *= 3; }},
      {"two planes of two shapes", Opcode::kMatvec,
       [](auto& in) { in.flags = kFlagEightBit, in.groups = 2, in.shape = 1, in.count *= 2; }},
      {"one page less", Opcode::kMatvec, [](auto& in) { --in.count; }},
      {"one page more", Opcode::kMatvec, [](auto& in) { ++in.count; }},
      {"pages that differ in the highest bit", Opcode::kMatvec, [](auto& in) { in.count |= 1u << 31; }},
      {"query head 8", Opcode::kQuery, [](auto& in) { in.head = 8; }},
      {"unknown flag of a query", Opcode::kQuery, [](auto& in) { in.flags = 4; }},
      {"bias of a query past P", Opcode::kQuery, [](auto& in) { in.flags = kFlagBias, in.param = 1024; }},
      {"norm of a query past P", Opcode::kQuery, [](auto& in) { in.flags = kFlagNorm, in.param2 = 1024; }},
      {"unknown flag of a key", Opcode::kKey, [](auto& in) { in.flags = 0x80; }},
      {"KV head 4 of a key", Opcode::kKey, [](auto& in) { in.head = 4; }},
      {"bias of a key past P", Opcode::kKey, [](auto& in) { in.flags = kFlagBias, in.param = 65535; }},
      {"norm of a key past P", Opcode::kKey, [](auto& in) { in.flags = kFlagNorm, in.param2 = 65535; }},
      {"unknown flag of a value", Opcode::kValue, [](auto& in) { in.flags = 0x10; }},
      {"KV head 4 of a value", Opcode::kValue, [](auto& in) { in.head = 4; }},
      {"norm of a value", Opcode::kValue, [](auto& in) { in.flags = kFlagNorm; }},
      {"bias of a value past P", Opcode::kValue, [](auto& in) { in.flags = kFlagBias, in.param = 1024; }},
      {"KV head 4 of scores", Opcode::kScores, [](auto& in) { in.head = 4; }},
      {"KV head 4 of softmax", Opcode::kSoftmax, [](auto& in) { in.head = 4; }},
      {"KV head 2^15 of values", Opcode::kValues, [](auto& in) { in.head = 0x8000; }},
      {"KV head 4 of output", Opcode::kOutput, [](auto& in) { in.head = 4; }},
      {"flag of a residual", Opcode::kResidual, [](auto& in) { in.flags = kFlagBias; }},
      {"residual of too few rows", Opcode::kResidual, [](auto& in) { --in.rows; }},
      {"norm of a residual past P", Opcode::kResidual, [](auto& in) { in.param = 1021; }},
      {"norm of a residual's results past P", Opcode::kResidual,
       [](auto& in) { in.flags = kFlagPostNorm, in.param2 = 1021; }},
      {"swiglu of too many rows", Opcode::kSwiglu, [](auto& in) { in.rows += 2; }},
      {"route in a model without experts", Opcode::kEnd, set_opcode(+static_cast<uint8_t>(Opcode::kRoute))},
      {"experts of three steps", Opcode::kEnd, [](auto& in) { in.opcode = Opcode::kExperts, in.count = 3; }},
      {"mix without experts", Opcode::kEnd, [](auto& in) { in.opcode = Opcode::kMix, in.rows = 64; }},
      {"norm past P", Opcode::kEnd, [](auto& in) { in.opcode = Opcode::kNorm, in.param = 1021; }},
      {"scale of KV head 4", Opcode::kEnd, [](auto& in) { in.opcode = Opcode::kKeyScale, in.head = 4; }},
      {"logits of too few rows", Opcode::kLogits, [](auto& in) { --in.rows; }},
  };
  return all;
}

// The program is the bad instruction alone, so nothing but the program may be read.
TEST(TopFaults, RefuseABadInstructionBeforeAnyUnitSeesIt) {
  FourLanes top;
  const std::vector<uint32_t> ids = {1};
  for (const BadInstruction& bad : bad_instructions()) {
    SCOPED_TRACE(bad.name);
    Instruction in;
    for (const Instruction& candidate : top.program.instructions) {
      if (candidate.opcode == bad.opcode) in = candidate;
    }
    bad.change(in);
    for (uint32_t before = 0; before < 3; ++before) {
      // `end_prompt` means nothing to a pass that wants logits.
      const uint64_t first = top.program_address + sizeof(ProgramHeader);
      for (uint32_t i = 0; i < before; ++i)
        top.memory.put(first + i * sizeof(Instruction), sealed(Instruction{.opcode = Opcode::kEndPrompt}, i));
      top.memory.put(first + before * sizeof(Instruction), sealed(in, before));
      const uint64_t stream = top.stream_transfers(), written = top.write_transfers;
      ASSERT_TRUE(top.run(ids, 0, 0, 10000));
      top.expect_error(ErrorCode::kBadInstruction);
      EXPECT_EQ(top.get(registers::kErrorAddress), first / kBeatBytes + before / 2);
      EXPECT_EQ(top.stream_transfers(), stream);
      EXPECT_EQ(top.write_transfers, written);
      top.soft_reset();
    }
  }
  top.restore_program();
  top.expect_right_passes();
}

// Of a mixture's own program, from `experts` or one instruction of its own on: the sound one is taken, and
// waits for what stands before it in a whole program.
TEST(TopFaults, RefuseWrongSizesAndFlagsOfAMixture) {
  FourLanes top(kIdeal, 1, mixture().image());
  top.set(registers::kWatchdog, 2000);
  const std::vector<uint32_t> ids = {1};
  const std::vector<Instruction>& program = top.program.instructions;
  const auto first = [&](Opcode opcode) {
    return std::ranges::find(program, opcode, &Instruction::opcode) - program.begin();
  };
  const auto part = [&](Opcode opcode, uint32_t instructions) {
    const auto from = program.begin() + first(opcode);
    return std::vector<Instruction>(from, from + instructions);
  };
  const auto ends_with = [&](const std::vector<Instruction>& instructions) {
    const uint64_t start = top.program_address + sizeof(ProgramHeader);
    for (uint32_t i = 0; i < instructions.size(); ++i)
      top.memory.put(start + i * sizeof(Instruction), sealed(instructions[i], i));
    const uint64_t stream = top.stream_transfers(), written = top.write_transfers;
    EXPECT_TRUE(top.run(ids, 0, 0, 10000));
    const auto code = static_cast<ErrorCode>(top.get(registers::kErrorCode));
    const uint64_t beat = top.get(registers::kErrorAddress) - start / kBeatBytes;
    EXPECT_EQ(top.stream_transfers(), stream);
    EXPECT_EQ(top.write_transfers, written);
    top.soft_reset();
    return std::pair(code, beat);
  };
  const Program& whole = top.program;
  const auto resize = [](Instruction& in, uint16_t groups) {
    in.groups = groups;
    in.shape = static_cast<uint8_t>(page_shape(groups).columns);
    in.count = static_cast<uint32_t>(matrix_pages(in.rows, groups));
  };
  // 172 hidden elements are two groups, an expert's 86 are one.
  const struct {
    const char* name;
    Opcode begins;
    uint32_t place;
    std::function<void(Instruction&)> change;
  } cases[] = {
      {"flag of a route", Opcode::kRoute, 0, [](auto& in) { in.flags |= kFlagBias; }},
      {"route of too few experts", Opcode::kRoute, 0, [](auto& in) { --in.rows; }},
      {"experts of three steps", Opcode::kExperts, 0, [](auto& in) { in.count = 3; }},
      {"gate and up of hidden", Opcode::kExperts, 1, [](auto& in) { in.buffer = ActivationBuffer::kHidden; }},
      {"swiglu of an expert as wide as the others", Opcode::kExperts, 2,
       [&](auto& in) { in.rows = 2 * whole.header.hidden; }},
      {"down of an expert as wide as the others", Opcode::kExperts, 3, [&](auto& in) { resize(in, 2); }},
      {"down of normed", Opcode::kExperts, 3, [](auto& in) { in.buffer = ActivationBuffer::kNormed; }},
      {"mix of too few rows", Opcode::kExperts, 4, [](auto& in) { --in.rows; }},
      {"flag of a mix", Opcode::kExperts, 4, [](auto& in) { in.flags = kFlagBias; }},
  };
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.name);
    std::vector<Instruction> instructions = part(bad.begins, bad.begins == Opcode::kExperts ? 5 : 1);
    instructions.push_back({.opcode = Opcode::kEnd});
    EXPECT_EQ(ends_with(instructions).first, ErrorCode::kNoProgress) << "as it should be";
    bad.change(instructions[bad.place]);
    EXPECT_EQ(ends_with(instructions), std::pair(ErrorCode::kBadInstruction, uint64_t{bad.place / 2}));
  }
  // An expert's sizes anywhere else.
  const std::vector<Instruction> steps = part(Opcode::kExperts, 5);
  for (const uint32_t step : {2u, 3u}) {
    EXPECT_EQ(ends_with({steps[step], {.opcode = Opcode::kEnd}}),
              std::pair(ErrorCode::kBadInstruction, uint64_t{0}));
  }
  top.restore_program();
  top.set(registers::kWatchdog, 0);
  top.expect_right_passes();
}

// Behind `experts` stand its four steps, and each only there; nothing is read for them before all are known.
TEST(TopFaults, RefuseOtherInstructionsInThePlaceOfAnExpertsSteps) {
  FourLanes top;
  const std::vector<uint32_t> ids = {1};
  const auto candidate = [&](Opcode opcode, ActivationBuffer buffer = ActivationBuffer::kNormed) {
    for (const Instruction& in : top.program.instructions) {
      if (in.opcode == opcode && (opcode != Opcode::kMatvec || in.buffer == buffer)) return in;
    }
    return Instruction{.opcode = opcode, .rows = top.program.header.dim, .count = kExpertSteps};
  };
  const Instruction right[] = {
      candidate(Opcode::kExperts), candidate(Opcode::kMatvec), candidate(Opcode::kSwiglu),
      candidate(Opcode::kMatvec, ActivationBuffer::kHidden), candidate(Opcode::kMix)};
  for (uint32_t place = 1; place < std::size(right); ++place) {
    for (const Opcode other :
         {Opcode::kEnd, Opcode::kNorm, Opcode::kExperts, Opcode::kMix, Opcode::kSwiglu}) {
      if (other == right[place].opcode) continue;
      SCOPED_TRACE(concat("place ", place, ", opcode ", +static_cast<uint8_t>(other)));
      const uint64_t first = top.program_address + sizeof(ProgramHeader);
      for (uint32_t i = 0; i < std::size(right); ++i) {
        top.memory.put(first + i * sizeof(Instruction), sealed(i == place ? candidate(other) : right[i], i));
      }
      const uint64_t stream = top.stream_transfers();
      ASSERT_TRUE(top.run(ids, 0, 0, 10000));
      top.expect_error(ErrorCode::kBadInstruction);
      EXPECT_EQ(top.get(registers::kErrorAddress), first / kBeatBytes + place / 2);
      EXPECT_EQ(top.stream_transfers(), stream);
      top.soft_reset();
    }
  }
  top.restore_program();
  top.expect_right_passes();
}

TEST(TopFaults, RefuseAProgramWithoutAnEnd) {
  OneLane top;
  const uint32_t instructions = top.program.header.instructions;
  const std::vector<uint32_t> ids = {1};
  for (const uint32_t count : {1u, 2u, 13u, 14u, 15u, instructions - 1}) {
    SCOPED_TRACE(count);
    ProgramHeader header = top.program.header;
    header.instructions = count;
    top.memory.put(top.program_address, sealed(header));
    ASSERT_TRUE(top.run(ids, 0, 0, kLimit));
    top.expect_error(ErrorCode::kBadInstruction);
    EXPECT_EQ(top.get(registers::kErrorAddress), top.program_address / kBeatBytes + 1 + (count - 1) / 2);
    EXPECT_TRUE(top.all_idle());
    top.soft_reset();
  }
  // A prompt's pass may end at `end_prompt`, the fourth from the end here.
  ProgramHeader header = top.program.header;
  header.instructions = instructions - 3;
  ASSERT_EQ(top.program.instructions[header.instructions - 1].opcode, Opcode::kEndPrompt);
  top.memory.put(top.program_address, sealed(header));
  ASSERT_TRUE(top.run(ids, 0, 1, kLimit));
  EXPECT_EQ(top.get(registers::kStatus), registers::kDone);
  top.set(registers::kInterruptStatus, registers::kDone);
  ASSERT_TRUE(top.run(ids, 0, 0, kLimit));
  top.expect_error(ErrorCode::kBadInstruction);
  top.soft_reset();
  top.restore_program();
  top.expect_right_passes();
}

// ------------------------------------------------------------------ bus errors

struct Access {
  const char* name;
  RegionKind kind;
  bool write;
  uint32_t transfers;  // one of the first so many of the pass's in the region is the bad one
};

// A transfer that is answered with an error, somewhere in a region that the pass reads or writes. All but the
// small regions take several bursts; of the program, all but the first of them hold instructions alone.
TEST(TopFaults, EndAPassWhoseAccessIsAnsweredWithAnErrorAndRecover) {
  constexpr Access kAccesses[] = {
      {"program", RegionKind::kProgram, false, 180},       {"parameters", RegionKind::kParameters, false, 4},
      {"RoPE rows", RegionKind::kRope, false, 4},          {"embedding", RegionKind::kEmbedding, false, 4},
      {"weights", RegionKind::kWeights, false, 500},       {"KV cache read", RegionKind::kKv, false, 60},
      {"scales read", RegionKind::kKvScales, false, 30},   {"KV cache written", RegionKind::kKv, true, 30},
      {"scales written", RegionKind::kKvScales, true, 30}, {"logits written", RegionKind::kLogits, true, 20}};
  OneLane top(kRandom);
  for (const Access& access : kAccesses) {
    for (uint32_t attempt = 0; attempt < 6; ++attempt) {
      SCOPED_TRACE(testing::Message() << access.name << " " << attempt);
      top.expect_right_passes();
      const RegionEntry region = top.region(access.kind);
      const AxiResponse response = attempt % 2 ? AxiResponse::kDecodeError : AxiResponse::kSlaveError;
      // The first of the pass's transfers in the region, or a later one.
      uint32_t left = attempt < 2 ? 0 : top.random(access.transfers);
      std::vector<uint64_t> bad;
      // The stream's ports one after the other: each reads a sub-block of its own of a page of weights.
      const bool one_port = access.kind == RegionKind::kWeights && attempt >= 2;
      const auto respond = [&](uint64_t address) {
        if (address < region.address || address >= region.address + region.bytes) return AxiResponse::kOkay;
        if (one_port && address % kPageBytes / kSubBlockBytes != attempt - 2) return AxiResponse::kOkay;
        if (!bad.empty()) return address == bad[0] ? response : AxiResponse::kOkay;
        if (left-- > 0) return AxiResponse::kOkay;
        bad.push_back(address);
        return response;
      };
      (access.write ? top.faults().write_response : top.faults().read_response) = respond;
      const std::vector<uint32_t> ids = {3};
      top.set(registers::kInterruptStatus, 3);
      ASSERT_TRUE(top.run(ids, 2, 0, kLimit));
      ASSERT_EQ(bad.size(), 1u);
      top.expect_error(access.write ? ErrorCode::kWriteError : ErrorCode::kReadError);
      // The address of the burst: at most 4 KiB below, in the same 4 KiB.
      const uint64_t address = uint64_t{top.get(registers::kErrorAddress)} * kBeatBytes;
      EXPECT_LE(address, bad[0]);
      EXPECT_EQ(address / 4096, bad[0] / 4096);
      if (access.kind == RegionKind::kProgram) {
        EXPECT_EQ(address, std::max(top.program_address, bad[0] / kFetchBytes * kFetchBytes));
      }
      EXPECT_TRUE(top.all_idle()) << "a transaction is under way after the pass";
      const uint32_t cycles = top.get(registers::kCycles), beats = top.get(registers::kBeatsRead);
      EXPECT_GT(cycles, 0u);
      EXPECT_GT(beats, 0u);
      top.faults().read_response = top.faults().write_response = [](uint64_t) { return AxiResponse::kOkay; };

      // Without a soft reset nothing starts.
      top.set(registers::kInterruptStatus, 3);
      const uint64_t read = top.read_transfers;
      ASSERT_TRUE(top.run(ids, 2, 0, 1000));
      top.expect_error(access.write ? ErrorCode::kWriteError : ErrorCode::kReadError);
      EXPECT_EQ(top.get(registers::kErrorAddress) * uint64_t{kBeatBytes}, address);
      EXPECT_EQ(top.read_transfers, read);
      EXPECT_EQ(top.get(registers::kCycles), cycles);
      EXPECT_EQ(top.get(registers::kBeatsRead), beats);
      top.soft_reset();
    }
  }
  top.expect_right_passes();
}

// ------------------------------------------------------------------ soft reset, watchdog, overflow

// The longest silence of a pass that is all right is some 10,500 cycles of computing on what is on the chip.
constexpr uint32_t kLongestSilence = 11000;
constexpr uint32_t kWatchdog = 15000;

TEST(TopFaults, ResetSoftlyInAnyCycleOfAPass) {
  FourLanes top(kRandom);
  top.expect_right_passes(1);
  const uint32_t cycles = top.get(registers::kCycles);
  const std::vector<uint32_t> ids = {4, 5, 6, 7};
  for (uint32_t attempt = 0; attempt < 25; ++attempt) {
    const uint32_t at = top.random(attempt < 5 ? 300 : cycles);
    SCOPED_TRACE(at);
    top.set_up(ids, 4, 0);
    top.start();
    for (uint32_t i = 0; i < at; ++i) top.cycle();
    top.soft_reset();
    EXPECT_TRUE(top.all_idle());
    if (attempt % 5 == 0) top.expect_right_passes(1);
  }
  top.expect_right_passes();
}

// States of pass_control that random cycles hit seldom, or never.
TEST(TopFaults, ResetSoftlyBeforeBetweenAndAtTheEndsOfPasses) {
  OneLane top;
  const std::vector<uint32_t> ids = {4};
  const auto reset_when_memory_answers = [&] {
    top.set(registers::kControl, registers::kSoftReset);
    EXPECT_FALSE(top.wait(1000));
    top.set(registers::kControl, registers::kSoftReset);  // which has begun
    EXPECT_EQ(top.get(registers::kControl), registers::kSoftReset);
    top.dead_ports = 0;
    EXPECT_TRUE(top.wait(1000));
    EXPECT_EQ(top.get(registers::kStatus), 0u);
    EXPECT_TRUE(top.all_idle());
  };
  top.soft_reset();
  top.set(registers::kControl, registers::kSoftReset);
  for (uint32_t i = 0; i < 50; ++i) top.cycle();
  top.soft_reset();  // while units are held in reset
  top.expect_right_passes(1);

  // The header does not come.
  top.dead_ports = 1u << OneLane::kAux;
  top.set_up(ids, 1, 0);
  top.start();
  for (uint32_t i = 0; i < 50; ++i) top.cycle();
  reset_when_memory_answers();
  top.expect_right_passes(1);

  // The header is being checked.
  const uint64_t before = top.aux_transfers;
  top.start();
  while (top.aux_transfers < before + 8) top.cycle();
  top.soft_reset();
  EXPECT_EQ(top.get(registers::kBeatsWritten), 0u);
  top.expect_right_passes(1);

  // All is done but the writes.
  top.dead_ports = 1u << OneLane::kReadPorts;
  top.set_up(ids, 1, 0);
  top.start();
  EXPECT_FALSE(top.wait(100'000));
  EXPECT_EQ(top.get(registers::kStatus), registers::kBusy);
  reset_when_memory_answers();
  top.expect_right_passes();
}

// The check of a pass takes longer than this watchdog.
TEST(TopFaults, ReportSilenceWhileAPassIsChecked) {
  FourLanes top;
  top.set(registers::kWatchdog, 100);
  const std::vector<uint32_t> ids = {4};
  top.set_up(ids, 0, 0);
  const uint64_t before = top.aux_transfers;
  top.start();
  while (top.aux_transfers < before + 4) top.cycle();
  top.dead_ports = 1u << FourLanes::kAux;
  ASSERT_TRUE(top.wait(150));
  top.expect_error(ErrorCode::kNoProgress);
  EXPECT_EQ(top.stream_transfers(), 0u);
  top.dead_ports = 0;
  top.soft_reset();
  top.set(registers::kWatchdog, 0);
  top.expect_right_passes();
}

TEST(TopFaults, ReportMemoryThatNeverAnswersAndRecoverWhenItDoes) {
  OneLane top;
  top.set(registers::kInterruptEnable, kErrorStatus);
  top.set(registers::kWatchdog, kWatchdog);
  uint64_t late_reads = 0, late_writes = 0;
  // Ports 0 ... 3, the program's reads, writes; from the start of the pass or from some cycle on.
  for (uint32_t port = 0; port < OneLane::kReadPorts + 1; ++port) {
    for (uint32_t attempt = 0; attempt < 5; ++attempt) {
      SCOPED_TRACE(testing::Message() << "port " << port << ", attempt " << attempt);
      top.expect_right_passes();
      const std::vector<uint32_t> ids = {3};
      top.set_up(ids, 2, 0);
      top.set(registers::kInterruptStatus, 3);
      top.start();
      // So early that something is left to be moved.
      const uint32_t from = attempt == 0 ? 0 : top.random(port == OneLane::kAux ? 20 : 400);
      uint64_t silent = 0, moved = top.read_transfers + top.write_transfers;
      for (uint32_t i = 0; !top.interrupt() && silent < 10 * kWatchdog; ++i) {
        if (i == from) top.dead_ports = 1u << port;
        top.cycle();
        const uint64_t now = top.read_transfers + top.write_transfers;
        silent = now == moved ? silent + 1 : 0;
        moved = now;
      }
      EXPECT_GE(silent, kWatchdog);
      // A dead write channel's register slice still takes the first beat of the next write, which is
      // progress.
      const bool to_memory = port == OneLane::kReadPorts;
      EXPECT_LE(silent, kWatchdog + (to_memory ? kLongestSilence : 0) + 10);
      EXPECT_EQ(top.get(registers::kControl), 0u);
      top.expect_error(ErrorCode::kNoProgress);

      // Answers that come after the end are no part of the pass.
      if (attempt >= 3) {
        const uint32_t read = top.get(registers::kBeatsRead), written = top.get(registers::kBeatsWritten);
        const uint64_t reads = top.read_transfers, writes = top.write_transfers;
        top.dead_ports = 0;
        for (uint32_t i = 0; i < 2000; ++i) top.cycle();
        late_reads += top.read_transfers - reads;
        late_writes += top.write_transfers - writes;
        EXPECT_EQ(top.get(registers::kBeatsRead), read);
        EXPECT_EQ(top.get(registers::kBeatsWritten), written);
      }

      // What is under way must be answered before anything can begin anew.
      const bool under_way = !top.all_idle();
      top.set(registers::kControl, registers::kSoftReset);
      EXPECT_EQ(top.wait(2000), !under_way);
      if (under_way) {
        EXPECT_EQ(top.get(registers::kControl), registers::kSoftReset);
      }
      top.dead_ports = 0;
      ASSERT_TRUE(top.wait(10000));
      EXPECT_EQ(top.get(registers::kStatus), 0u);
    }
  }
  EXPECT_GT(late_reads, 100u);
  EXPECT_GT(late_writes, 0u);
  top.expect_right_passes();
}

// After a fault the accelerator waits for what is under way, but not for ever. The fault, not the wait's end,
// is what the pass ends with.
TEST(TopFaults, ReportTheFaultWhenMemoryStopsAnsweringAfterIt) {
  struct Case {
    const char* name;
    RegionKind kind;
    bool write;
    uint32_t dead_port;
  };
  constexpr Case kCases[] = {{"weights, and another port", RegionKind::kWeights, false, 1},
                             {"KV cache, and the same port", RegionKind::kKv, true, OneLane::kReadPorts}};
  // Long, so that more is under way than the access at fault.
  OneLane top({.min_latency = 200, .max_latency = 200});
  top.set(registers::kInterruptEnable, kErrorStatus);
  top.set(registers::kWatchdog, kWatchdog);
  for (const Case& c : kCases) {
    for (const bool reset : {false, true}) {
      SCOPED_TRACE(testing::Message() << c.name << (reset ? ", soft reset" : ""));
      top.expect_right_passes();
      const RegionEntry region = top.region(c.kind);
      // The first transfer on the port that it comes through.
      uint64_t bad = 0;
      (c.write ? top.faults().write_response : top.faults().read_response) = [&](uint64_t address) {
        if (address < region.address || address >= region.address + region.bytes) return AxiResponse::kOkay;
        if (!c.write && address % kPageBytes / kSubBlockBytes != 0) return AxiResponse::kOkay;
        if (bad == 0) bad = address;
        return address == bad ? AxiResponse::kSlaveError : AxiResponse::kOkay;
      };
      const std::vector<uint32_t> ids = {3};
      top.set(registers::kInterruptStatus, 3);
      top.set_up(ids, 2, 0);
      top.start();
      // Until the fault is seen, within the wait for what is under way.
      for (uint32_t i = 0; top.get(registers::kErrorCode) == 0; ++i) ASSERT_LT(i, 10000u);
      top.dead_ports = 1u << c.dead_port;
      ASSERT_EQ(top.get(registers::kStatus), registers::kBusy);
      if (reset) {
        top.set(registers::kControl, registers::kSoftReset);
        for (uint32_t i = 0; i < 2 * kWatchdog; ++i) top.cycle();
        EXPECT_EQ(top.get(registers::kControl), registers::kSoftReset);
      } else {
        uint64_t silent = 0, moved = top.read_transfers + top.write_transfers;
        while (!top.interrupt() && silent < 10 * kWatchdog) {
          top.cycle();
          const uint64_t now = top.read_transfers + top.write_transfers;
          silent = now == moved ? silent + 1 : 0;
          moved = now;
        }
        EXPECT_NEAR(silent, kWatchdog, 20);
        EXPECT_EQ(top.get(registers::kControl), 0u);
        top.expect_error(c.write ? ErrorCode::kWriteError : ErrorCode::kReadError);
        EXPECT_EQ(top.get(registers::kErrorAddress), bad / kBeatBytes);
        top.set(registers::kControl, registers::kSoftReset);
      }
      EXPECT_FALSE(top.all_idle());
      EXPECT_FALSE(top.wait(2000));
      top.dead_ports = 0;
      top.faults().read_response = top.faults().write_response = [](uint64_t) { return AxiResponse::kOkay; };
      ASSERT_TRUE(top.wait(10000));
      EXPECT_EQ(top.get(registers::kStatus), 0u);
      EXPECT_EQ(top.get(registers::kErrorCode), 0u);
      EXPECT_EQ(top.get(registers::kInterruptStatus), reset ? 0u : kErrorStatus);
    }
  }
  top.expect_right_passes();
}

TEST(TopFaults, ReportActivationsThatLeaveTheNumberRange) {
  FourLanes top;
  // Norm weights of the first layer: X times 2^127 has no A16 block.
  const uint64_t parameters = top.region(RegionKind::kParameters).address;
  std::vector<float> saved(top.program.header.dim);
  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(saved.data()), saved.size() * sizeof(float));
  top.memory.load(parameters, bytes);
  for (uint32_t i = 0; i < saved.size(); ++i) top.memory.put(parameters + 4 * i, 1.7e38f);
  Program program = top.program;
  for (Instruction& in : program.instructions) {
    // What the sequencer says of an expert's steps, for whom overflow does not count: no program can say it.
    if (in.opcode == Opcode::kEmbed || in.opcode == Opcode::kResidual) in.head = 0x8000;
    if (in.opcode != Opcode::kLoad) continue;
    std::vector<uint8_t> vector(uint64_t{in.count} * kBeatBytes);
    top.memory.load(uint64_t{in.address} * kBeatBytes, vector);
    in.address2 = crc32c(vector.data(), vector.size());
  }
  top.memory.store(top.program_address, serialise(program));
  const std::vector<uint32_t> ids = {3};
  ASSERT_TRUE(top.run(ids, 0, 0, kLimit));
  top.expect_error(ErrorCode::kOverflow);
  EXPECT_EQ(top.get(registers::kErrorAddress), top.program_address / kBeatBytes);
  EXPECT_TRUE(top.all_idle());
  top.memory.store(parameters, bytes);
  top.restore_program();
  top.soft_reset();
  top.expect_right_passes();
}

// One flipped bit anywhere in what has a checksum and is read by every pass.
template <typename Top>
void expect_damage_is_reported(Top& top, uint32_t runs) {
  const std::vector<uint32_t> ids = {3};
  const auto expect = [&](RegionKind kind, uint64_t bit_address, uint64_t reported) {
    SCOPED_TRACE(testing::Message() << kind_name(kind) << ", bit of byte 0x" << std::hex << bit_address);
    const auto flipped = static_cast<uint8_t>(1u << top.random(8));
    *top.memory.page(bit_address) ^= flipped;
    ASSERT_TRUE(top.run(ids, 2, 0, kLimit));
    top.expect_error(ErrorCode::kDamaged);
    EXPECT_EQ(top.get(registers::kErrorRegion), static_cast<uint32_t>(kind));
    EXPECT_EQ(top.get(registers::kErrorAddress), reported / kBeatBytes);
    EXPECT_TRUE(top.all_idle());
    *top.memory.page(bit_address) ^= flipped;
    top.soft_reset();
    EXPECT_EQ(top.get(registers::kErrorRegion), 0u);
  };
  const RegionEntry weights = top.region(RegionKind::kWeights),
                    parameters = top.region(RegionKind::kParameters);
  std::vector<Instruction> loads;
  for (const Instruction& in : top.program.instructions) {
    if (in.opcode == Opcode::kLoad) loads.push_back(in);
  }
  const uint64_t program_bytes =
      sizeof(ProgramHeader) + top.program.instructions.size() * sizeof(Instruction);
  ASSERT_LT(parameters.bytes, uint64_t{1} << 32);
  for (uint32_t i = 0; i < runs; ++i) {
    const uint64_t weight = weights.address + top.random(static_cast<uint32_t>(weights.bytes));
    expect(RegionKind::kWeights, weight, weight / kPageBytes * kPageBytes);
    const uint64_t byte = top.program_address + top.random(static_cast<uint32_t>(program_bytes));
    expect(RegionKind::kProgram, byte, byte / kBeatBytes * kBeatBytes);
    const Instruction& load = loads[top.random(static_cast<uint32_t>(loads.size()))];
    const uint64_t vector = uint64_t{load.address} * kBeatBytes;
    expect(RegionKind::kParameters, vector + top.random(load.count * kBeatBytes), vector);
  }
  top.expect_right_passes();
}

TEST(TopFaults, EndAPassThatComesToDamageAndSayWhereItIs) {
  OneLane top;
  expect_damage_is_reported(top, 8);
}

TEST(TopFaults, EndAPassOfFourTokensThatComesToDamageAndSayWhereItIs) {
  FourLanes top({.min_latency = 10, .max_latency = 80});
  expect_damage_is_reported(top, 4);
}

TEST(TopFaults, EndAPassThatComesToDamageInAnExpertAndSayWhereItIs) {
  FourLanes top(kIdeal, 1, mixture().image());
  expect_damage_is_reported(top, 6);
}

}  // namespace
}  // namespace brim::rtl
