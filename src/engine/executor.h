// What every executor of a decode program offers: the interpreter on a CPU, the RTL in simulation, the board.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace brim {

// One run of the program over the weights, for tokens at consecutive positions. The KV cache holds valid
// entries for all positions below `position`.
struct Pass {
  std::span<const uint32_t> tokens;  // 1 .. max_tokens_per_pass
  uint32_t position = 0;             // of tokens[0]
  uint32_t first_logits = 0;         // logits are wanted from this token on; tokens.size(): none
};

class Executor {
 public:
  virtual ~Executor() = default;

  virtual std::string name() const = 0;
  virtual uint32_t vocabulary() const = 0;
  virtual uint32_t context() const = 0;  // positions the KV cache holds
  virtual uint32_t max_tokens_per_pass() const = 0;

  // Runs the pass and leaves the tokens' K and V in the cache. Returns the logits of tokens first_logits ...,
  // [tokens][vocabulary], valid until the next call. Throws Error if a token or position is out of range, or
  // an activation left the range of A16 (a damaged or unsuitable model).
  virtual std::span<const float> run(const Pass& pass) = 0;
};

}  // namespace brim
