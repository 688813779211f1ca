// Functions compiled for several instruction sets, of which the processor's best runs. Their arithmetic is
// the same in all: no fused multiply-adds, sums in a fixed order.
#pragma once

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define MULTIVERSION __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MULTIVERSION
#endif
