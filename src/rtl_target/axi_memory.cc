#include "rtl_target/axi_memory.h"

#include <algorithm>
#include <cstring>

#include "base/concat.h"
#include "base/error.h"
#include "rtl_target/does_not_fit.h"

namespace brim::rtl_target {
namespace {

constexpr uint32_t kMostTransfers = 256;   // of an AXI4 burst
constexpr uint32_t kMostWriteBursts = 16;  // of a port that have no response yet
constexpr uint64_t kBurstBoundary = 4096;  // that no AXI4 burst crosses

uint64_t block_of(uint64_t address) { return address / kDdrBurstBytes; }

// 64-byte blocks that `transfers` transfers from `address` on touch.
uint32_t blocks(uint64_t address, uint32_t transfers) {
  const uint64_t last = address + uint64_t{transfers} * kTransferBytes - 1;
  return static_cast<uint32_t>(block_of(last) - block_of(address) + 1);
}

void check_burst(uint64_t address, uint32_t transfers, const char* channel) {
  const uint64_t end = address + uint64_t{transfers} * kTransferBytes;
  if (address % kTransferBytes != 0 || address / kBurstBoundary != (end - 1) / kBurstBoundary) {
    throw Error(concat("the RTL broke AXI on ", channel, ": a burst of ", transfers, " transfers at 0x",
                       std::hex, address,
                       " is unaligned or crosses 4 KiB; this is a fault of rtl/, please report it"));
  }
}

}  // namespace

AxiMemory::AxiMemory(const Board& board, PhysicalMemory& bytes) : board_(board), bytes_(bytes) {
  if (board.axi.port_count() != kStreamPorts || board.axi.data_width_bits != kTransferBytes * 8) {
    throw DoesNotFit(concat("board ", board.name, " has ", board.axi.port_count(), " ports of ",
                            board.axi.data_width_bits, " bits; the RTL has ", kStreamPorts, " of ",
                            kTransferBytes * 8, "; pack the model for a board like kv260"));
  }
  restart();
}

void AxiMemory::restart() {
  memory_ = std::make_unique<sim::Memory>(board_);
  cycle_ = 0;
  next_advance_ = 0;
  reads_ = {};
  writes_ = {};
}

bool AxiMemory::idle() const {
  return std::ranges::all_of(reads_, [](const ReadPort& port) { return port.bursts.empty(); }) &&
         std::ranges::all_of(
             writes_, [](const WritePort& port) { return port.bursts.empty() && port.responses.empty(); });
}

void AxiMemory::drive(std::span<ReadPins> reads, std::span<WritePins> writes) {
  // What a port asks for now reaches the controller a fabric latency later, and what the controller has then
  // takes as long to the port. So the controller may work that far ahead, twice that long at a time.
  if (cycle_ == next_advance_) {
    memory_->advance(cycle_ + memory_->latency());
    next_advance_ += 2 * memory_->latency();
  }
  for (uint32_t i = 0; i < reads_.size(); ++i) {
    ReadPins& port = reads[i];
    constexpr uint32_t kMostBlocks = kMostTransfers / kBlockTransfers;
    port.arready = reads_[i].requested + kMostBlocks <= reads_[i].released + sim::Memory::kWindow;
    port.rvalid = drive_read(i, port);
  }
  const auto silent = static_cast<uint32_t>(writes_.size() - writes.size());
  for (uint32_t i = silent; i < writes_.size(); ++i) drive_write(i, writes[i - silent]);
}

// Acknowledgements are counted, not named: a response is due when as many blocks are in the DRAM as were sent
// up to its burst.
void AxiMemory::drive_write(uint32_t index, WritePins& pins) {
  WritePort& port = writes_[index];
  if (!port.responses.empty()) {
    const uint64_t blocks = port.responses.front().blocks;
    port.response_valid |=
        blocks == 0 || (blocks <= memory_->written(index) && memory_->acknowledged(index, blocks) <= cycle_);
  }
  pins.awready = port.bursts.size() + port.responses.size() < kMostWriteBursts;
  pins.wready = !port.bursts.empty();
  pins.bvalid = port.response_valid;
  if (port.response_valid) pins.bresp = port.responses.front().error ? kDecodeError : kOkay;
}

// A block that is complete at cycle A has come in the four cycles before, a transfer in each.
bool AxiMemory::drive_read(uint32_t index, ReadPins& pins) const {
  const ReadPort& port = reads_[index];
  if (port.bursts.empty() || memory_->arrived(index) <= port.released) return false;
  const Burst& burst = port.bursts.front();
  const uint64_t address = burst.address + burst.done * kTransferBytes;
  const uint64_t after = kBlockTransfers - address % kDdrBurstBytes / kTransferBytes;
  if (cycle_ + after < memory_->arrival(index, port.released)) return false;
  pins.rlast = burst.done + 1 == burst.transfers;
  pins.rresp = burst.data == nullptr ? kDecodeError : kOkay;
  if (burst.data == nullptr) {
    pins.rdata = {};
  } else {
    std::memcpy(pins.rdata.data(), burst.data + burst.done * kTransferBytes, kTransferBytes);
  }
  return true;
}

void AxiMemory::take(std::span<const ReadPins> reads, std::span<const WritePins> writes) {
  moved_ = false;
  for (uint32_t i = 0; i < reads_.size(); ++i) take_read(i, reads[i]);
  const auto silent = static_cast<uint32_t>(writes_.size() - writes.size());
  for (uint32_t i = silent; i < writes_.size(); ++i) take_write(i, writes[i - silent]);
  ++cycle_;
}

void AxiMemory::take_read(uint32_t index, const ReadPins& pins) {
  ReadPort& port = reads_[index];
  if (pins.rvalid && pins.rready) {
    moved_ = true;
    Burst& burst = port.bursts.front();
    const uint64_t next = burst.address + ++burst.done * kTransferBytes;
    if (next % kDdrBurstBytes == 0 || burst.done == burst.transfers) ++port.released;
    if (burst.done == burst.transfers) port.bursts.pop_front();
  }
  if (pins.arvalid && pins.arready) {
    moved_ = true;
    Burst burst{.address = pins.araddr, .transfers = pins.arlen + 1u};
    check_burst(burst.address, burst.transfers, "a read channel");
    uint64_t timed = burst.address;
    try {
      burst.data = bytes_.read(burst.address, uint64_t{burst.transfers} * kTransferBytes);
    } catch (const Error&) {
      burst.data = nullptr;
      // What nothing answers takes as long as a read of the first bytes of memory.
      timed = board_.regions.front().base + burst.address % kDdrBurstBytes;
    }
    const uint32_t count = blocks(burst.address, burst.transfers);
    memory_->read(index, timed / kDdrBurstBytes * kDdrBurstBytes, count, cycle_);
    port.requested += count;
    port.bursts.push_back(burst);
  }
}

void AxiMemory::take_write(uint32_t index, const WritePins& pins) {
  WritePort& port = writes_[index];
  if (pins.bvalid && pins.bready) {
    moved_ = true;
    port.responses.pop_front();
    port.response_valid = false;
  }
  if (pins.wvalid && pins.wready) {
    moved_ = true;
    WriteBurst& burst = port.bursts.front();
    const uint64_t offset = uint64_t{burst.done} * kTransferBytes;
    if (burst.data != nullptr) {
      for (uint32_t i = 0; i < kTransferBytes; ++i) {
        if (pins.wstrb >> i & 1)
          burst.data[offset + i] = static_cast<uint8_t>(pins.wdata[i / 4] >> (i % 4 * 8));
      }
    }
    const bool last = ++burst.done == burst.transfers;
    if (pins.wlast != last) {
      throw Error(concat("the RTL broke AXI on the write channel: WLAST is ", pins.wlast ? "set" : "missing",
                         " at transfer ", burst.done, " of ", burst.transfers,
                         "; this is a fault of rtl/, please report it"));
    }
    if (burst.data != nullptr && (last || (burst.address + offset + kTransferBytes) % kDdrBurstBytes == 0)) {
      memory_->write(index, (burst.address + offset) / kDdrBurstBytes * kDdrBurstBytes, cycle_ + 1);
      ++port.written;
    }
    if (last) {
      port.responses.push_back({.blocks = port.written, .error = burst.data == nullptr});
      port.bursts.pop_front();
    }
  }
  if (pins.awvalid && pins.awready) {
    moved_ = true;
    WriteBurst burst{.address = pins.awaddr, .transfers = pins.awlen + 1u};
    check_burst(burst.address, burst.transfers, "the write channel");
    try {
      burst.data = bytes_.write(burst.address, uint64_t{burst.transfers} * kTransferBytes);
    } catch (const Error&) {
      burst.data = nullptr;
    }
    port.bursts.push_back(burst);
  }
}

}  // namespace brim::rtl_target
