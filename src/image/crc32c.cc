#include "image/crc32c.h"

#include <array>

namespace brim {

namespace {

// tables[k][b]: CRC of byte b followed by k zero bytes ("slicing by 8").
constexpr std::array<std::array<uint32_t, 256>, 8> make_tables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0u);
    tables[0][b] = crc;
  }
  for (uint32_t b = 0; b < 256; ++b) {
    for (size_t k = 1; k < 8; ++k)
      tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 0xFF];
  }
  return tables;
}
constexpr auto kTables = make_tables();

uint32_t update_portable(const uint8_t* p, size_t bytes, uint32_t crc) {
  for (; bytes >= 8; p += 8, bytes -= 8) {
    uint32_t next = 0;
    for (size_t k = 0; k < 8; ++k) {
      const uint32_t byte = p[k] ^ (k < 4 ? (crc >> (8 * k)) & 0xFF : 0u);
      next ^= kTables[7 - k][byte];
    }
    crc = next;
  }
  for (; bytes > 0; ++p, --bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ *p) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t update_sse42(const uint8_t* p, size_t bytes, uint32_t crc) {
  uint64_t state = crc;
  for (; bytes >= 8; p += 8, bytes -= 8) {
    uint64_t word;
    __builtin_memcpy(&word, p, 8);
    state = __builtin_ia32_crc32di(state, word);
  }
  return update_portable(p, bytes, static_cast<uint32_t>(state));
}
#endif

#if defined(__ARM_FEATURE_CRC32)
uint32_t update_arm(const uint8_t* p, size_t bytes, uint32_t crc) {
  for (; bytes > 0 && reinterpret_cast<uintptr_t>(p) % 8 != 0; ++p, --bytes) {
    crc = __builtin_aarch64_crc32cb(crc, *p);
  }
  for (; bytes >= 8; p += 8, bytes -= 8) {
    uint64_t word;
    __builtin_memcpy(&word, __builtin_assume_aligned(p, 8), 8);
    crc = __builtin_aarch64_crc32cx(crc, word);
  }
  return update_portable(p, bytes, crc);
}
#endif

}  // namespace

uint32_t crc32c(const void* data, size_t bytes, uint32_t crc) {
#if defined(__x86_64__) && __STDC_HOSTED__
  if (__builtin_cpu_supports("sse4.2")) return ~update_sse42(static_cast<const uint8_t*>(data), bytes, ~crc);
#endif
#if defined(__ARM_FEATURE_CRC32)
  return ~update_arm(static_cast<const uint8_t*>(data), bytes, ~crc);
#else
  return crc32c_portable(data, bytes, crc);
#endif
}

uint32_t crc32c_portable(const void* data, size_t bytes, uint32_t crc) {
  return ~update_portable(static_cast<const uint8_t*>(data), bytes, ~crc);
}

}  // namespace brim
