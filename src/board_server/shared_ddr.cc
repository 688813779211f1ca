#include "board_server/shared_ddr.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/concat.h"
#include "base/error.h"

namespace brim {

SharedDdr::SharedDdr(const std::filesystem::path& path, std::vector<AddressRange> ranges)
    : ranges_(std::move(ranges)) {
  for (const AddressRange& range : ranges_) bytes_ += range.bytes;
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const auto refuse = [&](const char* what) {
    const Error error(
        concat(path.string(), ": cannot ", what, " the board's memory: ", std::strerror(errno)));
    if (file >= 0) close(file);
    throw error;
  };
  if (file < 0) refuse("make");
  if (ftruncate(file, static_cast<off_t>(bytes_)) != 0) refuse("size");
  void* mapping = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapping == MAP_FAILED) refuse("map");
  close(file);
  data_ = static_cast<uint8_t*>(mapping);
}

SharedDdr::~SharedDdr() { munmap(data_, bytes_); }

uint8_t* SharedDdr::at(uint64_t address, uint64_t bytes) const {
  uint64_t offset = 0;
  for (const AddressRange& range : ranges_) {
    if (range.contains(address, bytes)) {
      return data_ + offset + (address - range.base);
    }
    offset += range.bytes;
  }
  throw Error(concat("the board has no memory of ", bytes, " bytes at 0x", std::hex, address));
}

void load_image(const MappedImage& image, SharedDdr& ddr, const Progress& progress) {
  uint64_t done = 0;
  for (const RegionEntry& region : image.regions()) {
    if (!region.has_content()) continue;
    const auto content = image.content(region);
    constexpr uint64_t kStep = 16 << 20;
    for (uint64_t offset = 0; offset < content.size(); offset += kStep) {
      const auto part = content.subspan(offset, std::min<uint64_t>(kStep, content.size() - offset));
      std::memcpy(ddr.at(region.address + offset, part.size()), part.data(), part.size());
      done += part.size();
      if (progress) progress(done, image.bytes().size());
    }
  }
}

}  // namespace brim
