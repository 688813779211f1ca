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

  // Throws Error if a token or position is out of range, or an activation left the range of A16 (a damaged or
  // unsuitable model).
  PassLogits run(const Pass& pass) override = 0;
};

}  // namespace brim
