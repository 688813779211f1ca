#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/command.h"
#include "runtime/passes.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string ids;
  Target target;
  bool json = false;
};

// Logits at every position, [ids][vocabulary].
std::vector<std::vector<float>> all_logits(Executor& executor, std::span<const uint32_t> ids) {
  std::vector<std::vector<float>> result;
  run_passes(executor, ids, 0, 0,
             [&](size_t, std::span<const float> row) { result.emplace_back(row.begin(), row.end()); });
  return result;
}

void logits(const Options& options) {
  const MappedImage image(options.image);
  const auto ids = parse_list(options.ids, "token id");
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
  add_target_options(*command, options->target);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { logits(*options); });
}

}  // namespace brim
