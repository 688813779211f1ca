#include "quantize/finished_layers.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "numerics/split_mix.h"
#include "quantize/nibbles.h"

namespace brim {

namespace {

struct FileHeader {
  uint64_t magic;
  uint64_t key;
  uint64_t content_hash;
  uint64_t activations_hash;
};
constexpr uint64_t kMagic = 0x316C6179'6D697262;

// Roles of a layer, or, behind the last, of the head.
bool belongs(const ModelDescription& model, TensorRole role, uint32_t layer) {
  if (layer < model.layers) return is_per_layer(role);
  return role == TensorRole::kFinalNorm || role == TensorRole::kLmHead;
}

template <typename T>
std::span<const uint8_t> bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()};
}

}  // namespace

uint64_t hash_bytes(std::span<const uint8_t> bytes, uint64_t seed) {
  uint64_t hash = split_mix(seed ^ bytes.size());
  for (size_t i = 0; i < bytes.size(); i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, &bytes[i], std::min(sizeof word, bytes.size() - i));
    hash = split_mix(hash ^ word);
  }
  return hash;
}

LayerContent::LayerContent(const TensorSource& source, uint32_t layer) {
  const ModelDescription& model = source.description();
  for (uint32_t i = 0; i < kTensorRoles; ++i) {
    const auto role = static_cast<TensorRole>(i);
    const TensorId id{role, is_per_layer(role) ? layer : 0};
    if (!belongs(model, role, layer) || !has_tensor(model, id) || source.is_quantised(id)) continue;
    const Place place{tensor_shape(model, role), bytes_, has_eight_bits(model, role)};
    places_[role] = place;
    bytes_ = is_vector(role) ? bytes_ + place.shape.columns * sizeof(float)
                             : place.scales() + place.groups() * sizeof(uint16_t);
    bytes_ = (bytes_ + 7) / 8 * 8;
  }
}

void LayerContent::put_vector(TensorRole role, std::span<const float> values,
                              std::span<uint8_t> content) const {
  std::memcpy(&content[places_.at(role).offset], values.data(), values.size_bytes());
}

void LayerContent::get_vector(TensorRole role, std::span<const uint8_t> content,
                              std::span<float> values) const {
  std::memcpy(values.data(), &content[places_.at(role).offset], values.size_bytes());
}

void LayerContent::put_rows(TensorRole role, uint64_t first_row, uint64_t rows, const QuantisedRows& from,
                            std::span<uint8_t> content) const {
  const Place& place = places_.at(role);
  const uint64_t groups = groups_of(place.shape.columns);
  const uint64_t first = first_row * groups;
  const auto q = content.subspan(place.offset + place.q_bytes(first), place.q_bytes(rows * groups));
  if (place.eight_bit) {
    std::ranges::copy(from.q, q.begin());
  } else {
    pack_nibbles(from.q, q);
  }
  std::memcpy(&content[place.zeros() + first], from.zeros.data(), rows * groups);
  std::memcpy(&content[place.scales() + first * sizeof(uint16_t)], from.scales.data(),
              rows * groups * sizeof(uint16_t));
}

void LayerContent::get_rows(TensorRole role, uint64_t first_row, uint64_t rows,
                            std::span<const uint8_t> content, const QuantisedRows& out) const {
  const Place& place = places_.at(role);
  const uint64_t groups = groups_of(place.shape.columns);
  const uint64_t first = first_row * groups;
  const auto q = content.subspan(place.offset + place.q_bytes(first), place.q_bytes(rows * groups));
  if (place.eight_bit) {
    std::ranges::copy(q, out.q.begin());
  } else {
    unpack_nibbles(q, out.q);
  }
  std::memcpy(out.zeros.data(), &content[place.zeros() + first], rows * groups);
  std::memcpy(out.scales.data(), &content[place.scales() + first * sizeof(uint16_t)],
              rows * groups * sizeof(uint16_t));
}

FinishedLayers::FinishedLayers(std::filesystem::path folder, uint64_t key, const TensorSource& source)
    : folder_(std::move(folder)), key_(key) {
  std::error_code problem;
  std::filesystem::create_directory(folder_, problem);
  if (problem) {
    throw Error("cannot make " + folder_.string() +
                " for the layers that are finished: " + problem.message());
  }
  for (uint32_t layer = 0; layer <= source.description().layers; ++layer) {
    layouts_.emplace_back(source, layer);
  }
}

std::filesystem::path FinishedLayers::file(uint32_t layer) const {
  return folder_ / ("layer-" + std::to_string(layer));
}

uint32_t FinishedLayers::find(std::span<float> activations) const {
  uint32_t found = 0;
  for (uint32_t layer = 0; layer < layouts_.size(); ++layer) {
    if (!std::filesystem::is_regular_file(file(layer))) break;
    const MappedFile mapped(file(layer).string());
    FileHeader header;
    if (mapped.size() < sizeof header + layouts_[layer].bytes()) break;
    std::memcpy(&header, mapped.bytes().data(), sizeof header);
    const auto content = mapped.bytes().subspan(sizeof header, layouts_[layer].bytes());
    if (header.magic != kMagic || header.key != key_ || header.content_hash != hash_bytes(content, layer))
      break;
    // Where the file ends with the content, the layer behind it has been stored since.
    const auto rest = mapped.bytes().subspan(sizeof header + content.size());
    if (rest.size() == activations.size_bytes() && header.activations_hash == hash_bytes(rest, layer)) {
      found = layer + 1;
      if (!rest.empty()) std::memcpy(activations.data(), rest.data(), rest.size());
    } else if (layer + 1 == layouts_.size()) {
      found = layer + 1;
    }
  }
  return found;
}

void FinishedLayers::store(uint32_t layer, std::span<const uint8_t> content,
                           std::span<const float> activations) const {
  const auto tail = bytes_of(activations);
  const FileHeader header{kMagic, key_, hash_bytes(content, layer), hash_bytes(tail, layer)};
  const std::filesystem::path unfinished = folder_ / "unfinished";
  std::ofstream out(unfinished, std::ios::binary | std::ios::trunc);
  for (const auto part : {bytes_of(std::span(&header, 1)), content, tail}) {
    out.write(reinterpret_cast<const char*>(part.data()), static_cast<std::streamsize>(part.size()));
  }
  out.close();
  std::error_code problem;
  if (!out) problem = std::error_code(errno, std::generic_category());
  if (!problem) std::filesystem::rename(unfinished, file(layer), problem);
  if (!problem && layer > 0) {
    std::filesystem::resize_file(file(layer - 1), sizeof header + layouts_[layer - 1].bytes(), problem);
  }
  if (problem) {
    throw Error("cannot write " + file(layer).string() + ": " + problem.message() +
                "; the layers before it are kept, run the same command again");
  }
}

std::span<const uint8_t> FinishedLayers::content(uint32_t layer) const {
  const std::lock_guard lock(mutex_);
  auto& mapped = open_[layer];
  if (!mapped) mapped = std::make_unique<MappedFile>(file(layer).string());
  return mapped->bytes().subspan(sizeof(FileHeader), layouts_[layer].bytes());
}

}  // namespace brim
