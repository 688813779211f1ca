// The image as files for a board's SD card, each below FAT32's limit of 4 GiB.
#pragma once

#include <filesystem>
#include <vector>

#include "base/progress.h"
#include "image/mapped_image.h"

namespace brim {

// Writes BRIM0.IMG, BRIM1.IMG, ... into `directory` (made if missing): the image file cut where its regions
// pass from one of the board's memories to the next. One after the other they are the image. Returns their
// paths. Throws Error.
std::vector<std::filesystem::path> split_image(const MappedImage& image,
                                               const std::filesystem::path& directory,
                                               const Progress& progress = {});

}  // namespace brim
