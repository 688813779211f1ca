#include "image/pack.h"

#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "cli/command.h"
#include "tokenizer/build.h"

namespace brim {

namespace {

struct Options {
  std::string model;
  std::string output;
  std::string board = "kv260";
  std::string context = "max";
  std::string tokenizer;
  std::string quantiser = "rtn";
  std::string embedding = "q8";
  uint32_t threads = 0;
};

std::optional<uint32_t> context_tokens(const std::string& text) {
  if (text == "max") return std::nullopt;
  return static_cast<uint32_t>(std::stoul(text));
}

std::string check_context(const std::string& text) {
  const bool number =
      !text.empty() && text.size() <= 8 && text.find_first_not_of("0123456789") == std::string::npos;
  return text == "max" || (number && std::stoul(text) > 0) ? "" : "must be 'max' or a number of tokens";
}

EmbeddingFormat embedding_format(const std::string& name) {
  return name == "fp16" ? EmbeddingFormat::kFp16 : name == "q8" ? EmbeddingFormat::kQ8 : EmbeddingFormat::kQ4;
}

// --tokenizer, else what stands beside the checkpoint: in its directory, or, for a single file, nothing.
std::vector<uint8_t> find_tokenizer(const Options& options) {
  if (!options.tokenizer.empty()) return build_tokenizer(options.tokenizer);
  if (std::filesystem::is_directory(options.model)) {
    for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
      if (std::filesystem::exists(std::filesystem::path(options.model) / name))
        return build_tokenizer(options.model);
    }
  }
  return {};
}

void pack(const Options& options) {
  const auto source = open_model(options.model);
  const ModelDescription& model = source->description();
  const std::vector<uint8_t> tokenizer = find_tokenizer(options);
  if (!tokenizer.empty() && vocabulary_size(tokenizer) > model.vocabulary) {
    throw Error("the tokenizer has " + std::to_string(vocabulary_size(tokenizer)) + " tokens, " +
                options.model + " only " + std::to_string(model.vocabulary) +
                "; give the model's own with --tokenizer FILE");
  }
  const Plan plan = pack_image(*source, tokenizer,
                               {.board = load_board(options.board),
                                .embedding = embedding_format(options.embedding),
                                .context = context_tokens(options.context),
                                .threads = options.threads,
                                .progress = progress_bar("packing")},
                               options.output);
  std::printf("%s: %s for %s, context %u, %.1f MiB of %.0f MiB used (%.2f%%)%s\n", options.output.c_str(),
              model.name.c_str(), options.board.c_str(), plan.addresses.context,
              static_cast<double>(plan.used_bytes) / (1 << 20),
              static_cast<double>(plan.capacity_bytes) / (1 << 20),
              100.0 * static_cast<double>(plan.used_bytes) / static_cast<double>(plan.capacity_bytes),
              tokenizer.empty() ? "; no tokenizer: give one with --tokenizer to run on text" : "");
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
  command->add_option("--board", options->board, "Board name, or a JSON file that describes one")
      ->capture_default_str();
  command
      ->add_option("--context", options->context,
                   "Tokens the KV cache has room for, or 'max': all that fit, up to the trained context")
      ->capture_default_str()
      ->check(CLI::Validator(check_context, "TOKENS|max"));
  command->add_option(
      "--tokenizer", options->tokenizer,
      "tokenizer.json, SentencePiece .model or llama2.c .bin (default: the one beside the model)");
  command->add_option("--embedding", options->embedding, "How the embedding table is stored")
      ->check(CLI::IsMember({"fp16", "q8", "q4"}))
      ->capture_default_str();
  command->add_option("-t,--threads", options->threads, "Threads that quantise (default: one per CPU)")
      ->check(CLI::Range(1, 1024));
  command->callback([options] { pack(*options); });
}

}  // namespace brim
