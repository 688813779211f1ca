// The instruction set as data: one row per opcode. Whatever asks what an instruction is asks here:
// disassembler, checks (isa/check.h), memory reads (isa/reads.h), the simulator's and the sequencer's
// generations of vector buffers, the constants and comparisons of the RTL (rtl/generate_pkg.cc).
// docs/program.md says it for people, and ops_test.cc compares the two. Freestanding.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "isa/instruction.h"
#include "isa/layout.h"

namespace brim {

// Up to N items of a row, written as a braced list.
template <typename T, size_t N>
class Items {
 public:
  constexpr Items() = default;
  constexpr Items(std::initializer_list<T> items) {
    for (const T& item : items) items_[count_++] = item;
  }
  constexpr const T* begin() const { return items_.data(); }
  constexpr const T* end() const { return items_.data() + count_; }
  constexpr size_t size() const { return count_; }

 private:
  std::array<T, N> items_{};
  size_t count_ = 0;
};

// ------------------------------------------------------------------ operands

enum class Field : uint8_t {
  kNone,
  kFlags,
  kBuffer,
  kShape,
  kRows,
  kAddress,
  kAddress2,
  kCount,
  kGroups,
  kHead,
  kParam,
  kParam2,
};

constexpr const char* field_name(Field field) {
  constexpr const char* kNames[] = {"",         "flags", "buffer", "shape", "rows",  "address",
                                    "address2", "count", "groups", "head",  "param", "param2"};
  return kNames[static_cast<uint32_t>(field)];
}

constexpr uint32_t value_of(Field field, const Instruction& in) {
  switch (field) {
    case Field::kNone:
      return 0;
    case Field::kFlags:
      return in.flags;
    case Field::kBuffer:
      return static_cast<uint32_t>(in.buffer);
    case Field::kShape:
      return in.shape;
    case Field::kRows:
      return in.rows;
    case Field::kAddress:
      return in.address;
    case Field::kAddress2:
      return in.address2;
    case Field::kCount:
      return in.count;
    case Field::kGroups:
      return in.groups;
    case Field::kHead:
      return in.head;
    case Field::kParam:
      return in.param;
    case Field::kParam2:
      return in.param2;
  }
  return 0;
}

// How the disassembler writes an operand.
enum class Form : uint8_t {
  kNumber,     // label=7
  kAddress,    // label=0x1c0, in bytes
  kParameter,  // label=P[7], P[7] without a label
  kBuffer,     // normed
  kEmbedding,  // q8
  kPageShape,  // label=4x32
};

// What an operand must be. `kBoundTexts` says it in words, `within` computes it, rtl/instruction_check.sv
// compares it.
enum class Bound : uint8_t {
  kAny,  // an address: memory answers for it
  kKnownFlags,
  kQueryHead,
  kKvHead,
  kInputBuffer,
  kInputGroups,
  kPageShape,
  kMatrixRows,
  kMatrixPages,
  kDimRows,
  kHiddenRows,
  kVocabularyRows,
  kEmbeddingFormat,
  kEmbeddingRow,
  kRopeRow,
  kLoadBeats,
  kLoadInP,
  kNormInP,
  kBiasInP,
  kHeadNormInP,
  kExpertRows,
  kExpertBody,
  kPostNormInP,
  kWindow,
  kRing,
};
inline constexpr uint32_t kBounds = 25;

struct BoundText {
  const char* name;  // in the RTL
  const char* rule;  // completes "is not ..."
};
inline constexpr BoundText kBoundTexts[kBounds] = {
    {"any", "an address"},
    {"known_flags", "made of flags that the instruction knows"},
    {"query_head", "a query head"},
    {"kv_head", "a KV head"},
    {"input_buffer", "a buffer of activations"},
    {"input_groups", "the groups of 128 of its input, with flag 4 twice as many"},
    {"page_shape", "the largest of 4, 2 and 1 that divides groups"},
    {"matrix_rows", "1 ... 16777215"},
    {"matrix_pages", "row blocks times pages of a row block"},
    {"dim_rows", "dim"},
    {"hidden_rows", "twice hidden or expert_hidden"},
    {"vocabulary_rows", "vocabulary"},
    {"embedding_format", "an embedding format"},
    {"embedding_row", "the beats of an embedding row"},
    {"rope_row", "the beats of a RoPE row"},
    {"load_beats", "1 ... 1024"},
    {"load_in_p", "so that all of the load is within P"},
    {"norm_in_p", "so that the norm weights are within P"},
    {"bias_in_p", "so that the bias is within P"},
    {"head_norm_in_p", "so that the head norm is within P"},
    {"expert_rows", "experts"},
    {"expert_body", "4"},
    {"post_norm_in_p", "so that the norm weights of the results are within P"},
    {"window", "1 ... the context less 1"},
    {"ring", "the positions of the window's ring"},
};
constexpr const char* bound_name(Bound bound) { return kBoundTexts[static_cast<uint32_t>(bound)].name; }
constexpr const char* bound_rule(Bound bound) { return kBoundTexts[static_cast<uint32_t>(bound)].rule; }

struct Operand {
  Field field = Field::kNone;
  Form form = Form::kNumber;
  const char* label = "";
  Bound bound = Bound::kAny;
  uint8_t flag = 0;    // there only with one of these flags; 0: always
  uint8_t unless = 0;  // not there with this flag
};

constexpr bool is_there(const Operand& operand, uint8_t flags) {
  return (operand.flag == 0 || (flags & operand.flag) != 0) && (flags & operand.unless) == 0;
}

// ------------------------------------------------------------------ memory

// What selects which of the rows at an address is read, `count` beats each. An index register of the
// accelerator would be one more.
enum class Index : uint8_t {
  kNone,
  kPosition,  // p + t, for each token t of the pass
  kToken,     // the id of each token of the pass
};

// How the beats lie in memory.
enum class Pattern : uint8_t {
  kLinear,   // one after the other
  kRecords,  // KV records, in pages of four sub-blocks
  kWeights,  // pages of the weight stream, a metadata page before each chunk
};

enum class Length : uint8_t {
  kCount,        // `count` beats, or pages of weights
  kPastScales,   // of positions 0 ... p - 1, whole beats
  kPastRecords,  // the beats that hold KV records of these positions
};

struct MemoryRead {
  Pattern pattern = Pattern::kLinear;
  Field base = Field::kNone;  // kWeights: none, the stream goes on
  Length length = Length::kCount;
  Index index = Index::kNone;
  bool of_values = false;  // of the KV cache: V, whose scales stand right behind those of K, and not K
};

// Of every token of the pass, by its position (KV) or its place in the pass (logits).
enum class Written : uint8_t { kRecord, kScale, kLogits };
struct MemoryWrite {
  Written what = Written::kRecord;
  Field base = Field::kNone;
  bool of_values = false;  // of the KV cache: V and not K
};

// ------------------------------------------------------------------ vector buffers

// What units hand to one another, docs/program.md. P and R are shared by all tokens, of the others there is
// one per token.
enum class Buffer : uint8_t {
  kNormed = static_cast<uint8_t>(ActivationBuffer::kNormed),
  kAttention = static_cast<uint8_t>(ActivationBuffer::kAttention),
  kHidden = static_cast<uint8_t>(ActivationBuffer::kHidden),
  kInput,  // that of these three which the field `buffer` names
  kResidual,
  kFactor,
  kRope,
  kQueries,
  kLocalKeys,  // K and V of the pass's own tokens
  kLocalValues,
  kScores,
  kValueScales,
  kWeights,
  kDenominator,
  kRoute,
  kNone,
};

constexpr const char* buffer_name(Buffer buffer) {
  constexpr const char* kNames[] = {"normed", "attention",   "hidden", "buffer", "X", "r",
                                    "R",      "Q",           "K",      "V",      "S", "V scales",
                                    "W",      "denominator", "route",  ""};
  return kNames[static_cast<uint32_t>(buffer)];
}

// Which part of a buffer an instruction fills or reads.
enum class BufferPart : uint8_t {
  kAll,
  kHead,         // that of `head`
  kHeadsOfKv,    // those of the query heads of KV head `head`
  kParityOfHead  // one of two, taken in turn by even and odd KV heads
};

struct Use {
  Buffer buffer = Buffer::kNone;
  BufferPart part = BufferPart::kAll;
};

// Elements of the queue of results, per token.
enum class Results : uint8_t { kNone, kRows, kHead, kHeadsOfKv };

// A buffer has a generation for every time it is filled anew, and the number of its blocks that are complete.
enum class Opens : uint8_t { kNever, kAlways, kAtHead0 };
struct BufferGeneration {
  Buffer buffer = Buffer::kNone;  // whose generation goes with the instruction
  Opens opens = Opens::kNever;    // a new one, before that
};

// ------------------------------------------------------------------ the table

struct Op {
  Opcode opcode = Opcode::kEnd;
  const char* name = "";
  uint8_t units = 0;
  uint8_t flags = 0;                // that it knows
  Items<Operand, 7> operands = {};  // in the order of the disassembly
  Items<MemoryRead, 3> reads = {};  // in the order of the MCU
  Items<MemoryWrite, 2> writes = {};
  Items<Use, 3> fills = {};  // besides results and P
  Items<Use, 3> uses = {};   // likewise; P by operands with Form::kParameter
  Results gives = Results::kNone;
  Results takes = Results::kNone;
  BufferGeneration generation = {};
  Items<Opcode, 3> follows = {};  // of the same KV head
};

namespace ops_detail {
inline constexpr Operand kQueryHead = {Field::kHead, Form::kNumber, "head", Bound::kQueryHead};
inline constexpr Operand kKvHead = {Field::kHead, Form::kNumber, "kv_head", Bound::kKvHead};
inline constexpr Operand kPages = {Field::kAddress, Form::kAddress, "pages"};
inline constexpr Operand kScales = {Field::kAddress2, Form::kAddress, "scales"};
inline constexpr Operand kTable = {Field::kAddress, Form::kAddress, "table"};
inline constexpr Operand kNorm = {Field::kParam, Form::kParameter, "norm", Bound::kNormInP, 0, kFlagPlain};
inline constexpr Operand kPostNorm = {Field::kParam2, Form::kParameter, "post_norm", Bound::kPostNormInP,
                                      kFlagPostNorm};
inline constexpr Operand kBias = {Field::kParam, Form::kParameter, "bias", Bound::kBiasInP, kFlagBias};
inline constexpr Operand kHeadNorm = {Field::kParam2, Form::kParameter, "norm", Bound::kHeadNormInP,
                                      kFlagNorm | kFlagAllHeads};
inline constexpr Operand kWindow = {Field::kRows, Form::kNumber, "window", Bound::kWindow, kFlagWindow};
inline constexpr Operand kRing = {Field::kCount, Form::kNumber, "ring", Bound::kRing, kFlagWindow};
}  // namespace ops_detail

inline constexpr std::array<Op, kOpcodes> kOps = [] {
  using namespace ops_detail;
  return std::array<Op, kOpcodes>{{
      {.opcode = Opcode::kEnd, .name = "end", .units = kMcu | kVpu | kSpu},
      {.opcode = Opcode::kEndPrompt, .name = "end_prompt", .units = kMcu | kVpu | kSpu},
      {.opcode = Opcode::kStream,
       .name = "stream",
       .units = kMcu | kVpu,
       .operands = {{Field::kAddress, Form::kAddress, "at"}}},
      {.opcode = Opcode::kLoad,
       .name = "load",
       .units = kMcu | kVpu,
       .operands = {{Field::kParam, Form::kParameter, "", Bound::kLoadInP},
                    {Field::kAddress, Form::kAddress, "from"},
                    {Field::kCount, Form::kNumber, "beats", Bound::kLoadBeats}},
       .reads = {{.base = Field::kAddress}}},
      {.opcode = Opcode::kRope,
       .name = "rope",
       .units = kMcu | kVpu,
       .operands = {kTable, {Field::kCount, Form::kNumber, "beats", Bound::kRopeRow}},
       .reads = {{.base = Field::kAddress, .index = Index::kPosition}},
       .fills = {{Buffer::kRope}}},
      {.opcode = Opcode::kEmbed,
       .name = "embed",
       .units = kMcu | kVpu | kSpu,
       .flags = kFlagPlain,
       .operands = {{Field::kShape, Form::kEmbedding, "", Bound::kEmbeddingFormat},
                    kTable,
                    {Field::kCount, Form::kNumber, "beats", Bound::kEmbeddingRow},
                    kNorm},
       .reads = {{.base = Field::kAddress, .index = Index::kToken}},
       .fills = {{Buffer::kResidual}, {Buffer::kNormed}, {Buffer::kFactor}},
       .generation = {Buffer::kNormed, Opens::kAlways}},
      {.opcode = Opcode::kMatvec,
       .name = "matvec",
       .units = kMcu | kVpu,
       .flags = kFlagEightBit,
       .operands = {{Field::kBuffer, Form::kBuffer, "", Bound::kInputBuffer},
                    {Field::kRows, Form::kNumber, "rows", Bound::kMatrixRows},
                    {Field::kGroups, Form::kNumber, "groups", Bound::kInputGroups},
                    {Field::kShape, Form::kPageShape, "shape", Bound::kPageShape},
                    {Field::kCount, Form::kNumber, "pages", Bound::kMatrixPages}},
       .reads = {{.pattern = Pattern::kWeights}},
       .uses = {{Buffer::kInput}},
       .gives = Results::kRows,
       .generation = {Buffer::kInput}},
      {.opcode = Opcode::kQuery,
       .name = "query",
       .units = kSpu,
       .flags = kFlagBias | kFlagNorm | kFlagAllHeads,
       .operands = {kQueryHead, kBias, kHeadNorm},
       .fills = {{Buffer::kQueries, BufferPart::kHead}},
       .uses = {{Buffer::kFactor}, {Buffer::kRope}},
       .takes = Results::kHead,
       .generation = {Buffer::kQueries}},
      {.opcode = Opcode::kKey,
       .name = "key",
       .units = kMcu | kSpu,
       .flags = kFlagBias | kFlagNorm | kFlagAllHeads | kFlagWindow,
       .operands = {kKvHead, kPages, kScales, kBias, kHeadNorm, kWindow, kRing},
       .writes = {{Written::kRecord, Field::kAddress}, {Written::kScale, Field::kAddress2}},
       .fills = {{Buffer::kLocalKeys, BufferPart::kHead}},
       .uses = {{Buffer::kFactor}, {Buffer::kRope}},
       .takes = Results::kHead,
       .generation = {Buffer::kQueries, Opens::kAtHead0}},
      {.opcode = Opcode::kValue,
       .name = "value",
       .units = kMcu | kSpu,
       .flags = kFlagBias | kFlagWindow,
       .operands = {kKvHead, kPages, kScales, kBias, kWindow, kRing},
       .writes = {{Written::kRecord, Field::kAddress, true}, {Written::kScale, Field::kAddress2, true}},
       .fills = {{Buffer::kLocalValues, BufferPart::kHead}},
       .uses = {{Buffer::kFactor}},
       .takes = Results::kHead,
       .generation = {Buffer::kQueries}},
      {.opcode = Opcode::kScores,
       .name = "scores",
       .units = kMcu | kVpu,
       .flags = kFlagWindow,
       .operands = {kKvHead, kPages, kScales, kWindow, kRing},
       .reads = {{.base = Field::kAddress2, .length = Length::kPastScales},
                 {.base = Field::kAddress2, .length = Length::kPastScales, .of_values = true},
                 {.pattern = Pattern::kRecords, .base = Field::kAddress, .length = Length::kPastRecords}},
       .fills = {{Buffer::kScores, BufferPart::kParityOfHead},
                 {Buffer::kValueScales, BufferPart::kParityOfHead}},
       .uses = {{Buffer::kLocalKeys, BufferPart::kHead}, {Buffer::kQueries, BufferPart::kHeadsOfKv}},
       .generation = {Buffer::kQueries},
       .follows = {Opcode::kKey, Opcode::kValue, Opcode::kQuery}},
      {.opcode = Opcode::kSoftmax,
       .name = "softmax",
       .units = kSpu,
       .flags = kFlagAllHeads | kFlagWindow,
       .operands = {kKvHead, kWindow, kRing},
       .fills = {{Buffer::kWeights, BufferPart::kParityOfHead},
                 {Buffer::kDenominator, BufferPart::kParityOfHead}},
       .uses = {{Buffer::kScores, BufferPart::kParityOfHead},
                {Buffer::kValueScales, BufferPart::kParityOfHead}},
       .follows = {Opcode::kScores}},
      {.opcode = Opcode::kValues,
       .name = "values",
       .units = kMcu | kVpu,
       .flags = kFlagWindow,
       .operands = {kKvHead, kPages, kWindow, kRing},
       .reads = {{.pattern = Pattern::kRecords,
                  .base = Field::kAddress,
                  .length = Length::kPastRecords,
                  .of_values = true}},
       .uses = {{Buffer::kWeights, BufferPart::kParityOfHead}, {Buffer::kLocalValues, BufferPart::kHead}},
       .gives = Results::kHeadsOfKv,
       .follows = {Opcode::kSoftmax}},
      {.opcode = Opcode::kOutput,
       .name = "output",
       .units = kSpu,
       .operands = {kKvHead},
       .fills = {{Buffer::kAttention}},
       .uses = {{Buffer::kDenominator, BufferPart::kParityOfHead}},
       .takes = Results::kHeadsOfKv,
       .generation = {Buffer::kAttention, Opens::kAtHead0},
       .follows = {Opcode::kValues}},
      {.opcode = Opcode::kResidual,
       .name = "residual",
       .units = kSpu,
       .flags = kFlagPostNorm | kFlagPlain,
       .operands = {{Field::kRows, Form::kNumber, "rows", Bound::kDimRows}, kNorm, kPostNorm},
       .fills = {{Buffer::kResidual}, {Buffer::kNormed}, {Buffer::kFactor}},
       .uses = {{Buffer::kResidual}},
       .takes = Results::kRows,
       .generation = {Buffer::kNormed, Opens::kAlways}},
      {.opcode = Opcode::kSwiglu,
       .name = "swiglu",
       .units = kSpu,
       .flags = kFlagGelu,
       .operands = {{Field::kRows, Form::kNumber, "rows", Bound::kHiddenRows}},
       .fills = {{Buffer::kHidden}},
       .uses = {{Buffer::kFactor}},
       .takes = Results::kRows,
       .generation = {Buffer::kHidden, Opens::kAlways}},
      {.opcode = Opcode::kLogits,
       .name = "logits",
       .units = kMcu | kSpu,
       .operands = {{Field::kRows, Form::kNumber, "rows", Bound::kVocabularyRows},
                    {Field::kAddress, Form::kAddress, "to"}},
       .writes = {{Written::kLogits, Field::kAddress}},
       .uses = {{Buffer::kFactor}},
       .takes = Results::kRows},
      {.opcode = Opcode::kRoute,
       .name = "route",
       .units = kSpu,
       .flags = kFlagChosenSoftmax,
       .operands = {{Field::kRows, Form::kNumber, "rows", Bound::kExpertRows}},
       .fills = {{Buffer::kRoute}},
       .uses = {{Buffer::kFactor}},
       .takes = Results::kRows},
      {.opcode = Opcode::kExperts,
       .name = "experts",
       .units = kMcu | kVpu | kSpu,
       .operands = {{Field::kAddress, Form::kAddress, "at"},
                    {Field::kAddress2, Form::kAddress, "stride"},
                    {Field::kCount, Form::kNumber, "steps", Bound::kExpertBody}},
       .uses = {{Buffer::kRoute}}},
      {.opcode = Opcode::kMix,
       .name = "mix",
       .units = kSpu,
       .operands = {{Field::kRows, Form::kNumber, "rows", Bound::kDimRows}},
       .fills = {{Buffer::kResidual}},
       .uses = {{Buffer::kResidual}, {Buffer::kRoute}},
       .takes = Results::kRows},
      {.opcode = Opcode::kNorm,
       .name = "norm",
       .units = kSpu,
       .flags = kFlagPlain,
       .operands = {kNorm},
       .fills = {{Buffer::kNormed}, {Buffer::kFactor}},
       .uses = {{Buffer::kResidual}},
       .generation = {Buffer::kNormed, Opens::kAlways}},
      {.opcode = Opcode::kKeyScale,
       .name = "key_scale",
       .units = kMcu | kSpu,
       .flags = kFlagWindow,
       .operands = {kKvHead, kScales, kWindow, kRing},
       .writes = {{Written::kScale, Field::kAddress2}},
       .fills = {{Buffer::kLocalKeys, BufferPart::kHead}},
       .uses = {{Buffer::kLocalKeys, BufferPart::kHead}},
       .generation = {Buffer::kQueries},
       .follows = {Opcode::kKey}},
  }};
}();

static_assert([] {
  for (uint32_t i = 0; i < kOpcodes; ++i) {
    if (static_cast<uint32_t>(kOps[i].opcode) != i) return false;
  }
  return true;
}());

// ------------------------------------------------------------------ questions to the table

constexpr bool is_known(Opcode opcode) { return static_cast<uint32_t>(opcode) < kOpcodes; }

// Precondition of all that follows: is_known.
constexpr const Op& op(Opcode opcode) { return kOps[static_cast<uint32_t>(opcode)]; }

constexpr const char* opcode_name(Opcode opcode) { return is_known(opcode) ? op(opcode).name : "unknown"; }
constexpr uint8_t units_of(Opcode opcode) { return is_known(opcode) ? op(opcode).units : uint8_t{0}; }

// Takes an entry of the MCU's queue: it brings beats to the VPU. Writes of the MCU follow from what the SPU
// sends.
constexpr bool is_for_stream(Opcode opcode) {
  return (units_of(opcode) & kMcu) != 0 && (units_of(opcode) & kVpu) != 0;
}

// Reads rows of a table, each selected by an index.
constexpr bool reads_rows(Opcode opcode) {
  for (const MemoryRead& read : op(opcode).reads) {
    if (read.index != Index::kNone) return true;
  }
  return false;
}

// Takes a head's vector from the results: query, key, value.
constexpr bool is_head_vector(Opcode opcode) { return op(opcode).takes == Results::kHead; }
// A step of the attention of a KV head: key_scale, scores, softmax, values, output.
constexpr bool is_attention(Opcode opcode) { return op(opcode).follows.size() > 0; }

// How a program keeps K, or V.
constexpr KvFormat kv_format(const ProgramHeader& h, bool values) {
  return kv_format(h.head_size, values ? h.value_bits : h.key_bits);
}
constexpr KvFormat key_format(const ProgramHeader& h) { return kv_format(h, false); }
constexpr KvFormat value_format(const ProgramHeader& h) { return kv_format(h, true); }

// Positions of which K and V are read together.
constexpr uint32_t window_unit(const ProgramHeader& h) { return window_unit(key_format(h), value_format(h)); }

// Of an instruction that has to do with the cache or attention: positions that a token attends to, 0: all,
// and those of the layer's cache.
constexpr uint32_t window_of(const Instruction& in) { return (in.flags & kFlagWindow) != 0 ? in.rows : 0; }
constexpr uint32_t cache_positions(const Instruction& in, const ProgramHeader& h) {
  return (in.flags & kFlagWindow) != 0 ? in.count : h.context;
}

// The first position that a token attends to, and the first one that is read for it: of the same page.
constexpr uint32_t first_attended(const Instruction& in, uint32_t position) {
  const uint32_t window = window_of(in);
  return window == 0 || position < window ? 0 : position + 1 - window;
}
constexpr uint32_t first_read(const Instruction& in, const ProgramHeader& h, uint32_t position) {
  return first_attended(in, position) / window_unit(h) * window_unit(h);
}

// How far a text can go back: what a token there attends to must not have been overwritten in any ring.
struct CacheReach {
  uint32_t ring = UINT32_MAX;   // positions of the smallest ring
  uint32_t spare = UINT32_MAX;  // the fewest that a ring has besides its window
  uint32_t window = 0;          // the smallest one; 0: there is none

