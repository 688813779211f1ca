// A fault campaign: flips bits of a board's memory while a model decodes on it, repairs what is reported as
// the firmware does, and tells what came of each run. docs/results.md has the table.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "accelerator/driver.h"
#include "base/concat.h"
#include "base/error.h"
#include "board_server/accelerator_server.h"
#include "board_server/interpreter_pass_server.h"
#include "board_server/rtl_pass_server.h"
#include "image/pack.h"
#include "isa/damage.h"
#include "model/synthetic.h"
#include "rtl_target/model.h"

namespace brim {
namespace {

struct Options {
  uint64_t runs = 20000;
  uint64_t seed = 1;
  uint32_t bits = 1;
  std::string executor = "reference";
  std::string log = "faults.csv";
};

constexpr uint64_t kRegisters = 0x1F0000;  // in the firmware's area
constexpr uint32_t kPrompt = 3, kPasses = 6;

// Small enough for ten thousands of runs: a dense model with q/k norms.
ModelDescription model() {
  ModelDescription m = open_synthetic("qwen3-0.6b")->description();
  m.name = "faults";
  m.layers = 2;
  m.dim = 64;
  m.heads = 4;
  m.kv_heads = 2;
  m.head_size = 16;
  m.hidden = 172;
  m.vocabulary = 100;
  return m;
}

enum class Outcome : uint8_t { kMasked, kRepaired, kRefused, kSilent };
constexpr std::array kOutcomes = {"masked", "repaired", "refused", "silently wrong"};

struct Flip {
  uint64_t address = 0;
  uint8_t bits = 0;
};

// The board: memory with the image in it, and what runs its passes.
class Bench {
 public:
  Bench(const Options& options, const std::filesystem::path& folder, const MappedImage& image)
      : image_(image),
        ddr_(folder / "ddr", {{0, uint64_t{2} << 30}, {0x800000000, uint64_t{2} << 30}}),
        passes_(make_passes(options)),
        server_(ddr_, *passes_, {.registers = kRegisters}),
        block_(ddr_, kRegisters),
        program_(image.program()) {
    load_image(image, ddr_);
    golden_ = decode({}, 0, false);
  }

  // What a decode gives: all logits, one pass after the other; or that it was refused.
  struct Result {
    std::vector<float> logits;
    uint32_t repairs = 0;
    bool refused = false;
  };

  Outcome run(RegionKind kind, const std::vector<Flip>& flips, uint32_t pass) {
    for (const RegionEntry& region : image_.regions()) {
      if (region.file_bytes == 0 && region.kind != RegionKind::kReserved)
        std::memset(at(region.address), 0, region.bytes);
    }
    const Result result = decode(flips, pass, kind == RegionKind::kLogits);
    for (const Flip& flip : flips) restore(flip.address, 1);
    reset();
    if (result.refused) return Outcome::kRefused;
    const bool same =
        result.logits.size() == golden_.logits.size() &&
        std::memcmp(result.logits.data(), golden_.logits.data(), golden_.logits.size() * sizeof(float)) == 0;
    if (!same) return Outcome::kSilent;
    return result.repairs > 0 ? Outcome::kRepaired : Outcome::kMasked;
  }

 private:
  std::unique_ptr<PassServer> make_passes(const Options& options) {
    const Board board = load_board("kv260");
    if (options.executor == "rtl") {
      return std::make_unique<RtlPassServer>(ddr_, board,
                                             rtl_target::load_model(rtl_target::model_folder(), 1));
    }
    return std::make_unique<InterpreterPassServer>(
        ddr_, board.accelerator, [name = options.executor] { return make_kernels(name); }, 1);
  }

  uint8_t* at(uint64_t address) const { return ddr_.at(address, 1); }

  void reset() {
    block_.write(registers::kControl, registers::kSoftReset);
    server_.serve_once();
  }

  // From the image, as from the card.
  void restore(uint64_t address, uint64_t bytes) {
    for (const RegionEntry& region : image_.regions()) {
      if (!region.range().contains(address, bytes) || region.file_bytes == 0) continue;
      std::memcpy(at(address), image_.content(region).data() + (address - region.address), bytes);
    }
  }

