// The model that an image holds, read back as a checkpoint: every weight exactly the value that executors
// compute with. The inverse of packing, by the layout of docs/image-format.md. For tests.
#pragma once

#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "compile/matrix.h"
#include "compile/parameter_layout.h"
#include "image/mapped_image.h"
#include "isa/layout.h"
#include "isa/program.h"
#include "model/tensor_source.h"
#include "numerics/fp16.h"

namespace brim::test {

// Heads come in the image's order, RoPE pairs adjacent. The embedding and the LM head are two tensors, also
// where the checkpoint tied them: they are quantised in different ways. Rows of cos and sin are rope_rows().
class DequantisedSource final : public TensorSource {
 public:
  explicit DequantisedSource(const MappedImage& image)
      : image_(image), model_(describe(image)), parameters_(model_) {
    uint64_t page = 0;
    for (const Matrix& matrix : matrices(model_)) {
      for (uint32_t row = 0; row < matrix.rows; ++row) {
        const RowSource from = row_source(model_, matrix, row);
        rows_[{from.tensor.role, from.tensor.layer, from.row}] = {matrix, page, row};
      }
      page += matrix.pages();
    }
  }

  const ModelDescription& description() const override { return model_; }

  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    check_read(model_, id, first_row, rows, out.size());
    const uint64_t columns = tensor_shape(model_, id.role).columns;
    for (uint64_t i = 0; i < rows; ++i) read_row(id, first_row + i, out.subspan(i * columns, columns));
  }

  // cos and sin of each pair in turn, [head_size], for `position`.
  std::vector<float> rope_row(uint32_t position) const {
    const auto table = image_.content(image_.view().rope);
    std::vector<float> row(model_.head_size);
    std::memcpy(row.data(), &table[uint64_t{position} * rope_row_bytes(model_.head_size)],
                row.size() * sizeof(float));
    return row;
  }

  // The program's weights stand in one run: true of every model that fits into one memory.
  const uint8_t* stream() const { return image_.content(image_.view().weights).data(); }

 private:
  struct PackedRow {
    Matrix matrix;
    uint64_t first_page;  // of the matrix, in the stream
    uint32_t row;
  };

  static ModelDescription describe(const MappedImage& image) {
    const ImageModel& header = image.header().model;
    ModelDescription model;
    for (const auto& [name, bits] : bits_of_matrices(image.program())) {
      if (bits == 8) model.eight_bit |= roles_of_matrices(name);
    }
    model.name = header.name;
    model.dim = header.dim;
    model.layers = header.layers;
    model.heads = header.heads;
    model.kv_heads = header.kv_heads;
    model.head_size = header.head_size;
    model.hidden = header.hidden;
    model.vocabulary = header.vocabulary;
    model.trained_context = header.trained_context;
    model.norm_eps = header.norm_eps;
    model.rope_pairing = RopePairing::kAdjacent;
    model.qkv_bias = (header.flags & kModelQkvBias) != 0;
    model.qk_norm = (header.flags & kModelQkNorm) != 0;
    return model;
  }

  static float fp16_at(const uint8_t* from) {
    uint16_t bits;
    std::memcpy(&bits, from, sizeof(bits));
    return fp16_to_float(bits);
  }
  static int32_t nibble(const uint8_t* from, uint32_t i) { return (from[i / 2] >> (i % 2 * 4)) & 15; }

  void read_row(TensorId id, uint64_t row, std::span<float> out) const {
    switch (id.role) {
      case TensorRole::kEmbedding:
        return read_embedding(row, out);
      case TensorRole::kAttentionNorm:
        return read_parameters(parameters_.attention_norm(id.layer), out);
      case TensorRole::kFfnNorm:
        return read_parameters(parameters_.ffn_norm(id.layer), out);
      case TensorRole::kFinalNorm:
        return read_parameters(parameters_.final_norm(), out);
      case TensorRole::kQueryNorm:
        return read_parameters(parameters_.query_norm(id.layer), out);
      case TensorRole::kKeyNorm:
        return read_parameters(parameters_.key_norm(id.layer), out);
      case TensorRole::kKeyBias:
        return read_bias(
            id.layer, 1, [](uint32_t) { return 0u; }, out);
      case TensorRole::kValueBias:
        return read_bias(
            id.layer, 1, [](uint32_t) { return 1u; }, out);
      case TensorRole::kQueryBias:
        return read_bias(
            id.layer, model_.heads_per_kv(), [](uint32_t in_group) { return 2 + in_group; }, out);
      default:
        return read_weights(rows_.at({id.role, id.layer, row}), out);
    }
  }

  void read_parameters(uint64_t offset, std::span<float> out) const {
    std::memcpy(out.data(), &image_.content(image_.view().parameters)[offset], out.size_bytes());
  }

  // Biases of the heads of each KV head's group; slot(i) is where the i-th of them stands in the group.
  template <typename Slot>
  void read_bias(uint32_t layer, uint32_t heads_in_group, const Slot& slot, std::span<float> out) const {
    for (uint32_t head = 0; head < model_.kv_heads * heads_in_group; ++head) {
      const uint32_t index =
          head / heads_in_group * (2 + model_.heads_per_kv()) + slot(head % heads_in_group);
      read_parameters(parameters_.qkv_bias(layer) + index * parameters_.head_bytes(),
                      out.subspan(head * model_.head_size, model_.head_size));
    }
  }

  void read_weights(const PackedRow& packed, std::span<float> out) const {
    const auto [columns, rows] = packed.matrix.shape();
    const uint64_t block_page =
        packed.first_page + uint64_t{packed.row / rows} * packed.matrix.pages_per_block();
    for (uint32_t i = 0; i < out.size(); ++i) {
      out[i] = 0;
      for (uint32_t plane = 0; plane < packed.matrix.planes(); ++plane) {
        const uint32_t column = plane * packed.matrix.input_groups() + i / kGroup;
        const uint64_t page = block_page + column / columns;
        const uint32_t group = column % columns * rows + packed.row % rows;
        const uint8_t* record = stream() + metadata_offset(page);
        const int32_t q = nibble(stream() + page_offset(page) + group * kGroupBytes, i % kGroup);
        out[i] += static_cast<float>(q - nibble(record, group)) *
                  fp16_at(record + kMetadataZeroBytes + 2 * uint64_t{group});
      }
    }
  }

  void read_embedding(uint64_t token, std::span<float> out) const {
    const EmbeddingFormat format = image_.header().model.embedding;
    const uint32_t groups = (model_.dim + kGroup - 1) / kGroup;
    const uint8_t* row =
        &image_.content(image_.view().embedding)[token * embedding_row_bytes(format, model_.dim)];
    for (uint32_t i = 0; i < model_.dim; ++i) {
      const uint64_t g = i / kGroup;
      switch (format) {
        case EmbeddingFormat::kFp16:
          out[i] = fp16_at(row + 2 * uint64_t{i});
          break;
        case EmbeddingFormat::kQ8:
          out[i] = static_cast<float>(static_cast<int8_t>(row[i])) * fp16_at(row + groups * 128 + 2 * g);
          break;
        case EmbeddingFormat::kQ4:
          out[i] =
              static_cast<float>(nibble(row, i) - row[groups * 66 + g]) * fp16_at(row + groups * 64 + 2 * g);
          break;
      }
    }
  }

  struct RowKey {
    TensorRole role;
    uint32_t layer;
    uint64_t row;
    auto operator<=>(const RowKey&) const = default;
  };

  const MappedImage& image_;
  ModelDescription model_;
  ParameterLayout parameters_;
  std::map<RowKey, PackedRow> rows_;
};

}  // namespace brim::test
