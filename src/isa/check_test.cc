// What every executor refuses, and with which words.
#include "isa/check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "compile/build_program.h"

namespace brim {
namespace {

// A model of two layers with biases and head norms; matrices of 1, 2 and 4 column groups.
Program sound_program(uint32_t window = 0) {
  ModelDescription model;
  model.name = "test";
  model.dim = 512;
  model.layers = 2;
  model.heads = 4;
  model.kv_heads = 2;
  model.head_size = 64;
  model.hidden = 384;
  model.vocabulary = 300;
  model.qkv_bias = true;
  model.qk_norm = true;
  model.attention_window = window;
  ProgramAddresses addresses;
  addresses.context = 128;
  addresses.kv.resize(uint64_t{model.layers} * model.kv_heads * 2);
  addresses.streams = {{0, 0x200000}};
  return build_program(model, addresses);
}

std::string fault(const Program& program) {
  const auto found = find_fault(program);
  return found ? found->what : "";
}

size_t first(const Program& program, Opcode opcode) {
  return static_cast<size_t>(std::ranges::find(program.instructions, opcode, &Instruction::opcode) -
                             program.instructions.begin());
}

// What is wrong with the program whose first instruction of this kind is changed.
std::string fault_of(Opcode opcode, const std::function<void(Instruction&)>& change) {
  Program program = sound_program();
  const size_t at = first(program, opcode);
  change(program.instructions[at]);
  const auto found = find_fault(program);
  if (!found) return "";
  EXPECT_EQ(found->instruction, at);
  return found->what.substr(found->what.find("): ") + 3);
}

TEST(CheckProgram, AcceptsWhatTheBuilderMakes) { EXPECT_EQ(fault(sound_program()), ""); }

TEST(CheckProgram, SaysWhereWhatAndWhatToDo) {
  Program program = sound_program();
  const size_t at = first(program, Opcode::kResidual);
  program.instructions[at].rows = 511;
  try {
    check_program("model.brim", program);
    FAIL() << "a wrong program is accepted";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "model.brim: program: instruction " + std::to_string(at) +
                                             " (residual rows=511 norm=P[32]): rows 511 is not dim; pack the "
                                             "model again");
  }
}

TEST(CheckProgram, RefusesOperandsThatAreNotWhatTheyMustBe) {
  const auto in = [](auto change) { return change; };
  EXPECT_EQ(fault_of(Opcode::kValue, in([](auto& i) { i.flags |= kFlagNorm; })),
            "flags 3 is not made of flags that the instruction knows");
  EXPECT_EQ(fault_of(Opcode::kMatvec, in([](auto& i) { i.shape = 1; })),
            "shape 1 is not the largest of 4, 2 and 1 that divides groups");
  EXPECT_EQ(fault_of(Opcode::kLoad, in([](auto& i) { i.count = 0; })), "count 0 is not 1 ... 1024");
  EXPECT_EQ(fault_of(Opcode::kLoad, in([](auto& i) { i.param = 1000; })),
            "param 1000 is not so that all of the load is within P");
  EXPECT_EQ(fault_of(Opcode::kEmbed, in([](auto& i) { i.param = 1000; })),
            "param 1000 is not so that the norm weights are within P");
  EXPECT_EQ(fault_of(Opcode::kKey, in([](auto& i) { i.param = 1021; })),
            "param 1021 is not so that the bias is within P");
  EXPECT_EQ(fault_of(Opcode::kQuery, in([](auto& i) { i.param2 = 1021; })),
            "param2 1021 is not so that the head norm is within P");
  EXPECT_EQ(fault_of(Opcode::kEmbed, in([](auto& i) { i.shape = 3; })), "shape 3 is not an embedding format");
  EXPECT_EQ(fault_of(Opcode::kEmbed, in([](auto& i) { ++i.count; })),
            "count " + std::to_string(embedding_row_bytes(EmbeddingFormat::kQ8, 512) / 64 + 1) +
                " is not the beats of an embedding row");
  EXPECT_EQ(fault_of(Opcode::kRope, in([](auto& i) { --i.count; })),
            "count 3 is not the beats of a RoPE row");
  EXPECT_EQ(fault_of(Opcode::kMatvec, in([](auto& i) { i.buffer = static_cast<ActivationBuffer>(3); })),
            "buffer 3 is not a buffer of activations");
  EXPECT_EQ(fault_of(Opcode::kMatvec, in([](auto& i) { i.groups = 8; })),
            "groups 8 is not the groups of 128 of its input, with flag 4 twice as many");
  EXPECT_EQ(fault_of(Opcode::kMatvec, in([](auto& i) { i.rows = 1 << 24; })),
            "rows 16777216 is not 1 ... 16777215");
  EXPECT_EQ(fault_of(Opcode::kMatvec, in([](auto& i) { ++i.count; })),
            "count 9 is not row blocks times pages of a row block");
  EXPECT_EQ(fault_of(Opcode::kQuery, in([](auto& i) { i.head = 4; })), "head 4 is not a query head");
  EXPECT_EQ(fault_of(Opcode::kOutput, in([](auto& i) { i.head = 2; })), "head 2 is not a KV head");
  EXPECT_EQ(fault_of(Opcode::kSwiglu, in([](auto& i) { i.rows = 384; })),
            "rows 384 is not twice hidden or expert_hidden");
  EXPECT_EQ(fault_of(Opcode::kLogits, in([](auto& i) { i.rows = 299; })), "rows 299 is not vocabulary");
  EXPECT_EQ(fault_of(Opcode::kResidual, in([](auto& i) { i.flags = 1; })),
            "flags 1 is not made of flags that the instruction knows");
  EXPECT_NE(fault_of(Opcode::kRope, in([](auto& i) { i.opcode = static_cast<Opcode>(99); })), "");
}

TEST(CheckProgram, RefusesHeadersOutOfRange) {
  const auto fault_with = [](const std::function<void(ProgramHeader&)>& change) {
    Program program = sound_program();
    change(program.header);
    return fault(program);
  };
  EXPECT_EQ(fault_with([](auto& h) { h.head_size = 63; }), "header: head_size 63 is not a multiple of 2");
  EXPECT_EQ(fault_with([](auto& h) { h.head_size = 258; }), "header: head_size 258 is not 2 ... 256");
  EXPECT_EQ(fault_with([](auto& h) { h.kv_heads = 0; }), "header: kv_heads 0 is not 1 ... 65535");
  EXPECT_EQ(fault_with([](auto& h) { h.kv_heads = 3; }), "header: heads 4 is not a multiple of kv_heads 3");
  EXPECT_EQ(fault_with([](auto& h) { h.key_bits = 5; }), "header: key_bits 5 is not 4 or 8");
  EXPECT_EQ(fault_with([](auto& h) { h.value_bits = 16; }), "header: value_bits 16 is not 4 or 8");
  EXPECT_EQ(fault_with([](auto& h) { h.kv_flags = 2; }), "header: kv_flags 2 is not 0 ... 1");
  EXPECT_EQ(fault_with([](auto& h) { h.context = 100; }), "header: context 100 is not a multiple of 64");
  EXPECT_EQ(fault_with([](auto& h) { h.dim = 0; }), "header: dim 0 is not 1 ... 65536");
  EXPECT_EQ(fault_with([](auto& h) { h.logits_stride = 1; }),
            "header: logits_stride 1 is not 19 ... 4294967295");
}

std::string fault_with(const std::function<void(std::vector<Instruction>&, const Program&)>& change) {
  const Program sound = sound_program();
  Program program = sound;
  change(program.instructions, sound);
  const std::string found = fault(program);
  return found.empty() ? "" : found.substr(found.find("): ") + 3);
}

std::string fault_without(Opcode opcode) {
  return fault_with([&](auto& in, const Program& sound) {
    in.erase(in.begin() + static_cast<ptrdiff_t>(first(sound, opcode)));
  });
}

// The first `opcode` moved to just behind the first `behind`.
std::string fault_moved(Opcode opcode, Opcode behind) {
  return fault_with([&](auto& in, const Program& sound) {
    const auto from = in.begin() + static_cast<ptrdiff_t>(first(sound, opcode));
    const auto to = in.begin() + static_cast<ptrdiff_t>(first(sound, behind));
    if (from < to) {
      std::rotate(from, from + 1, to + 1);
    } else {
      std::rotate(to + 1, from, from + 1);
    }
  });
}

TEST(CheckProgram, RefusesWhatIsReadBeforeItIsThere) {
  EXPECT_EQ(fault_without(Opcode::kLoad), "parameters that were not loaded");
  EXPECT_EQ(fault_without(Opcode::kStream), "there is no weight stream");
  EXPECT_EQ(fault_without(Opcode::kRope), "reads a buffer that nothing has filled");
  EXPECT_EQ(fault_without(Opcode::kEmbed), "reads a buffer that nothing has filled");
  EXPECT_EQ(fault_without(Opcode::kSwiglu), "the last results have not all been taken");
  EXPECT_EQ(fault_without(Opcode::kMatvec), "takes more results than there are");
}

TEST(CheckProgram, RefusesHeadsOutOfOrder) {
  EXPECT_EQ(fault_without(Opcode::kKey), "the last results have not all been taken");
  EXPECT_EQ(fault_without(Opcode::kQuery), "comes out of the order of the heads");
  EXPECT_EQ(fault_without(Opcode::kScores), "comes before what it depends on");
  EXPECT_EQ(fault_without(Opcode::kSoftmax), "comes out of the order of the heads");
  EXPECT_EQ(fault_moved(Opcode::kScores, Opcode::kSoftmax), "comes before what it depends on");
  EXPECT_EQ(fault_moved(Opcode::kOutput, Opcode::kResidual), "the last results have not all been taken");
  EXPECT_EQ(fault_moved(Opcode::kResidual, Opcode::kQuery), "comes before the attention of all KV heads");
}

TEST(CheckProgram, RefusesResultsThatAreLeftOrMissing) {
  EXPECT_EQ(fault_without(Opcode::kResidual), "the last results have not all been taken");
  EXPECT_EQ(fault_without(Opcode::kLogits), "the last results have not all been taken");
}

// Two layers of experts with norms over all heads.
Program mixture_program() {
  ModelDescription model;
  model.name = "test";
  model.dim = 256;
  model.layers = 2;
  model.heads = model.kv_heads = 4;
  model.head_size = 64;
  model.vocabulary = 300;
  model.qk_norm = model.norm_all_heads = true;
  model.experts = 6;
  model.experts_per_token = 2;
  model.expert_hidden = 384;
  ProgramAddresses addresses;
  addresses.context = 128;
  addresses.kv.resize(uint64_t{model.layers} * model.kv_heads * 2);
  // Matrices of a layer: three, and two of each expert.
  addresses.streams = {{0, 0x200000}, {3, 0x400000}, {15, 0x600000}, {18, 0x800000}, {30, 0xA00000}};
  return build_program(model, addresses);
}

TEST(CheckProgram, RefusesExpertsThatAreNotTheirFourSteps) {
  const auto fault_with = [](const std::function<void(Program&)>& change) {
    Program program = mixture_program();
    change(program);
    const std::string found = fault(program);
    const size_t reason = found.find("): ");
    return reason == std::string::npos ? found : found.substr(reason + 3);
  };
  const auto at = [](Program& program, Opcode opcode, size_t further = 0) -> Instruction& {
    return program.instructions[first(program, opcode) + further];
  };
  const auto erase = [](Program& program, Opcode opcode) {
    program.instructions.erase(program.instructions.begin() + static_cast<ptrdiff_t>(first(program, opcode)));
  };
  EXPECT_EQ(fault_with([](Program&) {}), "");
  EXPECT_EQ(fault_with([&](Program& p) { at(p, Opcode::kExperts).count = 3; }), "count 3 is not 4");
  EXPECT_EQ(fault_with([&](Program& p) { at(p, Opcode::kRoute).rows = 5; }), "rows 5 is not experts");
  EXPECT_EQ(fault_with([&](Program& p) { erase(p, Opcode::kRoute); }),
            "the last results have not all been taken");
  constexpr const char* kNotAStep = "is not the step of an expert that belongs here";
  for (size_t step = 1; step <= kExpertSteps; ++step) {
    EXPECT_NE(fault_with([&](Program& p) { at(p, Opcode::kExperts, step).opcode = Opcode::kEndPrompt; }), "");
  }
  EXPECT_EQ(fault_with([&](Program& p) {
              at(p, Opcode::kExperts, 2) = {.opcode = Opcode::kNorm, .param = at(p, Opcode::kNorm).param};
            }),
            kNotAStep);
  EXPECT_EQ(fault_with([&](Program& p) { erase(p, Opcode::kExperts); }),
            "stands outside of the steps of an expert");
  const auto without_second_stream = [&](Program& p) {
    const auto behind = p.instructions.begin() + static_cast<ptrdiff_t>(first(p, Opcode::kNorm));
    p.instructions.erase(
        std::ranges::find(behind, p.instructions.end(), Opcode::kStream, &Instruction::opcode));
  };
  EXPECT_EQ(fault_with(without_second_stream), "there is no weight stream") << "a run goes on across experts";
  EXPECT_EQ(fault_with([&](Program& p) { at(p, Opcode::kNorm) = at(p, Opcode::kMix); }),
            "stands outside of the steps of an expert");
  // A shared expert's swiglu and down as wide as an expert's.
  const auto beside = [&](const Instruction& in) {
    return [&at, in](Program& p) {
      p.header.hidden = 640;
      at(p, Opcode::kNorm) = in;
    };
  };
  constexpr const char* kExpertsSize = "has an expert's size outside of its steps";
  EXPECT_EQ(fault_with(beside({.opcode = Opcode::kSwiglu, .rows = 2 * 384})), kExpertsSize);
  EXPECT_EQ(fault_with(beside({.opcode = Opcode::kMatvec,
                               .buffer = ActivationBuffer::kHidden,
                               .shape = 1,
                               .rows = 64,
                               .count = static_cast<uint32_t>(matrix_pages(64, 3)),
                               .groups = 3})),
            kExpertsSize);
  EXPECT_EQ(fault_with([](Program& p) { p.header.experts = 0; }),
            "header: experts_per_token 2 is not 0 ... 0");
  EXPECT_EQ(fault_with([](Program& p) { p.header.experts = 300; }), "header: experts 300 is not 0 ... 256");
  EXPECT_EQ(fault_with([](Program& p) { p.header.experts_per_token = 7; }),
            "header: experts_per_token 7 is not 1 ... 6");
  EXPECT_EQ(fault_with([](Program& p) { p.header.expert_hidden = 385; }),
            "header: expert_hidden 385 is not 1 ... 384");
  const auto dense = [](Program& p) {
    p.header.experts = p.header.experts_per_token = p.header.expert_hidden = 0;
  };
  EXPECT_NE(fault_with(dense), "");
}

TEST(CheckProgram, RefusesANormOverAllHeadsThatIsNotMadeUpFor) {
  const auto fault_with = [](const std::function<void(Program&, size_t)>& change, Opcode opcode) {
    Program program = mixture_program();
    change(program, first(program, opcode));
    const std::string found = fault(program);
    return found.substr(found.find("): ") + 3);
  };
  const auto without = [](Program& p, size_t i) {
    p.instructions.erase(p.instructions.begin() + static_cast<ptrdiff_t>(i));
  };
  const auto without_any = [](Program& p, size_t) {
    std::erase_if(p.instructions, [](const Instruction& in) { return in.opcode == Opcode::kKeyScale; });
  };
  EXPECT_EQ(fault_with(without, Opcode::kKeyScale), "comes out of the order of the heads");
  EXPECT_EQ(fault_with(without_any, Opcode::kKeyScale), "comes before what it depends on");
  EXPECT_EQ(fault_with([](Program& p, size_t i) { p.instructions[i].flags = 0; }, Opcode::kSoftmax),
            "has another kind of head norm than the heads before");
  EXPECT_EQ(fault_with([](Program& p, size_t i) { p.instructions[i].flags |= kFlagNorm; }, Opcode::kKey),
            "has two kinds of head norm");
}

TEST(CheckProgram, RefusesWindowsThatDoNotFitTheirLayer) {
  const auto fault_with = [](Opcode opcode, const std::function<void(Instruction&)>& change) {
    Program program = sound_program(100);
    change(program.instructions[first(program, opcode)]);
    const std::string found = fault(program);
    return found.substr(found.find("): ") + 3);
  };
  EXPECT_EQ(fault(sound_program(100)), "");
  for (const Opcode opcode :
       {Opcode::kKey, Opcode::kValue, Opcode::kScores, Opcode::kSoftmax, Opcode::kValues}) {
    EXPECT_EQ(fault_with(opcode, [](auto& in) { in.rows = 128; }),
              "rows 128 is not 1 ... the context less 1");
    EXPECT_EQ(fault_with(opcode, [](auto& in) { in.rows = 0; }), "rows 0 is not 1 ... the context less 1");
    EXPECT_EQ(fault_with(opcode, [](auto& in) { in.count = 0; }),
              "count 0 is not the positions of the window's ring");
  }
  EXPECT_EQ(fault_with(Opcode::kValue, [](auto& in) { in.flags &= static_cast<uint8_t>(~kFlagWindow); }),
            "has another window than the heads before");
  EXPECT_EQ(fault_with(Opcode::kScores, [](auto& in) { in.rows = 99; }),
            "has another window than the heads before");
}

// One that the accelerator has no room for is refused when it is built, and so when packing.
TEST(CheckProgram, TheBuilderRefusesMoreParametersThanTheBufferHolds) {
  ModelDescription model;
  model.name = "many heads";
  model.dim = 8192;
  model.layers = 1;
  model.heads = 64;
  model.kv_heads = 64;
  model.head_size = 128;
  model.hidden = 256;
  model.vocabulary = 100;
  ProgramAddresses addresses;
  addresses.context = 64;
  addresses.kv.resize(2 * model.kv_heads);
  EXPECT_NO_THROW(build_program(model, addresses));
  model.qk_norm = true;
  try {
    build_program(model, addresses);
    FAIL() << "parameters past P";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("66560 bytes, the accelerator's parameter buffer holds 65536"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace brim
