// Proposes tokens that may follow a text, to be verified in one pass. Freestanding.
#pragma once

#include <cstdint>
#include <span>

namespace brim {

// What was proposed. How often proposals are right is learned for each kind of a drafter by itself.
struct Draft {
  uint32_t count = 0;
  uint32_t kind = 0;
};

class Drafter {
 public:
  static constexpr uint32_t kMostKinds = 8;

  // Writes up to out.size() tokens that may follow `text`, which is the text of the last call with tokens
  // added or, after a rewind, with others.
  virtual Draft propose(std::span<const uint32_t> text, std::span<uint32_t> out) = 0;

  // Only the first `count` tokens of the text are what they were.
  virtual void rewind(uint32_t count) = 0;

  // Tokens of the text but its last that have to be read before a proposal, each at some cost.
  virtual uint32_t unread(std::span<const uint32_t> /*text*/) { return 0; }

  // What is known of a kind before anything was measured: the share of its proposals that is right, and the
  // time that one proposed token takes, as a share of that of a pass of one token. 0: none worth counting, so
  // that more may be proposed than is run. A drafter whose proposals cost has kind 0 only.
  virtual double first_acceptance(uint32_t kind) const = 0;
  virtual double cost_of_draft() const { return 0; }

 protected:
  ~Drafter() = default;
};

}  // namespace brim
