// Passes in a file, to be replayed by brim sim. One line each, after one that names the columns: position,
// tokens, of how many of them logits were wanted, which model of the image, and, of a model with experts,
// which of them were read: those of a layer with commas between them, layers with slashes.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "engine/executor.h"

namespace brim {

struct LoggedPass {
  uint32_t position = 0;
  uint32_t tokens = 0;
  uint32_t logits = 0;
  uint32_t model = 0;
  PassExperts experts = {};
  bool operator==(const LoggedPass&) const = default;
};

// The file that passes are written to.
class PassLog {
 public:
  // Throws Error if the file cannot be written.
  explicit PassLog(const std::string& path);

  void write(const LoggedPass& pass);

  // Throws Error unless all of it has been written.
  void finish();

 private:
  std::string path_;
  std::ofstream file_;
};

// Runs passes by another runner and writes them down. Runner and log outlive it.
class LoggingRunner final : public PassRunner {
 public:
  LoggingRunner(Executor& runner, PassLog& log, uint32_t model = 0)
      : runner_(runner), log_(log), model_(model) {}

  uint32_t vocabulary() const override { return runner_.vocabulary(); }
  uint32_t context() const override { return runner_.context(); }
  uint32_t max_tokens_per_pass() const override { return runner_.max_tokens_per_pass(); }
  uint32_t earliest_start(uint32_t written) const override { return runner_.earliest_start(written); }
  PassLogits run(const Pass& pass) override;

 private:
  Executor& runner_;
  PassLog& log_;
  uint32_t model_;
};

// Throws Error naming the line that is no pass.
std::vector<LoggedPass> read_passes(const std::string& path);

}  // namespace brim
