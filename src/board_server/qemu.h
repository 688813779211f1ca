// QEMU as a child process, its serial console at the ends of two pipes.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/address_range.h"

namespace brim {

// Where firmware/board.h has the accelerator's registers in QEMU.
inline constexpr uint64_t kQemuRegisters = 0x1F0000;

// The memory of QEMU's machine with so many bytes of DDR.
std::vector<AddressRange> qemu_memory(uint64_t bytes);

struct QemuOptions {
  std::filesystem::path firmware;  // ELF file
  std::filesystem::path ddr;       // file of a SharedDdr
  uint64_t ddr_bytes = 0;
  std::optional<std::filesystem::path> card;  // never written to
  uint32_t exception_level = 2;               // at which the firmware is entered: 1 to 3
};

// RAII: the process ends with the object, and with this process, whatever happens to it.
class Qemu {
 public:
  // Throws Error if it cannot be started.
  explicit Qemu(const QemuOptions& options);
  ~Qemu();
  Qemu(const Qemu&) = delete;
  Qemu& operator=(const Qemu&) = delete;

  int input() const { return input_; }    // what is typed on the console; not blocking
  int output() const { return output_; }  // what the console shows

  // Waits for the end of the process, and returns its exit code; 128 + the signal if it was killed.
  int wait();

  // After it: what QEMU itself had to say of its failure; empty if it did not fail, or has only said what the
  // program that it ran did.
  const std::string& problem() const { return problem_; }

 private:
  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
  int errors_ = -1;  // what it writes to its standard error
  std::string problem_;
};

}  // namespace brim
