#include "sim/ddr4/controller.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace brim::ddr4 {
namespace {

// Unlike std::max of an initializer list, this stays in registers.
template <typename... Cycles>
Cycle latest(Cycle first, Cycles... others) {
  ((first = first < others ? others : first), ...);
  return first;
}

}  // namespace

Controller::Controller(const DdrDescription& ddr, CommandObserver* observer)
    : timing_(ddr.timing),
      sizes_(ddr.controller),
      decoder_(ddr),
      observer_(observer),
      capacity_(ddr.capacity_bytes()),
      banks_count_(ddr.banks()),
      bank_bits_(static_cast<uint32_t>(std::countr_zero(ddr.banks_per_group))),
      burst_clocks_(ddr.burst_clocks()),
      refresh_due_(ddr.timing.trefi) {}

bool Controller::accept_read(uint64_t offset, uint32_t id) {
  if (reads_.size() == sizes_.read_queue) return false;
  if (reads_.size() + reads_done_.size() == CompletionQueue::kCapacity) return false;
  return accept(false, offset, id);
}

bool Controller::accept_write(uint64_t offset, uint32_t id) {
  if (writes_.size() == sizes_.write_queue) return false;
  if (writes_.size() + writes_done_.size() == CompletionQueue::kCapacity) return false;
  return accept(true, offset, id);
}

bool Controller::accept(bool write, uint64_t offset, uint32_t id) {
  assert(offset < capacity_);
  const DramAddress address = decoder_.decode(offset);
  const Request request{.order = next_order_++,
                        .arrival = now_,
                        .burst = static_cast<uint32_t>(offset / kDdrBurstBytes),
                        .id = id,
                        .row = address.row,
                        .column = address.column,
                        .bank = address.bank};
  const RequestQueue& other = queue(!write);
  const bool held = other.size() != 0 && other.has_older(request.burst, request.order);
  // A read that queues up behind a hit to its bank while reads are served changes no choice.
  const bool behind_hit =
      !write && !held && !choice_direction_.write && reads_.oldest_hit(address.bank) != RequestQueue::kNone;
  chosen_ = chosen_ && behind_hit;
  queue(write).add(request, held);
  return true;
}

void Controller::advance_to(Cycle cycle) {
  while (next_command() < cycle) issue();
  now_ = std::max(now_, cycle);
}

Cycle Controller::next_command() {
  if (!chosen_) choose();
  return std::max(choice_.at, now_);
}

// Every turn of the bus idles it, so the direction changes in batches, and only where there is a reason.
Controller::Direction Controller::next_direction() const {
  constexpr Direction kReads{};
  const Direction drain{.write = true, .drain_until = sizes_.write_low_watermark};
  if (!writes_.has_eligible()) return kReads;
  if (!reads_.has_eligible()) return drain;
  if (reads_.has_held()) return drain;
  if (direction_.write) {
    const uint32_t longest = std::max(sizes_.write_queue, sizes_.read_queue);
    return writes_.size() > direction_.drain_until && batch_ < longest ? direction_ : kReads;
  }
  if (batch_ < sizes_.read_queue) return kReads;
  if (now_ - writes_[writes_.oldest()].arrival > kMaxWriteWait) return {.write = true, .drain_until = 0};
  return writes_.size() >= sizes_.write_high_watermark ? drain : kReads;
}

void Controller::choose() {
  choice_direction_ = next_direction();
  choice_ = choice_direction_.write ? choice_of_request<true>() : choice_of_request<false>();
  if (choice_.at >= refresh_due_) {
    choice_ = choice_of_refresh();
    choice_direction_ = direction_;
  }
  chosen_ = true;
}

// First ready; of those, reads and writes before row commands; of those, the oldest.
template <bool kWrite>
Controller::Choice Controller::choice_of_request() const {
  const RequestQueue& requests = queue(kWrite);
  constexpr CommandKind kColumn = kWrite ? CommandKind::kWrite : CommandKind::kRead;
  Choice best;
  Cycle best_key = kNever;
  for (uint32_t rest = requests.eligible_banks(); rest != 0; rest &= rest - 1) {
    const Choice candidate = choice_of_bank<kWrite>(static_cast<uint32_t>(std::countr_zero(rest)));
    const Cycle key = candidate.at << 1 | (candidate.kind != kColumn);
    if (key < best_key || (key == best_key && requests[candidate.slot].order < requests[best.slot].order)) {
      best = candidate;
      best_key = key;
    }
  }
  return best;
}

template <bool kWrite>
Controller::Choice Controller::choice_of_bank(uint32_t bank_index) const {
  const RequestQueue& requests = queue(kWrite);
  const BankState& bank = banks_[bank_index];
  const GroupState& group = groups_[group_of(bank_index)];
  const uint8_t index = static_cast<uint8_t>(bank_index);
  const RequestQueue::Slot oldest = requests.oldest(bank_index);
  if (!bank.open) {
    const Cycle window = rank_.last_activates[rank_.next_activate];
    return {latest(bank.activate, group.activate, rank_.activate, window, now_), CommandKind::kActivate,
            index, oldest};
  }
  const RequestQueue::Slot hit = requests.oldest_hit(bank_index);
  if (hit == RequestQueue::kNone)
    return {latest(bank.precharge, now_), CommandKind::kPrecharge, index, oldest};
  const Cycle at = kWrite ? latest(bank.column, group.write, rank_.write, now_)
                          : latest(bank.column, group.read, rank_.read, now_);
  if (hit != oldest) {
    const Cycle overdue = requests[oldest].arrival + kMaxBypass;
    if (at >= overdue) return {latest(bank.precharge, overdue, now_), CommandKind::kPrecharge, index, oldest};
  }
  return {at, kWrite ? CommandKind::kWrite : CommandKind::kRead, index, hit};
}

