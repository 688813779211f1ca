// FAT32 volumes. The input is a list of records, a sector's number and its content; other sectors are zeros.
#include "firmware/fat32.h"

#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

namespace {

constexpr size_t kRecord = 4 + brim::kSectorBytes;

class SparseCard final : public brim::BlockDevice {
 public:
  explicit SparseCard(std::span<const uint8_t> records) : records_(records) {}

  bool read(uint64_t sector, uint32_t count, uint8_t* to) override {
    // Far more than any file of the sizes below can take: a reader that goes on for ever is a crash.
    if (++reads_ > 1'000'000) std::abort();
    std::memset(to, 0, uint64_t{count} * brim::kSectorBytes);
    for (size_t at = 0; at + kRecord <= records_.size(); at += kRecord) {
      uint32_t number = 0;
      std::memcpy(&number, &records_[at], sizeof(number));
      if (number < sector || number - sector >= count) continue;
      std::memcpy(to + (number - sector) * brim::kSectorBytes, &records_[at + 4], brim::kSectorBytes);
    }
    return true;
  }

 private:
  std::span<const uint8_t> records_;
  uint64_t reads_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  SparseCard card({data, size});
  brim::Fat32 volume(card);
  brim::FatFile file;
  if (volume.mount() != nullptr) return 0;
  if (volume.find("brim.img", &file) != brim::Fat32::Found::kYes || file.bytes > 1 << 20) return 0;
  std::vector<uint8_t> whole(file.bytes);
  brim::FatReader at_once(volume, file);
  const bool ok = at_once.read(whole.data(), file.bytes);
  // Step by step it must be the same.
  std::vector<uint8_t> parts(file.bytes);
  brim::FatReader in_parts(volume, file);
  bool parts_ok = true;
  while (parts_ok && in_parts.left() > 0) {
    const uint32_t at = file.bytes - in_parts.left();
    parts_ok = in_parts.read(&parts[at],
                             in_parts.left() < brim::kSectorBytes ? in_parts.left() : brim::kSectorBytes);
  }
  if (ok != parts_ok || (ok && whole != parts)) std::abort();
  // And anywhere, where its clusters have been looked up.
  static brim::ResolvedFile resolved;
  if (resolved.resolve(volume, file) != brim::ResolvedFile::Resolved::kYes) return 0;
  for (uint32_t at = 0; ok && at < file.bytes; at += 1000) {
    const uint32_t bytes = file.bytes - at < 1500 ? file.bytes - at : 1500;
    if (!resolved.read(at, bytes, parts.data())) std::abort();
    if (std::memcmp(parts.data(), &whole[at], bytes) != 0) std::abort();
  }
  return 0;
}