  // As firmware/repair.cc: a page of weights, else the whole region.
  void repair(const accelerator::Outcome& outcome) {
    const uint64_t address = outcome.byte_address();
    if (outcome.region == RegionKind::kWeights) return restore(address / kPageBytes * kPageBytes, kPageBytes);
    for (const RegionEntry& region : image_.regions()) {
      if (region.kind == outcome.region) restore(region.address, region.bytes);
    }
  }

  // `after`: the flips hit between the end of the pass and the look at its logits.
  Result decode(const std::vector<Flip>& flips, uint32_t faulty_pass, bool after) {
    Result result;
    std::vector<uint32_t> tokens(kPrompt);
    for (uint32_t t = 0; t < kPrompt; ++t) tokens[t] = 7 * t + 1;
    uint32_t position = 0;
    const auto hit = [&] {
      for (const Flip& flip : flips) *at(flip.address) ^= flip.bits;
    };
    for (uint32_t p = 0; p < kPasses; ++p) {
      if (p == faulty_pass && !after) hit();
      const auto count = static_cast<uint32_t>(tokens.size());
      // An accelerator of one token takes the prompt in parts.
      const uint32_t most = block_.read(registers::kMaxTokens);
      for (uint32_t first = 0; first < count; first += most) {
        const uint32_t width = std::min(most, count - first);
        const bool last = first + width == count;
        const Pass pass = {.tokens = std::span(tokens).subspan(first, width),
                           .position = position + first,
                           .first_logits = last ? width - 1 : width};
        if (!run_pass(pass, result)) return result;
        if (!last) continue;
        if (p == faulty_pass && after) hit();
        const uint32_t vocabulary = program_.header.vocabulary;
        const auto* row =
            reinterpret_cast<const float*>(ddr_.at(logits_address(program_, width - 1), 4ull * vocabulary));
        result.logits.insert(result.logits.end(), row, row + vocabulary);
        position += count;
        tokens = {static_cast<uint32_t>(std::max_element(row, row + vocabulary) - row)};
      }
    }
    return result;
  }

  bool run_pass(const Pass& pass, Result& result) {
    constexpr uint32_t kMostRepairs = 8;
    const uint64_t program = image_.view().program.address;
    for (uint32_t attempt = 0; attempt <= kMostRepairs; ++attempt) {
      accelerator::Request(program, pass).write(block_);
      block_.write(registers::kControl, registers::kStart);
      server_.serve_once();
      const accelerator::Outcome outcome = accelerator::read_outcome(block_);
      if (outcome.done) return true;
      reset();
      if (outcome.code != registers::ErrorCode::kDamaged) break;
      repair(outcome);
      ++result.repairs;
    }
    result.refused = true;
    return false;
  }

