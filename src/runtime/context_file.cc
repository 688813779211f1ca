#include "runtime/context_file.h"

#include <algorithm>
#include <cstring>

#include "base/concat.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "image/output_file.h"

namespace brim {
namespace {

constexpr char kMagic[8] = {'B', 'R', 'I', 'M', 'C', 'T', 'X', '\0'};
constexpr uint32_t kVersion = 1;

// Little endian. Behind it the tokens, u32 each, then the cache's bytes in the order of
// Executor::cache_memory.
struct Header {
  char magic[8];
  uint32_t version;
  uint32_t crc;        // CRC-32C of all that follows this field
  uint32_t image_crc;  // of the image's header, and so of all that the image is
  uint32_t tokens;
  uint32_t position;
  uint32_t written;  // 0, as earlier ones have it: `position`
  uint64_t sampler;
  uint64_t cache_bytes;
  char model[64];  // zero-terminated
};
static_assert(sizeof(Header) == 112);
constexpr size_t kChecked = offsetof(Header, image_crc);

// Of the first positions of a cache. Throws Error where it cannot be reached.
std::vector<std::span<uint8_t>> memory_of(Executor& executor, uint32_t cache, uint32_t positions) {
  auto parts = executor.cache_memory(cache, positions);
  if (positions > 0 && parts.empty()) {
    throw Error("the KV cache of " + executor.name() + " cannot be reached: choose another --target");
  }
  return parts;
}

uint64_t size_of(const std::vector<std::span<uint8_t>>& parts) {
  uint64_t bytes = 0;
  for (const std::span<uint8_t> part : parts) bytes += part.size();
  return bytes;
}

template <typename T>
std::span<const uint8_t> bytes_of(const T& values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(values[0])};
}

}  // namespace

void save_context(const SavedContext& context, Executor& executor, const MappedImage& image,
                  const std::filesystem::path& path, uint32_t cache) {
  const auto parts = memory_of(executor, cache, context.position);
  Header header{.magic = {},
                .version = kVersion,
                .crc = 0,
                .image_crc = image.header().crc,
                .tokens = static_cast<uint32_t>(context.tokens.size()),
                .position = context.position,
                .written = context.written,
                .sampler = context.sampler,
                .cache_bytes = size_of(parts),
                .model = {}};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  std::memcpy(header.model, image.header().model.name, sizeof(header.model));

  const auto tokens = bytes_of(context.tokens);
  uint64_t at = sizeof(Header) + tokens.size();
  OutputFile file(path, at + header.cache_bytes);
  const auto* fields = reinterpret_cast<const uint8_t*>(&header);
  uint32_t crc = crc32c(fields + kChecked, sizeof(Header) - kChecked);
  crc = crc32c(tokens.data(), tokens.size(), crc);
  file.write(sizeof(Header), tokens);
  for (const std::span<uint8_t> part : parts) {
    crc = crc32c(part.data(), part.size(), crc);
    file.write(at, part);
    at += part.size();
  }
  header.crc = crc;
  file.write(0, {fields, sizeof(Header)});
  file.commit();
}

SavedContext load_context(Executor& executor, const MappedImage& image, const std::filesystem::path& path,
                          uint32_t cache) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  const auto refuse = [&](const std::string& why) { throw Error(concat(path.string(), ": ", why)); };
  Header header;
  if (bytes.size() < sizeof(header)) refuse("is no saved context (too short)");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) refuse("is no saved context (wrong magic)");
  if (header.version != kVersion)
    refuse(concat("has version ", header.version, ", this brim reads version ", kVersion, "; save it again"));
  if (header.crc != crc32c(bytes.data() + kChecked, bytes.size() - kChecked))
    refuse("its checksum is wrong: it is damaged or truncated");
  if (header.image_crc != image.header().crc) {
    header.model[sizeof(header.model) - 1] = '\0';
    refuse(concat("is a context of another image, of model ", header.model, ", not of ", image.path(),
                  "; load it with the image that it was saved with"));
  }
  // From here on it is what save_context wrote for this image, unless somebody made it up.
  const uint64_t token_bytes = uint64_t{header.tokens} * sizeof(uint32_t);
  if (header.position > header.tokens || header.tokens > executor.context() + 1 ||
      header.position > executor.context() || header.written > executor.context() ||
      token_bytes > bytes.size() - sizeof(header) ||
      header.cache_bytes != bytes.size() - sizeof(header) - token_bytes) {
    refuse("its sizes are impossible");
  }
  const auto parts = memory_of(executor, cache, header.position);
  if (header.cache_bytes != size_of(parts)) refuse("its sizes are impossible");
  SavedContext context{.tokens = std::vector<uint32_t>(header.tokens),
                       .position = header.position,
                       .written = std::max(header.written, header.position),
                       .sampler = header.sampler};
  std::memcpy(context.tokens.data(), bytes.data() + sizeof(header), token_bytes);
  if (std::ranges::any_of(context.tokens, [&](uint32_t id) { return id >= executor.vocabulary(); }))
    refuse("has a token beyond the vocabulary");
  const uint8_t* at = bytes.data() + sizeof(header) + token_bytes;
  for (const std::span<uint8_t> part : parts) {
    std::memcpy(part.data(), at, part.size());
    at += part.size();
  }
  return context;
}

}  // namespace brim
