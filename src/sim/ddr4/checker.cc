#include "sim/ddr4/checker.h"

#include <algorithm>

namespace brim::ddr4 {
namespace {

using Kind = CommandKind;

struct Distance {
  const char* rule = nullptr;
  Cycle clocks = 0;
};

bool for_whole_rank(const Command& c) { return c.kind == Kind::kPrechargeAll || c.kind == Kind::kRefresh; }

bool same_group(const Command& a, const Command& b) {
  return for_whole_rank(a) || for_whole_rank(b) || a.group == b.group;
}

bool same_bank(const Command& a, const Command& b) {
  return for_whole_rank(a) || for_whole_rank(b) || (a.group == b.group && a.bank == b.bank);
}

bool is_precharge(Kind kind) { return kind == Kind::kPrecharge || kind == Kind::kPrechargeAll; }

// The smallest distance from `a` to a later `b`.
Distance smallest_distance(const DdrDescription& ddr, const Command& a, const Command& b) {
  const DdrTiming& t = ddr.timing;
  const Cycle burst = ddr.burst_length / 2;
  const bool bank = same_bank(a, b);
  const bool group = same_group(a, b);
  switch (a.kind) {
    case Kind::kActivate:
      if (b.kind == Kind::kActivate) {
        if (bank) return {"tRC", t.trc};
        return group ? Distance{"tRRD_L", t.trrd_l} : Distance{"tRRD_S", t.trrd_s};
      }
      if (bank && (b.kind == Kind::kRead || b.kind == Kind::kWrite)) return {"tRCD", t.trcd};
      if (bank && is_precharge(b.kind)) return {"tRAS", t.tras};
      return {};
    case Kind::kPrecharge:
    case Kind::kPrechargeAll:
      if (bank && (b.kind == Kind::kActivate || b.kind == Kind::kRefresh)) return {"tRP", t.trp};
      return {};
    case Kind::kRead:
      if (b.kind == Kind::kRead) return group ? Distance{"tCCD_L", t.tccd_l} : Distance{"tCCD_S", t.tccd_s};
      if (b.kind == Kind::kWrite) return {"read to write", t.read_to_write};
      if (bank && is_precharge(b.kind)) return {"tRTP", t.trtp};
      return {};
    case Kind::kWrite: {
      const Cycle data_end = t.cwl + burst;
      if (b.kind == Kind::kWrite) return group ? Distance{"tCCD_L", t.tccd_l} : Distance{"tCCD_S", t.tccd_s};
      if (b.kind == Kind::kRead) {
        return group ? Distance{"tWTR_L", data_end + t.twtr_l} : Distance{"tWTR_S", data_end + t.twtr_s};
      }
      if (bank && is_precharge(b.kind)) return {"tWR", data_end + t.twr};
      return {};
    }
    case Kind::kRefresh:
      return {"tRFC", t.trfc};
  }
  return {};
}

Cycle longest_rule(const DdrDescription& ddr) {
  const DdrTiming& t = ddr.timing;
  const Cycle write = t.cwl + ddr.burst_length / 2 + std::max(t.twr, t.twtr_l);
  return std::max(
      {Cycle{t.trfc}, Cycle{t.trc}, Cycle{t.tfaw}, Cycle{t.read_to_write}, Cycle{t.tccd_l}, write});
}

}  // namespace

ProtocolChecker::ProtocolChecker(const DdrDescription& ddr) : ddr_(ddr), horizon_(longest_rule(ddr)) {}

void ProtocolChecker::on_command(const Command& command) {
  if (last_at_ && command.at <= *last_at_) add("one command per clock", command);
  last_at_ = command.at;
  while (!history_.empty() && history_.front().at + horizon_ < command.at) history_.pop_front();
  check_distances(command);
  check_four_activates(command);
  check_state(command);
  check_data_bus(command);
  check_refresh_debt(command);
  history_.push_back(command);
}

void ProtocolChecker::check_distances(const Command& command) {
  for (const Command& earlier : history_) {
    const Distance distance = smallest_distance(ddr_, earlier, command);
    if (distance.rule != nullptr && command.at < earlier.at + distance.clocks) add(distance.rule, command);
  }
}

void ProtocolChecker::check_four_activates(const Command& command) {
  if (command.kind != Kind::kActivate) return;
  const auto in_window = std::ranges::count_if(history_, [&](const Command& earlier) {
    return earlier.kind == Kind::kActivate && command.at < earlier.at + ddr_.timing.tfaw;
  });
  if (in_window >= 4) add("tFAW", command);
}

void ProtocolChecker::check_state(const Command& command) {
  const std::pair bank{command.group, command.bank};
  const auto open = open_rows_.find(bank);
  if (!for_whole_rank(command) &&
      (command.group >= ddr_.bank_groups || command.bank >= ddr_.banks_per_group)) {
    add("no such bank", command);
  }
  switch (command.kind) {
    case Kind::kActivate:
      if (open != open_rows_.end()) add("bank open", command);
      if (command.row >> ddr_.row_bits != 0) add("no such row", command);
      open_rows_[bank] = command.row;
      break;
    case Kind::kPrecharge:
      open_rows_.erase(bank);
      break;
    case Kind::kPrechargeAll:
      open_rows_.clear();
      break;
    case Kind::kRead:
    case Kind::kWrite:
      if (open == open_rows_.end()) {
        add("bank closed", command);
      } else if (open->second != command.row) {
        add("wrong row", command);
      }
      if (command.column >= ddr_.row_bytes() / kDdrBurstBytes) add("no such column", command);
      break;
    case Kind::kRefresh:
      if (!open_rows_.empty()) add("refresh with open bank", command);
      break;
  }
}

void ProtocolChecker::check_data_bus(const Command& command) {
  if (command.kind != Kind::kRead && command.kind != Kind::kWrite) return;
  const Cycle start = command.at + (command.kind == Kind::kRead ? ddr_.timing.cl : ddr_.timing.cwl);
  if (start < data_busy_until_) add("data bus", command);
  data_busy_until_ = start + ddr_.burst_length / 2;
}

void ProtocolChecker::check_refresh_debt(const Command& command) {
  const Cycle trefi = ddr_.timing.trefi;
  // With 8 refreshes postponed, no two may be further apart than 9 tREFI, and the count may not lag more.
  if (command.at - last_refresh_ > (kMaxPostponed + 1) * trefi ||
      command.at / trefi > refreshes_ + kMaxPostponed + 1) {
    add("refresh too late", command);
  }
  if (command.kind != Kind::kRefresh) return;
  if (refreshes_ > command.at / trefi + kMaxPostponed) add("refresh too early", command);
  longest_refresh_interval_ = std::max(longest_refresh_interval_, command.at - last_refresh_);
  last_refresh_ = command.at;
  ++refreshes_;
}

void ProtocolChecker::add(const std::string& rule, const Command& command) {
  violations_.push_back({rule, command});
}

}  // namespace brim::ddr4