  constexpr bool has_windows() const { return window != 0; }

  // The first position but 0 at which a pass can begin where K and V have been written up to `written`.
  constexpr uint32_t earliest_start(uint32_t written) const {
    return written <= ring ? 0 : written - spare - 1;
  }
};
constexpr CacheReach reach_of(std::span<const Instruction> program) {
  CacheReach reach;
  for (const Instruction& in : program) {
    if (in.opcode != Opcode::kScores || window_of(in) == 0) continue;
    reach.window = reach.has_windows() && reach.window < in.rows ? reach.window : in.rows;
    reach.ring = in.count < reach.ring ? in.count : reach.ring;
    reach.spare = in.count - in.rows < reach.spare ? in.count - in.rows : reach.spare;
  }
  return reach;
}

constexpr uint32_t beats_of(uint64_t bytes) {
  return static_cast<uint32_t>((bytes + kBeatBytes - 1) / kBeatBytes);
}
constexpr uint32_t norm_beats(const ProgramHeader& h) { return beats_of(uint64_t{h.dim} * sizeof(float)); }
constexpr uint32_t head_beats(const ProgramHeader& h) {
  return beats_of(uint64_t{h.head_size} * sizeof(float));
}

// Beats of P that an operand stands for; 0 if none.
constexpr uint32_t parameter_beats(Bound bound, const Instruction& in, const ProgramHeader& header) {
  switch (bound) {
    case Bound::kLoadInP:
      return in.count;
    case Bound::kNormInP:
    case Bound::kPostNormInP:
      return norm_beats(header);
    case Bound::kBiasInP:
    case Bound::kHeadNormInP:
      return head_beats(header);
    default:
      return 0;
  }
}

// Results that an instruction gives or takes, of each token. Precondition: header.kv_heads > 0.
constexpr uint32_t elements(Results results, const Instruction& in, const ProgramHeader& header) {
  switch (results) {
    case Results::kNone:
      return 0;
    case Results::kRows:
      return in.rows;
    case Results::kHead:
      return header.head_size;
    case Results::kHeadsOfKv:
      return uint32_t{header.heads} / header.kv_heads * header.head_size;
  }
  return 0;
}

// The buffer that kInput stands for.
constexpr Buffer resolve(Buffer buffer, const Instruction& in) {
  return buffer == Buffer::kInput ? static_cast<Buffer>(in.buffer) : buffer;
}

// Whether the instruction begins a new generation of op(in.opcode).generation.buffer.
constexpr bool opens_generation(const Instruction& in) {
  const Opens opens = op(in.opcode).generation.opens;
  return opens == Opens::kAlways || (opens == Opens::kAtHead0 && in.head == 0);
}

inline constexpr uint32_t kMaxRows = (1u << 24) - 1;  // of a matrix

// Pages of `rows` rows of a matrix.
constexpr uint64_t matrix_pages(uint32_t rows, uint32_t groups) {
  const PageShape shape = page_shape(groups);
  return (uint64_t{rows} + shape.rows - 1) / shape.rows * (groups / shape.columns);
}

constexpr uint32_t planes_of(const Instruction& matvec) {
  return (matvec.flags & kFlagEightBit) != 0 ? 2 : 1;
}

// Inputs of a matrix that reads `buffer`, 0 if there is no such buffer. An expert's hidden ones are fewer.
constexpr uint32_t inputs_of(ActivationBuffer buffer, const ProgramHeader& header) {
  switch (buffer) {
    case ActivationBuffer::kNormed:
      return header.dim;
    case ActivationBuffer::kAttention:
      return uint32_t{header.heads} * header.head_size;
    case ActivationBuffer::kHidden:
      return header.hidden;
  }
  return 0;
}

constexpr uint32_t groups_of_inputs(uint32_t inputs) { return (inputs + kGroupInputs - 1) / kGroupInputs; }

// Whether an operand is what it must be. Precondition: the header passes the checks of isa/check.h.
constexpr bool within(const Operand& operand, const Instruction& in, const ProgramHeader& header) {
  const uint32_t value = value_of(operand.field, in);
  switch (operand.bound) {
    case Bound::kAny:
      return true;
    case Bound::kKnownFlags:
      return (value & ~uint32_t{op(in.opcode).flags}) == 0;
    case Bound::kQueryHead:
      return value < header.heads;
    case Bound::kKvHead:
      return value < header.kv_heads;
    case Bound::kInputBuffer:
      return value <= static_cast<uint32_t>(ActivationBuffer::kHidden);
    case Bound::kInputGroups:
      return value == planes_of(in) * groups_of_inputs(inputs_of(in.buffer, header)) ||
             (in.buffer == ActivationBuffer::kHidden && header.experts != 0 &&
              value == planes_of(in) * groups_of_inputs(header.expert_hidden));
    case Bound::kPageShape:
      return value == page_shape(in.groups).columns;
    case Bound::kMatrixRows:
      return value >= 1 && value <= kMaxRows;
    case Bound::kMatrixPages:
      return value == matrix_pages(in.rows, in.groups);
    case Bound::kDimRows:
      return value == header.dim;
    case Bound::kHiddenRows:
      return value == uint64_t{2} * header.hidden ||
             (header.experts != 0 && value == uint64_t{2} * header.expert_hidden);
    case Bound::kVocabularyRows:
      return value == header.vocabulary;
    case Bound::kEmbeddingFormat:
      return value <= static_cast<uint32_t>(EmbeddingFormat::kQ4);
    case Bound::kEmbeddingRow:
      return value == embedding_row_bytes(static_cast<EmbeddingFormat>(in.shape), header.dim) / kBeatBytes;
    case Bound::kRopeRow:
      return value == rope_row_bytes(header.head_size) / kBeatBytes;
    case Bound::kLoadBeats:
      return value >= 1 && value <= kParameterBeats;
    case Bound::kLoadInP:
    case Bound::kNormInP:
    case Bound::kPostNormInP:
    case Bound::kBiasInP:
    case Bound::kHeadNormInP:
      return uint64_t{value} + parameter_beats(operand.bound, in, header) <= kParameterBeats;
    case Bound::kExpertRows:
      return value == header.experts;
    case Bound::kExpertBody:
      return value == kExpertSteps;
    case Bound::kWindow:
      return value >= 1 && value < header.context;
    case Bound::kRing:
      return value == ring_positions(in.rows, window_unit(header), header.context);
  }
  return false;
}

// Every instruction has flags, if only none.
inline constexpr Operand kFlagsOperand = {Field::kFlags, Form::kNumber, "flags", Bound::kKnownFlags};

// The first operand that is not what it must be; null if there is none. Preconditions: is_known, and as
// `within`.
constexpr const Operand* wrong_operand(const Instruction& in, const ProgramHeader& header) {
  if (!within(kFlagsOperand, in, header)) return &kFlagsOperand;
  for (const Operand& operand : op(in.opcode).operands) {
    if (!is_there(operand, in.flags)) continue;
    if (!within(operand, in, header)) return &operand;
  }
  return nullptr;
}

}  // namespace brim
