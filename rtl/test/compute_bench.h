// A testbench around compute.sv: plays sequencer and MCU as docs/rtl/interfaces.md describes them, with
// random gaps on the stream and random back-pressure on the writes.
#pragma once

#include <cstring>
#include <deque>
#include <functional>
#include <random>

#include "engine/fill_cache.h"
#include "image/mapped_image.h"
#include "isa/instruction.h"
#include "isa/layout.h"
#include "isa/ops.h"
#include "pipeline.h"
#include "vpu_bench.h"

namespace brim::rtl {

template <typename Compute>
class ComputeBench {
 public:
  ComputeBench(const MappedImage& image, uint64_t seed)
      : program_(image.program()), memory_(image), random_(seed) {
    std::memcpy(&compute_->header_i, &program_.header, sizeof(ProgramHeader));
    compute_->vpu_valid_i = 0;
    compute_->spu_valid_i = 0;
    compute_->beat_valid_i = 0;
    compute_->write_ready_i = 0;
    compute_->position_i = 0;
    compute_->tokens_i = 1;
    compute_->rst_ni = 0;
    for (uint32_t i = 0; i < 128; ++i) compute_.tick();
    compute_->rst_ni = 1;
  }

  uint32_t gap_percent = 0;
  uint32_t write_percent = 100;  // of cycles in which a write is taken
  // Called in every cycle, outputs settled, with whether a beat is taken in it.
  std::function<void(const Compute&, bool taken)> every_cycle = [](const Compute&, bool) {};
  // The last instructions that the units took.
  const Instruction& vpu_instruction() const { return vpu_in_work_; }
  const Instruction& spu_instruction() const { return spu_in_work_; }
  bool overflow() { return compute_->overflow_o; }
  uint64_t cycles() const { return compute_.cycles(); }

  // As Interpreter::fill_cache.
  void fill_cache() {
    for (const Instruction& in : program_.instructions) brim::fill_cache(program_.header, in, memory_);
  }

  // One pass; false if it does not end within `limit` cycles.
  bool run(std::span<const uint32_t> tokens, uint32_t position, uint32_t first_logits, uint64_t limit) {
    compute_->position_i = position;
    compute_->tokens_i = static_cast<uint8_t>(tokens.size());
    compute_->first_logits_i = static_cast<uint8_t>(first_logits);
    dispatch(tokens, position, first_logits);
    for (uint64_t i = 0; i < limit; ++i) {
      cycle();
      if (vpu_.empty() && spu_.empty() && beats_.empty() && compute_->idle_o) return true;
    }
    return false;
  }

  std::vector<float> logits(uint32_t token) {
    const uint32_t address = program_.instructions[program_.instructions.size() - 2].address;
    std::vector<float> result(program_.header.vocabulary);
    std::memcpy(result.data(),
                memory_.write(uint64_t{address + token * program_.header.logits_stride} * kBeatBytes,
                              result.size() * 4),
                result.size() * 4);
    return result;
  }

 private:
  void read(uint64_t address, uint64_t beats) {
    for (uint64_t i = 0; i < beats; ++i) {
      Beat beat;
      std::memcpy(beat.data(), memory_.read((address + i) * kBeatBytes, kBeatBytes), kBeatBytes);
      beats_.push_back(beat);
    }
  }

  void read_scratch(uint64_t address) {
    Beat beat;
    std::memcpy(beat.data(), memory_.write(address, kBeatBytes), kBeatBytes);
    beats_.push_back(beat);
  }

  // Records of positions below `position`, page by page; two to a beat where they are half of one.
  void read_records(const KvFormat& format, uint64_t address, uint32_t position) {
    const uint32_t per_page = format.tokens_per_page();
    const uint32_t records_per_beat = format.record_bytes < kBeatBytes ? 2 : 1;
    for (uint32_t base = 0; base < position; base += per_page) {
      const uint32_t n = std::min(per_page, position - base);
      for (uint32_t m = 0; m < n; m += kPorts * records_per_beat) {
        for (uint32_t half = 0; half < format.record_beats(); ++half) {
          for (uint32_t i = m; i < std::min(m + kPorts, n); ++i) {
            read_scratch(address * kBeatBytes + format.offset(base + i) + half * kBeatBytes);
          }
        }
      }
    }
  }

