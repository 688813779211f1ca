// Commands on the DRAM command bus: what the controller model issues and what the protocol checker reads.
#pragma once

#include <cstdint>

namespace brim::ddr4 {

// Clocks of the DRAM command bus (nCK) since power-up.
using Cycle = uint64_t;
inline constexpr Cycle kNever = ~Cycle{0};

enum class CommandKind : uint8_t { kActivate, kPrecharge, kPrechargeAll, kRead, kWrite, kRefresh };

struct Command {
  Cycle at = 0;
  CommandKind kind = CommandKind::kActivate;
  uint32_t group = 0;   // bank group; 0 for commands to the whole rank
  uint32_t bank = 0;    // within its group
  uint32_t row = 0;     // of kActivate, kRead and kWrite
  uint32_t column = 0;  // burst within the row, of kRead and kWrite
  bool operator==(const Command&) const = default;
};

// Sees every command in the order in which it is issued.
class CommandObserver {
 public:
  virtual ~CommandObserver() = default;
  virtual void on_command(const Command& command) = 0;
};

}  // namespace brim::ddr4
