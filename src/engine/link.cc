#include "engine/link.h"

#include <algorithm>

#include "isa/reads.h"

namespace brim {
namespace {

uint64_t byte_address(uint32_t beat) { return uint64_t{beat} * kBeatBytes; }

class Linker {
 public:
  Linker(const Program& program, PhysicalMemory& memory) : header_(program.header), memory_(memory) {
    for (const Instruction& in : program.instructions) add(in);
    group();
  }

  LinkedProgram take() { return std::move(linked_); }

 private:
  void add(const Instruction& in) {
    const Op& row = op(in.opcode);
    LinkedStep step{.instruction = in};
    for (const MemoryRead& read : row.reads) resolve(read, step);
    for (const MemoryWrite& write : row.writes) resolve(write, step);
    if (in.opcode == Opcode::kStream) stream_ = {byte_address(in.address), 0};
    if (in.opcode == Opcode::kExperts) {
      stream_ = stream_of_expert(in, 0);
      expert_stride_ = byte_address(in.address2);
    }
    if (in.opcode == Opcode::kMix) expert_stride_ = 0;
    if (in.opcode == Opcode::kRope) linked_.rope_beats = in.count;

    if (row.takes != Results::kNone && in.opcode != Opcode::kOutput) {
      step.first_result = taken_;
      taken_ += elements(row.takes, in, header_);
    }
    if (in.opcode == Opcode::kLogits) matrix().to_logits = true;
    if (in.opcode == Opcode::kMatvec) {
      // Hardware likes the rows of some heads at a time, threads all rows at once.
      if (among_heads_) {
        matrix().matrix.rows += in.rows;
        return;
      }
      taken_ = 0;
      last_matrix_ = linked_.steps.size();
    }
    const bool last_output = in.opcode == Opcode::kOutput && in.head + 1u == header_.kv_heads;
    among_heads_ = of_heads(step) && !last_output;
    linked_.steps.push_back(step);
  }

  // Everything that the reads of any pass can touch.
  void resolve(const MemoryRead& read, LinkedStep& step) {
    const Instruction& in = step.instruction;
    const uint64_t base = byte_address(value_of(read.base, in));
    switch (read.pattern) {
      case Pattern::kWeights: {
        const PageShape shape = page_shape(in.groups);
        step.expert_stride = expert_stride_;
        const uint64_t before_last = expert_stride_ == 0 ? 0 : expert_stride_ * (header_.experts - 1u);
        step.matrix = {memory_.read(stream_.start, before_last + stream_bytes(stream_.page + in.count)),
                       stream_.page,
                       shape,
                       in.rows,
                       in.groups / shape.columns,
                       in.groups / planes_of(in)};
        step.address = stream_.start;
        stream_.page += in.count;
        break;
      }
      case Pattern::kRecords:
        step.pages =
            memory_.write(base, kv_format(header_, read.of_values).page_bytes(cache_positions(in, header_)));
        break;
      case Pattern::kLinear: {
        if (read.length == Length::kPastScales) {
          const uint32_t positions = cache_positions(in, header_);
          const uint64_t of_keys = key_format(header_).scales_bytes(positions);
          if (read.of_values) {
            step.value_scales = memory_.write(base + of_keys, value_format(header_).scales_bytes(positions));
          } else {
            step.scales = memory_.write(base, of_keys);
          }
        } else {
          const uint64_t rows = read.index == Index::kPosition ? header_.context
                                : read.index == Index::kToken  ? header_.vocabulary
                                                               : 1;
          step.table = memory_.read(base, byte_address(in.count) * rows);
          step.address = base;
        }
        break;
      }
    }
  }

  // Logits are returned, not written.
  void resolve(const MemoryWrite& write, LinkedStep& step) {
    const uint64_t base = byte_address(value_of(write.base, step.instruction));
    const KvFormat kv = kv_format(header_, write.of_values);
    const uint32_t positions = cache_positions(step.instruction, header_);
    if (write.what == Written::kRecord) {
      step.pages = memory_.write(base, kv.page_bytes(positions));
    } else if (write.what == Written::kScale) {
      step.scales = memory_.write(base, kv.scales_bytes(positions));
    }
  }

  // Of the steps that belong together.
  static uint32_t steps_from(const LinkedStep& step) {
    return step.instruction.opcode == Opcode::kExperts ? 1 + kExpertSteps : 1;
  }
  static bool of_heads(const LinkedStep& step) {
    return is_head_vector(step.instruction.opcode) || is_attention(step.instruction.opcode);
  }
  LinkedStep& matrix() { return linked_.steps[last_matrix_]; }

  void group() {
    for (const LinkedStep& step : linked_.steps) {
      if (step.instruction.opcode == Opcode::kMatvec && !step.to_logits) {
        linked_.results = std::max(linked_.results, step.matrix.rows);
      }
    }
    const auto count = static_cast<uint32_t>(linked_.steps.size());
    for (uint32_t first = 0, last = 0; first < count; first = last) {
      while (last < count && of_heads(linked_.steps[last])) ++last;
      if (last > first) {
        group_heads(first, last);
      } else {
        last += steps_from(linked_.steps[last]);
        linked_.sections.push_back({first, last});
      }
    }
  }

  // The vectors and the attention of a layer's heads. No KV head depends on another, so all vectors may be
  // formed side by side and then all attention run so, in whatever order the program interleaves them.
  void group_heads(uint32_t first, uint32_t last) {
    const auto first_head = static_cast<uint32_t>(linked_.kv_heads.size());
    linked_.kv_heads.resize(first_head + header_.kv_heads);
    for (uint32_t i = first; i < last; ++i) {
      const LinkedStep& step = linked_.steps[i];
      if (!is_attention(step.instruction.opcode)) continue;
      KvHead& head = linked_.kv_heads[first_head + step.instruction.head];
      if (step.instruction.opcode == Opcode::kScores) {
        const uint32_t positions = cache_positions(step.instruction, header_);
        head.keys = {step.pages, step.scales, key_format(header_), positions};
        head.values = {nullptr, step.value_scales, value_format(header_), positions};
        head.scores = step.instruction;
      }
      if (step.instruction.opcode == Opcode::kSoftmax) {
        head.all_heads = (step.instruction.flags & kFlagAllHeads) != 0;
      }
      if (step.instruction.opcode == Opcode::kValues) head.values.pages = step.pages;
    }
    const auto begin = linked_.steps.begin();
    const auto attention = std::stable_partition(begin + first, begin + last, [](const LinkedStep& step) {
      return is_head_vector(step.instruction.opcode);
    });
    const auto scores = std::stable_partition(attention, begin + last, [](const LinkedStep& step) {
      return step.instruction.opcode == Opcode::kKeyScale;
    });
    const auto middle = static_cast<uint32_t>(attention - begin);
    const auto scaled = static_cast<uint32_t>(scores - begin);
    linked_.sections.push_back({first, middle});
    if (scaled > middle) linked_.sections.push_back({middle, scaled});
    linked_.sections.push_back({scaled, last, first_head});
  }

  const ProgramHeader& header_;
  PhysicalMemory& memory_;
  LinkedProgram linked_;
  WeightStream stream_;
  uint64_t expert_stride_ = 0;  // in the steps of an expert
  uint32_t taken_ = 0;          // rows of the last matrix
  size_t last_matrix_ = 0;      // its step
  bool among_heads_ = false;    // since then some heads' vectors or attention, but not all
};

}  // namespace

LinkedProgram link(const Program& program, PhysicalMemory& memory) { return Linker(program, memory).take(); }

}  // namespace brim
