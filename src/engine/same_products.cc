#include "engine/same_products.h"

#include <cstring>
#include <random>

#include "engine/flush_to_zero.h"

namespace brim {

bool same_products(const Kernels& a, const Kernels& b) {
  const FlushToZero flush;
  std::mt19937 random(1);
  std::vector<uint8_t> stream(stream_bytes(2));
  for (uint8_t& byte : stream) byte = static_cast<uint8_t>(random());
  for (uint64_t page = 0; page < 2; ++page) {
    for (uint32_t group = 0; group < kGroupsPerPage; ++group) {
      const auto scale = static_cast<uint16_t>(0x1000 + random() % 0x2000);  // FP16 of 2^-11 to 2^-3
      std::memcpy(&stream[metadata_offset(page) + kMetadataZeroBytes + 2 * group], &scale, sizeof(scale));
    }
  }
  constexpr uint32_t kMostTokens = 19, kMostGroups = 8;
  Activations x(kMostTokens, kMostGroups * kA16Block);
  for (uint32_t t = 0; t < kMostTokens; ++t) {
    for (uint32_t block = 0; block < kMostGroups; ++block) {
      int16_t mantissas[kA16Block];
      for (int16_t& m : mantissas)
        m = static_cast<int16_t>(static_cast<int32_t>(random() % (2 * kA16MaxMantissa + 1)) -
                                 kA16MaxMantissa);
      x.row(t)[block].assign(mantissas, -14);
    }
  }
  for (const PageShape shape : {PageShape{4, 32}, PageShape{2, 64}, PageShape{1, 128}}) {
    const MatrixView matrix{stream.data(), 0, shape, shape.rows, 2, kMostGroups};
    for (const uint32_t tokens : {1u, 8u, kMostTokens}) {
      const A16View inputs{x.row(0), kMostGroups, tokens};
      std::vector<float> of_a(uint64_t{tokens} * shape.rows), of_b(of_a.size());
      a.matvec(matrix, inputs, 0, 1, of_a.data(), shape.rows);
      b.matvec(matrix, inputs, 0, 1, of_b.data(), shape.rows);
      if (std::memcmp(of_a.data(), of_b.data(), of_a.size() * sizeof(float)) != 0) return false;
    }
  }
  return true;
}

}  // namespace brim