  const MappedImage& image_;
  SharedDdr ddr_;
  std::unique_ptr<PassServer> passes_;
  AcceleratorServer server_;
  RegisterBlock block_;
  Program program_;
  Result golden_;
};

struct Target {
  const char* name;
  RegionKind kind;
};
constexpr Target kTargets[] = {{"program", RegionKind::kProgram},
                               {"parameters", RegionKind::kParameters},
                               {"weights", RegionKind::kWeights},
                               {"RoPE", RegionKind::kRope},
                               {"embedding", RegionKind::kEmbedding},
                               {"KV scales", RegionKind::kKvScales},
                               {"KV", RegionKind::kKv},
                               {"logits", RegionKind::kLogits}};

// Some byte of a region that a decode of this length can read.
uint64_t some_byte(const RegionEntry& region, const Program& program, std::mt19937_64& random) {
  constexpr uint32_t kPositions = kPrompt + kPasses - 1;
  const ProgramHeader& header = program.header;
  const KvFormat kv = kv_format(header.head_size);
  const auto position = static_cast<uint32_t>(random() % kPositions);
  switch (region.kind) {
    case RegionKind::kProgram:
      return random() % (sizeof(ProgramHeader) + program.instructions.size() * sizeof(Instruction));
    case RegionKind::kRope:
      return random() % (uint64_t{kPositions} * rope_row_bytes(header.head_size));
    case RegionKind::kKv:  // a page holds all positions of a head's K or V
      return random() % (region.bytes / kPageBytes) * kPageBytes + kv.offset(position) +
             random() % header.head_size;
    case RegionKind::kKvScales: {
      const uint64_t heads = uint64_t{2} * header.kv_heads * model().layers;
      return random() % heads * kv.scales_bytes(header.context) + position * kv.scale_bytes + random() % 2;
    }
    case RegionKind::kLogits:
      return random() % (uint64_t{header.vocabulary} * sizeof(float));
    default:
      return random() % region.bytes;
  }
}

// What makes a run what it is, besides its number: the first line of a log.
std::string choices(const Options& options) {
  return concat("seed=", options.seed, " bits=", options.bits, " executor=", options.executor);
}

// Runs that a log has: "index,target,outcome" in a line each; a last one that was cut off is none. Throws
// Error if the log is of other choices.
std::vector<std::string> read_log(const Options& options) {
  std::vector<std::string> lines;
  std::ifstream in(options.log);
  std::string line;
  if (!std::getline(in, line)) return lines;
  if (line != choices(options)) {
    throw Error(concat(options.log, ": is of a campaign with ", line, ", not ", choices(options),
                       "; choose another --log"));
  }
  while (std::getline(in, line) && !in.eof()) lines.push_back(line);
  return lines;
}

void print_table(const std::vector<std::string>& lines) {
  std::map<std::string, std::map<std::string, uint64_t>> counts;
  for (const std::string& line : lines) {
    const size_t first = line.find(','), second = line.find(',', first + 1);
    if (second != std::string::npos)
      ++counts[line.substr(first + 1, second - first - 1)][line.substr(second + 1)];
  }
  std::printf(
      "| region | runs | masked | detected and repaired | detected and refused | silently wrong "
      "|\n|---|---|---|---|---|---|\n");
  for (const Target& target : kTargets) {
    auto& row = counts[target.name];
    uint64_t runs = 0;
    for (const auto& [outcome, count] : row) runs += count;
    std::printf("| %s | %llu |", target.name, static_cast<unsigned long long>(runs));
    for (const char* outcome : kOutcomes)
      std::printf(" %llu |", static_cast<unsigned long long>(row[outcome]));
    std::printf("\n");
  }
}

void campaign(const Options& options) {
  std::vector<std::string> lines = read_log(options);
  std::string folder = (std::filesystem::temp_directory_path() / "brim-faults-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr)
    throw Error("cannot make a directory like " + folder + "; set TMPDIR");
  const std::string path = folder + "/faults.brim";
  pack_image(*make_synthetic(model(), 1), {}, {.board = load_board("kv260"), .context = 64, .threads = 1},
             path);
  const MappedImage image(path);
  const Program program = image.program();
  {
    Bench bench(options, folder, image);
    std::ofstream log(options.log);
    log << choices(options) << '\n';
    for (const std::string& line : lines) log << line << '\n';
    for (uint64_t run = lines.size(); run < options.runs; ++run) {
      std::seed_seq seeds{options.seed, run};
      std::mt19937_64 random(seeds);
      const Target& target = kTargets[random() % std::size(kTargets)];
      const RegionEntry* region = nullptr;
      for (const RegionEntry& entry : image.regions()) {
        if (entry.kind == target.kind && region == nullptr) region = &entry;
      }
      std::vector<Flip> flips;
      for (uint32_t i = 0; i < options.bits; ++i) {
        flips.push_back({region->address + some_byte(*region, program, random),
                         static_cast<uint8_t>(1u << random() % 8)});
      }
      const Outcome outcome = bench.run(target.kind, flips, static_cast<uint32_t>(random() % kPasses));
      lines.push_back(concat(run, ',', target.name, ',', kOutcomes[static_cast<size_t>(outcome)]));
      log << lines.back() << std::endl;
    }
  }
  std::filesystem::remove_all(folder);
  print_table(lines);
}

}  // namespace
}  // namespace brim

int main(int argc, char** argv) {
  CLI::App app{
      "Flips bits of a board's memory while a small model decodes on it, and tells what came of each run."};
  brim::Options options;
  app.add_option("--runs", options.runs, "Runs, those in the log among them")->capture_default_str();
  app.add_option("--seed", options.seed, "Of all choices: a run's are those of its number")
      ->capture_default_str();
  app.add_option("--bits", options.bits, "Bits to flip in a region, at the same time")
      ->check(CLI::Range(1, 8))
      ->capture_default_str();
  app.add_option("--executor", options.executor, "reference, a set of kernels, or rtl")
      ->capture_default_str();
  app.add_option("--log", options.log,
                 "File with a line per run; a campaign that was stopped goes on behind it")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    brim::campaign(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "faults: %s\n", error.what());
    return 1;
  }
  return 0;
}
