#include "sim/sequencer.h"

#include <algorithm>

#include "sim/latencies.h"

namespace brim::sim {

Sequencer::Sequencer(const PassProgram& program, uint64_t address, const Starts& starts,
                     const VectorBuffers& buffers, Memory& memory, Dispatch& dispatch, Trace* trace)
    : program_(program),
      address_(address),
      starts_(starts),
      buffers_(buffers),
      memory_(memory),
      dispatch_(dispatch),
      trace_(trace) {
  dispatch_.at.reserve(program.steps.size());
}

Task Sequencer::fetch() {
  const uint64_t bytes = sizeof(ProgramHeader) + program_.fetched * sizeof(Instruction);
  Cycle cycle = kStartToFetch;
  for (uint64_t at = 0; at < bytes; at += kFetchBytes) {
    if (at == kFetchBytes) {  // the header tells how many there are
      co_await until([&] { return memory_.arrived(memory_.aux()) > 0; });
      cycle = memory_.arrival(memory_.aux(), 0) + kHeaderToFetch;
    } else if (at > 0) {
      cycle += kFetchToFetch;
    }
    // A fetch is asked for when the buffer has room for all of it.
    const uint64_t end = (at + kFetchBytes - sizeof(ProgramHeader)) / sizeof(Instruction);
    if (end > kBufferInstructions) {
      const uint64_t leaving = std::min<uint64_t>(end - kBufferInstructions, program_.fetched) - 1;
      co_await until([&] { return taken_.size() > leaving; });
      cycle = std::max(cycle, taken_[leaving] + kTakenToFetch);
    }
    const uint32_t beats = static_cast<uint32_t>((std::min<uint64_t>(kFetchBytes, bytes - at) + 63) / 64);
    memory_.read(memory_.aux(), address_ + at, beats, cycle);
    beats_ += beats;
    fetches_.push_back(cycle);
    fetched_beats_.push_back(beats_);
  }
}

Task Sequencer::run() {
  Cycle cycle = 0;  // of the last dispatch
  Cycle last_taken = 0;
  uint64_t mcu = 0, vpu = 0, spu = 0;  // instructions handed to each unit
  for (size_t i = 0; i < program_.steps.size(); ++i) {
    const Step& step = program_.steps[i];
    const uint64_t offset = sizeof(ProgramHeader) + step.fetched * sizeof(Instruction);
    const uint64_t fetch_index = offset / kFetchBytes;
    const uint64_t beat = offset / 64;
    // The steps of experts are kept, and taken again for each further one.
    Cycle taken = last_taken + 1;
    if (!step.repeated) {
      co_await until(
          [&] { return fetched_beats_.size() > fetch_index && memory_.arrived(memory_.aux()) > beat; });
      // Two instructions are a beat, and the first one is there before the beat is.
      const Cycle early = offset % kBeatBytes == 0 ? memory_.beat_cycles() / 2 : 0;
      const Cycle arrival = memory_.arrival(memory_.aux(), beat) - early;
      taken = std::max(arrival + kArrivalToTaken,
                       i == 0 ? memory_.arrival(memory_.aux(), 0) + kHeaderToTaken : taken);
    }
    // The stages of the check hold as many instructions as they take cycles.
    if (i >= kTakenToDispatch) taken = std::max(taken, dispatch_.at[i - kTakenToDispatch]);
    if (!step.repeated) taken_.push_back(taken);
    last_taken = taken;
    cycle = std::max(cycle + 1, taken + kTakenToDispatch);
    if (step.instruction.opcode == Opcode::kExperts) {
      co_await until([&] { return buffers_.routes.size() > step.sequence; });
      cycle = std::max(cycle, buffers_.routes[step.sequence] + kListToDispatch);
    }

    if (trace_ != nullptr && offset % kFetchBytes < sizeof(Instruction)) {
      trace_->span(Trace::Track::kAuxRead, 0, "fetch", fetches_[fetch_index], cycle);
    }
    const Opcode opcode = program_.steps[i].instruction.opcode;
    const uint8_t units = units_of(opcode);
    // An entry is free again when the instruction that has been longest in the queue starts.
    if (is_for_stream(opcode) && mcu >= kMcuQueue) {
      co_await until([&] { return starts_.mcu.size() > mcu - kMcuQueue; });
      cycle = std::max(cycle, starts_.mcu[mcu - kMcuQueue] + kQueueRoom);
    }
    if ((units & kVpu) && vpu >= kComputeQueue) {
      co_await until([&] { return starts_.vpu.size() > vpu - kComputeQueue; });
      cycle = std::max(cycle, starts_.vpu[vpu - kComputeQueue] + kQueueRoom);
    }
    if ((units & kSpu) && spu >= kComputeQueue) {
      co_await until([&] { return starts_.spu.size() > spu - kComputeQueue; });
      cycle = std::max(cycle, starts_.spu[spu - kComputeQueue] + kQueueRoom);
    }
    mcu += is_for_stream(opcode);
    vpu += (units & kVpu) != 0;
    spu += (units & kSpu) != 0;
    dispatch_.at.push_back(cycle);
    if (trace_ != nullptr) trace_->span(Trace::Track::kSequencer, 0, opcode_name(opcode), cycle, cycle + 1);
  }
}

}  // namespace brim::sim
