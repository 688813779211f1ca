// Protocol checkers for one AXI4 port of 128 bits without IDs. They watch both sides, so they check the
// memory model as well as the design (rules: AMBA AXI and ACE specification, IHI 0022E, chapters A3 and A5).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/concat.h"

namespace brim::rtl {

inline constexpr uint32_t kAxiBytes = 16;  // of a transfer
inline constexpr uint8_t kAxiSize = 4;     // log2 of it, as AxSIZE has it
inline constexpr uint8_t kAxiIncrement = 1;

enum class AxiResponse : uint8_t { kOkay = 0, kExclusiveOkay = 1, kSlaveError = 2, kDecodeError = 3 };

using AxiData = std::array<uint8_t, kAxiBytes>;

// An address channel (AR or AW), a read data channel, ... in one cycle, before the rising edge.
struct AxiAddressSignals {
  bool valid = false, ready = false;
  uint64_t address = 0;
  uint8_t length = 0;  // transfers - 1
  uint8_t size = kAxiSize;
  uint8_t burst = kAxiIncrement;

  bool same_payload(const AxiAddressSignals& other) const {
    return address == other.address && length == other.length && size == other.size && burst == other.burst;
  }
};
struct AxiReadDataSignals {
  bool valid = false, ready = false;
  AxiData data{};
  AxiResponse response = AxiResponse::kOkay;
  bool last = false;

  bool same_payload(const AxiReadDataSignals& other) const {
    return data == other.data && response == other.response && last == other.last;
  }
};
struct AxiWriteDataSignals {
  bool valid = false, ready = false;
  AxiData data{};
  uint16_t strobes = 0;
  bool last = false;

  bool same_payload(const AxiWriteDataSignals& other) const {
    return data == other.data && strobes == other.strobes && last == other.last;
  }
};
struct AxiWriteResponseSignals {
  bool valid = false, ready = false;
  AxiResponse response = AxiResponse::kOkay;

  bool same_payload(const AxiWriteResponseSignals& other) const { return response == other.response; }
};

struct AxiReadSignals {
  AxiAddressSignals ar;
  AxiReadDataSignals r;
};
struct AxiWriteSignals {
  AxiAddressSignals aw;
  AxiWriteDataSignals w;
  AxiWriteResponseSignals b;
};

struct AxiLimits {
  uint32_t transfers = 256;  // of a burst
  uint32_t outstanding = 8;  // bursts whose address was taken and that have not ended
  // Cycles after which a write address whose data is not offered, or data whose address is not, counts as one
  // that waits for the other's ready: a master must offer both whatever the memory takes first.
  uint32_t patience = 64;
};
inline constexpr AxiLimits kWritePortLimits{.outstanding = 16};  // of write_port.sv

// Violations, one sentence each. A cycle in reset must show no valid of the master from its second one on,
// and forgets all bursts.
class AxiViolations {
 public:
  const std::vector<std::string>& violations() const { return violations_; }

 protected:
  explicit AxiViolations(const AxiLimits& limits) : limits_(limits) {}

  template <typename Channel>
  void check_hold(const char* name, const Channel& before, const Channel& now) {
    if (!before.valid || before.ready) return;
    require(now.valid, name, "valid falls before ready");
    require(!now.valid || now.same_payload(before), name, "payload changes before ready");
  }

  void check_address(const char* name, const AxiAddressSignals& a) {
    const uint64_t bytes = (uint64_t{a.length} + 1) * kAxiBytes;
    require(a.burst == kAxiIncrement, name, "burst is not INCR");
    require(a.size == kAxiSize, name, "size is not 16 bytes");
    require(a.address % kAxiBytes == 0, name, "address is not aligned");
    require(a.length + 1u <= limits_.transfers, name, "burst is too long");
    require(a.address / 4096 == (a.address + bytes - 1) / 4096, name, "burst crosses 4 KiB");
  }

  void require(bool holds, const char* channel, const char* what) {
    if (!holds) violations_.push_back(concat("cycle ", cycle_, ": ", channel, ": ", what));
  }

  const AxiLimits limits_;
  uint64_t cycle_ = 0;

 private:
  std::vector<std::string> violations_;
};

class AxiReadChecker : public AxiViolations {
 public:
  explicit AxiReadChecker(const AxiLimits& limits) : AxiViolations(limits) {}

