#include "base/anonymous_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/error.h"

namespace brim {

namespace {
constexpr uint64_t kHugePage = 2 << 20;
}

AnonymousMemory::AnonymousMemory(uint64_t bytes) {
  if (bytes == 0) return;
  mapping_bytes_ = bytes + kHugePage;
  void* mapping = mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) {
    throw Error("no memory for " + std::to_string(bytes >> 20) + " MiB: " + std::strerror(errno));
  }
  mapping_ = mapping;
  const auto start = reinterpret_cast<uintptr_t>(mapping);
  data_ = static_cast<uint8_t*>(mapping) + ((start + kHugePage - 1) / kHugePage * kHugePage - start);
  size_ = bytes;
  madvise(data_, size_, MADV_HUGEPAGE);
}

AnonymousMemory::~AnonymousMemory() {
  if (mapping_) munmap(mapping_, mapping_bytes_);
}

}  // namespace brim
