// From a program to what an interpreter runs: addresses become pointers, and steps that may run side by side
// become sections.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/kernels.h"
#include "image/physical_memory.h"
#include "isa/program.h"

namespace brim {

// An instruction with its addresses turned into pointers.
struct LinkedStep {
  Instruction instruction;
  const uint8_t* table = nullptr;   // load, rope, embed: what is read
  uint64_t address = 0;             // physical, of what stands at `table`, or of the matrix's run of chunks
  uint8_t* pages = nullptr;         // key, value, scores, values: K or V pages of the head
  uint8_t* scales = nullptr;        // key, value, scores: their scales
  uint8_t* value_scales = nullptr;  // scores
  MatrixView matrix = {};           // matvec: of all the parts that the program streams it in
  uint64_t expert_stride = 0;  // matvec of an expert: `matrix` is expert 0's, the next is so many bytes on
  bool to_logits = false;      // matvec: the results are logits
  uint32_t first_result = 0;   // of those that the step takes from the last matrix
};

// Steps that run as one parallel operation: one step, or all query, key and value of a layer, or the
// attention of all its heads, or `experts` and what it repeats. Bears the opcode of the first one.
struct Section {
  uint32_t first = 0, last = 0;  // of steps
  uint32_t first_head = 0;       // attention: of kv_heads
};

// K and V of a KV head of a layer.
struct KvHead {
  KvView keys, values;
  Instruction scores;      // its window
  bool all_heads = false;  // scores are multiplied by r of all query heads
};

struct LinkedProgram {
  std::vector<LinkedStep> steps;
  std::vector<Section> sections;
  std::vector<KvHead> kv_heads;  // [layers][kv_heads]
  uint32_t rope_beats = 0;       // of a row
  uint32_t results = 0;          // the most rows of a matrix whose results are no logits
};

// Precondition: the program passed check_program. Throws Error as the memory does where an address leaves it.
LinkedProgram link(const Program& program, PhysicalMemory& memory);

}  // namespace brim
