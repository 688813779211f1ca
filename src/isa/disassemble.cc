#include "isa/disassemble.h"

#include <sstream>

#include "isa/ops.h"

namespace brim {
namespace {

const char* name_of(Form form, uint32_t value) {
  static constexpr const char* kBuffers[] = {"normed", "attention", "hidden"};
  static constexpr const char* kFormats[] = {"fp16", "q8", "q4"};
  if (value >= 3) return "?";
  return form == Form::kBuffer ? kBuffers[value] : kFormats[value];
}

// Flags whose meaning no operand shows.
constexpr struct {
  uint8_t flag;
  const char* name;
} kFlagNames[] = {{kFlagEightBit, "eight_bit"},
                  {kFlagChosenSoftmax, "chosen"},
                  {kFlagAllHeads, "all_heads"},
                  {kFlagPlain, "plain"}};

}  // namespace

std::string disassemble(const Instruction& in) {
  std::ostringstream out;
  out << opcode_name(in.opcode);
  if (!is_known(in.opcode)) return out.str();
  if (!within(kFlagsOperand, in, {})) out << " flags=" << +in.flags;
  for (const Operand& operand : op(in.opcode).operands) {
    if (!is_there(operand, in.flags)) continue;
    const uint32_t value = value_of(operand.field, in);
    out << ' ' << operand.label;
    if (*operand.label != '\0') out << '=';
    switch (operand.form) {
      case Form::kNumber:
        out << value;
        break;
      case Form::kAddress:
        out << "0x" << std::hex << uint64_t{value} * kBeatBytes << std::dec;
        break;
      case Form::kParameter:
        out << "P[" << value << ']';
        break;
      case Form::kBuffer:
      case Form::kEmbedding:
        out << name_of(operand.form, value);
        break;
      case Form::kPageShape:
        out << value << 'x' << (value != 0 ? kGroupsPerPage / value : 0);
        break;
    }
  }
  for (const auto& [flag, name] : kFlagNames) {
    if ((in.flags & op(in.opcode).flags & flag) != 0) out << ' ' << name;
  }
  if (in.opcode == Opcode::kSwiglu && (in.flags & kFlagGelu) != 0) out << " gelu";
  return out.str();
}

std::string describe_kv_cache(const ProgramHeader& header) {
  std::ostringstream out;
  if (header.key_bits == header.value_bits) {
    out << +header.key_bits << " bit";
  } else {
    out << "keys " << +header.key_bits << " bit, values " << +header.value_bits << " bit";
  }
  if (header.kv_flags & kKvRotated) out << ", rotated";
  return out.str();
}

}  // namespace brim
