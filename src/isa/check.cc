#include "isa/check.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <utility>

#include "base/concat.h"
#include "base/error.h"
#include "isa/disassemble.h"

namespace brim {
namespace {

// Of the format; what executors on this machine take.
constexpr uint32_t kMaxHidden = 1u << 20;
constexpr uint32_t kMaxExperts = 256;
constexpr uint32_t kMaxExpertsPerToken = 16;

std::optional<std::string> header_fault(const ProgramHeader& h) {
  const auto between = [](const char* field, uint64_t value, uint64_t lowest,
                          uint64_t highest) -> std::optional<std::string> {
    if (value >= lowest && value <= highest) return {};
    return concat(field, ' ', value, " is not ", lowest, " ... ", highest);
  };
  const struct {
    const char* field;
    uint64_t value, lowest, highest;
  } ranges[] = {
      {"head_size", h.head_size, 2, kMaxHeadSize},
      {"heads", h.heads, 1, UINT16_MAX},
      {"kv_heads", h.kv_heads, 1, UINT16_MAX},
      {"dim", h.dim, 1, kMaxDim},
      {"hidden", h.hidden, 1, kMaxHidden},
      {"vocabulary", h.vocabulary, 1, kMaxRows},
      {"context", h.context, kAttentionBlock, kMaxContext},
      {"kv_flags", h.kv_flags, 0, kKvRotated},
      {"experts", h.experts, 0, kMaxExperts},
      {"experts_per_token", h.experts_per_token, h.experts == 0 ? 0u : 1u,
       std::min<uint32_t>(h.experts, kMaxExpertsPerToken)},
      {"expert_hidden", h.expert_hidden, h.experts == 0 ? 0u : 1u, h.experts == 0 ? 0u : h.hidden},
      {"logits_stride", h.logits_stride, beats_of(uint64_t{h.vocabulary} * sizeof(float)), UINT32_MAX},
  };
  for (const auto& range : ranges) {
    if (auto fault = between(range.field, range.value, range.lowest, range.highest)) return fault;
  }
  for (const auto& [field, bits] : {std::pair{"key_bits", h.key_bits}, {"value_bits", h.value_bits}}) {
    if (bits != 8 && bits != 4) return concat(field, ' ', +bits, " is not 4 or 8");
  }
  const auto multiple = [](const char* field, uint64_t value, uint64_t unit,
                           const char* what) -> std::optional<std::string> {
    if (value % unit == 0) return {};
    return concat(field, ' ', value, " is not a multiple of ", what, unit);
  };
  if (auto fault = multiple("head_size", h.head_size, 2, "")) return fault;
  if (auto fault = multiple("heads", h.heads, h.kv_heads, "kv_heads ")) return fault;
  if (auto fault = multiple("context", h.context, kAttentionBlock, "")) return fault;
  return {};
}

// What instructions leave to those behind them. Whatever an instruction needs must be there when it is
// reached, and each unit must find what belongs together in the order in which it counts: docs/program.md,
// "Order".
class Order {
 public:
  explicit Order(const ProgramHeader& header) : header_(header) {}

  // What is wrong with the next instruction; null if nothing is. Precondition: its operands are right.
  const char* fault(const Instruction& in) {
    const Op& row = op(in.opcode);
    if ((row.units & kVpu) != 0 && results_ > 0) return "the last results have not all been taken";
    if (const char* fault = experts(in)) return fault;
    if (const char* fault = layer(in)) return fault;
    if (const char* fault = parameters(in)) return fault;
    if (in.opcode == Opcode::kStream) stream_ = true;
    for (const MemoryRead& read : row.reads) {
      if (read.pattern == Pattern::kWeights && !stream_) return "there is no weight stream";
    }
    for (const Use& use : row.uses) {
      if (!filled_[index(resolve(use.buffer, in))]) return "reads a buffer that nothing has filled";
    }
    for (const Use& use : row.fills) filled_[index(use.buffer)] = true;
    return results(in);
  }

