// Tiles in plain C++, for tests: what TILEZERO, TILELOADD, TILESTORED and TDPBSSD do by Intel's Software
// Developer's Manual, volume 2. To be included after "engine/tile_matvec.h"'s own headers.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace brim {

class EmulatedTiles {
 public:
  explicit EmulatedTiles(const std::array<uint8_t, 8>& rows) : rows_(rows) {
    for (const uint8_t n : rows) require(n >= 1 && n <= kRows);
  }

  template <int tile>
  void zero() {
    std::memset(data_[tile], 0, sizeof(data_[tile]));
  }
  // Rows beyond the tile's are zero afterwards.
  template <int tile>
  void load(const void* from, uint64_t stride) {
    zero<tile>();
    for (uint32_t row = 0; row < rows_[tile]; ++row)
      std::memcpy(data_[tile][row], static_cast<const uint8_t*>(from) + row * stride, kRowBytes);
  }
  template <int tile>
  void store(void* to, uint64_t stride) {
    for (uint32_t row = 0; row < rows_[tile]; ++row)
      std::memcpy(static_cast<uint8_t*>(to) + row * stride, data_[tile][row], kRowBytes);
  }
  template <int c, int a, int b>
  void multiply() {
    static_assert(a != b && a != c && b != c);  // else the instruction is undefined
    require(rows_[a] == rows_[c] && rows_[b] == kRowBytes / 4);
    for (uint32_t m = 0; m < rows_[c]; ++m) {
      for (uint32_t k = 0; k < rows_[b]; ++k) {
        for (uint32_t n = 0; n < kRowBytes / 4; ++n) {
          int32_t sum = 0;
          std::memcpy(&sum, &data_[c][m][4 * n], 4);
          for (uint32_t i = 0; i < 4; ++i) sum += data_[a][m][4 * k + i] * data_[b][k][4 * n + i];
          std::memcpy(&data_[c][m][4 * n], &sum, 4);
        }
      }
    }
  }

 private:
  static constexpr uint32_t kRows = 16, kRowBytes = 64;

  static void require(bool condition) {
    if (!condition) throw std::logic_error("the processor would raise #UD or #GP");
  }

  std::array<uint8_t, 8> rows_;
  int8_t data_[8][kRows][kRowBytes] = {};
};

}  // namespace brim
