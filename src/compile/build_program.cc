#include "compile/build_program.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/concat.h"
#include "base/error.h"
#include "compile/matrix.h"
#include "compile/parameter_layout.h"
#include "numerics/rotation.h"

namespace brim {

namespace {

constexpr uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

constexpr uint32_t beats(uint64_t bytes) { return static_cast<uint32_t>(bytes / kBeatBytes); }

// Appends the instructions of a pass. The parameter buffer P holds norm weights that take turns, then the
// biases, then the norms of q and k of a layer. A vector is loaded only after a matrix has been multiplied
// that needed every result of the vector's last user, so no load can overtake that user.
class Builder {
 public:
  Builder(const ModelDescription& model, const ProgramAddresses& addresses)
      : model_(model),
        addresses_(addresses),
        parameters_(model),
        matrices_(matrices(model)),
        attention_norm_(0),
        ffn_norm_(beats(parameters_.norm_bytes())),
        post_attention_norm_(model.pre_norm ? 2 * beats(parameters_.norm_bytes()) : 0),
        post_ffn_norm_(post_attention_norm_ + beats(parameters_.norm_bytes())),
        bias_((model.post_norm ? post_ffn_norm_ : ffn_norm_) + beats(parameters_.norm_bytes())),
        query_norm_(bias_ + beats(parameters_.bias_bytes())),
        key_norm_(query_norm_ + beats(parameters_.query_norm_bytes())),
        layer_scales_(addresses.kv_scales) {
    const uint32_t end = key_norm_ + beats(parameters_.key_norm_bytes());
    if (end > kParameterBeats) {
      throw Error(concat("program: the norms, the biases and the head norms of a layer of ", model.name,
                         " are ", uint64_t{end} * kBeatBytes,
                         " bytes, the accelerator's parameter buffer holds ", kParameterBeats * kBeatBytes,
                         "; choose a model with fewer or shorter heads"));
    }
  }

  std::vector<Instruction> build() {
    rope(0);
    if (model_.pre_norm) load(attention_norm_, parameters_.attention_norm(0), parameters_.norm_bytes());
    add({.opcode = Opcode::kEmbed,
         .flags = model_.pre_norm ? uint8_t{0} : kFlagPlain,
         .shape = static_cast<uint8_t>(addresses_.embedding_format),
         .address = beats(addresses_.embedding),
         .count = beats(embedding_row_bytes(addresses_.embedding_format, model_.dim)),
         .param = offset(attention_norm_)});
    for (uint32_t layer = 0; layer < model_.layers; ++layer) {
      attention(layer);
      const bool last = layer + 1 == model_.layers;
      const uint64_t next_norm = last ? parameters_.final_norm() : parameters_.attention_norm(layer + 1);
      if (model_.pre_norm) load(attention_norm_, next_norm, parameters_.norm_bytes());
      if (model_.post_norm) load(post_ffn_norm_, parameters_.post_ffn_norm(layer), parameters_.norm_bytes());
      matvec(ActivationBuffer::kAttention);
      residual(post_attention_norm_, ffn_norm_, model_.pre_norm);
      if (model_.experts > 0) experts();
      if (model_.hidden > 0) {
        matvec(ActivationBuffer::kNormed);
        swiglu(2 * model_.hidden);
        // Without norms before, the final one takes the place of one behind.
        if (last && !model_.pre_norm) load(attention_norm_, next_norm, parameters_.norm_bytes());
        matvec(ActivationBuffer::kHidden);
        residual(post_ffn_norm_, attention_norm_, model_.pre_norm || last);
      } else {
        add({.opcode = Opcode::kNorm, .param = offset(attention_norm_)});
      }
    }
    add({.opcode = Opcode::kEndPrompt});
    matvec(ActivationBuffer::kNormed);
    add({.opcode = Opcode::kLogits, .rows = model_.vocabulary, .address = beats(addresses_.logits)});
    add({.opcode = Opcode::kEnd});
    return std::move(program_);
  }

