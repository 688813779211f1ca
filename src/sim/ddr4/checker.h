// Protocol checker: reads a command stream and says which DDR4 rules it breaks.
//
// It knows nothing of the controller. Rules are stated as JEDEC states them, as smallest distances between
// pairs of commands, and every command is compared with all earlier ones that can still matter; the data
// bus, the open rows and the refresh count are kept apart from that.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "board/board.h"
#include "sim/ddr4/command.h"

namespace brim::ddr4 {

struct Violation {
  std::string rule;  // "tRCD", "bank closed", ...
  Command command;
};

class ProtocolChecker : public CommandObserver {
 public:
  // JEDEC JESD79-4, 4.26: at most 8 refreshes may be postponed or pulled in.
  static constexpr uint64_t kMaxPostponed = 8;

  explicit ProtocolChecker(const DdrDescription& ddr);

  void on_command(const Command& command) override;

  const std::vector<Violation>& violations() const { return violations_; }
  // Longest distance between two refreshes (or from cycle 0 to the first) in nCK.
  Cycle longest_refresh_interval() const { return longest_refresh_interval_; }

 private:
  void check_distances(const Command& command);
  void check_four_activates(const Command& command);
  void check_state(const Command& command);
  void check_data_bus(const Command& command);
  void check_refresh_debt(const Command& command);
  void add(const std::string& rule, const Command& command);

  const DdrDescription ddr_;
  const Cycle horizon_;  // older commands constrain nothing
  std::deque<Command> history_;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> open_rows_;  // (group, bank) -> row
  std::optional<Cycle> last_at_;
  Cycle data_busy_until_ = 0;
  Cycle last_refresh_ = 0;
  Cycle longest_refresh_interval_ = 0;
  uint64_t refreshes_ = 0;
  std::vector<Violation> violations_;
};

}  // namespace brim::ddr4