  void observe(const AxiReadSignals& now, bool reset) {
    ++cycle_;
    if (reset) {
      require(!was_reset_ || !now.ar.valid, "AR", "valid in reset");
      bursts_.clear();
      transfers_ = 0;
      before_ = {};
    } else {
      check_hold("AR", before_.ar, now.ar);
      check_hold("R", before_.r, now.r);
      if (now.ar.valid) check_address("AR", now.ar);
      if (now.r.valid) check_data(now.r);
      if (now.ar.valid && now.ar.ready) bursts_.push_back(now.ar.length);
      require(bursts_.size() <= limits_.outstanding, "AR", "too many bursts outstanding");
      before_ = now;
    }
    was_reset_ = reset;
  }

 private:
  void check_data(const AxiReadDataSignals& r) {
    require(!bursts_.empty(), "R", "data that was not asked for");
    if (bursts_.empty()) return;
    require(r.last == (transfers_ == bursts_.front()), "R", "last in the wrong place");
    if (!r.ready) return;
    if (transfers_++ == bursts_.front()) {
      bursts_.pop_front();
      transfers_ = 0;
    }
  }

  AxiReadSignals before_;
  bool was_reset_ = false;
  std::deque<uint8_t> bursts_;  // lengths, as in the address channel
  uint32_t transfers_ = 0;      // of the first one
};

class AxiWriteChecker : public AxiViolations {
 public:
  explicit AxiWriteChecker(const AxiLimits& limits) : AxiViolations(limits) {}

  void observe(const AxiWriteSignals& now, bool reset) {
    ++cycle_;
    if (reset) {
      require(!was_reset_ || (!now.aw.valid && !now.w.valid), "AW, W", "valid in reset");
      lengths_.clear();
      data_.clear();
      transfers_ = answered_ = complete_ = addressed_ = 0;
      lone_address_ = lone_data_ = 0;
      before_ = {};
    } else {
      check_independence(now);
      check_hold("AW", before_.aw, now.aw);
      check_hold("W", before_.w, now.w);
      check_hold("B", before_.b, now.b);
      if (now.aw.valid) check_address("AW", now.aw);
      require(!now.b.valid || complete_ > answered_, "B", "response without a complete burst");
      if (now.aw.valid && now.aw.ready) {
        lengths_.push_back(now.aw.length);
        ++addressed_;
      }
      if (now.w.valid && now.w.ready) {
        ++transfers_;
        if (now.w.last) {
          data_.push_back(transfers_);
          transfers_ = 0;
        }
      }
      match();
      if (now.b.valid && now.b.ready) ++answered_;
      require(addressed_ <= answered_ + limits_.outstanding, "AW", "too many bursts outstanding");
      before_ = now;
    }
    was_reset_ = reset;
  }

 private:
  // Of the first burst that the memory has taken nothing of. Each is reported once.
  void check_independence(const AxiWriteSignals& now) {
    const bool nothing_taken = lengths_.empty() && data_.empty() && transfers_ == 0;
    const bool lone_address = nothing_taken && now.aw.valid && !now.aw.ready && !now.w.valid;
    const bool lone_data = nothing_taken && now.w.valid && !now.w.ready && !now.aw.valid;
    lone_address_ = lone_address ? lone_address_ + 1 : 0;
    lone_data_ = lone_data ? lone_data_ + 1 : 0;
    require(lone_address_ != limits_.patience, "W", "data waits for its address to be taken");
    require(lone_data_ != limits_.patience, "AW", "address waits for its data to be taken");
  }

  // Data may come before its address.
  void match() {
    require(lengths_.empty() || transfers_ <= lengths_.front() || !data_.empty(), "W", "last is missing");
    while (!lengths_.empty() && !data_.empty()) {
      require(data_.front() == lengths_.front() + 1u, "W", "last in the wrong place");
      lengths_.pop_front();
      data_.pop_front();
      ++complete_;
    }
  }

  AxiWriteSignals before_;
  bool was_reset_ = false;
  std::deque<uint8_t> lengths_;                // of addressed bursts whose data is not complete
  std::deque<uint32_t> data_;                  // transfers of complete data without an address
  uint32_t transfers_ = 0;                     // of the data that is arriving
  uint32_t lone_address_ = 0, lone_data_ = 0;  // cycles that one has been offered without the other
  uint64_t addressed_ = 0, complete_ = 0, answered_ = 0;
};

}  // namespace brim::rtl
