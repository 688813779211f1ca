#include "base/mapped_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>

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

// A mapping that the handler of SIGBUS knows: the signal tells of pages that cannot be had. Once made it
// stays, as a handler in another thread may be reading it.
struct Watch {
  std::atomic<const uint8_t*> data = nullptr;  // null: free
  std::atomic<uint64_t> size = 0;
  char line[512] = {};
  Watch* next = nullptr;
};
std::atomic<Watch*> watches = nullptr;

// Calls nothing that POSIX does not allow in a handler.
void on_signal(int, siginfo_t* info, void*) {
  const auto* address = static_cast<const uint8_t*>(info->si_addr);
  for (const Watch* watch = watches.load(); watch != nullptr; watch = watch->next) {
    const uint8_t* const first = watch->data.load();
    if (first == nullptr || address < first || address - first >= static_cast<ptrdiff_t>(watch->size.load()))
      continue;
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, watch->line, std::strlen(watch->line));
    _exit(1);
  }
  signal(SIGBUS, SIG_DFL);  // none of ours: it comes again as soon as the handler is left
}

void start_watching(const std::string& path, const uint8_t* data, uint64_t size) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  static const bool installed = [] {
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO;
    return sigaction(SIGBUS, &action, nullptr) == 0;
  }();
  static_cast<void>(installed);
  Watch* watch = watches.load();
  while (watch != nullptr && watch->data.load() != nullptr) watch = watch->next;
  if (watch == nullptr) {
    watch = std::make_unique<Watch>().release();  // for as long as the process lives
    watch->next = watches.load();
    watches.store(watch);
  }
  std::snprintf(
      watch->line, sizeof(watch->line),
      "brim: %.300s was cut short, or its storage failed, while it was in use; copy it again and start "
      "again\n",
      path.c_str());
  watch->size.store(size);
  watch->data.store(data);
}

void stop_watching(const uint8_t* data) {
  for (Watch* watch = watches.load(); watch != nullptr; watch = watch->next) {
    if (watch->data.load() == data) watch->data.store(nullptr);
  }
}

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
  start_watching(path_, data_, size_);
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  stop_watching(data_);
  munmap(const_cast<uint8_t*>(data_), size_);
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
