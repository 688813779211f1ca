// A whole SD card with an image on it.
#pragma once

#include <filesystem>
#include <span>

#include "base/progress.h"
#include "image/card/split.h"

namespace brim {

// Writes a card image: one FAT32 partition with the files in its root directory. Its size is a power of two,
// as emulators ask for. Throws Error.
void write_sd_card(std::span<const ImagePart> files, const std::filesystem::path& path,
                   const Progress& progress = {});

}  // namespace brim