  void dispatch(std::span<const uint32_t> tokens, uint32_t position, uint32_t first_logits) {
    uint64_t stream = 0, page = 0;
    const KvFormat keys = key_format(program_.header);
    for (const Instruction& in : program_.instructions) {
      if (in.opcode == Opcode::kEndPrompt && first_logits == tokens.size()) return;
      uint8_t generation = 0;
      switch (in.opcode) {
        case Opcode::kStream:
          stream = uint64_t{in.address} * kBeatBytes;
          page = 0;
          break;
        case Opcode::kLoad:
          read(in.address, in.count);
          break;
        case Opcode::kRope:
          for (uint32_t t = 0; t < tokens.size(); ++t) read(in.address + (position + t) * in.count, in.count);
          break;
        case Opcode::kEmbed:
          for (const uint32_t token : tokens) read(in.address + uint64_t{token} * in.count, in.count);
          generation = ++generations_[0];
          break;
        case Opcode::kResidual:
          generation = ++generations_[0];
          break;
        case Opcode::kOutput:
          if (in.head == 0) ++generations_[1];
          generation = generations_[1];
          break;
        case Opcode::kSwiglu:
          generation = ++generations_[2];
          break;
        case Opcode::kKey:
          if (in.head == 0) ++q_generation_;
          generation = q_generation_;
          break;
        case Opcode::kValue:
        case Opcode::kQuery:
          generation = q_generation_;
          break;
        case Opcode::kMatvec:
          for (uint32_t i = 0; i < in.count; ++i, ++page) {
            if (page % kPagesPerChunk == 0) {
              append_page(beats_, memory_.read(stream + page / kPagesPerChunk * kChunkBytes, kPageBytes));
            }
            append_page(beats_, memory_.read(stream + page_offset(page), kPageBytes));
          }
          generation = generations_[static_cast<uint32_t>(in.buffer)];
          break;
        case Opcode::kScores:
          for (uint32_t value = 0; value < 2; ++value) {
            const uint64_t from = uint64_t{in.address2} * kBeatBytes +
                                  (value == 0 ? 0 : keys.scales_bytes(program_.header.context));
            const KvFormat format = value == 0 ? keys : value_format(program_.header);
            for (uint64_t i = 0; i < format.scale_beats(position); ++i) read_scratch(from + i * kBeatBytes);
          }
          read_records(keys, in.address, position);
          generation = q_generation_;
          break;
        case Opcode::kValues:
          read_records(value_format(program_.header), in.address, position);
          break;
        default:
          break;
      }
      if (units_of(in.opcode) & kVpu) vpu_.push_back({in, generation});
      if (units_of(in.opcode) & kSpu) spu_.push_back({in, generation});
    }
  }

  uint32_t random(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  void cycle() {
    Compute& c = *compute_;
    c.vpu_valid_i = !vpu_.empty();
    if (!vpu_.empty()) {
      std::memcpy(&c.vpu_instruction_i, &vpu_.front().instruction, sizeof(Instruction));
      c.vpu_generation_i = vpu_.front().generation;
    }
    c.spu_valid_i = !spu_.empty();
    if (!spu_.empty()) {
      std::memcpy(&c.spu_instruction_i, &spu_.front().instruction, sizeof(Instruction));
      c.spu_generation_i = spu_.front().generation;
    }
    if (!offering_) offering_ = !beats_.empty() && random(100) >= gap_percent;
    c.beat_valid_i = offering_;
    if (offering_) {
      for (uint32_t i = 0; i < 16; ++i) c.beat_data_i[i] = beats_.front()[i];
    }
    c.write_ready_i = random(100) < write_percent;
    c.eval();
    const bool taken = c.beat_valid_i && c.beat_ready_o;
    every_cycle(c, taken);
    if (c.vpu_valid_i && c.vpu_ready_o) {
      vpu_in_work_ = vpu_.front().instruction;
      vpu_.pop_front();
    }
    if (c.spu_valid_i && c.spu_ready_o) {
      spu_in_work_ = spu_.front().instruction;
      spu_.pop_front();
    }
    if (taken) {
      beats_.pop_front();
      offering_ = false;
    }
    if (c.write_valid_o && c.write_ready_i) {
      uint8_t* to = memory_.write(uint64_t{c.write_address_o} * kBeatBytes, kBeatBytes);
      for (uint32_t i = 0; i < kBeatBytes; ++i) {
        if (c.write_strobe_o >> i & 1) to[i] = static_cast<uint8_t>(c.write_data_o[i / 4] >> (i % 4 * 8));
      }
    }
    compute_.tick();
  }

  Program program_;
  BoardMemory memory_;
  std::mt19937_64 random_;
  Clocked<Compute> compute_;
  std::deque<VpuInstruction> vpu_, spu_;
  Instruction vpu_in_work_{}, spu_in_work_{};
  std::deque<Beat> beats_;
  uint8_t generations_[3] = {0, 0, 0};
  uint8_t q_generation_ = 0;
  bool offering_ = false;
};

}  // namespace brim::rtl
