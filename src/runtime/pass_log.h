// Passes in a file, to be replayed by brim sim. One line each, after one that names the columns: position,
// tokens, of how many of them logits were wanted, and which model of the image.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "engine/pass.h"

namespace brim {

struct LoggedPass {
  uint32_t position = 0;
  uint32_t tokens = 0;
  uint32_t logits = 0;
  uint32_t model = 0;
  bool operator==(const LoggedPass&) const = default;
};

// Runs passes by another runner, which must outlive it, and writes them down.
class LoggingRunner final : public PassRunner {
 public:
  // Throws Error if the file cannot be written.
  LoggingRunner(PassRunner& runner, const std::string& path, uint32_t model = 0);

  uint32_t vocabulary() const override { return runner_.vocabulary(); }
  uint32_t context() const override { return runner_.context(); }
  uint32_t max_tokens_per_pass() const override { return runner_.max_tokens_per_pass(); }
  PassLogits run(const Pass& pass) override;

  // Throws Error unless all of it has been written.
  void finish();

 private:
  PassRunner& runner_;
  std::string path_;
  std::ofstream file_;
  uint32_t model_;
};

// Throws Error naming the line that is no pass.
std::vector<LoggedPass> read_passes(const std::string& path);

}  // namespace brim
