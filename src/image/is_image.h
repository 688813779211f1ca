// Telling an image from a checkpoint by its content.
#pragma once

#include <filesystem>

namespace brim {

// Whether a file begins as images do; false for what cannot be read.
bool is_image(const std::filesystem::path& path);

}  // namespace brim
