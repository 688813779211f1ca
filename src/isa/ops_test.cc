#include "isa/ops.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/concat.h"
#include "isa/disassemble.h"
#include "isa/reads.h"

namespace brim {
namespace {

using Row = std::vector<std::string>;

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" `");
  const size_t last = text.find_last_not_of(" `");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

// The rows of the table of docs/program.md whose heading begins with these cells.
std::vector<Row> documented(const Row& heading) {
  std::ifstream file(std::string(BRIM_SOURCE_DIR) + "/docs/program.md");
  EXPECT_TRUE(file) << "docs/program.md cannot be read";
  std::vector<Row> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] != '|') {
      inside = false;
      continue;
    }
    Row cells;
    std::istringstream in(line.substr(1));
    for (std::string cell; std::getline(in, cell, '|');) cells.push_back(trimmed(cell));
    if (cells == heading) {
      inside = true;
    } else if (inside && cells[0].substr(0, 3) != "---") {
      rows.push_back(cells);
    }
  }
  EXPECT_FALSE(rows.empty()) << "docs/program.md has no table with the column " << heading[0];
  return rows;
}

std::string units(uint8_t units) {
  if (units == (kMcu | kVpu | kSpu)) return "all";
  std::string text;
  for (const auto& [unit, name] : {std::pair{kMcu, "MCU"}, {kVpu, "VPU"}, {kSpu, "SPU"}}) {
    if ((units & unit) != 0) text += concat(text.empty() ? "" : " ", name);
  }
  return text;
}

TEST(Ops, AreDocumentedOneByOne) {
  const auto rows = documented({"code", "name", "units", "meaning"});
  ASSERT_EQ(rows.size(), kOps.size());
  for (size_t i = 0; i < kOps.size(); ++i) {
    EXPECT_EQ(rows[i][0], std::to_string(i));
    EXPECT_EQ(rows[i][1], kOps[i].name);
    EXPECT_EQ(rows[i][2], units(kOps[i].units)) << kOps[i].name;
  }
}

std::string flags(uint8_t flags) {
  std::string text;
  for (uint32_t flag = 1; flag <= flags; flag *= 2) {
    if ((flags & flag) != 0) text += concat(text.empty() ? "" : ", ", flag);
  }
  return text.empty() ? "none" : text;
}

TEST(Ops, OperandsAreDocumentedWithWhatTheyMustBe) {
  std::vector<Row> expected;
  for (const Op& row : kOps) {
    if (row.flags != 0) expected.push_back({row.name, "flags", flags(row.flags)});
    for (const Operand& operand : row.operands) {
      std::string rule = bound_rule(operand.bound);
      std::string either = flags(operand.flag);
      if (const size_t comma = either.find(", "); comma != std::string::npos)
        either.replace(comma, 2, " or ");
      if (operand.flag != 0) rule = concat("with flag ", either, ": ", rule);
      if (operand.unless != 0) rule = concat("without flag ", flags(operand.unless), ": ", rule);
      expected.push_back({row.name, field_name(operand.field), rule});
    }
  }
  const auto rows = documented({"instruction", "field", "must be"});
  ASSERT_EQ(rows.size(), expected.size());
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], expected[i]) << "row " << i;
}

std::string part(BufferPart part) {
  switch (part) {
    case BufferPart::kAll:
      return "";
    case BufferPart::kHead:
      return "[head]";
    case BufferPart::kHeadsOfKv:
      return "[its query heads]";
    case BufferPart::kParityOfHead:
      return "[head mod 2]";
  }
  return "?";
}

std::string list(const auto& uses, bool results, bool parameters) {
  std::string text;
  const auto add = [&](const std::string& name) { text += concat(text.empty() ? "" : ", ", name); };
  if (results) add("results");
  for (const Use& use : uses) add(concat(buffer_name(use.buffer), part(use.part)));
  if (parameters) add("P");
  return text;
}