 private:
  void add(const Instruction& instruction) { program_.push_back(instruction); }
  // One that has to do with the layer's cache or attention.
  void add_windowed(Instruction instruction) {
    if (window_ != 0) {
      instruction.flags |= kFlagWindow;
      instruction.rows = window_;
      instruction.count = cache_positions_;
    }
    add(instruction);
  }

  // The rows for a layer and those behind it.
  void rope(uint32_t layer) {
    const uint64_t row_bytes = rope_row_bytes(model_.head_size);
    const std::vector<RopeTable> tables = rope_tables(model_);
    const auto table =
        static_cast<uint64_t>(std::ranges::find(tables, model_.rope_table(layer)) - tables.begin());
    add({.opcode = Opcode::kRope,
         .address = beats(addresses_.rope + table * addresses_.context * row_bytes),
         .count = beats(row_bytes)});
  }

  static uint16_t offset(uint32_t beat) { return static_cast<uint16_t>(beat); }

  void load(uint32_t parameter, uint64_t from, uint64_t bytes) {
    add({.opcode = Opcode::kLoad,
         .address = beats(addresses_.parameters + from),
         .count = beats(bytes),
         .param = offset(parameter)});
  }

  // Where a run of chunks starts with the next matrix; null: none does.
  const ProgramAddresses::StreamStart* run_start() const {
    const auto found =
        std::ranges::find(addresses_.streams, next_matrix_, &ProgramAddresses::StreamStart::matrix);
    return found == addresses_.streams.end() ? nullptr : &*found;
  }

  // The next matrix of the stream, which may start a new run of chunks.
  const Matrix& next_matrix() {
    if (const auto* start = run_start()) add({.opcode = Opcode::kStream, .address = beats(start->address)});
    return matrices_[next_matrix_++];
  }

  void swiglu(uint32_t rows) {
    add({.opcode = Opcode::kSwiglu, .flags = model_.gelu ? kFlagGelu : uint8_t{0}, .rows = rows});
  }

  // From the normed residual to the sum of what the chosen experts give.
  void experts() {
    matvec(ActivationBuffer::kNormed);
    add({.opcode = Opcode::kRoute,
         .flags = model_.softmax_chosen ? kFlagChosenSoftmax : uint8_t{0},
         .rows = model_.experts});
    const auto* start = run_start();
    const Matrix& gate_up = matrices_[next_matrix_];
    const Matrix& down = matrices_[next_matrix_ + 1];
    add({.opcode = Opcode::kExperts,
         .address = start == nullptr ? 0 : beats(start->address),
         .address2 = beats(stream_bytes(gate_up.pages() + down.pages())),
         .count = kExpertSteps});
    matvec(ActivationBuffer::kNormed, gate_up);
    swiglu(gate_up.rows);
    matvec(ActivationBuffer::kHidden, down);
    add({.opcode = Opcode::kMix, .rows = model_.dim});
    next_matrix_ += 2 * model_.experts;
  }

  void matvec(ActivationBuffer input) { matvec(input, next_matrix()); }
  // Of a matrix in one piece, or cut to those of its rows that come next.
  void matvec(ActivationBuffer input, const Matrix& matrix) {
    add({.opcode = Opcode::kMatvec,
         .flags = matrix.eight_bit ? kFlagEightBit : uint8_t{0},
         .buffer = input,
         .shape = static_cast<uint8_t>(matrix.shape().columns),
         .rows = matrix.rows,
         .count = static_cast<uint32_t>(matrix.pages()),
         .groups = static_cast<uint16_t>(matrix.groups())});
  }

  // `norm`: that behind it, where it is normed.
  void residual(uint32_t post_norm, uint32_t norm, bool normed) {
    add({.opcode = Opcode::kResidual,
         .flags = static_cast<uint8_t>((model_.post_norm ? kFlagPostNorm : 0) | (normed ? 0 : kFlagPlain)),
         .rows = model_.dim,
         .param = normed ? offset(norm) : uint16_t{0},
         .param2 = model_.post_norm ? offset(post_norm) : uint16_t{0}});
  }

