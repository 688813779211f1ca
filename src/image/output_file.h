// A file that appears under its name only when it is complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace brim {

// Writes go to an unnamed file in the same directory with all its space reserved; `commit` names it.
// A destroyed OutputFile that was not committed leaves nothing behind. Thread-safe writes.
class OutputFile {
 public:
  // Throws Error if the directory is not writable or the disk has no room for `bytes`.
  OutputFile(std::filesystem::path path, uint64_t bytes);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(uint64_t offset, std::span<const uint8_t> bytes);
  void read(uint64_t offset, std::span<uint8_t> bytes) const;

  // A name under which this process can open the file while it has not been committed.
  std::string name_for_reading() const;

  // Flushes to the disk and puts the file under its name, replacing what was there.
  void commit();

 private:
  void open_named();
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path path_;
  std::string temporary_;  // name until it is renamed; empty: none
  int fd_ = -1;
};

}  // namespace brim
