#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "image/card/sd_card.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string directory;
  std::string card;
  bool json = false;
};

void export_image(const Options& options) {
  const MappedImage image(options.image);
  image.verify(progress_bar("checking"));
  std::vector<std::string> written;
  if (!options.card.empty()) {
    write_sd_card(image_parts(image), options.card, progress_bar("writing"));
    written.push_back(options.card);
  }
  if (!options.directory.empty()) {
    for (const auto& path : split_image(image, options.directory, progress_bar("writing")))
      written.push_back(path.string());
  }
  if (options.json) {
    nlohmann::json files = nlohmann::json::array();
    for (const std::string& path : written)
      files.push_back({{"path", path}, {"bytes", std::filesystem::file_size(path)}});
    print_json({{"image", options.image}, {"files", files}});
  } else {
    for (const std::string& path : written) std::printf("%s\n", path.c_str());
  }
  finish_output();
}

}  // namespace

void add_export(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("export", "Write the files for a board's SD card");
  command->add_option("IMAGE", options->image, "Image file")->required();
  command->add_option("DIR", options->directory, "Directory to write the files to");
  command->add_option("--sd", options->card, "Write a whole card image with the files to this file");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] {
    if (options->directory.empty() && options->card.empty()) {
      throw CLI::RequiredError("export: DIR or --sd FILE");
    }
    export_image(*options);
  });
}

}  // namespace brim
