#include "isa/check.h"

#include <algorithm>
#include <array>
#include <bitset>

#include "base/concat.h"
#include "base/error.h"
#include "isa/disassemble.h"

namespace brim {
namespace {

// Of the format; what executors on this machine take.
constexpr uint32_t kMaxDim = 1u << 16;
constexpr uint32_t kMaxHidden = 1u << 20;

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
      {"key_bits", h.key_bits, 8, 8},
      {"value_bits", h.value_bits, 8, 8},
      {"kv_flags", h.kv_flags, 0, 0},
      {"experts_per_token", h.experts_per_token, 0, 0},
      {"experts", h.experts, 0, 0},
      {"expert_hidden", h.expert_hidden, 0, 0},
      {"logits_stride", h.logits_stride, beats_of(uint64_t{h.vocabulary} * sizeof(float)), UINT32_MAX},
  };
  for (const auto& range : ranges) {
    if (auto fault = between(range.field, range.value, range.lowest, range.highest)) return fault;
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

  // The vectors and the attention of a layer's heads: each kind for the heads in ascending order, as blocks
  // of buffers are counted, and what belongs to one KV head in the order of the equations.
  const char* layer(const Instruction& in) {
    if (is_head_vector(in.opcode) || is_attention(in.opcode)) {
      if (in.head != seen(in.opcode)) return "comes out of the order of the heads";
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
                           matrix_rows_ % page_shape(in.groups).rows == 0 &&
                           matrix_rows_ + in.rows <= kMaxRows;
    return continues ? nullptr : "does not go on with the matrix of the heads";
  }

  const char* parameters(const Instruction& in) {
    for (const Operand& operand : op(in.opcode).operands) {
      if (operand.form != Form::kParameter || (operand.flag != 0 && (in.flags & operand.flag) == 0)) continue;
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
  uint32_t results_ = 0;  // that wait
  Instruction matrix_;    // the last one, and its rows with those of the parts before
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
