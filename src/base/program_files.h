// Files that come with the program and are no part of it.
#pragma once

#include <filesystem>

namespace brim {

// Where `name` is: beside the program, as it was built, or in the folder that it is installed with. If it is
// in neither, where it would have been built.
std::filesystem::path program_file(const std::filesystem::path& name);

}  // namespace brim
