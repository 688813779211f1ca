#include <cstdio>

#include "cli/command.h"
#include "image/split.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string directory;
};

void export_image(const Options& options) {
  const MappedImage image(options.image);
  image.verify(progress_bar("checking"));
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
  command->add_option("DIR", options->directory, "Directory to write to")->required();
  command->callback([options] { export_image(*options); });
}

}  // namespace brim