 private:
  static size_t index(Buffer buffer) { return static_cast<size_t>(buffer); }
  uint32_t& seen(Opcode opcode) { return seen_[static_cast<size_t>(opcode)]; }

  static bool reads_hidden(const Instruction& in) {
    return in.opcode == Opcode::kMatvec && in.buffer == ActivationBuffer::kHidden;
  }

  // The steps of an expert, which stand behind `experts` and nowhere else. No run of chunks goes on across
  // them.
  const char* experts(const Instruction& in) {
    if (in.opcode == Opcode::kExperts) {
      if (header_.experts == 0) return "stands in a program without experts";
      if (expert_steps_ > 0) return "stands inside the steps of an expert";
      expert_steps_ = kExpertSteps;
      stream_ = true;
      return nullptr;
    }
    if (expert_steps_ == 0) {
      if (in.opcode == Opcode::kMix) return "stands outside of the steps of an expert";
      const bool of_an_expert =
          in.opcode == Opcode::kSwiglu
              ? in.rows != 2 * header_.hidden
              : reads_hidden(in) && in.groups != planes_of(in) * groups_of_inputs(header_.hidden);
      return of_an_expert ? "has an expert's size outside of its steps" : nullptr;
    }
    const uint32_t step = kExpertSteps - expert_steps_--;
    const bool fits =
        step == 0   ? in.opcode == Opcode::kMatvec && in.buffer == ActivationBuffer::kNormed
        : step == 1 ? in.opcode == Opcode::kSwiglu && in.rows == 2u * header_.expert_hidden
        : step == 2 ? reads_hidden(in) && in.groups == planes_of(in) * groups_of_inputs(header_.expert_hidden)
                    : in.opcode == Opcode::kMix;
    stream_ = expert_steps_ > 0;
    return fits ? nullptr : "is not the step of an expert that belongs here";
  }

  // The vectors and the attention of a layer's heads: each kind for the heads in ascending order, as blocks
  // of buffers are counted, and what belongs to one KV head in the order of the equations.
  const char* layer(const Instruction& in) {
    if (is_head_vector(in.opcode) || is_attention(in.opcode)) {
      if (in.head != seen(in.opcode)) return "comes out of the order of the heads";
      if (const char* fault = head_norm(in)) return fault;
      if (const char* fault = window(in)) return fault;
      for (const Opcode before : op(in.opcode).follows) {
        const uint32_t heads = before == Opcode::kQuery ? header_.heads / header_.kv_heads : 1u;
        if (seen(before) < (in.head + 1) * heads) return "comes before what it depends on";
      }
      ++seen(in.opcode);
      return nullptr;
    }
    const bool begun = std::ranges::any_of(seen_, [](uint32_t n) { return n > 0; });
    if (!begun) return nullptr;
    if (seen(Opcode::kOutput) == header_.kv_heads) {
      seen_ = {};
      return nullptr;
    }
    if (in.opcode != Opcode::kMatvec) return "comes before the attention of all KV heads";
    // Rows of the same matrix, which executors on this machine take in one piece.
    const bool continues = in.buffer == matrix_.buffer && in.groups == matrix_.groups &&
                           in.flags == matrix_.flags && matrix_rows_ % page_shape(in.groups).rows == 0 &&
                           matrix_rows_ + in.rows <= kMaxRows;
    return continues ? nullptr : "does not go on with the matrix of the heads";
  }

  // A norm over all heads is known when all of them are there; keys and scores are made up for it afterwards.
  const char* head_norm(const Instruction& in) {
    const bool all_heads = (in.flags & kFlagAllHeads) != 0;
    if (all_heads && (in.flags & kFlagNorm) != 0) return "has two kinds of head norm";
    if (in.opcode == Opcode::kKey && in.head == 0) all_heads_ = all_heads;
    const bool normed =
        in.opcode == Opcode::kKey || in.opcode == Opcode::kQuery || in.opcode == Opcode::kSoftmax;
    if (normed && all_heads != all_heads_) return "has another kind of head norm than the heads before";
    if (all_heads_ && header_.heads != header_.kv_heads)
      return "has a norm over all heads, of which k has fewer";
    if (in.opcode == Opcode::kKeyScale) {
      const bool complete = seen(Opcode::kKey) == header_.kv_heads && seen(Opcode::kQuery) == header_.heads;
      return all_heads_ && complete ? nullptr : "comes before a norm over all heads";
    }
    if (in.opcode == Opcode::kScores && all_heads_ && seen(Opcode::kKeyScale) <= in.head) {
      return "comes before what it depends on";
    }
    return nullptr;
  }

