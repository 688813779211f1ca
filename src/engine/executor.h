// What every executor of a decode program offers: the interpreter on a CPU, the RTL in simulation, the board.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/error.h"
#include "engine/pass.h"

namespace brim {

class Executor : public PassRunner {
 public:
  virtual ~Executor() = default;

  virtual std::string name() const = 0;

  // Throws Error if a token or position is out of range, or an activation left the range of A16 (a damaged or
  // unsuitable model).
  PassLogits run(const Pass& pass) override = 0;

  // visit(bytes) for the runs of memory that hold K and V of the first positions, whole pages and what goes
  // with them, in an order that all executors share: a context can be kept, and filled in elsewhere.
  using CacheVisitor = std::function<void(std::span<uint8_t> bytes)>;
  // Throws Error where an executor has no such memory.
  virtual void visit_cache(uint32_t /*positions*/, const CacheVisitor& /*visit*/) {
    throw Error("the KV cache of " + name() + " cannot be kept");
  }
};

}  // namespace brim