TEST(Ops, BuffersAndGenerationsAreDocumented) {
  std::vector<Row> expected;
  for (const Op& row : kOps) {
    bool reads_p = false, fills_p = false;
    for (const Operand& operand : row.operands) {
      if (operand.form != Form::kParameter) continue;
      (operand.bound == Bound::kLoadInP ? fills_p : reads_p) = true;
    }
    const std::string uses = list(row.uses, row.takes != Results::kNone, reads_p);
    const std::string fills = list(row.fills, row.gives != Results::kNone, fills_p);
    std::string generation = buffer_name(row.generation.buffer);
    if (row.generation.opens == Opens::kAlways) generation += ", a new one";
    if (row.generation.opens == Opens::kAtHead0) generation += ", a new one at head 0";
    if (!uses.empty() || !fills.empty()) expected.push_back({row.name, uses, fills, generation});
  }
  const auto rows = documented({"instruction", "reads", "fills", "generation"});
  ASSERT_EQ(rows.size(), expected.size());
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], expected[i]) << "row " << i;
}

TEST(Ops, TheInstructionsThatReadMemoryAreDocumentedInOrder) {
  std::string expected, documented_names;
  for (const Op& row : kOps) {
    if (row.reads.size() > 0) expected += std::string(row.name) + "\n";
  }
  for (const Row& row : documented({"instruction", "reads, in this order"})) {
    std::istringstream names(row[0]);
    for (std::string name; std::getline(names, name, ',');) documented_names += trimmed(name) + "\n";
  }
  EXPECT_EQ(documented_names, expected);
}

TEST(Ops, EveryBoundHasARuleAndAUser) {
  std::set<Bound> used = {kFlagsOperand.bound};
  for (const Op& row : kOps) {
    for (const Operand& operand : row.operands) used.insert(operand.bound);
  }
  EXPECT_EQ(used.size(), kBounds);
  std::set<std::string> rules;
  for (uint32_t i = 0; i < kBounds; ++i) rules.insert(bound_rule(static_cast<Bound>(i)));
  EXPECT_EQ(rules.size(), kBounds);
}

// Reads as docs/program.md states them, counted by hand for a context of 64 and heads of 64 elements.
TEST(Reads, AreAddressesAndBeatsCountedByHand) {
  const ProgramHeader header{.head_size = 64, .context = 64};
  const uint32_t ids[] = {5, 2};
  WeightStream stream;
  const auto reads = [&](const Instruction& in, uint32_t position) {
    std::vector<std::pair<uint64_t, uint64_t>> result;
    for_each_read(in, {header, position, ids}, stream,
                  [&](const ReadRun& run) { result.emplace_back(run.address, run.beats); });
    return result;
  };
  using Runs = std::vector<std::pair<uint64_t, uint64_t>>;
  EXPECT_EQ(reads({.opcode = Opcode::kLoad, .address = 3, .count = 7}, 9), (Runs{{192, 7}}));
  EXPECT_EQ(reads({.opcode = Opcode::kRope, .address = 3, .count = 4}, 9), (Runs{{2496, 4}, {2752, 4}}));
  EXPECT_EQ(reads({.opcode = Opcode::kEmbed, .address = 3, .count = 4}, 9), (Runs{{1472, 4}, {704, 4}}));
  EXPECT_EQ(reads({.opcode = Opcode::kScores, .address = 8, .address2 = 2}, 33),
            (Runs{{128, 2}, {256, 2}, {512, 33}}));
  EXPECT_EQ(reads({.opcode = Opcode::kValues, .address = 8}, 33), (Runs{{512, 33}}));
  EXPECT_EQ(reads({.opcode = Opcode::kValues, .address = 8}, 0), (Runs{{512, 0}}));
  EXPECT_EQ(reads({.opcode = Opcode::kResidual}, 33), Runs());
  // A metadata page before the first page of a stream and then before every 25th.
  EXPECT_EQ(reads({.opcode = Opcode::kStream, .address = 128}, 0), Runs());
  EXPECT_EQ(reads({.opcode = Opcode::kMatvec, .count = 3}, 0), (Runs{{8192, 4 * 128}}));
  EXPECT_EQ(reads({.opcode = Opcode::kMatvec, .count = 22}, 0), (Runs{{8192, 22 * 128}}));
  EXPECT_EQ(reads({.opcode = Opcode::kMatvec, .count = 26}, 0), (Runs{{8192, 28 * 128}}));
  EXPECT_EQ(stream.page, 51u);
  // An expert's matrices begin a run of chunks of their own.
  WeightStream of_expert;
  for_each_read({.opcode = Opcode::kExperts, .address = 128, .address2 = 256}, {header, 0, ids, 3}, of_expert,
                [](const ReadRun&) {});
  EXPECT_EQ(of_expert.start, (128u + 3 * 256u) * 64);
  EXPECT_EQ(of_expert.page, 0u);
}

