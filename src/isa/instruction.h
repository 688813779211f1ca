// The decode program: what the accelerator fetches, and what every executor interprets. Freestanding.
//
// A program is one header beat and then instructions in an order in which they can be run one after
// the other. Hardware runs them overlapped: the sequencer hands each instruction to the units that take
// part in it (`units_of`), every unit takes its instructions in order, and units wait for one another
// only through the block counts of the vector buffers. docs/program.md is the full description.
#pragma once

#include <cstdint>

namespace brim {

enum class Opcode : uint8_t {
  kEnd = 0,        // the pass is done once all writes are acknowledged
  kEndPrompt = 1,  // a pass that wants no logits ends here
  kStream = 2,     // the weight stream goes on at `address`, with a metadata page
  kLoad = 3,       // P[param ...] = `count` beats at `address`, whose CRC-32C is `address2`
  kRope = 4,       // R[t] = RoPE row of position p + t, `count` beats each, table at `address`
  kEmbed = 5,      // X[t] = embedding row of token t (`count` beats each, table at `address`); norm
  kMatvec = 6,     // results = matrix (next `count` pages) * buffer, `rows` per token
  kQuery = 7,      // head_size results -> Q[head]: * r, bias, norm, RoPE, rotation, A16
  kKey = 8,        // head_size results -> K of kv head: * r, bias, norm, RoPE, rotation, KV8 or KV4, written
  kValue = 9,      // head_size results -> V of kv head: * r, bias, KV8 or KV4, written
  kScores = 10,    // S = q . K of kv head `head` over all positions
  kSoftmax = 11,   // W = A16(exp(S - max) * V scales); denominator
  kValues = 12,    // results = W . V
  kOutput = 13,    // attention activations of the kv head's query heads: results / denominator, A16
  kResidual = 14,  // X += results, or their norm; norm
  kSwiglu = 15,    // hidden activations: silu(gate * r) * (up * r), A16; with kFlagGelu gelu
  kLogits = 16,    // logits = results * r, written
  kRoute = 17,     // route[t] = the experts with the largest of the next results * r, and their weights
  kExperts = 18,   // the next `count` instructions once for each expert that a token has chosen
  kMix = 19,       // X += weight * results, for tokens that have chosen the expert
  kNorm = 20,      // norm
  kKeyScale = 21,  // K's scale of kv head `head`: times r_k, written
};
inline constexpr uint32_t kOpcodes = 22;

// "norm" above: normed activations = A16(X * P[param ...]), r = rsqrt(mean(X^2) + eps); with kFlagPlain
// A16(X) and 1.

// Vectors of A16 activations that feed a kMatvec.
enum class ActivationBuffer : uint8_t { kNormed = 0, kAttention = 1, kHidden = 2 };

// Instruction flags.
inline constexpr uint8_t kFlagBias = 1;      // kQuery, kKey, kValue: add P[param ...]
inline constexpr uint8_t kFlagNorm = 2;      // kQuery, kKey: RMSNorm of the head with weights P[param2 ...]
inline constexpr uint8_t kFlagEightBit = 4;  // kMatvec: two planes of four bits, high and low nibbles
inline constexpr uint8_t kFlagChosenSoftmax = 8;  // kRoute: softmax over the chosen experts, else over all
inline constexpr uint8_t kFlagAllHeads = 16;      // kQuery, kKey, kSoftmax: one norm for all heads
inline constexpr uint8_t kFlagPostNorm = 32;  // kResidual: RMSNorm of the results with weights P[param2 ...]
inline constexpr uint8_t kFlagPlain = 64;     // kEmbed, kResidual, kNorm: normed is X itself
inline constexpr uint8_t kFlagGelu = 1;       // kSwiglu: GELU in the place of SiLU
// kKey, kValue, kKeyScale, kScores, kSoftmax, kValues: tokens attend to the last `rows` positions, and the
// layer's cache is a ring of `count` positions.
inline constexpr uint8_t kFlagWindow = 128;

// What `experts` repeats: gate and up, swiglu, down, mix.
inline constexpr uint32_t kExpertSteps = 4;

// 32 bytes, little endian. Addresses are physical, in beats of 64 bytes; `param` and `param2` are offsets
// into the parameter buffer P, in beats.
struct Instruction {
  Opcode opcode = Opcode::kEnd;
  uint8_t flags = 0;
  ActivationBuffer buffer = ActivationBuffer::kNormed;  // kMatvec: the input
  uint8_t shape = 0;  // kMatvec: columns per page (4, 2, 1); kEmbed: EmbeddingFormat
  uint32_t rows = 0;  // results per token: kMatvec, kResidual, kSwiglu (gate and up), kLogits, kRoute, kMix
                      // kFlagWindow: positions
  uint32_t address = 0;
  uint32_t address2 = 0;  // kKey, kValue, kKeyScale: scales; kScores: K scales, those of V follow; kExperts:
                          // from one expert's run of chunks to the next; kLoad: a CRC
  uint32_t count = 0;
  uint16_t groups = 0;  // kMatvec: column groups, of both planes
  uint16_t head = 0;    // kQuery: query head; kKey ... kOutput: KV head
  uint16_t param = 0;
  uint16_t param2 = 0;
  uint32_t crc = 0;  // in memory only: isa/program.h
  bool operator==(const Instruction&) const = default;
};
static_assert(sizeof(Instruction) == 32);

inline constexpr uint32_t kProgramMagic = 0x504D5242;  // "BRMP"
inline constexpr uint16_t kProgramVersion = 2;

// Flags of the KV cache.
inline constexpr uint8_t kKvRotated = 1;  // kQuery, kKey: rotated behind RoPE (docs/numerics.md)

// The first beat of a program: what all its instructions have in common.
struct ProgramHeader {
  uint32_t magic = kProgramMagic;
  uint16_t version = kProgramVersion;
  uint16_t head_size = 0;
  uint32_t instructions = 0;  // that follow, kEnd included
  uint32_t dim = 0;
  uint16_t heads = 0;
  uint16_t kv_heads = 0;
  uint32_t hidden = 0;
  uint32_t vocabulary = 0;
  uint32_t context = 0;        // positions the KV cache has room for, a multiple of 64
  uint32_t logits_stride = 0;  // beats from one token's logits to the next
  float norm_eps = 0;
  float inverse_dim = 0;        // fl(1 / dim)
  float inverse_head_size = 0;  // fl(1 / head_size), with norms over all heads fl(1 / (heads * head_size))
  float inverse_sqrt_head_size = 0;  // divided by rotation_size(head_size) with kKvRotated
  uint8_t key_bits = 8;              // of an element of K in the cache
  uint8_t value_bits = 8;            // likewise V
  uint8_t kv_flags = 0;              // kKvRotated
  uint8_t experts_per_token = 0;     // 0: a dense model
  uint16_t experts = 0;              // per layer
  uint16_t expert_hidden = 0;        // FFN width of an expert
  uint32_t crc = 0;                  // in memory only: isa/program.h
  bool operator==(const ProgramHeader&) const = default;
};
static_assert(sizeof(ProgramHeader) == 64);

// The parameter buffer P, for norm weights, biases and head norms: 64 KiB.
inline constexpr uint32_t kParameterBeats = 1024;

// Units that take part in an instruction: op(opcode).units, isa/ops.h.
enum Unit : uint8_t { kMcu = 1, kVpu = 2, kSpu = 4 };

}  // namespace brim
