#include "image/pack.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

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
#include "tokenizer/difference.h"

namespace brim {

namespace {

constexpr const char* kDefault = "auto";

struct Options {
  std::string model;
  std::string output;
  PlacementOptions placement;
  std::vector<std::string> avoid;  // addresses of memory that does not keep what is written
  std::string quantiser = kDefault;
  std::string draft;  // checkpoint of a model that drafts; empty: none
  std::string draft_quantiser = kDefault;
  EmbeddingFormat draft_embedding = EmbeddingFormat::kQ8;
  std::string calibration;
  uint32_t threads = 0;
  bool json = false;
};

// Up to so many weights `best` is done in a few minutes on a small machine; a larger model waits for being
// asked.
constexpr uint64_t kBestByDefault = 500'000'000;

// What --quant stands for where it was not given: `best` where it can be had without a wait that nobody
// expects.
std::string default_quantiser(const std::string& path, const TensorSource& source, bool has_tokenizer,
                              const Options& options) {
  if (!options.calibration.empty()) return source.description().experts > 0 ? "awq" : "best";
  if (source.description().experts > 0) return "rtn";
  if (path.starts_with("synthetic:") || !has_tokenizer) return "rtn";
  if (source.is_quantised({TensorRole::kQuery})) return "rtn";  // taken over as it is
  if (matrix_weights(source.description()) <= kBestByDefault) return "best";
  print_note("weights are rounded to nearest; --quant best keeps more of the model, and takes much longer");
  return "rtn";
}

// The text that --calib names, or the one that comes with the program.
std::string calibration_of(const Options& options, const std::string& quantiser) {
  if (!options.calibration.empty()) {
    std::string text = read_text(options.calibration);
    if (text.find_first_not_of(" \t\r\n") == std::string::npos)
      throw Error(options.calibration +
                  " has no text to calibrate with; leave out --calib to use brim's own");
    return text;
  }
  print_note(quantiser +
             " calibrates with a short text of its own; --calib FILE takes one of the model's kind");
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

// Refuses, naming the option that asked for it, what a quantiser cannot do.
void check_quantiser(const std::string& option, const std::string& name, const TensorSource& source) {
  if ((name == "gptq" || name == "best") && source.description().experts > 0)
    throw Error(concat(option, " ", name, " does not know experts: choose ", option, " awq or rtn"));
}

// A checkpoint's weights as the quantiser that `packing` names chooses them; null: rounded to nearest as they
// are packed. What is unfinished stands in files that begin with `temporary`, of which those at `temporary` +
// ".unfinished" serve until the image is written.
std::unique_ptr<TensorSource> quantise(const TensorSource& source, std::span<const uint8_t> tokenizer,
                                       const PackOptions& packing, const Options& options,
                                       const std::string& temporary) {
  const auto check_tokenizer = [&] {
    if (tokenizer.empty())
      throw Error("--quant " + packing.quantiser + " needs the model's tokenizer: --tokenizer FILE");
  };
  const auto moments = [&] {
    check_tokenizer();
    PackOptions nearest = packing;
    nearest.progress = progress_bar("packing for calibration");
    return calibrate(source, tokenizer, calibration_of(options, packing.quantiser), nearest,
                     temporary + ".calibration." + std::to_string(getpid()), progress_bar("calibrating"));
  };
  const auto tokens = [&] {
    check_tokenizer();
    return calibration_tokens(source.description(), tokenizer, calibration_of(options, packing.quantiser));
  };
  auto quantised = quantiser(packing.quantiser)
                       .apply({.source = source,
                               .calibrate = moments,
                               .tokens = tokens,
                               .unfinished = temporary + ".unfinished",
                               .threads = thread_count(options.threads),
                               .progress = progress_bar});
  if (quantised) {
    const auto known = source.notes();
    for (const std::string& note : quantised->notes()) {
      if (std::ranges::find(known, note) == known.end()) std::fprintf(stderr, "note: %s\n", note.c_str());
    }
  }
  return quantised;
}

// The checkpoint of --draft, if its tokens are those of the model. Throws Error naming the first that is not.
std::unique_ptr<TensorSource> open_draft(const std::string& path, const TensorSource& model,
                                         std::span<const uint8_t> tokenizer) {
  auto draft = open_model(path);
  for (const std::string& note : draft->notes()) print_note("--draft: " + note);
  const std::vector<uint8_t> own = find_tokenizer("", path, *draft);
  const uint32_t vocabulary = draft->description().vocabulary;
  const auto refuse = [&](const std::string& why) {
    throw Error(concat("--draft ", path, ": ", why, "; a draft model has to have the tokens of ",
                       model.description().name));
  };
  TokenizerTables tables, others;
  if (!tables.attach(tokenizer).empty() || !others.attach(own).empty()) {
    // Nothing but the numbers of tokens to go by.
    if (vocabulary != model.description().vocabulary)
      refuse(concat("it has ", vocabulary, " tokens, not ", model.description().vocabulary));
    if (!tokenizer.empty()) {
      print_note(concat("--draft ", path,
                        " has no tokenizer to compare: its tokens are taken to be those of ",
                        model.description().name));
    }
    return draft;
  }
  if (const std::string difference = first_difference(tables, others); !difference.empty())
    refuse(difference);
  if (vocabulary < tables.header().vocabulary) {
    refuse(concat("it has rows for ", vocabulary, " tokens of ", tables.header().vocabulary));
  }
  return draft;
}

// What is packed: checkpoints as they were opened, and the tokens that they share.
struct Checkpoints {
  std::unique_ptr<TensorSource> model;
  std::unique_ptr<TensorSource> draft;  // may be null
  std::vector<uint8_t> tokenizer;       // empty: none
};

Plan pack_with(const Checkpoints& checkpoints, const Options& options) {
  const std::vector<uint8_t>& tokenizer = checkpoints.tokenizer;
  const TensorSource* const draft = checkpoints.draft.get();
  const Board board = board_of(options);
  // An hour's work should not end in an error that could have been told at once.
  PlanOptions placing = options.placement.plan(tokenizer.size());
  if (draft != nullptr) placing.draft = &draft->description();
  placing.draft_embedding = options.draft_embedding;
  const KvCache cache = plan_image(checkpoints.model->description(), board, placing).addresses.kv_cache;
  const std::unique_ptr<TensorSource> rotated = rotate_four_bit_values(*checkpoints.model, cache, options);
  const TensorSource& source = rotated ? *rotated : *checkpoints.model;
  const bool has_tokenizer = !tokenizer.empty();
  PackOptions packing{.board = board,
                      .embedding = options.placement.embedding,
                      .embedding_on_card = options.placement.embedding_on_card,
                      .context = options.placement.context,
                      .kv_cache = cache,
                      .threads = options.threads};
  packing.quantiser = options.quantiser == kDefault
                          ? default_quantiser(options.model, source, has_tokenizer, options)
                          : options.quantiser;
  check_quantiser("--quant", packing.quantiser, source);
  if (packing.quantiser == "rtn" && !options.calibration.empty()) {
    throw Error("--quant rtn looks at no text: leave out --calib, or choose --quant best");
  }
  PackOptions draft_packing{
      .board = board, .embedding = options.draft_embedding, .context = {}, .threads = options.threads};
  if (draft != nullptr) {
    draft_packing.quantiser = options.draft_quantiser == kDefault
                                  ? default_quantiser(options.draft, *draft, has_tokenizer, options)
                                  : options.draft_quantiser;
    check_quantiser("--draft-quant", draft_packing.quantiser, *draft);
  }
  OutputFile(options.output, 0);
  const std::string of_draft = options.output + ".draft";
  std::unique_ptr<TensorSource> quantised_draft;
  if (draft != nullptr) {
    quantised_draft = quantise(*draft, tokenizer, draft_packing, options, of_draft);
  }
  const auto quantised = quantise(source, tokenizer, packing, options, options.output);
  if (draft != nullptr) {
    packing.draft = {.source = quantised_draft ? quantised_draft.get() : draft,
                     .embedding = options.draft_embedding,
                     .quantiser = draft_packing.quantiser};
  }
  packing.progress = progress_bar("packing");
  packing.known_pass = [&](const std::string& file) {
    return known_pass_of(file, options.output, thread_count(options.threads));
  };
  const Plan plan = pack_image(quantised ? *quantised : source, tokenizer, packing, options.output);
  if (quantised) std::filesystem::remove_all(options.output + ".unfinished");
  if (quantised_draft) std::filesystem::remove_all(of_draft + ".unfinished");
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

uint64_t bytes_of(const Plan& plan, uint16_t model) {
  uint64_t bytes = 0;
  for (const PlannedRegion& region : plan.regions) bytes += region.model == model ? region.bytes : 0;
  return bytes;
}

nlohmann::json report(const Options& options, const Checkpoints& checkpoints, const Plan& plan) {
  nlohmann::json draft;
  if (plan.draft) {
    draft = {{"model", checkpoints.draft->description().name},
             {"context_tokens", plan.draft->context},
             {"used_bytes", bytes_of(plan, kDraftModel)}};
  }
  return {{"image", options.output},
          {"model", checkpoints.model->description().name},
          {"draft", draft},
          {"board", options.placement.board},
          {"context_tokens", plan.addresses.context},
          {"context_limited_by", describe(plan.limited_by)},
          {"tokens_per_pass", plan.tokens_per_pass},
          {"capacity_bytes", plan.capacity_bytes},
          {"used_bytes", plan.used_bytes},
          {"file_bytes", plan.file_bytes},
          {"tokenizer", !checkpoints.tokenizer.empty()}};
}

void pack(Options options) {
  options.model = local_path(options.model);
  Checkpoints checkpoints;
  checkpoints.model = with_eight_bits(open_model(options.model), options.placement.eight_bit);
  const TensorSource& source = *checkpoints.model;
  const ModelDescription& model = source.description();
  for (const std::string& note : source.notes()) print_note(note);
  checkpoints.tokenizer = find_tokenizer(options.placement.tokenizer, options.model, source);
  const std::vector<uint8_t>& tokenizer = checkpoints.tokenizer;
  if (TokenizerTables tables; tables.attach(tokenizer).empty()) {
    for (const std::string& note : tokenizer_notes(tables)) print_note(note);
  }
  if (!tokenizer.empty() && vocabulary_size(tokenizer) > model.vocabulary) {
    throw Error("the tokenizer has " + std::to_string(vocabulary_size(tokenizer)) + " tokens, " +
                options.model + " only " + std::to_string(model.vocabulary) +
                "; give the model's own with --tokenizer FILE");
  }
  if (!options.draft.empty()) {
    options.draft = local_path(options.draft);
    checkpoints.draft = open_draft(options.draft, source, tokenizer);
  }
  const Plan plan = pack_with(checkpoints, options);
  if (const std::string note = context_note(model, plan.addresses.context); !note.empty()) {
    print_note(note);
  }
  if (options.json) {
    print_json(report(options, checkpoints, plan));
    return finish_output();
  }
  const KvCache& cache = plan.addresses.kv_cache;
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
  if (plan.draft) {
    std::printf("%s drafts for it: context %u, %.1f MiB\n", checkpoints.draft->description().name.c_str(),
                plan.draft->context, static_cast<double>(bytes_of(plan, kDraftModel)) / (1 << 20));
  }
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
  command->add_option("--quant", options->quantiser, quantiser_help())
      ->check(CLI::IsMember(quantiser_names()))
      ->capture_default_str();
  command->add_option("--calib", options->calibration,
                      "Text to calibrate with, of the kind that the model is for (default: a short one that "
                      "comes with the program)");
  auto* draft = command->add_option(
      "--draft", options->draft,
      "A second, small model with the same tokens, as MODEL: it drafts what MODEL then verifies, so that "
      "several tokens come from one reading of the weights; the text stays the same");
  command->add_option("--draft-quant", options->draft_quantiser, "How its weights are quantised, as --quant")
      ->check(CLI::IsMember(quantiser_names()))
      ->capture_default_str()
      ->needs(draft);
  add_choice<EmbeddingFormat>(
      *command, "--draft-embedding", options->draft_embedding,
      {{"fp16", EmbeddingFormat::kFp16}, {"q8", EmbeddingFormat::kQ8}, {"q4", EmbeddingFormat::kQ4}},
      "How its embedding table is stored")
      ->needs(draft);
  command->add_option("-t,--threads", options->threads, "Threads that quantise (default: one per CPU)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { pack(*options); });
}

}  // namespace brim
