// Draws an image's memory map.
#pragma once

#include <filesystem>

#include "image/mapped_image.h"

namespace brim {

// One bar per memory of the board, regions to scale. Throws Error if the file cannot be written.
void write_memory_map_svg(const MappedImage& image, const std::filesystem::path& path);

}  // namespace brim
