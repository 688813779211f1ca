// Quantised layers on disk: what a quantiser has finished outlasts the process, and the image is packed from
// it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "model/tensor_source.h"

namespace brim {

// A hash of bytes; not one against intent.
uint64_t hash_bytes(std::span<const uint8_t> bytes, uint64_t seed);

// What a quantiser decides about one layer, in the layout of its file: matrices in the image's arithmetic,
// and vectors (norms and biases), which may carry scales. Matrices that the checkpoint has quantised are not
// there.
class LayerContent {
 public:
  // `layer` = layers of the model: the final norm and the LM head.
  LayerContent(const TensorSource& source, uint32_t layer);

  uint64_t bytes() const { return bytes_; }
  bool holds(TensorRole role) const { return places_.contains(role); }

  void put_vector(TensorRole role, std::span<const float> values, std::span<uint8_t> content) const;
  void put_rows(TensorRole role, uint64_t first_row, uint64_t rows, const QuantisedRows& from,
                std::span<uint8_t> content) const;
  void get_vector(TensorRole role, std::span<const uint8_t> content, std::span<float> values) const;
  void get_rows(TensorRole role, uint64_t first_row, uint64_t rows, std::span<const uint8_t> content,
                const QuantisedRows& out) const;

 private:
  struct Place {
    TensorShape shape;
    uint64_t offset;  // of a vector, or of q: [rows][groups][kGroup], two to a byte, or one of eight bits
    bool eight_bit;

    uint64_t groups() const { return shape.rows * groups_of(shape.columns); }
    uint64_t q_bytes(uint64_t n) const { return n * kGroup / (eight_bit ? 1 : 2); }  // of so many groups
    uint64_t zeros() const { return offset + q_bytes(groups()); }                    // [rows][groups]
    uint64_t scales() const { return zeros() + groups(); }  // [rows][groups], FP16 bits
  };

  std::map<TensorRole, Place> places_;
  uint64_t bytes_ = 0;
};

// A folder with a file for each layer, and one for the final norm and LM head behind the last. Files of
// another key (another checkpoint, text or quantiser) and damaged ones are as if they were not there.
class FinishedLayers {
 public:
  // Makes the folder where it is not there. Throws Error if it cannot.
  FinishedLayers(std::filesystem::path folder, uint64_t key, const TensorSource& source);

  // Number of files from the first layer on that are there and sound, up to layers + 1. The activations that
  // were stored behind the last of them are put into `activations`, which has their size.
  uint32_t find(std::span<float> activations) const;

  // Writes a layer's file whole, or throws Error. What was stored of activations with the layer before is
  // dropped.
  void store(uint32_t layer, std::span<const uint8_t> content, std::span<const float> activations) const;

  // Content of a layer that is there; thread-safe.
  std::span<const uint8_t> content(uint32_t layer) const;
  const LayerContent& layout(uint32_t layer) const { return layouts_[layer]; }

 private:
  std::filesystem::path file(uint32_t layer) const;

  std::filesystem::path folder_;
  uint64_t key_;
  std::vector<LayerContent> layouts_;
  mutable std::mutex mutex_;
  mutable std::map<uint32_t, std::unique_ptr<MappedFile>> open_;
};

}  // namespace brim