Controller::Choice Controller::choice_of_refresh() const {
  Cycle closable = 0;
  bool any_open = false;
  for (uint32_t bank = 0; bank < banks_count_; ++bank) {
    if (!banks_[bank].open) continue;
    any_open = true;
    closable = std::max(closable, banks_[bank].precharge);
  }
  if (any_open) {
    return {latest(closable, refresh_due_, now_), CommandKind::kPrechargeAll, 0, RequestQueue::kNone};
  }
  return {latest(rank_.refresh, refresh_due_, now_), CommandKind::kRefresh, 0, RequestQueue::kNone};
}

void Controller::issue() {
  const Choice choice = choice_;
  const bool write = choice_direction_.write;
  now_ = std::max(choice.at, now_);
  if (observer_ != nullptr) report(choice);
  if (write != direction_.write) batch_ = 0;
  direction_ = choice_direction_;
  switch (choice.kind) {
    case CommandKind::kActivate:
      issue_activate(choice.bank, queue(write)[choice.slot].row);
      break;
    case CommandKind::kPrecharge:
      issue_precharge(choice.bank);
      ++counters_.precharges;
      break;
    case CommandKind::kPrechargeAll:
      for (uint32_t bank = 0; bank < banks_count_; ++bank) {
        if (banks_[bank].open) issue_precharge(bank);
      }
      ++counters_.precharges;
      break;
    case CommandKind::kRead:
    case CommandKind::kWrite:
      issue_column(write, choice.slot);
      break;
    case CommandKind::kRefresh:
      issue_refresh();
      break;
  }
  ++now_;  // one command per clock
  chosen_ = false;
}

void Controller::report(const Choice& choice) {
  Command command{.at = now_,
                  .kind = choice.kind,
                  .group = group_of(choice.bank),
                  .bank = choice.bank & ((1u << bank_bits_) - 1)};
  if (choice.slot != RequestQueue::kNone && choice.kind != CommandKind::kPrecharge) {
    const Request& request = queue(choice_direction_.write)[choice.slot];
    command.row = request.row;
    if (choice.kind != CommandKind::kActivate) command.column = request.column;
  }
  observer_->on_command(command);
}

void Controller::issue_activate(uint32_t bank, uint32_t row) {
  BankState& state = banks_[bank];
  state.open = true;
  state.activate = now_ + timing_.trc;
  state.precharge = now_ + timing_.tras;
  state.column = now_ + timing_.trcd;
  groups_[group_of(bank)].activate = now_ + timing_.trrd_l;
  rank_.activate = now_ + timing_.trrd_s;
  rank_.last_activates[rank_.next_activate] = now_ + timing_.tfaw;
  rank_.next_activate = (rank_.next_activate + 1) % 4;
  reads_.row_opened(bank, row);
  writes_.row_opened(bank, row);
  ++counters_.activates;
}

void Controller::issue_precharge(uint32_t bank) {
  BankState& state = banks_[bank];
  state.open = false;
  state.activate = std::max(state.activate, now_ + timing_.trp);
  rank_.refresh = std::max(rank_.refresh, now_ + timing_.trp);
  reads_.row_closed(bank);
  writes_.row_closed(bank);
}

void Controller::issue_column(bool write, RequestQueue::Slot slot) {
  RequestQueue& served = queue(write);
  RequestQueue& other = queue(!write);
  const Request request = served[slot];
  BankState& bank = banks_[request.bank];
  GroupState& group = groups_[group_of(request.bank)];
  if (write) {
    const Cycle data_end = now_ + timing_.cwl + burst_clocks_;
    group.write = now_ + timing_.tccd_l;
    rank_.write = now_ + timing_.tccd_s;
    group.read = data_end + timing_.twtr_l;
    rank_.read = data_end + timing_.twtr_s;
    bank.precharge = std::max(bank.precharge, data_end + timing_.twr);
    writes_done_.push({data_end, request.id});
    ++counters_.writes;
    if (!last_was_write_) ++counters_.read_to_write_turns;
  } else {
    group.read = now_ + timing_.tccd_l;
    rank_.read = now_ + timing_.tccd_s;
    rank_.write = now_ + timing_.read_to_write;
    bank.precharge = std::max(bank.precharge, now_ + timing_.trtp);
    reads_done_.push({now_ + timing_.cl + burst_clocks_, request.id});
    ++counters_.reads;
    if (last_was_write_) ++counters_.write_to_read_turns;
  }
  last_was_write_ = write;
  ++batch_;
  served.remove(slot);
  if (other.has_held()) {
    other.release(request.burst,
                  [&](const Request& held) { return served.has_older(held.burst, held.order); });
  }
}

void Controller::issue_refresh() {
  rank_.activate = std::max(rank_.activate, now_ + timing_.trfc);
  rank_.refresh = now_ + timing_.trfc;
  refresh_due_ += timing_.trefi;
  ++counters_.refreshes;
}

}  // namespace brim::ddr4
