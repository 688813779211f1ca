// Cycle model of a DDR4 controller and its one rank of DRAM: open pages, first-ready first-come
// first-served (FR-FCFS), writes collected and drained in batches, all-bank refresh. docs/simulator.md
// states the rules. Time jumps from command to command; nothing is done in cycles without one.
//
// Use: accept_* at the current cycle, advance_to a later one, take completions. A command may be issued
// in the very cycle in which its request is accepted.
#pragma once

#include <array>
#include <cstdint>

#include "board/board.h"
#include "sim/ddr4/address_decoder.h"
#include "sim/ddr4/command.h"
#include "sim/ddr4/request_queue.h"

namespace brim::ddr4 {

struct Completion {
  Cycle at = 0;  // the clock after the last data beat
  uint32_t id = 0;
};

struct Counters {
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t activates = 0;
  uint64_t precharges = 0;  // a precharge of all banks counts once
  uint64_t refreshes = 0;
  uint64_t read_to_write_turns = 0;
  uint64_t write_to_read_turns = 0;
};

// Completions waiting to be taken, in the order in which they happen.
class CompletionQueue {
 public:
  static constexpr uint32_t kCapacity = 256;

  bool empty() const { return head_ == tail_; }
  uint32_t size() const { return tail_ - head_; }
  // The first one, which may lie in the future. Precondition: not empty.
  const Completion& front() const { return ring_[head_ % kCapacity]; }
  void pop() { ++head_; }
  void push(const Completion& completion) { ring_[tail_++ % kCapacity] = completion; }

 private:
  std::array<Completion, kCapacity> ring_{};
  uint32_t head_ = 0;
  uint32_t tail_ = 0;
};

class Controller {
 public:
  // A request that has waited this long (nCK) while younger hits to its bank went first gets its row.
  static constexpr Cycle kMaxBypass = 2048;
  // Writes that have waited this long are drained although reads wait and few writes do.
  static constexpr Cycle kMaxWriteWait = 16384;

  explicit Controller(const DdrDescription& ddr, CommandObserver* observer = nullptr);

  Cycle now() const { return now_; }

  // Takes a request for the 64 bytes at `offset` (bytes into the DRAM, see Board::dram_offset) if there is
  // room for it and for its completion. Precondition: offset < capacity.
  bool accept_read(uint64_t offset, uint32_t id);
  bool accept_write(uint64_t offset, uint32_t id);

  // Issues the commands of all cycles before `cycle`, which becomes the current one.
  void advance_to(Cycle cycle);

  // The cycle of the next command if nothing else is accepted; at the latest that of the next refresh.
  Cycle next_command();

  // Completions with at <= now() have happened; whoever takes them, pops them.
  CompletionQueue& reads_done() { return reads_done_; }
  CompletionQueue& writes_done() { return writes_done_; }

  uint32_t waiting_reads() const { return reads_.size(); }
  uint32_t waiting_writes() const { return writes_.size(); }
  const Counters& counters() const { return counters_; }

 private:
  // Earliest cycles of further commands, as the commands so far allow.
  struct BankState {
    bool open = false;
    Cycle activate = 0;
    Cycle precharge = 0;
    Cycle column = 0;
  };
  struct GroupState {
    Cycle activate = 0;
    Cycle read = 0;
    Cycle write = 0;
  };
  struct RankState {
    Cycle activate = 0;
    Cycle read = 0;
    Cycle write = 0;
    Cycle refresh = 0;
    std::array<Cycle, 4> last_activates{};  // ring, plus tFAW: when each leaves the window
    uint32_t next_activate = 0;
  };

  // What the scheduler serves next: reads, or writes until `drain_until` of them are left.
  struct Direction {
    bool write = false;
    uint32_t drain_until = 0;
  };

  // A command that may be issued from cycle `at` on. Small, so that it stays in registers.
  struct Choice {
    Cycle at = kNever;
    CommandKind kind = CommandKind::kRefresh;
    uint8_t bank = 0;
    RequestQueue::Slot slot = RequestQueue::kNone;  // of the request it serves
  };

  bool accept(bool write, uint64_t offset, uint32_t id);
  void choose();
  Direction next_direction() const;
  template <bool kWrite>
  Choice choice_of_request() const;
  template <bool kWrite>
  Choice choice_of_bank(uint32_t bank) const;
  Choice choice_of_refresh() const;
  void issue();
  void report(const Choice& choice);
  void issue_activate(uint32_t bank, uint32_t row);
  void issue_precharge(uint32_t bank);
  void issue_column(bool write, RequestQueue::Slot slot);
  void issue_refresh();

  RequestQueue& queue(bool write) { return write ? writes_ : reads_; }
  const RequestQueue& queue(bool write) const { return write ? writes_ : reads_; }
  uint32_t group_of(uint32_t bank) const { return bank >> bank_bits_; }

  const DdrTiming timing_;
  const ControllerSizes sizes_;
  const AddressDecoder decoder_;
  CommandObserver* const observer_;
  [[maybe_unused]] const uint64_t capacity_;
  const uint32_t banks_count_;
  const uint32_t bank_bits_;
  const uint32_t burst_clocks_;

  Cycle now_ = 0;
  Cycle refresh_due_;
  uint64_t next_order_ = 0;

  // The next command, while `chosen_`, and the direction in which it was sought. Choosing changes nothing
  // else; issuing does.
  bool chosen_ = false;
  Choice choice_;
  Direction choice_direction_;

  Direction direction_;          // of the last command that served a request
  uint32_t batch_ = 0;           // reads or writes issued since the direction changed
  bool last_was_write_ = false;  // direction of the last column command

  RequestQueue reads_;
  RequestQueue writes_;
  CompletionQueue reads_done_;
  CompletionQueue writes_done_;
  RankState rank_;
  std::array<GroupState, 8> groups_{};
  std::array<BankState, kMaxBanks> banks_{};
  Counters counters_;
};

}  // namespace brim::ddr4
