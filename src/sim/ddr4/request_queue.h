// The controller's waiting requests of one direction, at most 64, ordered by age and by bank.
//
// A request is *eligible* when it may be scheduled, and *held* while an older request of the other
// direction to the same burst waits. Eligible requests stand in one list per bank, oldest first, and each
// bank knows its oldest *hit*: the oldest eligible request for the row that is open there. So the
// scheduler looks at two requests per bank, however many wait.
#pragma once

#include <array>
#include <cstdint>

#include "sim/ddr4/command.h"

namespace brim::ddr4 {

inline constexpr uint32_t kMaxRequests = 64;
inline constexpr uint32_t kMaxBanks = 32;

struct Request {
  uint64_t order = 0;  // of acceptance, over both queues
  Cycle arrival = 0;
  uint32_t burst = 0;  // offset / 64
  uint32_t id = 0;     // the client's
  uint32_t row = 0;
  uint32_t column = 0;
  uint32_t bank = 0;  // over all groups
};

class RequestQueue {
 public:
  using Slot = uint8_t;
  static constexpr Slot kNone = 0xFF;

  RequestQueue();

  uint32_t size() const { return size_; }
  bool has_eligible() const { return eligible_banks_ != 0; }
  uint32_t eligible_banks() const { return eligible_banks_; }  // one bit per bank
  bool has_held() const { return held_ != 0; }

  const Request& operator[](Slot slot) const { return requests_[slot]; }
  Slot oldest() const { return ages_.head; }  // of all, held ones included
  Slot oldest(uint32_t bank) const { return banks_[bank].head; }
  Slot oldest_hit(uint32_t bank) const { return hits_[bank]; }

  // True if a request for `burst` older than `order` waits here.
  bool has_older(uint32_t burst, uint64_t order) const;

  // Precondition: size() < kMaxRequests.
  void add(const Request& request, bool held);
  void remove(Slot slot);

  // Makes held requests for `burst` eligible unless `keep_held(request)`.
  template <typename KeepHeld>
  void release(uint32_t burst, KeepHeld keep_held) {
    for (uint64_t rest = held_; rest != 0; rest &= rest - 1) {
      const Slot slot = static_cast<Slot>(__builtin_ctzll(rest));
      if (requests_[slot].burst == burst && !keep_held(requests_[slot])) {
        held_ &= ~(uint64_t{1} << slot);
        make_eligible(slot);
      }
    }
  }

  void row_opened(uint32_t bank, uint32_t row);
  void row_closed(uint32_t bank);

 private:
  struct Link {
    Slot next = kNone;
    Slot previous = kNone;
  };
  struct List {
    Slot head = kNone;
    Slot tail = kNone;
  };
  using Links = std::array<Link, kMaxRequests>;

  static void insert_after(List& list, Links& links, Slot position, Slot slot);
  static void unlink(List& list, Links& links, Slot slot);
  void make_eligible(Slot slot);
  Slot first_hit_from(Slot slot, uint32_t row) const;

  static constexpr uint32_t kNoBurst = ~uint32_t{0};
  static constexpr uint32_t kNoRow = ~uint32_t{0};

  std::array<Request, kMaxRequests> requests_{};
  std::array<uint32_t, kMaxRequests> bursts_;  // of the waiting requests, else kNoBurst: for a fast search
  uint64_t free_ = ~uint64_t{0};               // one bit per slot
  uint64_t held_ = 0;
  uint32_t size_ = 0;
  uint32_t eligible_banks_ = 0;
  List ages_;
  Links age_links_;
  std::array<List, kMaxBanks> banks_{};
  Links bank_links_;
  std::array<Slot, kMaxBanks> hits_;
  std::array<uint32_t, kMaxBanks> open_rows_;
};

}  // namespace brim::ddr4
