#include "base/crc32c.h"

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

// ------------------------------------------------------------------ pages

constexpr uint32_t kPiece = 64, kParts = 4, kPartBytes = 2048, kRounds = kPartBytes / kPiece;
constexpr uint32_t kChains =
    4;  // of rounds: one CRC instruction waits for the one before, four chains do not
constexpr uint32_t kChainRounds = kRounds / kChains;
constexpr uint32_t kChainBytes = kChainRounds * kParts * kPiece;

// tables[k][b]: the state b << 8 k after kChainBytes zero bytes.
constexpr std::array<std::array<uint32_t, 256>, 4> make_shift_tables() {
  std::array<uint32_t, 32> bits{};
  for (uint32_t bit = 0; bit < 32; ++bit) {
    uint32_t state = 1u << bit;
    for (uint32_t i = 0; i < kChainBytes; ++i) state = (state >> 8) ^ kTables[0][state & 0xFF];
    bits[bit] = state;
  }
  std::array<std::array<uint32_t, 256>, 4> tables{};
  for (uint32_t k = 0; k < 4; ++k) {
    for (uint32_t b = 0; b < 256; ++b) {
      for (uint32_t bit = 0; bit < 8; ++bit) tables[k][b] ^= (b >> bit & 1) ? bits[8 * k + bit] : 0u;
    }
  }
  return tables;
}
constexpr auto kShift = make_shift_tables();

[[maybe_unused]] uint32_t after_chain(uint32_t state) {
  return kShift[0][state & 0xFF] ^ kShift[1][state >> 8 & 0xFF] ^ kShift[2][state >> 16 & 0xFF] ^
         kShift[3][state >> 24];
}

#if defined(__x86_64__) && __STDC_HOSTED__
#define BRIM_CRC_TARGET __attribute__((target("sse4.2")))
BRIM_CRC_TARGET inline uint64_t crc_of_word(uint64_t state, uint64_t word) {
  return __builtin_ia32_crc32di(state, word);
}
#elif defined(__ARM_FEATURE_CRC32)
#define BRIM_CRC_TARGET
inline uint64_t crc_of_word(uint64_t state, uint64_t word) {
  return __builtin_aarch64_crc32cx(static_cast<uint32_t>(state), word);
}
#endif

#if defined(BRIM_CRC_TARGET)
// Precondition: the page starts at a multiple of 8.
BRIM_CRC_TARGET uint32_t page_by_instructions(const uint8_t* page) {
  uint64_t state[kChains] = {~uint32_t{0}, 0, 0, 0};
  for (uint32_t round = 0; round < kChainRounds; ++round) {
    for (uint32_t part = 0; part < kParts; ++part) {
      const uint8_t* const p = page + part * kPartBytes + round * kPiece;
      for (uint32_t i = 0; i < kPiece; i += 8) {
        for (uint32_t chain = 0; chain < kChains; ++chain) {
          uint64_t word;
          __builtin_memcpy(&word, __builtin_assume_aligned(p + chain * kChainRounds * kPiece + i, 8), 8);
          state[chain] = crc_of_word(state[chain], word);
        }
      }
    }
  }
  auto whole = static_cast<uint32_t>(state[0]);
  for (uint32_t chain = 1; chain < kChains; ++chain)
    whole = after_chain(whole) ^ static_cast<uint32_t>(state[chain]);
  return ~whole;
}
#endif

}  // namespace

uint32_t crc32c_of_page(const void* page) {
  const auto* bytes = static_cast<const uint8_t*>(page);
#if defined(__x86_64__) && __STDC_HOSTED__
  if (__builtin_cpu_supports("sse4.2")) return page_by_instructions(bytes);
#elif defined(BRIM_CRC_TARGET)
  return page_by_instructions(bytes);
#endif
  return crc32c_of_page_portable(bytes);
}

uint32_t crc32c_of_page_portable(const void* page) {
  uint32_t state = ~0u;
  for (uint32_t round = 0; round < kRounds; ++round) {
    for (uint32_t part = 0; part < kParts; ++part)
      state = update_portable(static_cast<const uint8_t*>(page) + part * kPartBytes + round * kPiece, kPiece,
                              state);
  }
  return ~state;
}

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
