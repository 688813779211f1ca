// A testbench around mcu.sv: hands it the instructions of a pass, puts a memory behind its ports whose
// contents tell their addresses, and takes the beats.
#pragma once

#include <array>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "Vsim_mcu8.h"
#include "axi_memory.h"
#include "isa/instruction.h"
#include "isa/layout.h"
#include "pipeline.h"
#include "ports.h"

namespace brim::rtl {

struct McuTraffic {
  AxiTiming memory = {};
  uint32_t instruction_gap_percent = 0;  // of cycles in which no instruction is offered
  uint32_t take_percent = 100;           // of cycles in which a beat would be taken
};

struct McuBurst {
  uint64_t address;  // bytes
  uint32_t beats;
  bool operator==(const McuBurst&) const = default;
};

class McuBench {
 public:
  static constexpr uint32_t kOutstanding = 8;
  static constexpr uint32_t kResetCycles = 128;

  McuBench(const McuTraffic& traffic, uint64_t seed) : traffic_(traffic), random_(seed) {
    memory.read = [](uint64_t address) { return contents(address); };
    for (uint32_t i = 0; i < kPorts; ++i) {
      ports_.push_back(std::make_unique<AxiReadPort>(
          memory, traffic.memory, AxiLimits{.transfers = 128, .outstanding = kOutstanding}, seed + i));
      ports_[i]->on_burst = [this, i](const AxiReadPort::Burst& burst) {
        bursts[i].push_back({burst.address, burst.transfers * kAxiBytes / kBeatBytes});
      };
    }
    mcu_->stop_i = 0;
    reset();
  }

  // A pass; the bench forgets what it found in the last one.
  void start(const ProgramHeader& header, uint32_t position, std::span<const uint32_t> token_ids,
             std::vector<Instruction> instructions) {
    std::memcpy(&mcu_->header_i, &header, sizeof header);
    mcu_->position_i = position;
    mcu_->tokens_i = static_cast<uint8_t>(token_ids.size());
    for (uint32_t t = 0; t < token_ids.size(); ++t) set_word(mcu_->token_ids_i, t, token_ids[t]);
    for (uint32_t i = 0; i < 4; ++i) cycle();  // the pass's numbers stand before its first instruction
    instructions_.assign(instructions.begin(), instructions.end());
    beats.clear();
    beat_cycles.clear();
    errors.clear();
    for (auto& port_bursts : bursts) port_bursts.clear();
  }

  // Until all is done; false after `limit` cycles.
  bool run(uint64_t limit) {
    for (uint64_t i = 0; i < limit; ++i) {
      cycle();
      if (instructions_.empty() && mcu_->idle_o) return true;
    }
    return false;
  }

  void cycle() {
    Vsim_mcu8& m = *mcu_;
    if (!instruction_offered_)
      instruction_offered_ = !instructions_.empty() && chance(100 - traffic_.instruction_gap_percent);
    m.instruction_valid_i = instruction_offered_;
    if (instruction_offered_) std::memcpy(&m.instruction_i, &instructions_.front(), sizeof(Instruction));
    m.beat_ready_i = chance(traffic_.take_percent);
    for (uint32_t i = 0; i < kPorts; ++i) {
      ports_[i]->drive(signals_[i]);
      show(i, signals_[i]);
    }
    m.eval();
    for (uint32_t i = 0; i < kPorts; ++i) {
      look(i, signals_[i]);
      ports_[i]->finish(signals_[i], !m.rst_ni);
    }
    if (m.rst_ni) take();
    mcu_.tick();
  }

  // Stops the MCU and waits until no burst is under way; false after `limit` cycles.
  bool stop(uint64_t limit) {
    mcu_->stop_i = 1;
    for (uint64_t i = 0; i < limit; ++i) {
      cycle();
      if (mcu_->idle_o) return true;
    }
    return false;
  }

  void reset() {
    mcu_->rst_ni = 0;
    instructions_.clear();
    instruction_offered_ = false;
    for (uint32_t i = 0; i < kResetCycles; ++i) cycle();
    mcu_->rst_ni = 1;
    mcu_->stop_i = 0;
  }

