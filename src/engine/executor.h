// What every executor of a decode program offers: the interpreter on a CPU, the RTL in simulation, the board.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/pass.h"

namespace brim {

class Executor : public PassRunner {
 public:
  virtual ~Executor() = default;

  virtual std::string name() const = 0;

  // Runs the pass and leaves the tokens' K and V in the cache. Returns the logits of tokens first_logits ...,
  // [tokens][vocabulary], valid until the next call. Throws Error if a token or position is out of range, or
  // an activation left the range of A16 (a damaged or unsuitable model).
  virtual std::span<const float> run(const Pass& pass) = 0;

  bool run_pass(const Pass& pass, std::span<const float>& logits) final {
    logits = run(pass);
    return true;
  }
};

}  // namespace brim
