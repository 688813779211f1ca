// The image as files for a board's SD card, each below FAT32's limit of 4 GiB.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "image/mapped_image.h"

namespace brim {

struct ImagePart {
  std::string name;                // BRIM0.IMG, BRIM1.IMG, ...
  std::span<const uint8_t> bytes;  // of the mapped image
};

// The image file cut where its regions pass from one of the board's memories to the next. One after the other
// the parts are the image.
std::vector<ImagePart> image_parts(const MappedImage& image);

// Writes the parts into `directory` (made if missing). Returns their paths. Throws Error.
std::vector<std::filesystem::path> split_image(const MappedImage& image,
                                               const std::filesystem::path& directory,
                                               const Progress& progress = {});

}  // namespace brim
