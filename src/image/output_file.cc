#include "image/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace brim {

OutputFile::OutputFile(std::filesystem::path path, uint64_t bytes) : path_(std::move(path)) {
  // Renaming would put the new file in the place of a device or fail at the very end on a directory.
  std::error_code none;
  const auto present = std::filesystem::status(path_, none);
  if (std::filesystem::exists(present) && !std::filesystem::is_regular_file(present))
    throw Error("cannot write " + path_.string() + ": it is not a regular file");
  // A file without a name goes away with the process, however that ends.
  const auto directory = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  fd_ = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  if (fd_ < 0) open_named();
  const int problem = bytes == 0 ? 0 : posix_fallocate(fd_, 0, static_cast<off_t>(bytes));
  if (problem != 0) {
    close(fd_);
    if (!temporary_.empty()) unlink(temporary_.c_str());
    throw Error("cannot reserve " + std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB for " +
                path_.string() + ": " + std::strerror(problem));
  }
}

// For file systems that know no unnamed files.
void OutputFile::open_named() {
  temporary_ = path_.string() + ".XXXXXX";
  fd_ = mkstemp(temporary_.data());
  if (fd_ < 0) {
    temporary_.clear();
    throw Error("cannot write " + path_.string() + ": " + std::strerror(errno));
  }
  const mode_t mask = umask(0);
  umask(mask);
  fchmod(fd_, 0666 & ~mask);
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void OutputFile::write(uint64_t offset, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("cannot write");
    offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void OutputFile::read(uint64_t offset, std::span<uint8_t> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail("cannot read back");
    offset += static_cast<uint64_t>(got);
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

std::string OutputFile::name_for_reading() const {
  return temporary_.empty() ? "/proc/self/fd/" + std::to_string(fd_) : temporary_;
}

void OutputFile::commit() {
  if (fsync(fd_) != 0) fail("cannot write");
  if (temporary_.empty()) {
    const std::string open_file = name_for_reading();
    const std::string name = path_.string() + "." + std::to_string(getpid());
    if (linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
      fail("cannot name");
    temporary_ = name;
  }
  if (close(fd_) != 0) {
    fd_ = -1;
    fail("cannot write");
  }
  fd_ = -1;
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot rename to");
  temporary_.clear();
}

void OutputFile::fail(const std::string& what) const {
  throw Error(what + " " + path_.string() + ": " + std::strerror(errno));
}

}  // namespace brim
