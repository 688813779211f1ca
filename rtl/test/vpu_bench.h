// A testbench around vpu.sv: feeds instructions and beats with random gaps, plays the SPU's memories, and
// takes results with random back-pressure.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <random>
#include <vector>

#include "isa/instruction.h"
#include "isa/layout.h"
#include "numerics/a16.h"
#include "pipeline.h"
#include "ports.h"

namespace brim::rtl {

using Beat = std::array<uint32_t, 16>;

// Appends the beats of the page at `bytes` in the order in which the ports' data is joined.
inline void append_page(std::deque<Beat>& beats, const uint8_t* bytes) {
  for (uint32_t k = 0; k < kGroupsPerPage; ++k) {
    Beat beat;
    std::memcpy(beat.data(), bytes + k % kPorts * kSubBlockBytes + k / kPorts * kBeatBytes, kBeatBytes);
    beats.push_back(beat);
  }
}

// Memory contents that the VPU reads, per token (or lane); words of four mantissas.
struct LaneMemory {
  std::vector<uint64_t> activations = std::vector<uint64_t>(8192);  // normed, attention, hidden
  std::vector<int8_t> activation_exponents = std::vector<int8_t>(256);
  std::vector<uint64_t> queries = std::vector<uint64_t>(2048);
  std::vector<int8_t> query_exponents = std::vector<int8_t>(64);
  std::vector<uint64_t> weights;
  std::vector<int8_t> weight_exponents;
};

struct VpuInstruction {
  Instruction instruction;
  uint8_t generation;
};

template <typename Vpu, uint32_t Tokens>
class VpuBench {
 public:
  VpuBench(uint64_t seed, uint32_t scores) : random_(seed) {
    for (LaneMemory& lane : lanes) {
      lane.weights.resize(scores * 2 / 4);
      lane.weight_exponents.resize(scores * 2 / 64);
    }
    local_rows.resize(1024);
    local_scales.resize(512);
    vpu_->rst_ni = 0;
    for (uint32_t i = 0; i < 128; ++i) vpu_.tick();
    vpu_->rst_ni = 1;
  }

  // What the test sets up.
  std::array<LaneMemory, Tokens> lanes;
  std::vector<Beat> local_rows;        // {KV head, token, value, half}
  std::vector<uint32_t> local_scales;  // {KV head, token, value}: {zero-point, scale}
  std::deque<VpuInstruction> instructions;
  std::deque<Beat> beats;
  std::function<void()> every_cycle = [] {};
  std::array<uint8_t, 3> generations{}, blocks{};
  uint32_t gap_percent = 0;        // of cycles in which no beat is offered
  uint32_t results_percent = 100;  // of cycles in which a result would be taken

  // What it finds.
  std::vector<std::array<uint32_t, Tokens>> results;
  std::function<void(uint32_t address, const std::array<uint32_t, Tokens>&)> on_score;

  Vpu& ports() { return *vpu_; }
  uint64_t cycles() const { return vpu_.cycles(); }
  uint32_t random(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  void cycle() {
    Vpu& v = *vpu_;
    every_cycle();
    v.instruction_valid_i = !instructions.empty();
    if (!instructions.empty()) {
      std::memcpy(&v.instruction_i, &instructions.front().instruction, sizeof(Instruction));
      v.generation_i = instructions.front().generation;
    }
    if (!offering_) offering_ = !beats.empty() && random(100) >= gap_percent;
    v.beat_valid_i = offering_;
    if (offering_) {
      for (uint32_t i = 0; i < 16; ++i) v.beat_i[i] = beats.front()[i];
    }
    v.embed_ready_i = 1;
    v.result_ready_i = random(100) < results_percent;
    v.generations_i = generations[0] | generations[1] << 8 | generations[2] << 16;
    v.blocks_i = blocks[0] | blocks[1] << 8 | blocks[2] << 16;
    drive_reads(reads_[1]);
    v.eval();

    if (v.instruction_valid_i && v.instruction_ready_o) instructions.pop_front();
    if (v.beat_valid_i && v.beat_ready_o) {
      beats.pop_front();
      offering_ = false;
    }
    if (v.result_valid_o && v.result_ready_i) {
      std::array<uint32_t, Tokens> row;
      for (uint32_t t = 0; t < Tokens; ++t) row[t] = get_word(v.result_o, t);
      results.push_back(row);
    }
    if (v.score_we_o) {
      std::array<uint32_t, Tokens> row;
      for (uint32_t t = 0; t < Tokens; ++t) row[t] = get_word(v.score_o, t);
      on_score(v.score_address_o, row);
    }
    reads_[1] = reads_[0];
    reads_[0] = {v.activation_address_o,  v.q_address_o,      v.local_address_o,
                 v.local_scale_address_o, v.weight_address_o, v.exponent_address_o};
    vpu_.tick();
  }

  // Until nothing is left to do; false after `limit` cycles.
  bool run(uint64_t limit) {
    for (uint64_t i = 0; i < limit; ++i) {
      cycle();
      if (instructions.empty() && beats.empty() && vpu_->idle_o && !vpu_->result_valid_o) return true;
    }
    return false;
  }

 private:
  struct Reads {
    uint32_t activation = 0, query = 0, local = 0, local_scale = 0, weight = 0, exponent = 0;
  };

  // The words whose addresses stood there two cycles before.
  void drive_reads(const Reads& reads) {
    Vpu& v = *vpu_;
    const auto set_mantissas = [](auto& port, uint32_t t, uint64_t word) {
      set_word(port, 2 * t, static_cast<uint32_t>(word));
      set_word(port, 2 * t + 1, static_cast<uint32_t>(word >> 32));
    };
    for (uint32_t t = 0; t < Tokens; ++t) {
      const LaneMemory& lane = lanes[t];
      set_mantissas(v.activation_data_i, t, lane.activations[reads.activation]);
      set_byte(v.activation_exponent_i, t,
               static_cast<uint8_t>(lane.activation_exponents[reads.activation / 32]));
      set_mantissas(v.q_data_i, t, lane.queries[reads.query]);
      set_byte(v.q_exponent_i, t, static_cast<uint8_t>(lane.query_exponents[reads.query / 32]));
      set_mantissas(v.weight_data_i, t, lane.weights[reads.weight]);
      set_byte(v.exponent_data_i, t, static_cast<uint8_t>(lane.weight_exponents[reads.exponent]));
    }
    for (uint32_t i = 0; i < 16; ++i) v.local_data_i[i] = local_rows[reads.local][i];
    v.local_scale_i = local_scales[reads.local_scale];
  }

  Clocked<Vpu> vpu_;
  std::mt19937_64 random_;
  std::array<Reads, 2> reads_{};
  bool offering_ = false;
};

}  // namespace brim::rtl
