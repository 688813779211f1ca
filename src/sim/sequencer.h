// Sequencer: fetches the program through the aux port and hands each instruction to the queues of its units.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/memory.h"
#include "sim/pass_program.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "sim/vector_buffers.h"

namespace brim::sim {

// When each step of the pass was handed to its units.
struct Dispatch {
  std::vector<Cycle> at;
  bool known(size_t step) const { return at.size() > step; }
};

class Sequencer {
 public:
  static constexpr uint32_t kFetchBytes = 512;
  static constexpr uint32_t kBufferInstructions = 64;
  static constexpr uint32_t kMcuQueue = 16;
  static constexpr uint32_t kComputeQueue = 128;  // of VPU and SPU

  // The starts of instructions on their units, in the order of each unit.
  struct Starts {
    const std::vector<Cycle>& mcu;
    const std::vector<Cycle>& vpu;
    const std::vector<Cycle>& spu;
  };

  Sequencer(const PassProgram& program, uint64_t address, const Starts& starts, const VectorBuffers& buffers,
            Memory& memory, Dispatch& dispatch, Trace* trace);

  Task fetch();
  Task run();

  uint64_t beats() const { return beats_; }

 private:
  static constexpr uint32_t kFetchInstructions = kFetchBytes / sizeof(Instruction);

  const PassProgram& program_;
  const uint64_t address_;
  const Starts starts_;
  const VectorBuffers& buffers_;
  Memory& memory_;
  Dispatch& dispatch_;
  Trace* const trace_;
  std::vector<Cycle> fetches_;           // when each was asked for
  std::vector<Cycle> taken_;             // when each instruction left the buffer
  std::vector<uint64_t> fetched_beats_;  // on the aux port by the end of each fetch
  uint64_t beats_ = 0;
};

}  // namespace brim::sim
