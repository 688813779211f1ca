#include "image/pack.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/concat.h"
#include "base/error.h"
#include "base/parallel.h"
#include "cli/command.h"
#include "image/output_file.h"
#include "model/hub.h"
#include "model/rotated_values.h"
#include "model/tensor_source.h"
#include "quantize/calibration_text.h"
#include "quantize/quantiser.h"
#include "runtime/calibrate.h"
#include "runtime/known_pass.h"
#include "tokenizer/build.h"

namespace brim {

namespace {

constexpr const char* kDefault = "auto";

struct Options {
  std::string model;
  std::string output;
  PlacementOptions placement;
  std::vector<std::string> avoid;  // addresses of memory that does not keep what is written
  std::string tokenizer;
  std::string quantiser = kDefault;
  std::string calibration;
  uint32_t threads = 0;
};

// --tokenizer, else the one in the checkpoint, else what stands beside it in its directory, else none.
std::vector<uint8_t> find_tokenizer(const Options& options, const TensorSource& source) {
  const bool is_folder = std::filesystem::is_directory(options.model);
  const uint32_t vocabulary = source.description().vocabulary;
  if (!options.tokenizer.empty()) {
    return build_tokenizer(options.tokenizer, is_folder ? options.model : "", vocabulary);
  }
  if (const auto embedded = source.embedded_tokenizer()) return build_tokenizer_from_arrays(*embedded);
  if (is_folder) {
    for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
      if (std::filesystem::exists(std::filesystem::path(options.model) / name)) {
        return build_tokenizer(options.model, {}, vocabulary);
      }
    }
  }
  return {};
}

// Up to so many weights `best` is done in a few minutes on a small machine; a larger model waits for being
// asked.
constexpr uint64_t kBestByDefault = 500'000'000;

// What --quant stands for where it was not given: `best` where it can be had without a wait that nobody
// expects.
std::string default_quantiser(const TensorSource& source, bool has_tokenizer, const Options& options) {
  if (!options.calibration.empty()) return source.description().experts > 0 ? "awq" : "best";
  if (source.description().experts > 0) return "rtn";
  if (options.model.starts_with("synthetic:") || !has_tokenizer) return "rtn";
  if (source.is_quantised({TensorRole::kQuery})) return "rtn";  // taken over as it is
  if (matrix_weights(source.description()) <= kBestByDefault) return "best";
  std::fprintf(stderr,
               "note: weights are rounded to nearest; --quant best keeps more of the model, and takes "
               "much longer\n");
  return "rtn";
}

// The text that --calib names, or the one that comes with the program.
std::string calibration_of(const Options& options, const std::string& quantiser) {
  if (!options.calibration.empty()) return read_text(options.calibration);
  std::fprintf(stderr,
               "note: %s calibrates with a short text of its own; --calib FILE takes one of the model's "
               "kind\n",
               quantiser.c_str());
  return std::string(calibration_text());
}

// `checkpoint` with its values rotated where they are kept in four bits and it can be done; null: as it is.
std::unique_ptr<TensorSource> rotate_four_bit_values(const TensorSource& checkpoint, const KvCache& cache,
                                                     const Options& options) {
  if (cache.value_bits != 4 || !options.placement.kv_rotation) return nullptr;
  if (can_rotate_values(checkpoint)) return rotate_values(checkpoint);
  std::fprintf(
      stderr,
      "note: V is kept in four bits as it is: to rotate it, weights that the checkpoint has quantised "
      "would have to be quantised again\n");
  return nullptr;
}

// The board without the pages that hold the addresses to be avoided.
Board board_of(const Options& options) {
  Board board = load_board(options.placement.board, options.placement.set);
  for (const std::string& text : options.avoid) {
    char* end = nullptr;
    const uint64_t address = std::strtoull(text.c_str(), &end, 0);
    const auto refuse = [&](const char* why) -> void { throw Error("--avoid " + text + ": " + why); };
    if (text.empty() || *end != '\0' || text.front() == '-') refuse("is no address, as 0x12340000");
    const AddressRange page = {address / kPageBytes * kPageBytes, kPageBytes};
    const auto holds = [&](const MemoryRegion& range) { return range.range().contains(page); };
    if (std::ranges::none_of(board.regions, holds)) refuse("the board has no memory there");
    if (board.firmware.bytes > 0 && holds(board.firmware)) {
      refuse("the firmware stands there, which no image can help: the board needs other memory");
    }
    if (std::ranges::any_of(board.reserved, holds)) continue;
    board.reserved.push_back({"avoided", page.base, page.bytes});
  }
  return board;
}

Plan pack_with(const TensorSource& checkpoint, std::span<const uint8_t> tokenizer, const Options& options) {
  const Board board = board_of(options);
  // An hour's work should not end in an error that could have been told at once.
  const KvCache cache = plan_image(checkpoint.description(), board, options.placement.plan(tokenizer.size()))
                            .addresses.kv_cache;
  const std::unique_ptr<TensorSource> rotated = rotate_four_bit_values(checkpoint, cache, options);
  const TensorSource& source = rotated ? *rotated : checkpoint;
  const std::string name = options.quantiser == kDefault
                               ? default_quantiser(source, !tokenizer.empty(), options)
                               : options.quantiser;
  const PackOptions common{.board = board,
                           .embedding = options.placement.embedding,
                           .embedding_on_card = options.placement.embedding_on_card,
                           .context = options.placement.context,
                           .kv_cache = cache,
                           .threads = options.threads,
                           .quantiser = name};
  if ((name == "gptq" || name == "best") && source.description().experts > 0) {
    throw Error(concat("--quant ", name, " does not know experts: choose --quant awq or rtn"));
  }
  if (name == "rtn" && !options.calibration.empty()) {
    throw Error("--quant rtn looks at no text: leave out --calib, or choose --quant best");
  }
  const auto check_tokenizer = [&] {
    if (tokenizer.empty()) throw Error("--quant " + name + " needs the model's tokenizer: --tokenizer FILE");
  };
  const auto moments = [&] {
    check_tokenizer();
    PackOptions nearest = common;
    nearest.progress = progress_bar("packing for calibration");
    return calibrate(source, tokenizer, calibration_of(options, name), nearest,
                     options.output + ".calibration." + std::to_string(getpid()),
                     progress_bar("calibrating"));
  };
  const auto tokens = [&] {
    check_tokenizer();
    return calibration_tokens(source.description(), tokenizer, calibration_of(options, name));
  };
  OutputFile(options.output, 0);
  const std::filesystem::path unfinished = options.output + ".unfinished";
  const auto quantised = quantiser(name).apply({.source = source,
                                                .calibrate = moments,
                                                .tokens = tokens,
                                                .unfinished = unfinished,
                                                .threads = thread_count(options.threads),
                                                .progress = progress_bar});
  if (quantised) {
    const auto known = source.notes();
    for (const std::string& note : quantised->notes()) {
      if (std::ranges::find(known, note) == known.end()) std::fprintf(stderr, "note: %s\n", note.c_str());
    }
  }
  PackOptions packing = common;
  packing.progress = progress_bar("packing");
  packing.known_pass = [&](const std::string& file) {
    return known_pass_of(file, options.output, thread_count(options.threads));
  };
  const Plan plan = pack_image(quantised ? *quantised : source, tokenizer, packing, options.output);
  if (quantised) std::filesystem::remove_all(unfinished);
  return plan;
}

// "rtn: round to nearest. awq: ..."
std::string quantiser_help() {
  std::string help =
      "auto: best for up to 500 million weights, where there is a tokenizer to calibrate with; else rtn";
  for (const Quantiser& each : quantisers()) help += concat(". ", each.name, ": ", each.summary);
  return help;
}

std::vector<std::string> quantiser_names() {
  std::vector<std::string> names = {kDefault};
  for (const Quantiser& each : quantisers()) names.emplace_back(each.name);
  return names;
}

void pack(Options options) {
  options.model = local_path(options.model);
  const auto source = with_eight_bits(open_model(options.model), options.placement.eight_bit);
  const ModelDescription& model = source->description();
  for (const std::string& note : source->notes()) std::fprintf(stderr, "note: %s\n", note.c_str());
  const std::vector<uint8_t> tokenizer = find_tokenizer(options, *source);
  if (TokenizerTables tables; tables.attach(tokenizer).empty()) {
    for (const std::string& note : tokenizer_notes(tables)) std::fprintf(stderr, "note: %s\n", note.c_str());
  }
  if (!tokenizer.empty() && vocabulary_size(tokenizer) > model.vocabulary) {
    throw Error("the tokenizer has " + std::to_string(vocabulary_size(tokenizer)) + " tokens, " +
                options.model + " only " + std::to_string(model.vocabulary) +
                "; give the model's own with --tokenizer FILE");
  }
  const Plan plan = pack_with(*source, tokenizer, options);
  if (const std::string note = context_note(model, plan.addresses.context); !note.empty()) {
    std::fprintf(stderr, "note: %s\n", note.c_str());
  }
  const KvCache& cache = plan.addresses.kv_cache;
  if (cache != KvCache{}) {
    std::fprintf(
        stderr,
        "note: the accelerator's RTL has no 4-bit KV cache yet: the image runs on this machine and in "
        "the timing simulator only\n");
  }
  if (cache.key_bits == 4 && options.placement.kv == "auto") {
    std::fprintf(stderr,
                 "note: --kv auto has taken 4 bits, as 8 do not hold the context; --kv 8 keeps more of the "
                 "model, and fewer tokens\n");
  }
  std::printf(
      "%s: %s for %s, context %u (%s), passes of up to %u tokens, %.1f MiB of %.0f MiB used (%.2f%%)%s\n",
      options.output.c_str(), model.name.c_str(), options.placement.board.c_str(), plan.addresses.context,
      describe(plan.limited_by).c_str(), plan.tokens_per_pass,
      static_cast<double>(plan.used_bytes) / (1 << 20), static_cast<double>(plan.capacity_bytes) / (1 << 20),
      100.0 * static_cast<double>(plan.used_bytes) / static_cast<double>(plan.capacity_bytes),
      tokenizer.empty() ? "; no tokenizer: give one with --tokenizer to run on text" : "");
  finish_output();
}

}  // namespace

void add_pack(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("pack", "Make an image from a checkpoint");
  command
      ->add_option("MODEL", options->model,
                   "A Hugging Face directory, hub:ORG/NAME (downloaded before), a .gguf file, a llama2.c "
                   ".bin, or synthetic:NAME")
      ->required();
  command->add_option("-o,--output", options->output, "The image file to write")->required();
  options->placement.add_to(*command);
  command
      ->add_option(
          "--avoid", options->avoid,
          "Addresses of memory that does not keep what is written to it, as the firmware reports them: the "
          "image leaves out their pages")
      ->delimiter(',');
  command->add_option("--tokenizer", options->tokenizer,
                      "tokenizer.json, SentencePiece .model or llama2.c .bin (default: the model's own)");
  command->add_option("--quant", options->quantiser, quantiser_help())
      ->check(CLI::IsMember(quantiser_names()))
      ->capture_default_str();
  command->add_option("--calib", options->calibration,
                      "Text to calibrate with, of the kind that the model is for (default: a short one that "
                      "comes with the program)");
  command->add_option("-t,--threads", options->threads, "Threads that quantise (default: one per CPU)")
      ->check(CLI::Range(1, 1024));
  command->callback([options] { pack(*options); });
}

}  // namespace brim
