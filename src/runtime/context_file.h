// A text that was run, on disk: its tokens, the KV cache that holds them, and where the sampler stands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "engine/executor.h"
#include "image/mapped_image.h"

namespace brim {

struct SavedContext {
  std::vector<uint32_t> tokens;  // the whole text
  uint32_t position = 0;         // of them in the KV cache
  uint32_t written = 0;          // positions that the cache has been written up to (Conversation::written)
  uint64_t sampler = 0;          // Sampler::state; of a server's slot, which has none, 0
};

// Writes `context`, whose first `position` tokens `executor` has in one of its caches, to `path`: the file
// appears, or takes an older one's place, only when it is complete. Throws Error as OutputFile does, and
// where the cache cannot be reached.
void save_context(const SavedContext& context, Executor& executor, const MappedImage& image,
                  const std::filesystem::path& path, uint32_t cache = 0);

// Fills the executor's cache from the file. Throws Error, naming the file, where it is damaged or of another
// image than `image`, which is the executor's; then the cache is as it was.
SavedContext load_context(Executor& executor, const MappedImage& image, const std::filesystem::path& path,
                          uint32_t cache = 0);

}  // namespace brim
