#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/command.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string ids;
  TargetOptions target;
  bool json = false;
};

// Logits at every position, [ids][vocabulary].
std::vector<std::vector<float>> all_logits(Executor& executor, std::span<const uint32_t> ids) {
  std::vector<std::vector<float>> result;
  for (uint32_t position = 0; position < ids.size();) {
    const auto part =
        ids.subspan(position, std::min<size_t>(ids.size() - position, executor.max_tokens_per_pass()));
    const auto logits = executor.run({.tokens = part, .position = position, .first_logits = 0});
    for (size_t t = 0; t < part.size(); ++t) {
      const auto row = logits.subspan(t * executor.vocabulary(), executor.vocabulary());
      result.emplace_back(row.begin(), row.end());
    }
    position += static_cast<uint32_t>(part.size());
  }
  return result;
}

void logits(const Options& options) {
  const MappedImage image(options.image);
  const auto ids = parse_ids(options.ids);
  const auto executor = make_executor(image, options.target);
  const auto result = all_logits(*executor, ids);
  if (options.json) {
    std::cout << nlohmann::json{{"ids", ids}, {"logits", result}} << '\n';
  } else {
    for (const auto& row : result) {
      for (size_t i = 0; i < row.size(); ++i) std::cout << (i ? " " : "") << row[i];
      std::cout << '\n';
    }
  }
  finish_output();
}

}  // namespace

void add_logits(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("logits", "Print the logits at every position");
  command->add_option("IMAGE", options->image, "Image file")->required();
  command->add_option("--ids", options->ids, "Token ids as 1,2,3")->required();
  options->target.add_to(*command);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { logits(*options); });
}

}  // namespace brim
