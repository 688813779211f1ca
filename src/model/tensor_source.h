// One interface over all checkpoint formats: tensors by role, read row by row as FP32, so that packing
// never holds more than a few rows of a model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/description.h"
#include "model/tensor.h"
#include "tokenizer/arrays.h"

namespace brim {

inline constexpr uint32_t kGroup = 128;  // inputs that share one scale and zero-point

// Groups that a row of so many columns takes; the last one may be padded.
constexpr uint64_t groups_of(uint64_t columns) { return (columns + kGroup - 1) / kGroup; }

// Rows that are already quantised in the image's own arithmetic: value = (q - zero) * scale. What pads the
// last group of a row is never multiplied with anything but zero.
struct QuantisedRows {
  std::span<uint8_t> q;        // [rows][groups * kGroup], 0..15; 0..255 where has_eight_bits
  std::span<uint8_t> zeros;    // [rows][groups], likewise
  std::span<uint16_t> scales;  // [rows][groups], FP16 bits
};

// Throws Error unless `id` exists in `model`, the rows lie within it and `out_size` is rows * columns.
void check_read(const ModelDescription& model, TensorId id, uint64_t first_row, uint64_t rows,
                uint64_t out_size);

// The same for quantised rows: every span of `out` must have its size.
void check_quantised_read(const ModelDescription& model, TensorId id, uint64_t first_row, uint64_t rows,
                          const QuantisedRows& out);

// Throws Error, naming the tensor and `origin` (a file), if a value is infinite or not a number.
void check_finite(std::span<const float> values, TensorId id, const std::string& origin);

// A checkpoint. Reading is thread-safe. Every method throws Error on malformed or non-finite data.
class TensorSource {
 public:
  virtual ~TensorSource() = default;

  virtual const ModelDescription& description() const = 0;

  // Fills out[rows * columns] with rows [first_row, first_row + rows) of the tensor. Rows that stand together
  // are best read together: files interleave them (a word of AWQ holds one weight of eight rows).
  virtual void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const = 0;

  // How much an error in each column of the matrix matters: importance for quantise_group, [columns]. Empty:
  // all columns alike.
  virtual std::span<const float> importance(TensorId) const { return {}; }

  // True if the tensor's rows come from read_quantised_rows as the image is to hold them: a checkpoint that
  // is quantised alike (AWQ and GPTQ in groups of 128), or a quantiser's result.
  virtual bool is_quantised(TensorId) const { return false; }
  virtual void read_quantised_rows(TensorId, uint64_t /*first_row*/, uint64_t /*rows*/,
                                   const QuantisedRows&) const;

  // What the user should know about how this checkpoint is read, one line each: "weights are Q4_K: they
  // are dequantised, and quantised again when packing".
  virtual std::vector<std::string> notes() const { return {}; }

  // The tokenizer that stands in the checkpoint itself (GGUF).
  virtual std::optional<TokenizerArrays> embedded_tokenizer() const { return std::nullopt; }
};

// The source with these matrices to be held in eight bits by the image. Those that the checkpoint has
// quantised are dequantised for it.
std::unique_ptr<TensorSource> with_eight_bits(std::unique_ptr<TensorSource> source, RoleSet roles);

// Opens any supported MODEL argument: "synthetic:NAME", "hub:ORG/NAME", a llama2.c .bin, a Hugging Face
// directory or a .gguf file. Throws Error saying what is wrong and which forms are supported.
std::unique_ptr<TensorSource> open_model(const std::string& name);

}  // namespace brim
