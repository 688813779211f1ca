#include <cstdio>

#include "cli/command.h"
#include "image/card/sd_card.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string directory;
  std::string card;
};

void export_image(const Options& options) {
  const MappedImage image(options.image);
  image.verify(progress_bar("checking"));
  if (!options.card.empty()) {
    write_sd_card(image_parts(image), options.card, progress_bar("writing"));
    std::printf("%s\n", options.card.c_str());
  }
  if (options.directory.empty()) return finish_output();
  for (const auto& path : split_image(image, options.directory, progress_bar("writing"))) {
    std::printf("%s\n", path.c_str());
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
  command->callback([options] {
    if (options->directory.empty() && options->card.empty()) {
      throw CLI::RequiredError("export: DIR or --sd FILE");
    }
    export_image(*options);
  });
}

}  // namespace brim
