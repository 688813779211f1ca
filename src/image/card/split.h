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
  std::string name;                // brim.img, brim1.img, ... (kPartNames), kRowsName, kPromptName
  std::span<const uint8_t> bytes;  // of the mapped image
};

// The image file cut where its regions pass from one of the board's memories to the next, before the rows
// of an embedding on the card, and before a prompt. One after the other the parts are the image. Throws Error
// for a part that FAT32 cannot hold.
std::vector<ImagePart> image_parts(const MappedImage& image);

// Writes the parts into `directory` (made if missing), and removes further parts that a larger image has left
// there. Returns the parts' paths. Throws Error.
std::vector<std::filesystem::path> split_image(const MappedImage& image,
                                               const std::filesystem::path& directory,
                                               const Progress& progress = {});

}  // namespace brim
