#include "model/rotated_values.h"

#include <algorithm>
#include <cmath>

#include "numerics/rotation.h"

namespace brim {
namespace {

class RotatedValues final : public TensorSource {
 public:
  explicit RotatedValues(const TensorSource& source)
      : source_(source),
        head_size_(source.description().head_size),
        size_(rotation_size(head_size_)),
        factor_(static_cast<float>(1.0 / std::sqrt(static_cast<double>(size_)))) {}

  const ModelDescription& description() const override { return source_.description(); }

  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    if (id.role == TensorRole::kValue) return read_values(id, first_row, rows, out);
    source_.read_rows(id, first_row, rows, out);
    // The Hadamard matrix is symmetric: of columns, too, heads are rotated.
    if (id.role == TensorRole::kAttentionOut || id.role == TensorRole::kValueBias) {
      for (size_t head = 0; head < out.size(); head += head_size_) rotate(&out[head], head_size_);
      for (float& value : out) value *= factor_;
    }
  }

  std::span<const float> importance(TensorId id) const override {
    return id.role == TensorRole::kAttentionOut ? std::span<const float>{} : source_.importance(id);
  }

  bool is_quantised(TensorId id) const override { return source_.is_quantised(id); }
  void read_quantised_rows(TensorId id, uint64_t first_row, uint64_t rows,
                           const QuantisedRows& out) const override {
    source_.read_quantised_rows(id, first_row, rows, out);
  }

  std::vector<std::string> notes() const override { return source_.notes(); }
  std::optional<TokenizerArrays> embedded_tokenizer() const override { return source_.embedded_tokenizer(); }

 private:
  // Each row is made of all `size_` rows that are rotated together.
  void read_values(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const {
    check_read(description(), id, first_row, rows, out.size());
    const uint64_t columns = description().dim;
    std::vector<float> together(size_ * columns);
    for (uint64_t row = first_row; row < first_row + rows;) {
      const uint64_t begin = row / size_ * size_;
      const uint64_t end = std::min(begin + size_, first_row + rows);
      source_.read_rows(id, begin, size_, together);
      rotate_rows(together, columns);
      std::transform(&together[(row - begin) * columns], &together[0] + (end - begin) * columns,
                     &out[(row - first_row) * columns], [&](float value) { return value * factor_; });
      row = end;
    }
  }

  // `rotate` of every column.
  void rotate_rows(std::vector<float>& rows, uint64_t columns) const {
    for (uint64_t distance = 1; distance < size_; distance *= 2) {
      for (uint64_t i = 0; i < size_; ++i) {
        if (i & distance) continue;
        float* low = &rows[i * columns];
        float* high = low + distance * columns;
        for (uint64_t c = 0; c < columns; ++c) {
          const float a = low[c], b = high[c];
          low[c] = a + b;
          high[c] = a - b;
        }
      }
    }
  }

  const TensorSource& source_;
  const uint32_t head_size_;
  const uint32_t size_;
  const float factor_;
};

}  // namespace

bool can_rotate_values(const TensorSource& source) {
  for (uint32_t layer = 0; layer < source.description().layers; ++layer) {
    for (const TensorRole role : {TensorRole::kValue, TensorRole::kAttentionOut}) {
      if (source.is_quantised({role, layer})) return false;
    }
  }
  return true;
}

std::unique_ptr<TensorSource> rotate_values(const TensorSource& source) {
  return std::make_unique<RotatedValues>(source);
}

}  // namespace brim
