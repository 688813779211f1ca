#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/command.h"
#include "model/tensor_source.h"
#include "runtime/perplexity.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string text;
  std::string against;
  uint32_t context = 0;
  uint32_t stride = 0;
  Target target;
  bool json = false;
};

nlohmann::json report(const Perplexity& result) {
  return {{"perplexity", result.perplexity()}, {"nll", result.mean_nll()}, {"tokens", result.tokens}};
}

void eval(const Options& options) {
  const MappedImage image(options.image);
  const Text text(image);
  const auto executor = make_executor(image, options.target);
  const auto ids = text.encode(read_text(options.text), false);
  EvalWindows windows{.window = executor->context(), .stride = options.stride};
  if (text.tokenizer().adds_bos()) windows.bos = text.tokenizer().bos();
  if (options.context > executor->context()) {
    throw Error("--context " + std::to_string(options.context) + " exceeds the image's context of " +
                std::to_string(executor->context()) + " tokens");
  }
  if (options.context) windows.window = options.context;

  nlohmann::json json;
  if (options.against.empty()) {
    const Perplexity result = measure_perplexity(*executor, ids, windows, progress_bar("evaluating"));
    json = report(result);
    if (!options.json) {
      std::printf("perplexity %.4f over %llu tokens (windows of %u tokens)\n", result.perplexity(),
                  static_cast<unsigned long long>(result.tokens), windows.window);
    }
  } else {
    const auto checkpoint = open_model(options.against);
    if (checkpoint->description().vocabulary != executor->vocabulary()) {
      throw Error(options.against + " has a vocabulary of " +
                  std::to_string(checkpoint->description().vocabulary) + ", the image " +
                  std::to_string(executor->vocabulary()) + ": they are different models");
    }
    Fp32Forward reference(*checkpoint);
    const Comparison result =
        compare_with_reference(*executor, reference, ids, windows, progress_bar("comparing"));
    json = report(result.executor);
    json["reference"] = report(result.reference);
    json["kl_divergence"] = result.mean_kl();
    json["top1_agreement"] = result.top1_agreement();
    if (!options.json) {
      std::printf(
          "perplexity %.4f, in FP32 %.4f; KL divergence %.5f nats, same most probable token %.2f%%\n"
          "over %llu tokens (windows of %u tokens)\n",
          result.executor.perplexity(), result.reference.perplexity(), result.mean_kl(),
          100 * result.top1_agreement(), static_cast<unsigned long long>(result.executor.tokens),
          windows.window);
    }
  }
  json["context"] = windows.window;
  if (options.json) std::cout << json << '\n';
  finish_output();
}

}  // namespace

void add_eval(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("eval", "Measure perplexity on a text");
  command->add_option("IMAGE", options->image, "Image file")->required();
  command->add_option("--text", options->text, "Text file, - for standard input")->required();
  command->add_option("--context", options->context, "Tokens per window (default: the image's context)")
      ->check(CLI::Range(2, 1 << 24));
  command->add_option("--stride", options->stride,
                      "Tokens from one window's start to the next (default: windows do not overlap)");
  command->add_option("--against", options->against,
                      "Checkpoint to run in plain FP32 beside it: KL divergence and top-1 agreement");
  add_target_options(*command, options->target);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { eval(*options); });
}

}  // namespace brim
