// Writes brim_pkg.sv, the constants that the accelerator shares with the C++ sources: opcodes, instruction
// and header fields, registers, layout, arithmetic limits and tables. Usage: generate_pkg > brim_pkg.sv
#include <algorithm>
#include <bit>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "isa/accelerator_limits.h"
#include "isa/instruction.h"
#include "isa/layout.h"
#include "isa/ops.h"
#include "isa/regions.h"
#include "isa/registers.h"
#include "numerics/a16.h"
#include "numerics/exp.h"
#include "numerics/fp16.h"
#include "numerics/fp32.h"
#include "numerics/gelu.h"
#include "numerics/reciprocal.h"
#include "numerics/rsqrt.h"

namespace brim {
namespace {

std::string upper(std::string name) {
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

void comment(const char* text) { std::printf("\n  // %s\n", text); }

void integer(const char* name, int64_t value) {
  std::printf("  localparam int %s = %lld;\n", name, static_cast<long long>(value));
}

void word(const std::string& name, uint32_t bits, uint64_t value) {
  std::printf("  localparam logic [%u:0] %s = %u'h%llX;\n", bits - 1, name.c_str(), bits,
              static_cast<unsigned long long>(value));
}

void fp32(const char* name, float value) { word(name, 32, float_bits(value)); }

struct Field {
  const char* name;
  size_t offset;  // bytes
  size_t size;
};

// A packed struct whose bit 0 is bit 0 of byte 0 of the little-endian C++ struct.
void packed_struct(const char* name, std::vector<Field> fields, size_t bytes) {
  std::sort(fields.begin(), fields.end(), [](const Field& a, const Field& b) { return a.offset > b.offset; });
  std::printf("  typedef struct packed {\n");
  size_t end = bytes;
  for (const Field& field : fields) {
    if (field.offset + field.size != end) {
      std::fprintf(stderr, "generate_pkg: %s: a hole after field %s\n", name, field.name);
      std::exit(1);
    }
    std::printf("    logic [%zu:0] %s;\n", field.size * 8 - 1, field.name);
    end = field.offset;
  }
  std::printf("  } %s;\n", name);
}

// A lookup function; a ROM to synthesis.
void table(const char* name, std::span<const float> values) {
  const auto bits = static_cast<uint32_t>(std::bit_width(values.size() - 1));
  std::printf("  function automatic logic [31:0] %s(input logic [%u:0] index);\n    case (index)\n", name,
              bits - 1);
  for (size_t i = 0; i < values.size(); ++i) {
    std::printf("      %u'd%zu: %s = 32'h%08X;\n", bits, i, name, float_bits(values[i]));
  }
  std::printf("      default: %s = 32'h0;\n    endcase\n  endfunction\n", name);
}

// What the table of isa/ops.h has beyond this accelerator: attention windows. It refuses their flag.
constexpr uint32_t kBoundsHere = static_cast<uint32_t>(Bound::kWindow);
constexpr uint8_t kFlagsHere = static_cast<uint8_t>(~kFlagWindow);

#define FIELD(type, name) \
  Field { #name, offsetof(type, name), sizeof(type::name) }

// Offsets and bits of the AXI4-Lite registers, and error codes by the names that docs/registers.md gives
// them.
void register_map() {
  for (const registers::Register& r : registers::kRegisters) {
    word("REG_" + std::string(r.name), 12, r.offset);
  }
  integer("TOKEN_IDS", registers::kTokenIds);
  word("ID_VALUE", 32, registers::kIdValue);
  word("VERSION_VALUE", 32, registers::kVersionValue);
  word("CAPABILITIES_VALUE", 32, registers::kHasStallCounters | registers::kHasLogitsCrc);
  integer("CONTROL_START_BIT", std::countr_zero(registers::kStart));
  integer("CONTROL_SOFT_RESET_BIT", std::countr_zero(registers::kSoftReset));
  integer("STATUS_DONE_BIT", std::countr_zero(registers::kDone));
  integer("STATUS_ERROR_BIT", std::countr_zero(registers::kError));
  integer("STATUS_BUSY_BIT", std::countr_zero(registers::kBusy));
  using registers::ErrorCode;
  const auto error = [](const char* name, ErrorCode code) { word(name, 4, static_cast<uint32_t>(code)); };
  error("ERROR_NONE", ErrorCode::kNone);
  error("ERROR_BAD_PROGRAM", ErrorCode::kBadProgram);
  error("ERROR_BAD_INSTRUCTION", ErrorCode::kBadInstruction);
  error("ERROR_BAD_PASS", ErrorCode::kBadPass);
  error("ERROR_READ_ERROR", ErrorCode::kReadError);
  error("ERROR_WRITE_ERROR", ErrorCode::kWriteError);
  error("ERROR_NO_PROGRESS", ErrorCode::kNoProgress);
  error("ERROR_OVERFLOW", ErrorCode::kOverflow);
  error("ERROR_DAMAGED", ErrorCode::kDamaged);
}

// The state of a CRC that was 0 after the bytes; CRCs are linear, so bits can be taken one by one.
uint32_t crc_state_after(const std::vector<uint8_t>& bytes) {
  return ~crc32c_portable(bytes.data(), bytes.size(), ~0u);
}

// A function of `bits` bits that is linear over GF(2): an exclusive or of inputs for each output. of_bit(i):
// what bit i alone gives.
void linear_function(const char* name, uint32_t bits, const auto& of_bit) {
  std::printf("  function automatic logic [31:0] %s(input logic [%u:0] data);\n", name, bits - 1);
  for (uint32_t out = 0; out < 32; ++out) {
    std::printf("    %s[%u] = ^(data & %u'h", name, out, bits);
    for (uint32_t digit = bits / 4; digit-- > 0;) {
      uint32_t value = 0;
      for (uint32_t bit = 0; bit < 4; ++bit) value |= (of_bit(4 * digit + bit) >> out & 1) << bit;
      std::printf("%X", value);
    }
    std::printf(");\n");
  }
  std::printf("  endfunction\n");
}

// CRC-32C (docs/integrity.md): what data add to the state, `behind` bytes before the end of a beat, and what
// a state becomes after so many bytes. A state is the CRC before the final inversion.
void checksums() {
  constexpr uint32_t kQuarter = kBeatBytes / 4;
  const auto data = [](const char* name, uint32_t bytes, uint32_t behind) {
    linear_function(name, 8 * bytes, [=](uint32_t bit) {
      std::vector<uint8_t> all(bytes + behind);
      all[bit / 8] = static_cast<uint8_t>(1u << bit % 8);
      return crc_state_after(all);
    });
  };
  const auto state = [](const char* name, uint32_t bytes) {
    linear_function(name, 32, [=](uint32_t bit) {
      const std::vector<uint8_t> zeros(bytes);
      return ~crc32c_portable(zeros.data(), zeros.size(), ~(1u << bit));
    });
  };
  for (uint32_t quarter = 0; quarter < 4; ++quarter) {
    data(("crc_of_quarter" + std::to_string(quarter)).c_str(), kQuarter, (3 - quarter) * kQuarter);
  }
  state("crc_after_beat", kBeatBytes);
  state("crc_after_quarter", kQuarter);
  state("crc_after_word", 4);
  word("CRC_RESIDUE", 32, kCrc32cResidue);
}

// A function of an opcode, by the table of isa/ops.h. The value of unknown opcodes is 0.
void opcode_function(const char* name, uint32_t bits, const char* further_inputs, const auto& value) {
  std::printf("  function automatic logic [%u:0] %s(input logic [7:0] opcode%s);\n    case (opcode)\n",
              bits - 1, name, further_inputs);
  for (const Op& row : kOps) {
    std::printf("      8'd%u: %s = %s;\n", +static_cast<uint8_t>(row.opcode), name, value(row).c_str());
  }
  std::printf("      default: %s = %u'd0;\n    endcase\n  endfunction\n", name, bits);
}

std::string literal(uint32_t bits, uint64_t value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%u'h%llX", bits, static_cast<unsigned long long>(value));
  return text;
}

// Bounds of the operands that an instruction has with this flag (0: always), a bit each.
uint64_t bounds_of(const Op& row, uint8_t flag) {
  uint64_t bounds = 0;
  for (const Operand& operand : row.operands) {
    const bool there = flag == 0 ? operand.flag == 0 && operand.unless == 0 : (operand.flag & flag) != 0;
    if (there && operand.bound != Bound::kAny) {
      bounds |= uint64_t{1} << static_cast<uint32_t>(operand.bound);
    }
  }
  return bounds;
}

// Those that it has without this flag.
uint64_t bounds_unless(const Op& row, uint8_t flag) {
  uint64_t bounds = 0;
  for (const Operand& operand : row.operands) {
    if ((operand.unless & flag) != 0) bounds |= uint64_t{1} << static_cast<uint32_t>(operand.bound);
  }
  return bounds;
}

void checks_and_generations() {
  comment("What operands must be, src/isa/ops.h: bounds, and those that an instruction has.");
  integer("PARAMETER_BEATS", kParameterBeats);
  integer("MAX_ROWS", kMaxRows);
  integer("BOUNDS", kBoundsHere);
  for (uint32_t i = 0; i < kBoundsHere; ++i) {
    integer(("BOUND_" + upper(bound_name(static_cast<Bound>(i)))).c_str(), i);
  }
  opcode_function("known_flags", 8, "", [](const Op& row) { return literal(8, row.flags & kFlagsHere); });
  integer("EXPERT_STEPS", kExpertSteps);
  opcode_function("bounds_of", kBoundsHere, ", input logic [7:0] flags", [](const Op& row) {
    const uint64_t flags = uint64_t{1} << static_cast<uint32_t>(kFlagsOperand.bound);
    std::string value = literal(kBoundsHere, bounds_of(row, 0) | flags);
    for (const auto& [flag, bit] : {std::pair{kFlagBias, "FLAG_BIAS_BIT"},
                                    {kFlagNorm, "FLAG_NORM_BIT"},
                                    {kFlagAllHeads, "FLAG_ALL_HEADS_BIT"},
                                    {kFlagPostNorm, "FLAG_POST_NORM_BIT"}}) {
      const uint64_t bounds = bounds_of(row, flag);
      if (bounds != 0)
        value += std::string(" | (flags[") + bit + "] ? " + literal(kBoundsHere, bounds) + " : '0)";
    }
    if (const uint64_t bounds = bounds_unless(row, kFlagPlain); bounds != 0)
      value += " | (flags[FLAG_PLAIN_BIT] ? '0 : " + literal(kBoundsHere, bounds) + ")";
    return value;
  });

  comment("Whose generation goes with an instruction (a bit each), and whether a new one begins with it.");
  constexpr Buffer kCounted[] = {Buffer::kNormed, Buffer::kAttention, Buffer::kHidden, Buffer::kQueries};
  constexpr uint32_t kGenerations = std::size(kCounted);
  integer("GENERATIONS", kGenerations);
  for (uint32_t i = 0; i < kGenerations; ++i) {
    integer(("GENERATION_" + upper(buffer_name(kCounted[i]))).c_str(), i);
  }
  opcode_function("generation_of", kGenerations, ", input logic [1:0] buffer", [&](const Op& row) {
    const Buffer buffer = row.generation.buffer;
    if (buffer == Buffer::kInput) return std::string("4'd1 << buffer");  // the first three, in this order
    const auto* const found = std::find(std::begin(kCounted), std::end(kCounted), buffer);
    return literal(kGenerations,
                   found == std::end(kCounted) ? 0 : uint64_t{1} << (found - std::begin(kCounted)));
  });
  opcode_function("opens_generation", 1, ", input logic head_is_0", [](const Op& row) -> std::string {
    switch (row.generation.opens) {
      case Opens::kNever:
        return "1'd0";
      case Opens::kAlways:
        return "1'd1";
      case Opens::kAtHead0:
        return "head_is_0";
    }
    return "";
  });
}

void package() {
  std::printf(
      "// Generated by rtl/generate_pkg.cc from src/isa and src/numerics; do not edit.\n"
      "// verilator lint_off UNUSEDPARAM\n"
      "`default_nettype none\n"
      "package brim_pkg;\n");

  comment("Opcodes, docs/program.md.");
  for (uint32_t i = 0; i < kOpcodes; ++i) word("OP_" + upper(opcode_name(static_cast<Opcode>(i))), 8, i);
  integer("OPCODES", kOpcodes);
  integer("FLAG_BIAS_BIT", std::countr_zero(kFlagBias));
  integer("FLAG_NORM_BIT", std::countr_zero(kFlagNorm));
  integer("FLAG_EIGHT_BIT_BIT", std::countr_zero(kFlagEightBit));
  integer("FLAG_CHOSEN_SOFTMAX_BIT", std::countr_zero(kFlagChosenSoftmax));
  integer("FLAG_ALL_HEADS_BIT", std::countr_zero(kFlagAllHeads));
  integer("FLAG_POST_NORM_BIT", std::countr_zero(kFlagPostNorm));
  integer("FLAG_PLAIN_BIT", std::countr_zero(kFlagPlain));
  integer("FLAG_GELU_BIT", std::countr_zero(kFlagGelu));
  word("BUFFER_NORMED", 8, static_cast<uint8_t>(ActivationBuffer::kNormed));
  word("BUFFER_ATTENTION", 8, static_cast<uint8_t>(ActivationBuffer::kAttention));
  word("BUFFER_HIDDEN", 8, static_cast<uint8_t>(ActivationBuffer::kHidden));
  word("EMBEDDING_FP16", 8, static_cast<uint8_t>(EmbeddingFormat::kFp16));
  word("EMBEDDING_Q8", 8, static_cast<uint8_t>(EmbeddingFormat::kQ8));
  word("EMBEDDING_Q4", 8, static_cast<uint8_t>(EmbeddingFormat::kQ4));

  comment("Units that take part in an instruction.");
  integer("UNIT_MCU_BIT", std::countr_zero(static_cast<uint8_t>(kMcu)));
  integer("UNIT_VPU_BIT", std::countr_zero(static_cast<uint8_t>(kVpu)));
  integer("UNIT_SPU_BIT", std::countr_zero(static_cast<uint8_t>(kSpu)));
  opcode_function("units_of", 3, "", [](const Op& row) { return literal(3, row.units); });

  checks_and_generations();

  comment("An instruction, 32 bytes, and the program's header, 64 bytes, as they stand in memory.");
  packed_struct("instruction_t",
                {FIELD(Instruction, opcode), FIELD(Instruction, flags), FIELD(Instruction, buffer),
                 FIELD(Instruction, shape), FIELD(Instruction, rows), FIELD(Instruction, address),
                 FIELD(Instruction, address2), FIELD(Instruction, count), FIELD(Instruction, groups),
                 FIELD(Instruction, head), FIELD(Instruction, param), FIELD(Instruction, param2),
                 FIELD(Instruction, crc)},
                sizeof(Instruction));
  packed_struct("program_header_t",
                {FIELD(ProgramHeader, magic),
                 FIELD(ProgramHeader, version),
                 FIELD(ProgramHeader, head_size),
                 FIELD(ProgramHeader, instructions),
                 FIELD(ProgramHeader, dim),
                 FIELD(ProgramHeader, heads),
                 FIELD(ProgramHeader, kv_heads),
                 FIELD(ProgramHeader, hidden),
                 FIELD(ProgramHeader, vocabulary),
                 // `context` is a keyword of SystemVerilog.
                 {"context_size", offsetof(ProgramHeader, context), sizeof(ProgramHeader::context)},
                 FIELD(ProgramHeader, logits_stride),
                 FIELD(ProgramHeader, norm_eps),
                 FIELD(ProgramHeader, inverse_dim),
                 FIELD(ProgramHeader, inverse_head_size),
                 FIELD(ProgramHeader, inverse_sqrt_head_size),
                 FIELD(ProgramHeader, key_bits),
                 FIELD(ProgramHeader, value_bits),
                 FIELD(ProgramHeader, kv_flags),
                 FIELD(ProgramHeader, experts_per_token),
                 FIELD(ProgramHeader, experts),
                 FIELD(ProgramHeader, expert_hidden),
                 FIELD(ProgramHeader, crc)},
                sizeof(ProgramHeader));
  word("PROGRAM_MAGIC", 32, kProgramMagic);
  word("PROGRAM_VERSION", 16, kProgramVersion);
  integer("KV_ROTATED_BIT", std::countr_zero(kKvRotated));

  comment("Registers, docs/registers.md.");
  register_map();

  comment("Checksums, docs/integrity.md.");
  checksums();

  comment("Layout of an image.");
  integer("BEAT_BYTES", kBeatBytes);
  integer("PAGE_BYTES", kPageBytes);
  integer("SUB_BLOCK_BYTES", kSubBlockBytes);
  integer("PORTS", kPorts);
  integer("GROUP", kGroupInputs);
  integer("GROUPS_PER_PAGE", kGroupsPerPage);
  integer("GROUPS_PER_SUB_BLOCK", kGroupsPerSubBlock);
  integer("PAGES_PER_CHUNK", kPagesPerChunk);
  integer("METADATA_RECORD_BYTES", kMetadataRecordBytes);
  integer("METADATA_ZERO_BYTES", kMetadataZeroBytes);
  integer("ATTENTION_BLOCK", kAttentionBlock);
  word("REGION_PROGRAM", 4, static_cast<uint32_t>(RegionKind::kProgram));
  word("REGION_PARAMETERS", 4, static_cast<uint32_t>(RegionKind::kParameters));
  word("REGION_WEIGHTS", 4, static_cast<uint32_t>(RegionKind::kWeights));

  comment("What the accelerator takes, in every size.");
  integer("MOST_DIM", kMostDim);
  integer("MOST_HIDDEN", kMostHidden);
  integer("MOST_VOCABULARY", kMostVocabulary);
  integer("MOST_EXPERTS", kMostExperts);
  integer("MOST_EXPERTS_PER_TOKEN", kMostExpertsPerToken);
  integer("MOST_HEADS", kMostHeads);
  integer("MOST_KV_HEADS", kMostKvHeads);
  integer("MOST_HEADS_PER_KV", kMostHeadsPerKv);

  comment("A16.");
  integer("A16_BLOCK", kA16Block);
  integer("A16_MAX_MANTISSA", kA16MaxMantissa);
  integer("A16_MIN_EXPONENT", kA16MinExponent);
  integer("A16_MAX_EXPONENT", kA16MaxExponent);
  word("A16_SIGNIFICAND_LIMIT", 24, kA16SignificandLimit);

  comment("FP32 constants.");
  fp32("FP_ONE", 1.0f);
  fp32("FP_TWO", 2.0f);
  fp32("FP_ONE_AND_A_HALF", 1.5f);
  fp32("FP_NAN", kNan);
  fp32("FP_INFINITY", kInfinity);
  fp32("FP_INVERSE_127", 1.0f / 127.0f);
  fp32("FP_127", 127.0f);
  fp32("FP_INVERSE_15", 1.0f / 15.0f);
  fp32("FP_15", 15.0f);
  fp32("FP_GELU_LINEAR", kGeluLinear);
  fp32("FP_GELU_CUBIC", kGeluCubic);
  word("FP16_MAX", 16, float_to_fp16(kMaxFp16));

  comment("exp.");
  fp32("EXP_LOWEST", kExpLowest);
  fp32("EXP_HIGHEST", kExpHighest);
  fp32("EXP_STEPS_PER_UNIT", kExpStepsPerUnit);
  fp32("EXP_STEP_HIGH", kExpStepHigh);
  fp32("EXP_STEP_LOW", kExpStepLow);
  table("exp_table", kExpTable);

  comment("Seeds of reciprocal and rsqrt.");
  table("reciprocal_table", kReciprocalTable);
  table("rsqrt_table", kRsqrtTable);

  std::printf("\nendpackage\n`default_nettype wire\n// verilator lint_on UNUSEDPARAM\n");
}

#undef FIELD

}  // namespace
}  // namespace brim

int main() {
  brim::package();
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? 0 : 1;
}
