// A testbench around brim_top: software that sees its registers through AXI4-Lite, and memory behind its AXI4
// ports that holds an image, with random stalls and a protocol checker on every channel.
#pragma once

#include <verilated.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "axi_memory.h"
#include "coverage.h"
#include "image/mapped_image.h"
#include "isa/instruction.h"
#include "isa/layout.h"
#include "isa/registers.h"
#include "ports.h"

namespace brim::rtl {

inline constexpr AxiTiming kIdeal{};
inline constexpr AxiTiming kRandom{
    .min_latency = 5, .max_latency = 120, .gap_percent = 20, .stall_percent = 30};

// Bytes by physical address; what nobody has written reads as zero.
class SparseMemory {
 public:
  uint8_t* page(uint64_t address) {
    std::vector<uint8_t>& bytes = pages_[address / kPage];
    if (bytes.empty()) bytes.resize(kPage);
    return bytes.data() + address % kPage;
  }
  void store(uint64_t address, std::span<const uint8_t> bytes) {
    for (const uint8_t byte : bytes) *page(address++) = byte;
  }
  void load(uint64_t address, std::span<uint8_t> bytes) {
    for (uint8_t& byte : bytes) byte = *page(address++);
  }
  template <typename T>
  T get(uint64_t address) {
    T value;
    load(address, {reinterpret_cast<uint8_t*>(&value), sizeof(T)});
    return value;
  }
  template <typename T>
  void put(uint64_t address, const T& value) {
    store(address, {reinterpret_cast<const uint8_t*>(&value), sizeof(T)});
  }

 private:
  static constexpr uint64_t kPage = 4096;
  std::unordered_map<uint64_t, std::vector<uint8_t>> pages_;
};

template <typename Top>
class TopBench {
 public:
  static constexpr uint32_t kReadPorts = 5;  // 0 ... 3, and aux
  static constexpr uint32_t kAux = 4;

  TopBench(const MappedImage& image, const AxiTiming& timing, uint64_t seed)
      : program(image.program()),
        context_(std::make_unique<VerilatedContext>()),
        random_(seed),
        write_port_(memory_ports_, timing, kWritePortLimits, seed + kReadPorts) {
    for (const RegionEntry& region : image.regions()) {
      memory.store(region.address, image.content(region));
      if (region.kind == RegionKind::kProgram) program_address = region.address;
      if (region.file_bytes == 0) scratch_.push_back({region.address, region.address + region.bytes});
    }
    memory_ports_.read = [this](uint64_t address) {
      AxiData data;
      std::memcpy(data.data(), memory.page(address), kAxiBytes);
      return data;
    };
    memory_ports_.write = [this](uint64_t address, const AxiData& data, uint16_t strobes) {
      if (strobes != 0 && !in_scratch(address)) ++stray_writes;
      uint8_t* to = memory.page(address);
      for (uint32_t i = 0; i < kAxiBytes; ++i) {
        if (strobes >> i & 1) to[i] = data[i];
      }
    };
    for (uint32_t i = 0; i < kReadPorts; ++i) {
      read_ports_.push_back(std::make_unique<AxiReadPort>(memory_ports_, timing, AxiLimits{}, seed + i));
    }
    context_->randReset(kRandReset);
    top_ = std::make_unique<Top>(context_.get());
    top_->aclk = 0;
    top_->aresetn = 0;
    top_->s_axi_awvalid = top_->s_axi_wvalid = top_->s_axi_bready = 0;
    top_->s_axi_arvalid = top_->s_axi_rready = 0;
    context_->assertOn(false);  // until the reset has come through a register, the units hold anything
    for (uint32_t i = 0; i < 4; ++i) cycle();
    context_->assertOn(true);
    top_->aresetn = 1;
    while (get(registers::kControl) != 0) {
    }
  }
  ~TopBench() {
    top_->final();
    write_coverage(*context_);
  }

  SparseMemory memory;
  Program program;
  uint64_t program_address = 0;
  // What the ports have carried.
  uint64_t read_transfers = 0, write_transfers = 0;
  uint64_t stray_writes = 0;  // outside the regions without content
  // Bit i: read port i neither takes nor gives anything, nor does the write port (bit kReadPorts).
  uint32_t dead_ports = 0;

