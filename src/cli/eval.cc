#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/command.h"
#include "runtime/perplexity.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string text;
  uint32_t context = 0;
  TargetOptions target;
  bool json = false;
};

void eval(const Options& options) {
  const MappedImage image(options.image);
  const Text text(image);
  const auto executor = make_executor(image, options.target);
  const auto ids = text.encode(read_text(options.text), false);
  const uint32_t window =
      options.context ? std::min(options.context, executor->context()) : executor->context();
  const Perplexity result = measure_perplexity(
      *executor, ids, text.tokenizer().adds_bos() ? std::optional(text.tokenizer().bos()) : std::nullopt,
      window, progress_bar("evaluating"));
  const double perplexity = std::exp(result.nll / static_cast<double>(result.tokens));
  if (options.json) {
    std::cout << nlohmann::json{{"perplexity", perplexity},
                                {"nll", result.nll / static_cast<double>(result.tokens)},
                                {"tokens", result.tokens},
                                {"context", window}}
              << '\n';
  } else {
    std::printf("perplexity %.4f over %llu tokens of %s (windows of %u tokens)\n", perplexity,
                static_cast<unsigned long long>(result.tokens), options.text.c_str(), window);
  }
  finish_output();
}

}  // namespace

void add_eval(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("eval", "Measure perplexity on a text");
  command->add_option("IMAGE", options->image, "Image file")->required();
  command->add_option("--text", options->text, "Text file, - for standard input")->required();
  command->add_option("--context", options->context, "Tokens per window (default: the image's context)");
  options->target.add_to(*command);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { eval(*options); });
}

}  // namespace brim
