// Runs a program as a user would. For tests.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace brim::test {

struct ProcessResult {
  int exit_code = -1;  // 128 + signal if one ended it
  std::string out, err;

  size_t error_lines() const { return static_cast<size_t>(std::count(err.begin(), err.end(), '\n')); }
};

enum class Stdout { kFile, kClosed, kFull, kBrokenPipe };

// arguments[0] is the program. Standard input holds `input`; standard output is a file, or cannot be written
// to.
inline ProcessResult run_process(const std::vector<std::string>& arguments, const std::string& input = "",
                                 Stdout where = Stdout::kFile) {
  const TemporaryFolder folder;
  const std::string in = folder.write("in", input);
  const std::string out = folder.path() + "/out";
  const std::string err = folder.path() + "/err";
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  const pid_t child = fork();
  if (child == 0) {
    const auto redirect = [](const std::string& path, int flags, int to) {
      const int fd = open(path.c_str(), flags, 0600);
      if (fd < 0 || dup2(fd, to) < 0) _exit(126);
      close(fd);
    };
    std::signal(SIGPIPE, SIG_DFL);
    redirect(in, O_RDONLY, STDIN_FILENO);
    redirect(err, O_WRONLY | O_CREAT, STDERR_FILENO);
    switch (where) {
      case Stdout::kFile:
        redirect(out, O_WRONLY | O_CREAT, STDOUT_FILENO);
        break;
      case Stdout::kFull:
        redirect("/dev/full", O_WRONLY, STDOUT_FILENO);
        break;
      case Stdout::kClosed:
        close(STDOUT_FILENO);
        break;
      case Stdout::kBrokenPipe: {
        int ends[2];
        if (pipe(ends) != 0) _exit(126);
        close(ends[0]);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[1]);
        break;
      }
    }
    execv(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(out), read_file(err)};
}

// Exit code 1 and one line on standard error that contains `part`.
inline void expect_failure(const ProcessResult& result, const std::string& part) {
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_EQ(result.error_lines(), 1u) << result.err;
  EXPECT_EQ(result.err.find("brim: "), 0u) << result.err;
  EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
}

}  // namespace brim::test
