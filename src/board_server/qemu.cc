#include "board_server/qemu.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <vector>

#include "base/concat.h"
#include "base/error.h"

namespace brim {

namespace {

constexpr const char* kProgram = "qemu-system-aarch64";

std::vector<std::string> arguments(const QemuOptions& options) {
  const char* const kEntry[] = {"", ",virtualization=on", ",secure=on"};  // EL1, EL2, EL3
  std::vector<std::string> list = {
      kProgram,
      "-M",
      concat("xlnx-zcu102", kEntry[options.exception_level - 1], ",memory-backend=ddr"),
      "-object",
      concat("memory-backend-file,id=ddr,size=", options.ddr_bytes,
             ",share=on,mem-path=", options.ddr.string()),
      "-m",
      concat(options.ddr_bytes >> 20, "M"),
      "-display",
      "none",
      "-monitor",
      "none",
      "-chardev",
      "stdio,id=console,signal=off",
      "-serial",
      "chardev:console",
      "-semihosting-config",
      "enable=on,target=native",
      "-device",
      concat("loader,file=", options.firmware.string(), ",cpu-num=0")};
  // Its board has four Ethernet controllers; each wants something to be connected with.
  for (uint32_t i = 0; i < 4; ++i) list.insert(list.end(), {"-nic", "user,restrict=on"});
  if (options.card) {
    // Writes, which the firmware never does, would go to a temporary file.
    list.insert(list.end(),
                {"-drive", concat("file=", options.card->string(), ",if=sd,format=raw,index=0,snapshot=on")});
  }
  return list;
}

// The first line that QEMU wrote to its standard error, but for what it says at every start: modules of its
// own that are not installed, and warnings about devices that the firmware does not use.
std::string first_problem(int file) {
  std::string text;
  std::array<char, 4096> buffer;
  lseek(file, 0, SEEK_SET);
  for (ssize_t bytes; (bytes = read(file, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<size_t>(bytes));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("qemu: module ") || line.find("warning:") != std::string::npos ||
        line.find("terminating on signal") != std::string::npos) {
      continue;
    }
    return line.substr(line.starts_with(kProgram) ? line.find(": ") + 2 : 0);
  }
  return "";
}

}  // namespace

std::vector<AddressRange> qemu_memory(uint64_t bytes) {
  constexpr uint64_t kLowBytes = uint64_t{2} << 30;
  constexpr uint64_t kHighBase = 0x800000000;
  std::vector<AddressRange> ranges = {{0, std::min(bytes, kLowBytes)}};
  if (bytes > kLowBytes) ranges.push_back({kHighBase, bytes - kLowBytes});
  return ranges;
}

Qemu::Qemu(const QemuOptions& options) {
  int to_child[2], from_child[2], exec_failed[2];
  if (pipe2(to_child, O_CLOEXEC) != 0 || pipe2(from_child, O_CLOEXEC) != 0 ||
      pipe2(exec_failed, O_CLOEXEC) != 0) {
    throw Error(concat("cannot make a pipe: ", std::strerror(errno)));
  }
  std::vector<std::string> list = arguments(options);
  std::vector<char*> argv;
  argv.reserve(list.size() + 1);
  for (std::string& argument : list) argv.push_back(argument.data());
  argv.push_back(nullptr);

  errors_ = memfd_create("qemu", MFD_CLOEXEC);
  process_ = fork();
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);  // the terminal's signals are for this program
    setenv("QEMU_AUDIO_DRV", "none", 1);
    dup2(to_child[0], STDIN_FILENO);
    dup2(from_child[1], STDOUT_FILENO);
    if (errors_ >= 0) dup2(errors_, STDERR_FILENO);
    execvp(kProgram, argv.data());
    const int why = errno;
    if (write(exec_failed[1], &why, sizeof(why)) < 0) _exit(126);
    _exit(127);
  }
  const int fork_error = errno;
  close(to_child[0]);
  close(from_child[1]);
  close(exec_failed[1]);
  input_ = to_child[1];
  output_ = from_child[0];
  int why = 0;
  const bool failed = process_ > 0 && read(exec_failed[0], &why, sizeof(why)) == sizeof(why);
  close(exec_failed[0]);
  if (process_ < 0 || failed) {
    close(input_);
    close(output_);
    if (errors_ >= 0) close(errors_);
    if (failed) waitpid(process_, nullptr, 0);
    throw Error(concat("cannot start ", kProgram, ": ", std::strerror(failed ? why : fork_error),
                       "; install QEMU (Debian: apt install qemu-system-arm)"));
  }
  fcntl(input_, F_SETFL, O_NONBLOCK);
}

Qemu::~Qemu() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  close(input_);
  close(output_);
  if (errors_ >= 0) close(errors_);
}

int Qemu::wait() {
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  if (errors_ >= 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) problem_ = first_problem(errors_);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace brim
