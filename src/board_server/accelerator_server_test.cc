#include "board_server/accelerator_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <filesystem>

#include "board_server/interpreter_pass_server.h"
#include "board_server/pass_traffic.h"
#include "board_server/qemu.h"
#include "image/pack.h"
#include "model/synthetic.h"
#include "tests/support/model_shape.h"
#include "tests/support/temporary_folder.h"

namespace brim {
namespace {

ModelDescription small_model() { return test::model_shape("small", 128, {4, 2, 32}, 256, 96); }

class AcceleratorServerTest : public testing::Test {
 protected:
  AcceleratorServerTest() {
    const Board board = load_board("kv260");
    pack_image(*make_synthetic(small_model(), 3), {}, {.board = board, .context = 128, .threads = 1},
               directory_ / "small.brim");
    image_ = std::make_unique<MappedImage>(directory_ / "small.brim");
    program_ = image_->program();
    ddr_ = std::make_unique<SharedDdr>(
        directory_ / "ddr", std::vector<AddressRange>{{0, uint64_t{2} << 30}, {0x800000000, 1 << 20}});
    load_image(*image_, *ddr_);
    program_address_ = image_->view().program.address;
    passes_ = std::make_unique<InterpreterPassServer>(*ddr_, board.accelerator, make_reference_kernels, 1);
  }

  AcceleratorServer server(Fault fault = Fault::kNone) const {
    return {*ddr_, *passes_, {.registers = kQemuRegisters, .fault = fault}};
  }

  uint32_t& word(uint32_t offset) const {
    return *reinterpret_cast<uint32_t*>(ddr_->at(kQemuRegisters + offset, sizeof(uint32_t)));
  }

  void ask(std::vector<uint32_t> tokens, uint32_t position, uint32_t first_logits) const {
    word(registers::kProgram) = static_cast<uint32_t>(program_address_ / kBeatBytes);
    word(registers::kPosition) = position;
    word(registers::kTokens) = static_cast<uint32_t>(tokens.size());
    word(registers::kFirstLogits) = first_logits;
    for (size_t t = 0; t < tokens.size(); ++t)
      word(registers::kTokenId + 4 * static_cast<uint32_t>(t)) = tokens[t];
    word(registers::kControl) = registers::kStart;
  }

  void expect_error(AcceleratorServer& server, registers::ErrorCode code) const {
    EXPECT_TRUE(server.serve_once());
    EXPECT_EQ(word(registers::kControl), 0u);
    EXPECT_EQ(word(registers::kStatus), registers::kError);
    EXPECT_EQ(word(registers::kErrorCode), static_cast<uint32_t>(code));
  }

