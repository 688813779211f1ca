#include "base/program_files.h"

namespace brim {

std::filesystem::path program_file(const std::filesystem::path& name) {
  const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::filesystem::path installed = folder / BRIM_INSTALLED_FILES / name;
  return std::filesystem::exists(installed) && !std::filesystem::exists(folder / name)
             ? installed.lexically_normal()
             : folder / name;
}

}  // namespace brim
