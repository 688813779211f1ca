#include "server/slot_file.h"

#include <cstring>

#include "base/concat.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/crc32c.h"
#include "image/output_file.h"

namespace brim::server {

namespace {

struct SlotFileHeader {
  char magic[8];
  uint32_t version;
  uint32_t tokens;
  uint32_t context;
  uint32_t image_crc;    // of the image's header, which has the checksums of all that is in it
  char model[64];        // its name, for messages; zero-terminated
  uint64_t cache_bytes;  // behind the tokens
  uint32_t crc;          // CRC-32C of the file with this field zero
  uint32_t reserved;
};
static_assert(sizeof(SlotFileHeader) == 104);

constexpr char kMagic[8] = {'B', 'R', 'I', 'M', 'S', 'L', 'O', 'T'};
constexpr uint32_t kVersion = 1;

SlotFileHeader header_of(const LoadedModel& model) {
  const ImageHeader& image = model.image().header();
  SlotFileHeader header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.version = kVersion;
  header.context = image.context;
  header.image_crc = image.crc;
  std::memcpy(header.model, image.model.name, sizeof(header.model));
  return header;
}

std::vector<std::span<uint8_t>> memory_of(LoadedModel& model, uint32_t cache, uint32_t tokens) {
  auto parts = model.executor().cache_memory(cache, tokens);
  if (parts.empty()) throw Error(concat("the KV cache of ", model.executor().name(), " cannot be saved"));
  return parts;
}

std::span<const uint8_t> bytes_of(std::span<const uint32_t> text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size_bytes()};
}

}  // namespace

void save_slot(const std::string& path, LoadedModel& model, uint32_t cache, std::span<const uint32_t> text) {
  const auto parts = memory_of(model, cache, static_cast<uint32_t>(text.size()));
  SlotFileHeader header = header_of(model);
  header.tokens = static_cast<uint32_t>(text.size());
  for (const auto part : parts) header.cache_bytes += part.size();
  header.crc = crc32c(&header, sizeof(header));
  header.crc = crc32c(text.data(), text.size_bytes(), header.crc);
  for (const auto part : parts) header.crc = crc32c(part.data(), part.size(), header.crc);

  OutputFile file(path, sizeof(header) + text.size_bytes() + header.cache_bytes);
  uint64_t offset = 0;
  const auto write = [&](std::span<const uint8_t> bytes) {
    file.write(offset, bytes);
    offset += bytes.size();
  };
  write({reinterpret_cast<const uint8_t*>(&header), sizeof(header)});
  write(bytes_of(text));
  for (const auto part : parts) write(part);
  file.commit();
}

std::vector<uint32_t> restore_slot(const std::string& path, LoadedModel& model, uint32_t cache) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  SlotFileHeader header{};
  if (bytes.size() < sizeof(header)) throw Error(path + ": is no saved slot");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) throw Error(path + ": is no saved slot");
  if (header.version != kVersion) {
    throw Error(
        concat(path, ": is a saved slot of version ", header.version, "; this brim reads ", kVersion));
  }
  const std::string_view name(header.model, strnlen(header.model, sizeof(header.model)));
  const SlotFileHeader own = header_of(model);
  if (header.image_crc != own.image_crc || header.context != own.context) {
    throw Error(concat(path, ": was saved with another image, of ", name));
  }
  const uint64_t text_bytes = uint64_t{header.tokens} * sizeof(uint32_t);
  if (header.tokens > model.image().header().context ||
      bytes.size() - sizeof(header) != text_bytes + header.cache_bytes) {
    throw Error(concat(path, ": has ", bytes.size(), " bytes, which is not what its header says"));
  }
  uint32_t crc = 0;
  std::swap(crc, header.crc);
  uint32_t found = crc32c(&header, sizeof(header));
  found = crc32c(bytes.data() + sizeof(header), bytes.size() - sizeof(header), found);
  if (found != crc) throw Error(path + ": is damaged: its checksum is wrong");

  std::vector<uint32_t> text(header.tokens);
  std::memcpy(text.data(), bytes.data() + sizeof(header), text_bytes);
  const auto parts = memory_of(model, cache, header.tokens);
  uint64_t total = 0;
  for (const auto part : parts) total += part.size();
  if (total != header.cache_bytes) throw Error(path + ": holds a KV cache of another layout");
  const uint8_t* from = bytes.data() + sizeof(header) + text_bytes;
  for (const auto part : parts) {
    std::memcpy(part.data(), from, part.size());
    from += part.size();
  }
  return text;
}

}  // namespace brim::server