  uint64_t kv(uint32_t layer, uint32_t kv_head, uint32_t value) const {
    return addresses_.kv[(uint64_t{layer} * model_.kv_heads + kv_head) * 2 + value];
  }
  uint64_t scales(uint32_t kv_head, uint32_t value) const {
    const KvFormat keys = addresses_.kv_cache.formats(model_.head_size)[0];
    return layer_scales_ + kv_head * layer_scales_bytes_ + value * keys.scales_bytes(cache_positions_);
  }

  // From the normed residual to the input of the output matrix.
  //
  // The Qkv matrix is streamed in parts of whole KV heads, and the attention of a part stands behind the
  // projections of the next one: while the SPU works through a part's heads, the stream has a part to read.
  // K and V of the cache are streamed as K0 K1 V0 K2 V1 ..., so that the softmax of a head runs under what
  // comes before its V. Whatever gives results is followed at once by the instructions that take them: the
  // SPU never waits for something behind a matvec that waits for the SPU to make room in the result buffer.
  void attention(uint32_t layer) {
    layer_scales_ += layer == 0 ? 0 : model_.kv_heads * layer_scales_bytes_;
    layer_scales_bytes_ = scales_bytes(model_, layer, addresses_.context, addresses_.kv_cache);
    window_ = window_in(model_, layer, addresses_.context);
    cache_positions_ = cache_positions(model_, layer, addresses_.context, addresses_.kv_cache);
    if (layer > 0 && model_.rope_table(layer) != model_.rope_table(layer - 1)) rope(layer);
    if (model_.pre_norm) load(ffn_norm_, parameters_.ffn_norm(layer), parameters_.norm_bytes());
    if (model_.post_norm)
      load(post_attention_norm_, parameters_.post_attention_norm(layer), parameters_.norm_bytes());
    if (model_.qkv_bias) load(bias_, parameters_.qkv_bias(layer), parameters_.bias_bytes());
    if (model_.qk_norm) {
      load(query_norm_, parameters_.query_norm(layer),
           parameters_.query_norm_bytes() + parameters_.key_norm_bytes());
    }
    const Matrix& qkv = next_matrix();
    if (model_.norm_all_heads) return attention_after_all_keys(layer, qkv);
    const uint32_t part = kv_heads_per_part(qkv, rows_per_kv_head());
    projections(layer, qkv, 0, part);
    for (uint32_t g = 0; g < model_.kv_heads; ++g) {
      if (g % part == 0) projections(layer, qkv, g + part, g + 2 * part);
      scores(layer, g);
      if (g > 0) values(layer, g - 1);
    }
    values(layer, model_.kv_heads - 1);
  }

  // Rows of the Qkv matrix per KV head: K, V, and Q of the query heads that share it.
  uint32_t rows_per_kv_head() const { return (2 + model_.heads_per_kv()) * model_.head_size; }

  // The fewest KV heads whose rows are whole row blocks, so that the parts have the pages of the whole.
  static uint32_t kv_heads_per_part(const Matrix& qkv, uint32_t rows_per_kv_head) {
    const uint32_t block_rows = qkv.shape().rows;
    return block_rows / std::gcd(block_rows, rows_per_kv_head);
  }

  // With a norm over all heads no attention can begin before all keys and queries are there. They come first,
  // and V in parts between the attention of the heads, which so has a part to read all the same.
  void attention_after_all_keys(uint32_t layer, const Matrix& qkv) {
    const uint32_t d = model_.head_size;
    const uint32_t all = model_.kv_heads;
    Matrix rows = qkv;
    rows.rows = model_.query_width() + model_.kv_width();
    const bool whole_blocks = rows.rows % qkv.shape().rows == 0;
    if (!whole_blocks) rows.rows = qkv.rows;  // V begins within a row block: all in one piece
    matvec(ActivationBuffer::kNormed, rows);
    for (uint32_t g = 0; g < all; ++g) {
      key(layer, g);
      queries(g);
    }
    const uint32_t part = whole_blocks ? kv_heads_per_part(qkv, d) : all;
    const auto values_of = [&](uint32_t first, uint32_t last) {
      last = std::min(last, all);
      if (first >= last) return;
      rows.rows = (last - first) * d;
      if (whole_blocks) matvec(ActivationBuffer::kNormed, rows);
      for (uint32_t g = first; g < last; ++g) value(layer, g);
    };
    values_of(0, part);
    // A head ahead, so that scores do not wait for the softmax of the head before, behind which the SPU would
    // take it.
    const auto key_scale = [&](uint32_t g) {
      if (g == all) return;
      add_windowed(
          {.opcode = Opcode::kKeyScale, .address2 = beats(scales(g, 0)), .head = static_cast<uint16_t>(g)});
    };
    key_scale(0);
    for (uint32_t g = 0; g < all; ++g) {
      if (g % part == 0) values_of(g + part, g + 2 * part);
      key_scale(g + 1);
      scores(layer, g);
      if (g > 0) values(layer, g - 1);
    }
    values(layer, all - 1);
  }