  std::vector<std::string> violations() const {
    std::vector<std::string> all = violations_;
    for (const auto& port : ports_)
      all.insert(all.end(), port->violations().begin(), port->violations().end());
    return all;
  }
  bool memory_idle() const {
    return std::ranges::all_of(ports_, [](const auto& port) { return port->idle(); });
  }
  uint64_t cycles() const { return mcu_.cycles(); }
  Vsim_mcu8& mcu() { return *mcu_; }

  AxiMemory memory;
  // What came.
  std::vector<uint64_t> beats;  // addresses, bytes
  std::vector<uint64_t> beat_cycles;
  std::array<std::vector<McuBurst>, kPorts> bursts;
  std::vector<uint32_t> errors;  // addresses, beats

 private:
  // Every transfer holds its own address, and something that depends on it.
  static AxiData contents(uint64_t address) {
    AxiData data;
    const uint64_t other = address * 0x9E3779B97F4A7C15u;
    std::memcpy(data.data(), &address, 8);
    std::memcpy(data.data() + 8, &other, 8);
    return data;
  }

  bool chance(uint32_t percent) { return random_() % 100 < percent; }

  void show(uint32_t i, const AxiReadSignals& s) {
    Vsim_mcu8& m = *mcu_;
    const auto set_bit = [i](uint8_t& port, bool value) {
      port = static_cast<uint8_t>((port & ~(1u << i)) | (value << i));
    };
    set_bit(m.arready_i, s.ar.ready);
    set_bit(m.rvalid_i, s.r.valid);
    set_bit(m.rlast_i, s.r.last);
    m.rresp_i =
        static_cast<uint8_t>((m.rresp_i & ~(3u << 2 * i)) | static_cast<uint32_t>(s.r.response) << 2 * i);
    for (uint32_t k = 0; k < 4; ++k) {
      uint32_t word;
      std::memcpy(&word, s.r.data.data() + 4 * k, 4);
      set_word(m.rdata_i, 4 * i + k, word);
    }
  }

  void look(uint32_t i, AxiReadSignals& s) {
    const Vsim_mcu8& m = *mcu_;
    s.ar.valid = m.arvalid_o >> i & 1;
    s.ar.length = get_byte(m.arlen_o, i);
    s.ar.address = 0;
    for (uint32_t k = 0; k < 5; ++k) s.ar.address |= uint64_t{get_byte(m.araddr_o, 5 * i + k)} << 8 * k;
    s.r.ready = m.rready_o >> i & 1;
  }

  void take() {
    Vsim_mcu8& m = *mcu_;
    if (m.instruction_valid_i && m.instruction_ready_o) {
      instructions_.pop_front();
      instruction_offered_ = false;
    }
    if (m.error_o) errors.push_back(m.error_address_o);
    std::array<uint8_t, kBeatBytes> beat;
    for (uint32_t k = 0; k < kBeatBytes; ++k) beat[k] = get_byte(m.beat_data_o, k);
    if (waiting_beat_ && (!m.beat_valid_o || beat != *waiting_beat_))
      violations_.push_back(concat("cycle ", cycles(), ": a beat changes before it is taken"));
    waiting_beat_.reset();
    if (!m.beat_valid_o) return;
    if (!m.beat_ready_i) {
      waiting_beat_ = beat;
      return;
    }
    uint64_t address;
    std::memcpy(&address, beat.data(), 8);
    for (uint32_t k = 0; k < kBeatBytes / kAxiBytes; ++k) {
      if (std::memcmp(beat.data() + k * kAxiBytes, contents(address + k * kAxiBytes).data(), kAxiBytes) != 0)
        violations_.push_back(concat("cycle ", cycles(), ": a beat is not 64 bytes of memory"));
    }
    beats.push_back(address);
    beat_cycles.push_back(cycles());
  }

  const McuTraffic traffic_;
  std::mt19937_64 random_;
  Clocked<Vsim_mcu8> mcu_;
  std::vector<std::unique_ptr<AxiReadPort>> ports_;
  std::array<AxiReadSignals, kPorts> signals_;
  std::deque<Instruction> instructions_;
  bool instruction_offered_ = false;
  std::optional<std::array<uint8_t, kBeatBytes>> waiting_beat_;
  std::vector<std::string> violations_;
};

}  // namespace brim::rtl
