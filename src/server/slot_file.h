// A conversation's KV cache in a file: little-endian, docs/server.md has its fields.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/loaded_model.h"

namespace brim::server {

// Writes the cache's first positions, which hold `text`. The file appears under its name, or replaces what
// was there, only when it is complete. Throws Error.
void save_slot(const std::string& path, LoadedModel& model, uint32_t cache, std::span<const uint32_t> text);

// Brings them back and returns the text. Throws Error, and leaves the cache as it was, if the file is no such
// file, damaged, or of another image.
std::vector<uint32_t> restore_slot(const std::string& path, LoadedModel& model, uint32_t cache);

}  // namespace brim::server