  // Queries, keys and values of the KV heads [first, last) that there are.
  void projections(uint32_t layer, const Matrix& qkv, uint32_t first, uint32_t last) {
    last = std::min(last, model_.kv_heads);
    if (first >= last) return;
    Matrix rows = qkv;
    rows.rows = (last - first) * rows_per_kv_head();
    matvec(ActivationBuffer::kNormed, rows);

    for (uint32_t g = first; g < last; ++g) {
      key(layer, g);
      value(layer, g);
      queries(g);
    }
  }

  uint8_t bias_flag() const { return model_.qkv_bias ? kFlagBias : 0; }
  uint8_t norm_flag() const {
    return !model_.qk_norm ? 0 : model_.norm_all_heads ? kFlagAllHeads : kFlagNorm;
  }

  // Biases stand K, V, then the queries, of each KV head; n is 0 for K, 1 for V, from 2 on for queries.
  uint16_t bias_of(uint32_t g, uint32_t n) const {
    const uint32_t vector = g * (2 + model_.heads_per_kv()) + n;
    return offset(bias_ + (model_.qkv_bias ? vector * beats(parameters_.head_bytes()) : 0));
  }
  // The norm weights of a head: its own, or those that all heads share.
  uint16_t norm_of(uint32_t first, uint32_t head) const {
    return offset(first + (model_.norm_all_heads ? head * beats(parameters_.head_bytes()) : 0));
  }

  void key(uint32_t layer, uint32_t g) {
    add_windowed({.opcode = Opcode::kKey,
                  .flags = static_cast<uint8_t>(bias_flag() | norm_flag()),
                  .address = beats(kv(layer, g, 0)),
                  .address2 = beats(scales(g, 0)),
                  .head = static_cast<uint16_t>(g),
                  .param = bias_of(g, 0),
                  .param2 = norm_of(key_norm_, g)});
  }

  void value(uint32_t layer, uint32_t g) {
    add_windowed({.opcode = Opcode::kValue,
                  .flags = bias_flag(),
                  .address = beats(kv(layer, g, 1)),
                  .address2 = beats(scales(g, 1)),
                  .head = static_cast<uint16_t>(g),
                  .param = bias_of(g, 1)});
  }

  void queries(uint32_t g) {
    for (uint32_t i = 0; i < model_.heads_per_kv(); ++i) {
      const uint32_t head = g * model_.heads_per_kv() + i;
      add({.opcode = Opcode::kQuery,
           .flags = static_cast<uint8_t>(bias_flag() | norm_flag()),
           .head = static_cast<uint16_t>(head),
           .param = bias_of(g, 2 + i),
           .param2 = norm_of(query_norm_, head)});
    }
  }

  void scores(uint32_t layer, uint32_t g) {
    add_windowed({.opcode = Opcode::kScores,
                  .address = beats(kv(layer, g, 0)),
                  .address2 = beats(scales(g, 0)),
                  .head = static_cast<uint16_t>(g)});
    add_windowed({.opcode = Opcode::kSoftmax,
                  .flags = model_.norm_all_heads ? kFlagAllHeads : uint8_t{0},
                  .head = static_cast<uint16_t>(g)});
  }

  void values(uint32_t layer, uint32_t g) {
    add_windowed(
        {.opcode = Opcode::kValues, .address = beats(kv(layer, g, 1)), .head = static_cast<uint16_t>(g)});
    add({.opcode = Opcode::kOutput, .head = static_cast<uint16_t>(g)});
  }