// Two records of 32 bytes in a beat; scale and zero-point are four bytes.
TEST(Reads, OfAFourBitCacheAreAddressesAndBeatsCountedByHand) {
  const uint32_t ids[] = {5};
  WeightStream stream;
  const auto reads = [&](const ProgramHeader& header, const Instruction& in, uint32_t position) {
    std::vector<std::pair<uint64_t, uint64_t>> result;
    for_each_read(in, {header, position, ids}, stream,
                  [&](const ReadRun& run) { result.emplace_back(run.address, run.beats); });
    return result;
  };
  using Runs = std::vector<std::pair<uint64_t, uint64_t>>;
  const Instruction scores{.opcode = Opcode::kScores, .address = 8, .address2 = 2};
  const Instruction values{.opcode = Opcode::kValues, .address = 8};
  const ProgramHeader four{.head_size = 64, .context = 64, .key_bits = 4, .value_bits = 4};
  // 33 scales in 132 bytes. 33 records: nine in the first sub-block, in five beats, else eight in four.
  EXPECT_EQ(reads(four, scores, 33), (Runs{{128, 3}, {384, 3}, {512, 17}}));
  EXPECT_EQ(reads(four, values, 33), (Runs{{512, 17}}));
  const ProgramHeader mixed{.head_size = 128, .context = 64, .key_bits = 8, .value_bits = 4};
  EXPECT_EQ(reads(mixed, scores, 33), (Runs{{128, 2}, {256, 3}, {512, 66}}));
  EXPECT_EQ(reads(mixed, values, 33), (Runs{{512, 33}}));
}

// A window of 70 positions, pages of 64: a ring of 70 + 64 + 63 positions in whole pages.
TEST(Reads, OfARingGoRoundItsEnd) {
  const uint32_t ids[] = {5};
  WeightStream stream;
  const ProgramHeader header{.head_size = 128, .context = 512};
  const Instruction scores{.opcode = Opcode::kScores,
                           .flags = kFlagWindow,
                           .rows = 70,
                           .address = 128,
                           .address2 = 2,
                           .count = ring_positions(70, 64, 512)};
  ASSERT_EQ(scores.count, 256u);
  const auto reads = [&](uint32_t position) {
    std::vector<std::pair<uint64_t, uint64_t>> result;
    for_each_read(scores, {header, position, ids}, stream,
                  [&](const ReadRun& run) { result.emplace_back(run.address, run.beats); });
    return result;
  };
  using Runs = std::vector<std::pair<uint64_t, uint64_t>>;
  // Scales are two bytes, those of V behind 256 of K.
  EXPECT_EQ(reads(10), (Runs{{128, 1}, {640, 1}, {8192, 20}}));
  EXPECT_EQ(reads(69), (Runs{{128, 3}, {640, 3}, {8192, 138}}));
  EXPECT_EQ(reads(132), (Runs{{128, 5}, {640, 5}, {8192, 264}}));  // 63 is attended to
  EXPECT_EQ(reads(133), (Runs{{256, 3}, {768, 3}, {16384, 138}}));
  // Positions 192 to 265, in places 192 to 255 and 0 to 9.
  EXPECT_EQ(reads(266), (Runs{{512, 2}, {128, 1}, {1024, 2}, {640, 1}, {32768, 128}, {8192, 20}}));
}

