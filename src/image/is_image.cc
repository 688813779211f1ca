#include "image/is_image.h"

#include <cstring>
#include <fstream>

#include "image/header.h"

namespace brim {

bool is_image(const std::filesystem::path& path) {
  char magic[sizeof kImageMagic] = {};
  std::ifstream file(path, std::ios::binary);
  return file.read(magic, sizeof magic) && std::memcmp(magic, kImageMagic, sizeof magic) == 0;
}

}  // namespace brim
