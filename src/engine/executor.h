// What every executor of a decode program offers: the interpreter on a CPU, the RTL in simulation, the board.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/pass.h"

namespace brim {

// The distinct experts that the tokens of a pass have chosen in each layer that has some, ascending.
using PassExperts = std::vector<std::vector<uint32_t>>;

class Executor : public PassRunner {
 public:
  virtual ~Executor() = default;

  virtual std::string name() const = 0;

  // Empty for a model without experts, or where the executor does not tell.
  virtual PassExperts experts_of_last_pass() const { return {}; }

  // Throws Error if a token or position is out of range, or an activation left the range of A16 (a damaged or
  // unsuitable model).
  PassLogits run(const Pass& pass) override = 0;

  // What runs the image's draft model, with a KV cache for each of this executor's; null: there is none. It
  // lives as long as this executor.
  virtual Executor* draft() { return nullptr; }

  // The memory that holds K and V of a cache's first positions, the same parts at every time, to be kept and
  // brought back. None: this executor's cache cannot be reached.
  virtual std::vector<std::span<uint8_t>> cache_memory(uint32_t /*cache*/, uint32_t /*positions*/) {
    return {};
  }
};

}  // namespace brim
