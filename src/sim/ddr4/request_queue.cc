#include "sim/ddr4/request_queue.h"

#include <bit>

namespace brim::ddr4 {

RequestQueue::RequestQueue() {
  bursts_.fill(kNoBurst);
  hits_.fill(kNone);
  open_rows_.fill(kNoRow);
}

bool RequestQueue::has_older(uint32_t burst, uint64_t order) const {
  // Written without an early exit, so that compilers turn it into vector instructions.
  uint32_t found = 0;
  for (uint32_t waiting : bursts_) found |= waiting == burst;
  if (found == 0) return false;
  for (uint32_t slot = 0; slot < kMaxRequests; ++slot) {
    if (bursts_[slot] == burst && requests_[slot].order < order) return true;
  }
  return false;
}

void RequestQueue::add(const Request& request, bool held) {
  const Slot slot = static_cast<Slot>(std::countr_zero(free_));
  free_ &= free_ - 1;
  ++size_;
  requests_[slot] = request;
  bursts_[slot] = request.burst;
  insert_after(ages_, age_links_, ages_.tail, slot);
  if (held) {
    held_ |= uint64_t{1} << slot;
  } else {
    make_eligible(slot);
  }
}

void RequestQueue::remove(Slot slot) {
  const uint32_t bank = requests_[slot].bank;
  if (hits_[bank] == slot) hits_[bank] = first_hit_from(bank_links_[slot].next, open_rows_[bank]);
  unlink(banks_[bank], bank_links_, slot);
  if (banks_[bank].head == kNone) eligible_banks_ &= ~(1u << bank);
  unlink(ages_, age_links_, slot);
  bursts_[slot] = kNoBurst;
  free_ |= uint64_t{1} << slot;
  --size_;
}

void RequestQueue::row_opened(uint32_t bank, uint32_t row) {
  open_rows_[bank] = row;
  hits_[bank] = first_hit_from(banks_[bank].head, row);
}

void RequestQueue::row_closed(uint32_t bank) {
  open_rows_[bank] = kNoRow;
  hits_[bank] = kNone;
}

void RequestQueue::insert_after(List& list, Links& links, Slot position, Slot slot) {
  const Slot next = position == kNone ? list.head : links[position].next;
  links[slot] = {next, position};
  (position == kNone ? list.head : links[position].next) = slot;
  (next == kNone ? list.tail : links[next].previous) = slot;
}

void RequestQueue::unlink(List& list, Links& links, Slot slot) {
  const auto [next, previous] = links[slot];
  (previous == kNone ? list.head : links[previous].next) = next;
  (next == kNone ? list.tail : links[next].previous) = previous;
}

void RequestQueue::make_eligible(Slot slot) {
  const Request& request = requests_[slot];
  // New requests go to the end at once; only released ones are older than some that stand there.
  Slot position = banks_[request.bank].tail;
  while (position != kNone && requests_[position].order > request.order) {
    position = bank_links_[position].previous;
  }
  insert_after(banks_[request.bank], bank_links_, position, slot);
  eligible_banks_ |= 1u << request.bank;
  Slot& hit = hits_[request.bank];
  if (request.row == open_rows_[request.bank] && (hit == kNone || request.order < requests_[hit].order)) {
    hit = slot;
  }
}

RequestQueue::Slot RequestQueue::first_hit_from(Slot slot, uint32_t row) const {
  while (slot != kNone && requests_[slot].row != row) slot = bank_links_[slot].next;
  return slot;
}

}  // namespace brim::ddr4
