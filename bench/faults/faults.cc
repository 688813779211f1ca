// A fault campaign: flips bits of a board's memory while a model decodes on it, repairs what is reported as
// the firmware does, and tells what came of each run. docs/results.md has the table.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/concat.h"
#include "base/error.h"
#include "bench/faults/firmware_subject.h"
#include "bench/faults/register_subject.h"
#include "board/board.h"
#include "image/pack.h"
#include "model/synthetic.h"

namespace brim {
namespace {

struct Options {
  uint64_t runs = 20000;
  uint64_t seed = 1;
  uint32_t bits = 1;
  std::string executor = "reference";
  std::string image;  // for the firmware
  std::string log = "faults.csv";
};

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

constexpr std::array kOutcomes = {"masked", "repaired", "refused", "silently wrong"};

struct Target {
  const char* name;
  RegionKind kind;
  bool checked;  // a pass compares checksums of what it reads there
};
constexpr Target kTargets[] = {{"program", RegionKind::kProgram, true},
                               {"parameters", RegionKind::kParameters, true},
                               {"weights", RegionKind::kWeights, true},
                               {"RoPE", RegionKind::kRope, false},
                               {"embedding", RegionKind::kEmbedding, false},
                               {"KV scales", RegionKind::kKvScales, false},
                               {"KV", RegionKind::kKv, false},
                               {"logits", RegionKind::kLogits, true}};

// Some byte of a region that a decode of this length can read.
uint64_t some_byte(const RegionEntry& region, const Program& program, uint32_t positions,
                   std::mt19937_64& random) {
  const ProgramHeader& header = program.header;
  const KvFormat kv = kv_format(header.head_size);
  const auto position = static_cast<uint32_t>(random() % positions);
  switch (region.kind) {
    case RegionKind::kProgram:
      return random() % (sizeof(ProgramHeader) + program.instructions.size() * sizeof(Instruction));
    case RegionKind::kRope:
      return random() % (uint64_t{positions} * rope_row_bytes(header.head_size));
    case RegionKind::kKv: {  // pages of a head's K or V
      const uint64_t head = kv.page_bytes(header.context);
      return random() % (region.bytes / head) * head + kv.offset(position) + random() % header.head_size;
    }
    case RegionKind::kKvScales: {
      const auto heads = 2 * static_cast<uint64_t>(std::ranges::count(program.instructions, Opcode::kKey,
                                                                      &Instruction::opcode));
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

// Returns how many runs were silently wrong where checksums are compared.
uint64_t print_table(const std::vector<std::string>& lines) {
  uint64_t missed = 0;
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
    if (target.checked) missed += row[kOutcomes.back()];
  }
  return missed;
}

uint64_t campaign(const Options& options) {
  std::vector<std::string> lines = read_log(options);
  std::string folder = (std::filesystem::temp_directory_path() / "brim-faults-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr)
    throw Error("cannot make a directory like " + folder + "; set TMPDIR");
  const bool firmware = options.executor == "firmware";
  std::string path = options.image;
  if (!firmware) {
    path = folder + "/faults.brim";
    pack_image(*make_synthetic(model(), 1), {}, {.board = load_board("kv260"), .context = 64, .threads = 1},
               path);
  }
  {
    const MappedImage image(path);
    const Program program = image.program();
    std::unique_ptr<FaultSubject> subject;
    if (firmware) {
      subject = std::make_unique<FirmwareSubject>(folder, image);
    } else {
      subject = std::make_unique<RegisterSubject>(options.executor, folder, image);
    }
    std::ofstream log(options.log);
    log << choices(options) << '\n';
    for (const std::string& line : lines) log << line << '\n';
    log.flush();
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
        flips.push_back({region->address + some_byte(*region, program, subject->positions(), random),
                         static_cast<uint8_t>(1u << random() % 8)});
      }
      const FaultOutcome outcome =
          subject->run(target.kind, flips, static_cast<uint32_t>(random() % subject->passes()));
      lines.push_back(concat(run, ',', target.name, ',', kOutcomes[static_cast<size_t>(outcome)]));
      log << lines.back() << std::endl;
    }
  }
  std::filesystem::remove_all(folder);
  return print_table(lines);
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
  app.add_option("--executor", options.executor, "reference, a set of kernels, rtl, or firmware (in QEMU)")
      ->capture_default_str();
  app.add_option("--image", options.image, "Image that the firmware talks with, of a model with a tokenizer");
  app.add_option("--log", options.log,
                 "File with a line per run; a campaign that was stopped goes on behind it")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if ((options.executor == "firmware") != !options.image.empty()) {
    std::fprintf(stderr, "faults: --executor firmware and --image go together\n");
    return 1;
  }
  try {
    if (const uint64_t missed = brim::campaign(options)) {
      std::fprintf(stderr, "faults: %llu runs were silently wrong where checksums are compared\n",
                   static_cast<unsigned long long>(missed));
      return 1;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "faults: %s\n", error.what());
    return 1;
  }
  return 0;
}