  // Of the ports that carry the stream.
  uint64_t stream_transfers() const { return read_transfers - aux_transfers; }
  uint64_t aux_transfers = 0;  // of read data

  // No burst is under way, or asked for, on any port.
  bool all_idle() const {
    return write_port_.idle() && !write_.aw.valid && !write_.w.valid &&
           std::ranges::all_of(read_ports_, [](const auto& port) { return port->idle(); }) &&
           std::ranges::none_of(reads_, [](const auto& read) { return read.ar.valid; });
  }

  // Puts the image's program back.
  void restore_program() { memory.store(program_address, serialise(program)); }

  AxiMemory& faults() { return memory_ports_; }
  uint64_t cycles() const { return cycles_; }
  Top& ports() { return *top_; }
  uint32_t random(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  bool interrupt() const { return top_->__SYM__interrupt; }

  uint32_t get(uint32_t offset) {
    top_->s_axi_araddr = static_cast<uint16_t>(offset);
    top_->s_axi_arvalid = 1;
    top_->s_axi_rready = 1;
    while (!top_->s_axi_arready) cycle();
    cycle();
    top_->s_axi_arvalid = 0;
    while (!top_->s_axi_rvalid) cycle();
    const uint32_t value = top_->s_axi_rdata;
    cycle();
    top_->s_axi_rready = 0;
    return value;
  }

  // Address first, data first, or both at once.
  void set(uint32_t offset, uint32_t value, uint8_t strobes = 0xF) {
    top_->s_axi_awaddr = static_cast<uint16_t>(offset);
    top_->s_axi_wdata = value;
    top_->s_axi_wstrb = strobes;
    const uint32_t order = random(3);
    bool address = order != 1, data = order != 2;  // is offered
    bool address_taken = false, data_taken = false;
    while (!address_taken || !data_taken) {
      top_->s_axi_awvalid = address && !address_taken;
      top_->s_axi_wvalid = data && !data_taken;
      top_->eval();
      const bool takes_address = top_->s_axi_awvalid && top_->s_axi_awready;
      const bool takes_data = top_->s_axi_wvalid && top_->s_axi_wready;
      cycle();
      address_taken |= takes_address;
      data_taken |= takes_data;
      address = data = true;
    }
    top_->s_axi_awvalid = top_->s_axi_wvalid = 0;
    top_->s_axi_bready = 1;
    while (!top_->s_axi_bvalid) cycle();
    cycle();
    top_->s_axi_bready = 0;
  }

  void set_up(std::span<const uint32_t> tokens, uint32_t position, uint32_t first_logits) {
    set(registers::kProgram, static_cast<uint32_t>(program_address / kBeatBytes));
    set(registers::kPosition, position);
    set(registers::kTokens, static_cast<uint32_t>(tokens.size()));
    set(registers::kFirstLogits, first_logits);
    for (uint32_t t = 0; t < tokens.size(); ++t) set(registers::kTokenId + 4 * t, tokens[t]);
  }
  void start() { set(registers::kControl, registers::kStart); }

  // False if CONTROL does not become 0 within `limit` cycles.
  bool wait(uint64_t limit) {
    const uint64_t end = cycles_ + limit;
    while (cycles_ < end) {
      if (get(registers::kControl) == 0) return true;
      for (uint32_t i = 0; i < 20; ++i) cycle();
    }
    return false;
  }

  // A whole pass; false if it does not end.
  bool run(std::span<const uint32_t> tokens, uint32_t position, uint32_t first_logits, uint64_t limit) {
    set_up(tokens, position, first_logits);
    start();
    return wait(limit);
  }

  std::vector<float> logits(uint32_t token) {
    const uint32_t address = program.instructions[program.instructions.size() - 2].address;
    std::vector<float> result(program.header.vocabulary);
    memory.load(uint64_t{address + token * program.header.logits_stride} * kBeatBytes,
                {reinterpret_cast<uint8_t*>(result.data()), result.size() * sizeof(float)});
    return result;
  }

  std::vector<std::string> violations() const {
    std::vector<std::string> all = write_port_.violations();
    for (const auto& port : read_ports_) {
      all.insert(all.end(), port->violations().begin(), port->violations().end());
    }
    return all;
  }

  void cycle() {
    Top& t = *top_;
    for (uint32_t i = 0; i < kReadPorts; ++i) {
      read_ports_[i]->drive(reads_[i]);
      if (dead_ports >> i & 1) reads_[i].ar.ready = reads_[i].r.valid = false;
    }
    write_port_.drive(write_);
    if (dead_ports >> kReadPorts & 1) write_.aw.ready = write_.w.ready = write_.b.valid = false;
#define BRIM_DRIVE_READ(port, signals)                                 \
  t.m_axi_##port##_arready = (signals).ar.ready;                       \
  t.m_axi_##port##_rvalid = (signals).r.valid;                         \
  t.m_axi_##port##_rlast = (signals).r.last;                           \
  t.m_axi_##port##_rresp = static_cast<uint8_t>((signals).r.response); \
  std::memcpy(&t.m_axi_##port##_rdata, (signals).r.data.data(), kAxiBytes)
    BRIM_DRIVE_READ(0, reads_[0]);
    BRIM_DRIVE_READ(1, reads_[1]);
    BRIM_DRIVE_READ(2, reads_[2]);
    BRIM_DRIVE_READ(3, reads_[3]);
    BRIM_DRIVE_READ(aux, reads_[kAux]);
#undef BRIM_DRIVE_READ
    t.m_axi_aux_awready = write_.aw.ready;
    t.m_axi_aux_wready = write_.w.ready;
    t.m_axi_aux_bvalid = write_.b.valid;
    t.m_axi_aux_bresp = static_cast<uint8_t>(write_.b.response);
    t.eval();
#define BRIM_ADDRESS(to, port, channel)            \
  (to).valid = t.m_axi_##port##_##channel##valid;  \
  (to).address = t.m_axi_##port##_##channel##addr; \
  (to).length = t.m_axi_##port##_##channel##len;   \
  (to).size = t.m_axi_##port##_##channel##size;    \
  (to).burst = t.m_axi_##port##_##channel##burst
#define BRIM_SAMPLE_READ(port, signals) \
  BRIM_ADDRESS((signals).ar, port, ar); \
  (signals).r.ready = t.m_axi_##port##_rready
    BRIM_SAMPLE_READ(0, reads_[0]);
    BRIM_SAMPLE_READ(1, reads_[1]);
    BRIM_SAMPLE_READ(2, reads_[2]);
    BRIM_SAMPLE_READ(3, reads_[3]);
    BRIM_SAMPLE_READ(aux, reads_[kAux]);
#undef BRIM_SAMPLE_READ
    BRIM_ADDRESS(write_.aw, aux, aw);
#undef BRIM_ADDRESS
    write_.w.valid = t.m_axi_aux_wvalid;
    write_.w.strobes = t.m_axi_aux_wstrb;
    write_.w.last = t.m_axi_aux_wlast;
    std::memcpy(write_.w.data.data(), &t.m_axi_aux_wdata, kAxiBytes);
    write_.b.ready = t.m_axi_aux_bready;
    const bool reset = !t.aresetn;
    for (uint32_t i = 0; i < kReadPorts; ++i) {
      read_transfers += !reset && reads_[i].r.valid && reads_[i].r.ready;
      read_ports_[i]->finish(reads_[i], reset);
    }
    aux_transfers += !reset && reads_[kAux].r.valid && reads_[kAux].r.ready;
    write_transfers += !reset && write_.w.valid && write_.w.ready;
    write_port_.finish(write_, reset);
    t.aclk = 1;
    t.eval();
    t.aclk = 0;
    t.eval();
    ++cycles_;
  }

 private:
  bool in_scratch(uint64_t address) const {
    for (const auto& [first, end] : scratch_) {
      if (address >= first && address < end) return true;
    }
    return false;
  }

  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Top> top_;
  std::mt19937_64 random_;
  std::vector<std::pair<uint64_t, uint64_t>> scratch_;
  AxiMemory memory_ports_;
  std::vector<std::unique_ptr<AxiReadPort>> read_ports_;
  AxiWritePort write_port_;
  std::array<AxiReadSignals, kReadPorts> reads_;
  AxiWriteSignals write_;
  uint64_t cycles_ = 0;
};

}  // namespace brim::rtl
