// Kernels for x86 with AMX on int8 (Intel from Sapphire Rapids on): those for AVX-512, and tiles for many
// tokens.
#include "engine/kernels_simd.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/same_products.h"
#include "numerics/fp16.h"
#include "numerics/fp32.h"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

namespace brim {

namespace {

#include "engine/tile_matvec.h"

// The processor's own tiles, of this thread, from construction to destruction: in between nothing else may
// use them, and the system saves a kilobyte for each of the eight when the thread is interrupted. The
// compiler's intrinsics do not say that they read and write memory; this does.
class AmxTiles {
 public:
  explicit AmxTiles(const std::array<uint8_t, 8>& rows) {
    struct {
      uint8_t palette = 1;
      uint8_t start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    static_assert(sizeof(config) == 64);
    for (size_t i = 0; i < rows.size(); ++i) {
      config.row_bytes[i] = 64;
      config.rows[i] = rows[i];
    }
    asm volatile("ldtilecfg %0" ::"m"(config) : "memory");
  }
  ~AmxTiles() { asm volatile("tilerelease" ::: "memory"); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;

  template <int tile>
  void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(tile) : "memory");
  }
  template <int tile>
  void load(const void* from, uint64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(tile) : "memory");
  }
  template <int tile>
  void store(void* to, uint64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(tile) : "memory");
  }
  template <int c, int a, int b>
  void multiply() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b) : "memory");
  }
};

}  // namespace

}  // namespace brim

#pragma GCC pop_options

namespace brim {

namespace {

constexpr uint32_t kLeastTokens = 8;  // whose product on tiles is worth spreading the weights: not measured

bool processor_has_amx() {
  constexpr uint32_t kAmxTile = 1u << 24, kAmxInt8 = 1u << 25;  // EDX of leaf 7
  uint32_t a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmxTile) != 0 && (d & kAmxInt8) != 0;
}

// Linux saves tiles only for processes that have asked; it may refuse, and before 5.16 it cannot.
bool system_permits_tiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

std::unique_ptr<Kernels> with_tiles() {
  return make_avx512_kernels("amx", {kLeastTokens, &TileMatvec<AmxTiles>::run});
}

// Decided once. These kernels were written without such a processor, so they have to prove themselves on it.
bool usable() {
  const auto without = make_avx512_kernels();
  if (without == nullptr || !processor_has_amx() || !system_permits_tiles()) return false;
  if (same_products(*with_tiles(), *without)) return true;
  std::fputs(
      "brim: note: the amx kernels multiply wrongly on this processor, so the avx512 kernels are used; "
      "please report this with what lscpu says\n",
      stderr);
  return false;
}

}  // namespace

std::unique_ptr<Kernels> make_amx_kernels() {
  static const bool kUsable = usable();
  return kUsable ? with_tiles() : nullptr;
}

}  // namespace brim

#else

namespace brim {

std::unique_ptr<Kernels> make_amx_kernels() { return nullptr; }

}  // namespace brim

#endif
