// Activation-aware quantisation: input channels that carry large activations are scaled up before their
// weights are rounded, and the inverse goes into the weights that produce the channel, so the model computes
// the same. After Lin et al., "AWQ: Activation-aware Weight Quantization" (MLSys 2024), with the error of a
// product estimated from the mean squares of its inputs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/progress.h"
#include "model/tensor_source.h"
#include "quantize/quantiser.h"

namespace brim {

// Calibrates and searches the scales: `--quant awq`.
std::unique_ptr<TensorSource> quantise_awq(const QuantiserInput& input);

// A checkpoint whose tensors are those of another one with the channel scales folded in. It must outlive
// this one. Layers that are already quantised are left as they are.
class AwqSource : public TensorSource {
 public:
  // Searches the scales: for every set of matrices with the same input, s = rms^alpha with the alpha from a
  // grid that gives the least weighted rounding error on a sample of rows. `threads` >= 1.
  AwqSource(const TensorSource& base, const InputMoments& moments, uint32_t threads,
            const Progress& progress);

  // All scales 1, until they are searched layer by layer.
  explicit AwqSource(const TensorSource& base);

  // The scales of one layer's inputs; only that layer's moments need to be there. Layer `layers`: of `final`.
  void search_layer(uint32_t layer, const InputMoments& moments, uint32_t threads);

  // The LM head is never the embedding: its columns are scaled, those of the embedding are not.
  const ModelDescription& description() const override { return model_; }
  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override;
  bool is_quantised(TensorId id) const override { return base_.is_quantised(id); }
  void read_quantised_rows(TensorId id, uint64_t first_row, uint64_t rows,
                           const QuantisedRows& out) const override {
    base_.read_quantised_rows(id, first_row, rows, out);
  }
  std::vector<std::string> notes() const override;
  std::optional<TokenizerArrays> embedded_tokenizer() const override { return base_.embedded_tokenizer(); }

  // The mean squares of the inputs, after scaling.
  std::span<const float> importance(TensorId id) const override;

 private:
  // One input that several matrices share.
  struct Input {
    std::vector<float> scale;       // [columns]: of the matrices' columns; its inverse of the producer's rows
    std::vector<float> importance;  // [columns]: mean squares after scaling
  };

  void search_input(uint64_t index, const InputMoments& moments);
  void search(std::span<const TensorId> matrices, bool heads, const std::vector<float>& moments,
              Input* input) const;
  void search_expert(uint32_t layer, uint32_t expert, const std::vector<float>& moments);
  const Input* input_of(TensorId id) const;        // whose columns it has; null: none
  const Input* producer_scale(TensorId id) const;  // whose inverse its rows carry; null: none

  const TensorSource& base_;
  ModelDescription model_;
  uint32_t layers_;
  std::vector<Input> normed_attention_, attention_, normed_ffn_, hidden_;  // [layer]
  std::vector<std::vector<Input>> expert_hidden_;                          // [layer][expert]
  uint64_t unreached_ = 0;                                                 // experts, of all layers
  Input final_;
};

}  // namespace brim