  const test::TemporaryFolder folder_;
  const std::filesystem::path directory_ = folder_.path();
  std::unique_ptr<MappedImage> image_;
  Program program_;
  uint64_t program_address_ = 0;
  std::unique_ptr<SharedDdr> ddr_;
  std::unique_ptr<InterpreterPassServer> passes_;
};

TEST_F(AcceleratorServerTest, WritesTheLogitsOfTheInterpreterIntoMemory) {
  AcceleratorServer server = this->server();
  EXPECT_EQ(word(registers::kId), registers::kIdValue);
  EXPECT_FALSE(server.serve_once()) << "nothing is asked for";
  Interpreter interpreter(*image_, make_reference_kernels(), {.max_tokens_per_pass = 8});

  const std::vector<uint32_t> prompt = {5, 90, 17};
  const std::vector<uint32_t> next = {33};
  for (const auto& [tokens, position] : {std::pair(prompt, 0u), std::pair(next, 3u)}) {
    const auto last = static_cast<uint32_t>(tokens.size() - 1);
    ask(tokens, position, last);
    EXPECT_TRUE(server.serve_once());
    EXPECT_EQ(word(registers::kControl), 0u);
    EXPECT_EQ(word(registers::kStatus), registers::kDone);
    EXPECT_GT(word(registers::kCycles), 0u);
    const auto expected = interpreter.run({.tokens = tokens, .position = position, .first_logits = last});
    const uint64_t row = logits_address(program_, last);
    EXPECT_EQ(std::memcmp(ddr_->at(row, expected.size_bytes()), expected.data(), expected.size_bytes()), 0);
  }
}

TEST_F(AcceleratorServerTest, RefusesACacheThatIsNotOfFourOrEightBits) {
  program_.header.key_bits = 5;
  const std::vector<uint8_t> bytes = serialise(program_);
  std::memcpy(ddr_->at(program_address_, bytes.size()), bytes.data(), bytes.size());
  AcceleratorServer server = this->server();
  ask({1}, 0, 0);
  expect_error(server, registers::ErrorCode::kBadProgram);
}

TEST_F(AcceleratorServerTest, FlipsOneBitOfTheLogitsWhenToldTo) {
  Interpreter interpreter(*image_, make_reference_kernels(), {.max_tokens_per_pass = 8});
  const std::vector<uint32_t> token = {7};
  const auto expected = interpreter.run({.tokens = token, .position = 0, .first_logits = 0});
  AcceleratorServer server = this->server(Fault::kWrongBit);
  ask(token, 0, 0);
  EXPECT_TRUE(server.serve_once());
  const auto* got =
      reinterpret_cast<const float*>(ddr_->at(logits_address(program_, 0), expected.size_bytes()));
  EXPECT_EQ(std::bit_cast<uint32_t>(got[0]) ^ std::bit_cast<uint32_t>(expected[0]), 1u);
  EXPECT_EQ(std::memcmp(got + 1, expected.data() + 1, expected.size_bytes() - sizeof(float)), 0);
}

TEST_F(AcceleratorServerTest, RefusesWhatTheRegistersCannotMean) {
  AcceleratorServer server = this->server();
  ask({1}, 128, 0);  // beyond the context
  expect_error(server, registers::ErrorCode::kBadPass);
  ask({1}, 0xFFFFFFFF, 0);
  expect_error(server, registers::ErrorCode::kBadPass);
  ask({96}, 0, 0);  // beyond the vocabulary
  expect_error(server, registers::ErrorCode::kBadPass);
  ask({}, 0, 0);
  expect_error(server, registers::ErrorCode::kBadPass);
  ask({1, 2}, 0, 3);
  expect_error(server, registers::ErrorCode::kBadPass);
  ask({1}, 0, 0);
  word(registers::kProgram) = 12345;  // what is no header is a damaged one
  expect_error(server, registers::ErrorCode::kDamaged);
  word(registers::kProgram) = 0xFFFFFFFF;  // outside memory
  word(registers::kControl) = registers::kStart;
  expect_error(server, registers::ErrorCode::kBadProgram);
  ask({1}, 0, 0);
  EXPECT_TRUE(server.serve_once());
  EXPECT_EQ(word(registers::kStatus), registers::kDone) << "it goes on after errors";
}

TEST_F(AcceleratorServerTest, SaysWhichInstructionIsBad) {
  AcceleratorServer server = this->server();
  uint64_t index = 0;
  while (program_.instructions[index].opcode != Opcode::kValue) ++index;
  const uint64_t address = program_address_ + sizeof(ProgramHeader) + index * sizeof(Instruction);
  auto& value = *reinterpret_cast<Instruction*>(ddr_->at(address, sizeof(Instruction)));
  value.flags = kFlagNorm;
  value = sealed(value, static_cast<uint32_t>(index));
  ask({1}, 0, 0);
  expect_error(server, registers::ErrorCode::kBadInstruction);
  EXPECT_EQ(word(registers::kErrorAddress), address / kBeatBytes);
}

TEST_F(AcceleratorServerTest, SaysWhatIsDamagedAndWhere) {
  AcceleratorServer server = this->server();
  const auto expect_damage = [&](RegionKind kind, uint64_t address, uint64_t reported) {
    *ddr_->at(address, 1) ^= 0x20;
    ask({1}, 0, 0);
    expect_error(server, registers::ErrorCode::kDamaged);
    EXPECT_EQ(word(registers::kErrorRegion), static_cast<uint32_t>(kind));
    EXPECT_EQ(word(registers::kErrorAddress), reported / kBeatBytes);
    *ddr_->at(address, 1) ^= 0x20;
    ask({1}, 0, 0);
    EXPECT_TRUE(server.serve_once());
    EXPECT_EQ(word(registers::kStatus), registers::kDone) << "it is repaired";
    EXPECT_EQ(word(registers::kErrorRegion), 0u);
  };
  const ImageView view = image_->view();
  for (const uint64_t page : {0, 1, 7}) {
    const uint64_t address = view.weights.address + page * kPageBytes;
    expect_damage(RegionKind::kWeights, address + 4000, address);
  }
  expect_damage(RegionKind::kParameters, view.parameters.address + 5, view.parameters.address);
  expect_damage(RegionKind::kProgram, program_address_ + 20, program_address_);
  expect_damage(RegionKind::kProgram, program_address_ + 64 + 3 * 32 + 9, program_address_ + 128);
}

TEST_F(AcceleratorServerTest, SoftResetClearsStatus) {
  AcceleratorServer server = this->server(Fault::kBusError);
  ask({1}, 0, 0);
  expect_error(server, registers::ErrorCode::kReadError);
  word(registers::kControl) = registers::kSoftReset;
  EXPECT_TRUE(server.serve_once());
  EXPECT_EQ(word(registers::kControl), 0u);
  EXPECT_EQ(word(registers::kStatus), 0u);
  AcceleratorServer silent = this->server(Fault::kSilent);
  ask({1}, 0, 0);
  EXPECT_FALSE(silent.serve_once());
  EXPECT_EQ(word(registers::kControl), registers::kStart);
}

TEST_F(AcceleratorServerTest, CountsTheBeatsThatTheProgramMoves) {
  // Per layer 2 pages of Qkv, 1 of Out, 4 of GateUp, 2 of Down; 1 of the LmHead; the chunk's metadata.
  const uint64_t streamed = (2 * (2 + 1 + 4 + 2) + 1 + 1) * kPageBytes;
  const uint64_t layers = 2, kv_heads = 2;
  const uint64_t row = embedding_row_bytes(EmbeddingFormat::kQ8, 128) + rope_row_bytes(32);
  uint64_t loaded = 0;  // what of the parameter region is not padding
  for (const Instruction& in : program_.instructions) {
    if (in.opcode == Opcode::kLoad) loaded += uint64_t{in.count} * kBeatBytes;
  }
  // At position 40: two beats of scales for K and V each, and a record of 64 B per position for each.
  const uint64_t kv = layers * kv_heads * (4 * 64 + 2 * 40 * 64);
  const PassTraffic traffic = pass_traffic(program_, 40, 1, 0);
  EXPECT_EQ(traffic.beats_read * 64, streamed + loaded + row + kv);
  // K and V with a beat for their scales, and 96 logits.
  EXPECT_EQ(traffic.beats_written * 64, layers * kv_heads * 2 * (64 + 64) + 96 * 4);
  EXPECT_LT(pass_traffic(program_, 40, 1, 1).beats_read, traffic.beats_read)
      << "without logits, without their matrix";
}

}  // namespace
}  // namespace brim
