#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace brim {
namespace {

// Owns a file descriptor until the mapping, which outlives it, is made.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  // O_NONBLOCK: opening a FIFO must fail the check below, not wait for a writer.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) throw Error("cannot open " + path + ": " + std::strerror(errno));
  struct stat info {};
  if (fstat(file.fd, &info) != 0)
    throw Error("cannot read the size of " + path + ": " + std::strerror(errno));
  if (!S_ISREG(info.st_mode)) throw Error("cannot open " + path + ": it is not a regular file");
  size_ = static_cast<uint64_t>(info.st_size);
  if (size_ == 0) return;
  void* address = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED) throw Error("cannot map " + path + " into memory: " + std::strerror(errno));
  data_ = static_cast<const uint8_t*>(address);
  madvise(address, size_, MADV_SEQUENTIAL);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<uint8_t*>(data_), size_);
}

void MappedFile::note_read(uint64_t bytes) const {
  const uint64_t before = read_since_release_.fetch_add(bytes, std::memory_order_relaxed);
  if (before < kResidentLimit && before + bytes >= kResidentLimit) {
    release();
    read_since_release_.store(0, std::memory_order_relaxed);
  }
}

void MappedFile::release() const {
  if (data_ != nullptr) madvise(const_cast<uint8_t*>(data_), size_, MADV_DONTNEED);
}

void MappedFile::populate() const {
#if defined(MADV_POPULATE_READ)
  if (data_ != nullptr) madvise(const_cast<uint8_t*>(data_), size_, MADV_POPULATE_READ);
#endif
}

}  // namespace brim