  // All that a layer does with its cache is of one window.
  const char* window(const Instruction& in) {
    if (in.opcode == Opcode::kQuery || in.opcode == Opcode::kOutput) return nullptr;
    if (in.opcode == Opcode::kKey && in.head == 0) window_ = window_of(in);
    return window_of(in) == window_ ? nullptr : "has another window than the heads before";
  }

  const char* parameters(const Instruction& in) {
    for (const Operand& operand : op(in.opcode).operands) {
      if (operand.form != Form::kParameter || !is_there(operand, in.flags)) continue;
      const uint32_t first = value_of(operand.field, in);
      for (uint32_t beat = first; beat < first + parameter_beats(operand.bound, in, header_); ++beat) {
        if (operand.bound == Bound::kLoadInP) {
          loaded_[beat] = true;
        } else if (!loaded_[beat]) {
          return "parameters that were not loaded";
        }
      }
    }
    return nullptr;
  }

  const char* results(const Instruction& in) {
    const Op& row = op(in.opcode);
    const uint32_t takes = elements(row.takes, in, header_);
    if (takes > results_) return "takes more results than there are";
    if (in.opcode == Opcode::kLogits && (takes != results_ || takes != matrix_rows_)) {
      return "does not take all rows of a matrix";
    }
    results_ -= takes;
    results_ += elements(row.gives, in, header_);
    if (in.opcode == Opcode::kMatvec) {
      const bool more = std::ranges::any_of(seen_, [](uint32_t n) { return n > 0; });
      matrix_rows_ = (more ? matrix_rows_ : 0) + in.rows;
      matrix_ = in;
    }
    return nullptr;
  }

  const ProgramHeader& header_;
  std::bitset<kParameterBeats> loaded_;
  std::bitset<static_cast<size_t>(Buffer::kNone)> filled_;
  std::array<uint32_t, kOpcodes> seen_{};  // of the layer: how many vectors and steps of attention
  bool stream_ = false;
  bool all_heads_ = false;     // of the layer: one norm for all heads
  uint32_t window_ = 0;        // of the layer
  uint32_t expert_steps_ = 0;  // that are still to come
  uint32_t results_ = 0;       // that wait
  Instruction matrix_;         // the last one, and its rows with those of the parts before
  uint32_t matrix_rows_ = 0;
};

std::optional<std::string> instruction_fault(const Instruction& in, const ProgramHeader& header,
                                             Order& order) {
  if (!is_known(in.opcode)) return concat("opcode ", +static_cast<uint8_t>(in.opcode), " is unknown");
  if (const Operand* wrong = wrong_operand(in, header)) {
    return concat(field_name(wrong->field), ' ', value_of(wrong->field, in), " is not ",
                  bound_rule(wrong->bound));
  }
  if (const char* fault = order.fault(in)) return fault;
  return {};
}

}  // namespace

std::optional<ProgramFault> find_fault(const Program& program) {
  if (const auto fault = header_fault(program.header)) return ProgramFault{{}, "header: " + *fault};
  Order order(program.header);
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& in = program.instructions[i];
    if (const auto fault = instruction_fault(in, program.header, order)) {
      return ProgramFault{i, concat("instruction ", i, " (", disassemble(in), "): ", *fault)};
    }
  }
  return {};
}

void check_program(const std::string& name, const Program& program) {
  if (const auto fault = find_fault(program)) {
    throw Error(name + ": program: " + fault->what + "; pack the model again");
  }
}

}  // namespace brim
