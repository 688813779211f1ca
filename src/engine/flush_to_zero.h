// The processor's own flushing of subnormals, for the time that a kernel runs.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif
#include <cstdint>

namespace brim {

// While it lives, FP32 results that are subnormal become zero on this thread (x86: MXCSR.FTZ and DAZ, which
// is the rule of docs/numerics.md; Arm: FPCR.FZ, which differs from it in one binade edge that the NEON
// kernels repair). Other processors: no effect.
class FlushToZero {
 public:
#if defined(__x86_64__)
  FlushToZero() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | kFlushResults | kFlushOperands); }
  ~FlushToZero() { _mm_setcsr(saved_); }
#elif defined(__aarch64__)
  FlushToZero() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(saved_ | kFz) : "memory");
  }
  ~FlushToZero() { asm volatile("msr fpcr, %0" ::"r"(saved_) : "memory"); }
#endif
  FlushToZero(const FlushToZero&) = delete;
  FlushToZero& operator=(const FlushToZero&) = delete;

 private:
#if defined(__x86_64__)
  static constexpr uint32_t kFlushResults = 0x8000;  // Intel SDM volume 1, 10.2.3
  static constexpr uint32_t kFlushOperands = 0x0040;
  uint32_t saved_;
#elif defined(__aarch64__)
  static constexpr uint64_t kFz = uint64_t{1} << 24;  // Arm ARM, FPCR
  uint64_t saved_;
#endif
};

}  // namespace brim
