// Builds the decode program of a model, given where everything stands in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isa/instruction.h"
#include "isa/layout.h"
#include "isa/matrix.h"
#include "model/description.h"

namespace brim {

// Offsets, in bytes from the start of the parameter region, of the FP32 vectors that the SPU needs:
// norm weights, and biases and head norms where the model has them. Every vector starts on a beat.
// Head biases stand one after the other in the order of the Qkv matrix's rows, each padded to whole beats.
class ParameterLayout {
 public:
  explicit ParameterLayout(const ModelDescription& model);

  uint64_t attention_norm(uint32_t layer) const { return layer * layer_bytes_; }
  uint64_t ffn_norm(uint32_t layer) const { return attention_norm(layer) + norm_bytes_; }
  uint64_t qkv_bias(uint32_t layer) const { return ffn_norm(layer) + norm_bytes_; }
  uint64_t query_norm(uint32_t layer) const { return qkv_bias(layer) + bias_bytes_; }
  uint64_t key_norm(uint32_t layer) const { return query_norm(layer) + head_bytes_; }
  uint64_t final_norm() const { return layers_ * layer_bytes_; }
  uint64_t bytes() const { return final_norm() + norm_bytes_; }

  uint64_t norm_bytes() const { return norm_bytes_; }  // one norm vector, whole beats
  uint64_t bias_bytes() const { return bias_bytes_; }  // all biases of a layer; 0 without
  uint64_t head_bytes() const { return head_bytes_; }  // one head's vector, whole beats

 private:
  uint64_t layers_, norm_bytes_, head_bytes_, bias_bytes_, layer_bytes_;
};

// Physical byte addresses of everything a program refers to.
struct ProgramAddresses {
  uint64_t parameters = 0;
  uint64_t rope = 0;
  uint64_t embedding = 0;
  EmbeddingFormat embedding_format = EmbeddingFormat::kQ8;
  uint64_t kv_scales = 0;
  uint64_t logits = 0;
  uint32_t context = 0;      // positions, a multiple of kAttentionBlock
  std::vector<uint64_t> kv;  // [layer][kv head][K, V]: start of the pages

  // Where a new run of weight chunks starts: before matrix `matrix` of matrices(model).
  struct StreamStart {
    uint32_t matrix;
    uint64_t address;
  };
  std::vector<StreamStart> streams;
};

// Bytes of one head's K (or V) scales: FP16 per position.
constexpr uint64_t kv_scale_bytes(uint32_t context) { return uint64_t{context} * 2; }

struct Program {
  ProgramHeader header;
  std::vector<Instruction> instructions;
};

Program build_program(const ModelDescription& model, const ProgramAddresses& addresses);

// Number of instructions of any program of this model whose weights stand in `streams` runs.
uint64_t program_bytes(const ModelDescription& model, uint64_t streams);

// The program as it stands in the image, and back. `read_program` throws Error on a malformed one.
std::vector<uint8_t> serialise(const Program& program);
Program read_program(std::span<const uint8_t> bytes);

// Where the logits of a pass's token go: physical, in bytes. Throws Error if the program has none.
uint64_t logits_address(const Program& program, uint32_t token);

// One line per instruction, as `brim inspect --program` prints it.
std::string disassemble(const Instruction& instruction);
std::string opcode_name(Opcode opcode);

}  // namespace brim