  const ModelDescription& model_;
  const ProgramAddresses& addresses_;
  ParameterLayout parameters_;
  std::vector<Matrix> matrices_;
  // Offsets into P, in beats.
  uint32_t attention_norm_, ffn_norm_, post_attention_norm_, post_ffn_norm_, bias_, query_norm_, key_norm_;
  uint32_t next_matrix_ = 0;
  // Of the layer under way.
  uint64_t layer_scales_, layer_scales_bytes_ = 0;  // address, and bytes of a KV head
  uint32_t window_ = 0, cache_positions_ = 0;
  std::vector<Instruction> program_;
};

}  // namespace

uint32_t window_in(const ModelDescription& model, uint32_t layer, uint32_t context) {
  const uint32_t window = model.window(layer);
  return window < context ? window : 0;
}

uint32_t cache_positions(const ModelDescription& model, uint32_t layer, uint32_t context, const KvCache& kv) {
  const auto [keys, values] = kv.formats(model.head_size);
  const uint32_t window = window_in(model, layer, context);
  return window == 0 ? context : ring_positions(window, window_unit(keys, values), context);
}

uint64_t scales_bytes(const ModelDescription& model, uint32_t layer, uint32_t context, const KvCache& kv) {
  const uint32_t positions = cache_positions(model, layer, context, kv);
  const auto [keys, values] = kv.formats(model.head_size);
  return keys.scales_bytes(positions) + values.scales_bytes(positions);
}

uint64_t scales_bytes(const ModelDescription& model, uint32_t context, const KvCache& kv) {
  uint64_t bytes = 0;
  for (uint32_t layer = 0; layer < model.layers; ++layer)
    bytes += model.kv_heads * scales_bytes(model, layer, context, kv);
  return bytes;
}

ProgramHeader program_header(const ModelDescription& model, uint32_t context, const KvCache& kv) {
  const auto reciprocal_of = [](double x) { return static_cast<float>(1.0 / x); };
  const double rotation = kv.rotated ? rotation_size(model.head_size) : 1;
  return {
      .head_size = static_cast<uint16_t>(model.head_size),
      .dim = model.dim,
      .heads = static_cast<uint16_t>(model.heads),
      .kv_heads = static_cast<uint16_t>(model.kv_heads),
      .hidden = std::max(model.hidden, model.expert_hidden),
      .vocabulary = model.vocabulary,
      .context = context,
      .logits_stride = beats(round_up(uint64_t{model.vocabulary} * sizeof(float), kBeatBytes)),
      .norm_eps = model.norm_eps,
      .inverse_dim = reciprocal_of(model.dim),
      .inverse_head_size = reciprocal_of(model.norm_all_heads ? model.query_width() : model.head_size),
      .inverse_sqrt_head_size = reciprocal_of(std::sqrt(static_cast<double>(model.head_size)) * rotation),
      .key_bits = kv.key_bits,
      .value_bits = kv.value_bits,
      .kv_flags = kv.rotated ? kKvRotated : uint8_t{0},
      .experts_per_token = static_cast<uint8_t>(model.experts_per_token),
      .experts = static_cast<uint16_t>(model.experts),
      .expert_hidden = static_cast<uint16_t>(model.expert_hidden),
  };
}

Program build_program(const ModelDescription& model, const ProgramAddresses& addresses) {
  Program program{program_header(model, addresses.context, addresses.kv_cache),
                  Builder(model, addresses).build()};
  program.header.instructions = static_cast<uint32_t>(program.instructions.size());
  return program;
}

uint64_t program_bytes(const ModelDescription& model, uint64_t streams) {
  ProgramAddresses addresses;
  addresses.context = kAttentionBlock;
  addresses.kv.resize(uint64_t{model.layers} * model.kv_heads * 2);
  if (model.experts > 0) streams += model.layers;  // one behind the experts of each
  const uint64_t instructions = build_program(model, addresses).instructions.size() + streams;
  return sizeof(ProgramHeader) + instructions * sizeof(Instruction);
}

}  // namespace brim
