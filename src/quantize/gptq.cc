#include "quantize/gptq.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/multiversion.h"
#include "base/parallel.h"
#include "numerics/fp16.h"
#include "quantize/dense.h"
#include "quantize/rtn.h"

namespace brim {

namespace {

constexpr uint64_t kTileRows = 256;

// y += factor * x
MULTIVERSION void add_scaled(uint64_t n, float factor, const float* x, float* y) {
  for (uint64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

// levels = target in steps of 1 / inverse, rounded to nearest, clamped to [lowest, lowest + 15].
MULTIVERSION void round_to_levels(uint64_t n, const float* target, const float* inverse, const float* lowest,
                                  float* levels) {
  constexpr float kMagic = 0x1.8p23f;  // adding it rounds a small float to the nearest integer
  for (uint64_t i = 0; i < n; ++i) {
    float level = (target[i] * inverse[i] + kMagic) - kMagic;
    level = level < lowest[i] ? lowest[i] : level;
    level = level > lowest[i] + 15.0f ? lowest[i] + 15.0f : level;
    levels[i] = level;
  }
}

}  // namespace

// Rows of the matrix, transposed so that all of them take a step together: [position][row of the tile].
struct Gptq::Tile {
  uint64_t rows;
  std::vector<float> weights;
  std::vector<float> correction;  // b; empty: 0
  std::vector<float> shift;       // z, with L z = b; empty: 0
  std::vector<float> error;       // w - q
  std::vector<float> levels;      // q in steps of the scale: -zero ... 15 - zero
  // [group][row of the tile]
  std::vector<GroupParameters> parameters;
  std::vector<float> scale;
  std::vector<float> inverse;
  std::vector<float> lowest;  // -zero
};

Gptq::Gptq(std::span<const float> hessian, uint64_t columns, const GptqOptions& options, uint32_t threads)
    : columns_(columns), options_(options) {
  for (uint64_t c = 0; c < columns; ++c) {
    if (!std::isfinite(hessian[c * columns + c])) throw Error("gptq: the inputs of a matrix are not finite");
  }
  choose_order(hessian);
  // Rounding in FP32 can cost the factorisation its last digits: more damping then.
  for (float damping = options.damping;; damping *= 4) {
    if (damping > 10) throw Error("gptq: the inputs of a matrix have no positive definite moments");
    factorise(hessian, damping, threads);
    if (cholesky(factor_, columns, threads)) return;
  }
}

void Gptq::choose_order(std::span<const float> hessian) {
  const auto moment = [&](uint64_t column) { return hessian[column * columns_ + column]; };
  std::vector<double> sums(groups_of(columns_));
  for (uint64_t c = 0; c < columns_; ++c) sums[c / kGroup] += static_cast<double>(moment(c));
  std::vector<uint64_t> groups(sums.size());
  std::iota(groups.begin(), groups.end(), uint64_t{0});
  std::ranges::stable_sort(groups, {}, [&](uint64_t g) { return sums[g]; });
  order_.clear();
  for (const uint64_t group : groups) {
    const uint64_t first = order_.size();
    const uint64_t size = std::min<uint64_t>(kGroup, columns_ - group * kGroup);
    for (uint64_t i = 0; i < size; ++i) order_.push_back(static_cast<uint32_t>(group * kGroup + i));
    std::stable_sort(order_.begin() + static_cast<int64_t>(first), order_.end(),
                     [&](uint32_t a, uint32_t b) { return moment(a) < moment(b); });
    blocks_.push_back({group, first, size});
  }
}

// hessian_ and factor_ become the damped Hessian in order; factor_ is then to be factorised in place.
void Gptq::factorise(std::span<const float> hessian, float damping, uint32_t threads) {
  double trace = 0;
  for (uint64_t c = 0; c < columns_; ++c) trace += static_cast<double>(hessian[c * columns_ + c]);
  // Where no input ever was anything but zero, all errors count alike.
  const float add = trace > 0 ? damping * static_cast<float>(trace / static_cast<double>(columns_)) : 1.0f;
  hessian_.resize(columns_ * columns_);
  for_each_index(threads, columns_, [&](uint64_t i) {
    for (uint64_t j = 0; j < columns_; ++j) {
      const auto [low, high] = std::minmax(order_[i], order_[j]);
      hessian_[i * columns_ + j] = hessian[uint64_t{high} * columns_ + low];
    }
    hessian_[i * columns_ + i] += add;
  });
  factor_ = hessian_;
}

void Gptq::quantise(std::span<const float> weights, std::span<const float> correction, uint64_t rows,
                    const QuantisedRows& out, uint32_t threads) const {
  const uint64_t groups = groups_of(columns_);
  for_each_index(threads, (rows + kTileRows - 1) / kTileRows, [&](uint64_t job) {
    const uint64_t first = job * kTileRows;
    const uint64_t count = std::min(kTileRows, rows - first);
    const uint64_t size = columns_ * count;
    Tile tile{.rows = count,
              .weights = std::vector<float>(size),
              .correction = std::vector<float>(correction.empty() ? 0 : size),
              .shift = {},
              .error = std::vector<float>(size),
              .levels = std::vector<float>(size),
              .parameters = std::vector<GroupParameters>(groups * count),
              .scale = std::vector<float>(groups * count),
              .inverse = std::vector<float>(groups * count),
              .lowest = std::vector<float>(groups * count)};
    for (uint64_t p = 0; p < columns_; ++p) {
      for (uint64_t r = 0; r < count; ++r) {
        tile.weights[p * count + r] = weights[(first + r) * columns_ + order_[p]];
      }
      if (correction.empty()) continue;
      std::copy_n(&correction[order_[p] * rows + first], count, &tile.correction[p * count]);
    }
    quantise_tile(tile);
    for (uint64_t r = 0; r < count; ++r) {
      uint8_t* q = &out.q[(first + r) * groups * kGroup];
      for (uint64_t g = 0; g < groups; ++g) {
        const GroupParameters& parameters = tile.parameters[g * count + r];
        out.zeros[(first + r) * groups + g] = parameters.zero;
        out.scales[(first + r) * groups + g] = parameters.scale;
        std::fill_n(q + g * kGroup, kGroup, parameters.zero);  // what pads the last group
      }
      for (uint64_t p = 0; p < columns_; ++p) {
        const uint64_t group = order_[p] / kGroup;
        q[order_[p]] = static_cast<uint8_t>(tile.levels[p * count + r] - tile.lowest[group * count + r]);
      }
    }
  });
}

void Gptq::quantise_tile(Tile& tile) const {
  shift_by_correction(tile);
  for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) round_block(*block, tile);
  for (uint32_t sweep = 0; sweep < options_.sweeps; ++sweep) {
    for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) descend_block(*block, tile);
  }
}

// Completes the square: with H = L L^T and L z = b the sum to be made small is |e L + z|^2, less a constant.
void Gptq::shift_by_correction(Tile& tile) const {
  tile.shift = tile.correction;
  if (tile.correction.empty()) return;
  const MatrixView factor = row_major(factor_.data(), columns_);
  const auto z = [&](uint64_t position) { return &tile.shift[position * tile.rows]; };
  for (const Block& block : blocks_) {
    multiply_add({.rows = block.size, .columns = tile.rows, .inner = block.first, .factor = -1},
                 factor.from(block.first, 0), row_major(tile.shift.data(), tile.rows), z(block.first),
                 tile.rows, 1);
    for (uint64_t i = block.first; i < block.first + block.size; ++i) {
      const float* row = &factor_[i * columns_];
      for (uint64_t j = block.first; j < i; ++j) add_scaled(tile.rows, -row[j], z(j), z(i));
      for (uint64_t r = 0; r < tile.rows; ++r) z(i)[r] /= row[i];
    }
  }
}

// Component k of e L + z is e_k L_kk and a sum over the columns behind k, which are rounded already: q_k is
// rounded so that they cancel.
void Gptq::round_block(const Block& block, Tile& tile) const {
  const uint64_t rows = tile.rows;
  const uint64_t end = block.first + block.size;
  std::vector<float> sums(block.size * rows);
  if (!tile.shift.empty()) std::copy_n(&tile.shift[block.first * rows], sums.size(), sums.begin());
  if (end < columns_) {
    multiply_add({.rows = block.size, .columns = rows, .inner = columns_ - end},
                 row_major(factor_.data(), columns_).from(end, block.first).transposed(),
                 row_major(&tile.error[end * rows], rows), sums.data(), rows, 1);
  }
  const auto factor = [&](uint64_t i, uint64_t j) {
    return factor_[(block.first + i) * columns_ + block.first + j];
  };

  // The group's weights as they would be if all of it cancelled exactly: they decide its range.
  std::vector<float> ideal = sums;
  std::vector<float> importance(kGroup);
  for (uint64_t k = block.size; k-- > 0;) {
    float* row = &ideal[k * rows];
    const float diagonal = factor(k, k);
    for (uint64_t r = 0; r < rows; ++r) row[r] /= diagonal;
    for (uint64_t j = 0; j < k; ++j) add_scaled(rows, -factor(k, j), row, &ideal[j * rows]);
    add_scaled(rows, 1.0f, &tile.weights[(block.first + k) * rows], row);
    importance[k] = hessian_[(block.first + k) * columns_ + block.first + k];
  }
  for (uint64_t r = 0; r < rows; ++r) {
    std::array<float, kGroup> w{};
    for (uint64_t k = 0; k < block.size; ++k) w[k] = ideal[k * rows + r];
    const uint64_t at = block.group * rows + r;
    tile.parameters[at] = group_range(w, std::span<const float>(importance).first<kGroup>());
    tile.scale[at] = fp16_to_float(tile.parameters[at].scale);
    tile.inverse[at] = tile.scale[at] > 0 ? 1.0f / tile.scale[at] : 0.0f;
    tile.lowest[at] = -static_cast<float>(tile.parameters[at].zero);
  }

  std::vector<float> target(rows);
  for (uint64_t k = block.size; k-- > 0;) {
    const uint64_t at = (block.first + k) * rows;
    const float diagonal = factor(k, k);
    for (uint64_t r = 0; r < rows; ++r) target[r] = tile.weights[at + r] + sums[k * rows + r] / diagonal;
    round_to_levels(rows, target.data(), &tile.inverse[block.group * rows], &tile.lowest[block.group * rows],
                    &tile.levels[at]);
    for (uint64_t r = 0; r < rows; ++r) {
      tile.error[at + r] = tile.weights[at + r] - tile.levels[at + r] * tile.scale[block.group * rows + r];
    }
    for (uint64_t j = 0; j < k; ++j) add_scaled(rows, factor(k, j), &tile.error[at], &sums[j * rows]);
  }
}

// Every weight of the block in turn becomes the level nearest to where the sum is least, the others staying.
void Gptq::descend_block(const Block& block, Tile& tile) const {
  const uint64_t rows = tile.rows;
  const auto hessian = [&](uint64_t i) { return &hessian_[(block.first + i) * columns_ + block.first]; };
  // Half the derivative by q: -(H e + b).
  std::vector<float> slope(block.size * rows);
  multiply_add({.rows = block.size, .columns = rows, .inner = columns_, .factor = -1},
               row_major(hessian_.data(), columns_).from(block.first, 0), row_major(tile.error.data(), rows),
               slope.data(), rows, 1);
  if (!tile.correction.empty()) {
    add_scaled(slope.size(), -1.0f, &tile.correction[block.first * rows], slope.data());
  }
  const float* scale = &tile.scale[block.group * rows];
  std::vector<float> target(rows);
  std::vector<float> levels(rows);
  std::vector<float> change(rows);
  for (uint64_t k = block.size; k-- > 0;) {
    const uint64_t at = (block.first + k) * rows;
    const float curvature = hessian(k)[k];
    for (uint64_t r = 0; r < rows; ++r) {
      target[r] = tile.levels[at + r] * scale[r] - slope[k * rows + r] / curvature;
    }
    round_to_levels(rows, target.data(), &tile.inverse[block.group * rows], &tile.lowest[block.group * rows],
                    levels.data());
    bool changed = false;
    for (uint64_t r = 0; r < rows; ++r) {
      change[r] = (levels[r] - tile.levels[at + r]) * scale[r];
      changed |= levels[r] != tile.levels[at + r];
      tile.levels[at + r] = levels[r];
      tile.error[at + r] = tile.weights[at + r] - levels[r] * scale[r];
    }
    if (!changed) continue;
    for (uint64_t j = 0; j < k; ++j) add_scaled(rows, hessian(k)[j], change.data(), &slope[j * rows]);
  }
}

}  // namespace brim