TEST(CacheReach, GoesBackAsFarAsNoRingHasLostWhatIsAttendedTo) {
  const Instruction window{.opcode = Opcode::kScores, .flags = kFlagWindow, .rows = 20, .count = 192};
  const Instruction all{.opcode = Opcode::kScores};
  EXPECT_EQ(reach_of(std::span(&all, 1)).earliest_start(100000), 0u);
  const CacheReach reach = reach_of(std::span(&window, 1));
  EXPECT_EQ(reach.earliest_start(192), 0u);
  // Position 0 is gone. A token at 20 attends to 1 ... 20.
  EXPECT_EQ(reach.earliest_start(193), 20u);
  EXPECT_EQ(reach.earliest_start(300), 127u);
}

TEST(Disassemble, NamesOperands) {
  EXPECT_EQ(disassemble({.opcode = Opcode::kEnd}), "end");
  EXPECT_EQ(disassemble({.opcode = Opcode::kLoad, .address = 7, .count = 4, .param = 12}),
            "load P[12] from=0x1c0 beats=4");
  EXPECT_EQ(disassemble({.opcode = Opcode::kEmbed, .shape = 1, .address = 1, .count = 5, .param = 4}),
            "embed q8 table=0x40 beats=5 norm=P[4]");
  EXPECT_EQ(disassemble({.opcode = Opcode::kMatvec,
                         .buffer = ActivationBuffer::kHidden,
                         .shape = 2,
                         .rows = 64,
                         .count = 43,
                         .groups = 86}),
            "matvec hidden rows=64 groups=86 shape=2x64 pages=43");
  EXPECT_EQ(disassemble({.opcode = Opcode::kKey,
                         .flags = kFlagBias | kFlagNorm,
                         .address = 1,
                         .address2 = 2,
                         .head = 3,
                         .param = 4,
                         .param2 = 5}),
            "key kv_head=3 pages=0x40 scales=0x80 bias=P[4] norm=P[5]");
  EXPECT_EQ(disassemble({.opcode = Opcode::kSoftmax, .flags = kFlagWindow, .rows = 20, .count = 192}),
            "softmax kv_head=0 window=20 ring=192");
  EXPECT_EQ(disassemble({.opcode = Opcode::kQuery, .head = 3}), "query head=3");
  EXPECT_EQ(disassemble({.opcode = Opcode::kResidual, .rows = 64, .param = 4}), "residual rows=64 norm=P[4]");
  EXPECT_EQ(disassemble({.opcode = Opcode::kResidual,
                         .flags = kFlagPostNorm | kFlagPlain,
                         .rows = 64,
                         .param = 4,
                         .param2 = 5}),
            "residual rows=64 post_norm=P[5] plain");
  EXPECT_EQ(disassemble({.opcode = Opcode::kRoute, .flags = kFlagChosenSoftmax, .rows = 64}),
            "route rows=64 chosen");
  EXPECT_EQ(disassemble({.opcode = Opcode::kSwiglu, .flags = kFlagGelu, .rows = 64}), "swiglu rows=64 gelu");
  EXPECT_EQ(disassemble({.opcode = Opcode::kExperts, .address = 1, .address2 = 16, .count = 4}),
            "experts at=0x40 stride=0x400 steps=4");
  EXPECT_EQ(disassemble({.opcode = Opcode::kValue, .flags = kFlagNorm}),
            "value flags=2 kv_head=0 pages=0x0 scales=0x0");
  EXPECT_EQ(disassemble({.opcode = static_cast<Opcode>(200)}), "unknown");
}

}  // namespace
}  // namespace brim
