// A file mapped into memory for reading.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>

namespace brim {

// RAII. Models are larger than memory, so a reader tells how much it has touched and the mapping gives
// its pages back from time to time. A file that shrinks while it is mapped, or storage that fails, ends the
// process with a line that names the file, and exit code 1.
class MappedFile {
 public:
  // Throws Error if `path` cannot be opened, is no regular file or cannot be mapped.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }
  std::span<const uint8_t> bytes() const { return {data_, size_}; }

  // Notes that `bytes` of the mapping have been read; after every kResidentLimit of them all pages are
  // dropped from this process (they stay in the page cache while there is room). Thread-safe: pages
  // that another thread is reading are mapped again.
  void note_read(uint64_t bytes) const;

  // Drops all pages from this process now.
  void release() const;

  // Brings all pages into this process now, reading from the disk what is not cached: far quicker than one
  // page fault after the other. Where the system cannot do it, nothing happens.
  void populate() const;

  static constexpr uint64_t kResidentLimit = 256u << 20;

 private:
  std::string path_;
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
  mutable std::atomic<uint64_t> read_since_release_ = 0;
};

}  // namespace brim
