// `brim board` as a child process, its console at the ends of two pipes. For tests.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace brim::test {

inline bool can_run_board() {
  return std::string(BRIM_FIRMWARE) != "" &&
         std::system("command -v qemu-system-aarch64 >/dev/null 2>&1") == 0;
}

// RAII: `brim board` with a console at the ends of two pipes.
class Board {
 public:
  // Works in the directory `temporary`.
  Board(const std::string& temporary, const std::vector<std::string>& arguments) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) std::abort();
    std::vector<std::string> list = {BRIM_BINARY, "board", "-t", "1"};
    list.insert(list.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& argument : list) argv.push_back(argument.data());
    argv.push_back(nullptr);
    process_ = fork();
    if (process_ == 0) {
      dup2(to[0], STDIN_FILENO);
      dup2(from[1], STDOUT_FILENO);
      setenv("TMPDIR", temporary.c_str(), 1);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    input_ = to[1];
    output_ = from[0];
  }
  ~Board() {
    if (process_ > 0) {
      kill(process_, SIGTERM);
      waitpid(process_, nullptr, 0);
    }
    if (input_ >= 0) close(input_);
    close(output_);
  }
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  void send(const std::string& text) {
    ASSERT_EQ(write(input_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // Whether `text` appears on the console, beyond what earlier calls have found, within the time.
  bool shows(const std::string& text, int seconds = 50) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (std::chrono::steady_clock::now() < end) {
      const size_t at = console_.find(text, seen_);
      if (at != std::string::npos) {
        seen_ = at + text.size();
        return true;
      }
      if (!read_more()) break;
    }
    ADD_FAILURE() << "'" << text << "' does not appear; the console: " << console_;
    return false;
  }

  // Closes the input and waits for the end; the exit code.
  int finish() {
    close(input_);
    input_ = -1;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(50);
    while (std::chrono::steady_clock::now() < end && read_more()) {
    }
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // Ends it from outside; the exit code.
  int terminate() {
    kill(process_, SIGTERM);
    return finish();
  }

  const std::string& console() const { return console_; }

 private:
  // False at the end of the output.
  bool read_more() {
    pollfd file = {output_, POLLIN, 0};
    if (poll(&file, 1, 200) <= 0) return true;
    std::array<char, 4096> buffer;
    const ssize_t bytes = read(output_, buffer.data(), buffer.size());
    if (bytes > 0) console_.append(buffer.data(), static_cast<size_t>(bytes));
    return bytes > 0;
  }

  pid_t process_ = -1;
  int input_ = -1, output_ = -1;
  std::string console_;
  size_t seen_ = 0;
};

}  // namespace brim::test

// Skips the test where the firmware cannot be built or run.
#define BRIM_NEED_BOARD()                                                                                  \
  if (!::brim::test::can_run_board())                                                                      \
  GTEST_SKIP() << "needs qemu-system-aarch64 and the cross compiler (Debian: apt install qemu-system-arm " \
                  "g++-aarch64-linux-gnu)"
