// Images whose checksums are right but whose content makes no sense: what a stranger could hand us. They are
// refused or run to some end; nothing reads or writes out of bounds (the debug build's sanitizers watch).
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "engine/interpreter.h"
#include "tests/support/forged_image.h"

namespace brim::test {
namespace {

ModelDescription tiny_model() {
  ModelDescription model = small_model("plain");
  model.layers = 1;
  model.vocabulary = 32;
  return model;
}

// An image that is changed and tried.
class Forgery : public ForgedImage {
 public:
  Forgery() : ForgedImage(tiny_model()) {}

  // What opening the image and running three passes says; "" if nothing is wrong with it.
  std::string attempt() {
    const std::string path = write();
    try {
      const MappedImage image(path);
      Interpreter executor(image, make_reference_kernels(), {.max_tokens_per_pass = 3});
      if (executor.context() > 1 << 20 || executor.vocabulary() > 1 << 20) return "";
      const uint32_t tokens[] = {1, 2, 3};
      executor.run({.tokens = tokens, .position = 0, .first_logits = 2});
      executor.run({.tokens = tokens, .position = 3, .first_logits = 3});
      executor.run({.tokens = std::span(tokens).first(1), .position = 6, .first_logits = 0});
    } catch (const Error& error) {
      return error.what();
    } catch (const std::bad_alloc&) {
      return "out of memory";
    }
    return "";
  }
};

TEST(DamagedImage, TheForgeryItselfIsSound) {
  Forgery forgery;
  EXPECT_EQ(forgery.attempt(), "");
}

TEST(DamagedImage, ProgramsWithChangedBytesAreRefusedOrRunWithinBounds) {
  Forgery forgery;
  std::mt19937_64 random(1);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    forgery.reset();
    const auto program = forgery.region(RegionKind::kProgram);
    const size_t used = sizeof(ProgramHeader) + forgery.instructions().size_bytes();
    for (uint64_t changes = random() % 3 + 1; changes > 0; --changes) {
      char& byte = program[random() % used];
      byte = static_cast<char>(random() % 4 == 0 ? byte ^ (1 << random() % 8) : random());
    }
    refused += !forgery.attempt().empty();
  }
  EXPECT_GT(refused, 1000);
}

TEST(DamagedImage, ProgramsInAnotherOrderAreRefusedOrRunWithinBounds) {
  Forgery forgery;
  std::mt19937_64 random(2);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    forgery.reset();
    const auto instructions = forgery.instructions();
    const size_t last = instructions.size() - 1;  // end stays where it is
    for (uint64_t changes = random() % 3 + 1; changes > 0; --changes) {
      Instruction& one = instructions[random() % last];
      Instruction& other = instructions[random() % last];
      if (random() % 2 == 0) {
        std::swap(one, other);
      } else {
        one = other;
      }
    }
    refused += !forgery.attempt().empty();
  }
  EXPECT_GT(refused, 500);
}

TEST(DamagedImage, AnyByteOfAHeaderWithTheRightChecksumIsRefusedOrHarmless) {
  Forgery forgery;
  std::mt19937_64 random(3);
  for (size_t i = 0; i < offsetof(ImageHeader, regions) + 11 * sizeof(RegionEntry); ++i) {
    forgery.reset();
    char& byte = reinterpret_cast<char*>(&forgery.header())[i];
    byte = static_cast<char>(byte ^ (random() % 255 + 1));
    const std::string text = forgery.attempt();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

TEST(DamagedImage, WeightsAndTablesOfAnyBytesNeverGiveLogitsThatAreNoNumbers) {
  Forgery forgery;
  std::mt19937_64 random(4);
  for (const RegionKind kind :
       {RegionKind::kWeights, RegionKind::kEmbedding, RegionKind::kRope, RegionKind::kParameters}) {
    for (int i = 0; i < 20; ++i) {
      forgery.reset();
      for (char& byte : forgery.region(kind)) {
        if (i < 10 || random() % 16 == 0) byte = static_cast<char>(random());
      }
      const std::string text = forgery.attempt();
      EXPECT_TRUE(text.empty() || text.find("number range") != std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace brim::test
