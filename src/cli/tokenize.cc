#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/command.h"
#include "runtime/session.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string text;
  std::string file;
  std::string decode;
  bool special = true;
  bool json = false;
};

void tokenize(const Options& options) {
  const MappedImage image(options.image);
  const Text text(image);
  if (!options.decode.empty()) {
    const auto ids = parse_list(options.decode, "token id");
    for (const uint32_t id : ids) {
      if (id < text.tokenizer().vocabulary_size()) continue;
      throw Error("token id " + std::to_string(id) + " is outside the tokenizer's vocabulary of " +
                  std::to_string(text.tokenizer().vocabulary_size()));
    }
    const std::string decoded = text.decode(ids);
    if (options.json) {
      std::cout << nlohmann::json{{"text", decoded}}.dump(-1, ' ', false,
                                                          nlohmann::json::error_handler_t::replace);
    } else {
      std::cout << decoded;
    }
    std::cout << '\n';
    finish_output();
    return;
  }
  const std::string input = options.file.empty() ? options.text : read_text(options.file);
  const auto ids = encode(text.tokenizer(), input,
                          {.add_bos = text.tokenizer().adds_bos(), .parse_special = options.special});
  if (options.json) {
    std::cout << nlohmann::json{{"ids", ids}} << '\n';
  } else {
    for (size_t i = 0; i < ids.size(); ++i) std::cout << (i ? "," : "") << ids[i];
    std::cout << '\n';
  }
  finish_output();
}

}  // namespace

void add_tokenize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("tokenize", "Turn text into token ids with an image's tokenizer, or back");
  command->add_option("IMAGE", options->image, "Image file")->required();
  auto* input = command->add_option_group("input", "What to convert");
  input->add_option("-p,--prompt", options->text, "Text");
  input->add_option("--file", options->file, "File with text, - for standard input");
  auto* decode = input->add_option("--decode", options->decode, "Ids as 1,2,3, to turn into text");
  input->require_option(1);
  command
      ->add_flag("--special,!--no-special", options->special,
                 "Take special tokens that the text writes out, as <|eot_id|>, for those tokens (default); "
                 "--no-special for texts that are not trusted")
      ->excludes(decode);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { tokenize(*options); });
}

}  // namespace brim
