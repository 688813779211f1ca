// What an instruction makes the MCU read: the reads of the table in isa/ops.h for one pass. Freestanding.
#pragma once

#include <cstdint>
#include <span>

#include "isa/ops.h"

namespace brim {

// What reads depend on besides the instruction. References must outlive it.
struct PassFacts {
  const ProgramHeader& header;
  uint32_t position = 0;                // of the first token
  std::span<const uint32_t> token_ids;  // of the pass
  uint32_t expert = 0;                  // `experts`: the one whose steps come next
};

// Where the weight stream goes on.
struct WeightStream {
  uint64_t start = 0;  // of the run of chunks, in bytes
  uint64_t page = 0;   // of that run
};

// One run of beats of a read.
struct ReadRun {
  const MemoryRead& read;
  uint64_t address = 0;  // in bytes; kWeights: the start of the run of chunks
  uint64_t beats = 0;    // metadata pages included
  uint64_t page = 0;     // kWeights: the first page and the number of them
  uint64_t pages = 0;
  uint32_t records = 0;  // kRecords: how many, of `kv`
  KvFormat kv = {};
};

// Beats of weight pages [page, page + pages) of a stream, with the metadata pages before chunks that begin
// there.
constexpr uint64_t weight_beats(uint64_t page, uint64_t pages) {
  return (stream_bytes(page + pages) - stream_bytes(page)) / kBeatBytes;
}

// Where the weights of an expert stand.
constexpr WeightStream stream_of_expert(const Instruction& experts, uint32_t expert) {
  return {(experts.address + uint64_t{experts.address2} * expert) * kBeatBytes, 0};
}

// body(const Instruction&, uint32_t expert) for the instructions of a pass in order. `experts` and the steps
// behind it come once for every expert that experts_of(n) names, of the n-th `experts` of the program. body
// returns whether to go on. Precondition: the program passed check_program.
template <typename ExpertsOf, typename Body>
constexpr void for_each_step(std::span<const Instruction> program, const ExpertsOf& experts_of,
                             const Body& body) {
  uint32_t layers = 0;
  for (size_t i = 0; i < program.size(); ++i) {
    if (program[i].opcode != Opcode::kExperts) {
      if (!body(program[i], 0u)) return;
      continue;
    }
    for (const uint32_t expert : experts_of(layers)) {
      for (size_t step = 0; step <= kExpertSteps; ++step) {
        if (!body(program[i + step], expert)) return;
      }
    }
    ++layers;
    i += kExpertSteps;
  }
}

// body(const ReadRun&) for every run of beats that the instruction reads, in the order in which they reach
// the VPU. `stream` is what the instructions before left it. Precondition: the program passed check_program.
template <typename Body>
constexpr void for_each_read(const Instruction& in, const PassFacts& facts, WeightStream& stream,
                             const Body& body) {
  if (in.opcode == Opcode::kStream) stream = {uint64_t{in.address} * kBeatBytes, 0};
  if (in.opcode == Opcode::kExperts) stream = stream_of_expert(in, facts.expert);
  for (const MemoryRead& read : op(in.opcode).reads) {
    if (read.pattern == Pattern::kWeights) {
      body(ReadRun{read, stream.start, weight_beats(stream.page, in.count), stream.page, in.count});
      stream.page += in.count;
      continue;
    }
    const uint64_t base = uint64_t{value_of(read.base, in)} * kBeatBytes;
    const KvFormat kv = kv_format(facts.header, read.of_values);
    if (read.length != Length::kCount) {
      // Of a ring in two runs, up to its end and from its beginning on; the first one is whole pages.
      const uint32_t ring = cache_positions(in, facts.header);
      const uint32_t first = first_read(in, facts.header, facts.position);
      const uint32_t past = facts.position - first;
      const uint32_t start = first % ring;
      const uint32_t to_end = past < ring - start ? past : ring - start;
      const uint64_t keys = read.of_values ? key_format(facts.header).scales_bytes(ring) : 0;
      const auto run = [&](uint32_t from, uint32_t positions) {
        if (read.length == Length::kPastRecords) {
          body(ReadRun{.read = read,
                       .address = base + kv.offset(from),
                       .beats = kv.past_beats(positions),
                       .records = positions,
                       .kv = kv});
        } else {
          body(ReadRun{.read = read,
                       .address = base + keys + kv.scales_bytes(from),
                       .beats = kv.scale_beats(positions)});
        }
      };
      run(start, to_end);
      if (past > to_end) run(0, past - to_end);
      continue;
    }
    const uint64_t beats = in.count;
    if (read.index == Index::kNone) {
      body(ReadRun{read, base, beats});
      continue;
    }
    for (uint64_t t = 0; t < facts.token_ids.size(); ++t) {
      const uint64_t row = read.index == Index::kPosition ? facts.position + t : facts.token_ids[t];
      body(ReadRun{read, base + row * beats * kBeatBytes, beats});
    }
  }
}

}  // namespace brim
