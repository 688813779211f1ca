#include "image/pack.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/concat.h"
#include "base/error.h"
#include "base/parallel.h"
#include "cli/command.h"
#include "model/tensor_source.h"
#include "quantize/quantiser.h"
#include "runtime/calibrate.h"
#include "runtime/known_pass.h"
#include "tokenizer/build.h"

namespace brim {

namespace {

struct Options {
  std::string model;
  std::string output;
  PlacementOptions placement;
  std::string tokenizer;
  std::string quantiser = "rtn";
  std::string calibration;
  uint32_t threads = 0;
};

// --tokenizer, else the one in the checkpoint, else what stands beside it in its directory, else none.
std::vector<uint8_t> find_tokenizer(const Options& options, const TensorSource& source) {
  if (!options.tokenizer.empty()) return build_tokenizer(options.tokenizer);
  if (const auto embedded = source.embedded_tokenizer()) return build_tokenizer_from_arrays(*embedded);
  if (std::filesystem::is_directory(options.model)) {
    for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
      if (std::filesystem::exists(std::filesystem::path(options.model) / name)) {
        return build_tokenizer(options.model);
      }
    }
  }
  return {};
}

Plan pack_with(const TensorSource& source, std::span<const uint8_t> tokenizer, const Options& options) {
  const PackOptions common{.board = load_board(options.placement.board, options.placement.set),
                           .embedding = options.placement.embedding,
                           .context = options.placement.context,
                           .threads = options.threads,
                           .quantiser = options.quantiser};
  const auto calibrate_on_text = [&] {
    const std::string quant = "--quant " + options.quantiser;
    if (options.calibration.empty()) throw Error(quant + " needs a text to calibrate with: --calib FILE");
    if (tokenizer.empty()) throw Error(quant + " needs the model's tokenizer: --tokenizer FILE");
    PackOptions nearest = common;
    nearest.progress = progress_bar("packing for calibration");
    return calibrate(source, tokenizer, read_text(options.calibration), nearest,
                     options.output + ".calibration." + std::to_string(getpid()),
                     progress_bar("calibrating"));
  };
  const auto quantised = quantiser(options.quantiser)
                             .apply({.source = source,
                                     .calibrate = calibrate_on_text,
                                     .threads = thread_count(options.threads),
                                     .progress = progress_bar});
  PackOptions packing = common;
  packing.progress = progress_bar("packing");
  packing.known_pass = [&](const std::string& file) {
    return known_pass_of(file, options.output, thread_count(options.threads));
  };
  return pack_image(quantised ? *quantised : source, tokenizer, packing, options.output);
}

// "rtn: round to nearest. awq: ..."
std::string quantiser_help() {
  std::string help;
  for (const Quantiser& each : quantisers())
    help += concat(help.empty() ? "" : ". ", each.name, ": ", each.summary);
  return help;
}

std::vector<std::string> quantiser_names() {
  std::vector<std::string> names;
  for (const Quantiser& each : quantisers()) names.emplace_back(each.name);
  return names;
}

void pack(const Options& options) {
  const auto source = open_model(options.model);
  const ModelDescription& model = source->description();
  for (const std::string& note : source->notes()) std::fprintf(stderr, "note: %s\n", note.c_str());
  const std::vector<uint8_t> tokenizer = find_tokenizer(options, *source);
  if (!tokenizer.empty() && vocabulary_size(tokenizer) > model.vocabulary) {
    throw Error("the tokenizer has " + std::to_string(vocabulary_size(tokenizer)) + " tokens, " +
                options.model + " only " + std::to_string(model.vocabulary) +
                "; give the model's own with --tokenizer FILE");
  }
  const Plan plan = pack_with(*source, tokenizer, options);
  if (const std::string note = context_note(model, plan.addresses.context); !note.empty()) {
    std::fprintf(stderr, "note: %s\n", note.c_str());
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
                   "A Hugging Face directory, a .gguf file, a llama2.c .bin, or synthetic:NAME")
      ->required();
  command->add_option("-o,--output", options->output, "The image file to write")->required();
  options->placement.add_to(*command);
  command->add_option("--tokenizer", options->tokenizer,
                      "tokenizer.json, SentencePiece .model or llama2.c .bin (default: the model's own)");
  command->add_option("--quant", options->quantiser, quantiser_help())
      ->check(CLI::IsMember(quantiser_names()))
      ->capture_default_str();
  command->add_option("--calib", options->calibration, "Text file to calibrate the quantiser with");
  command->add_option("-t,--threads", options->threads, "Threads that quantise (default: one per CPU)")
      ->check(CLI::Range(1, 1024));
  command->callback([options] { pack(*options); });
}

}  // namespace brim
