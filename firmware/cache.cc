#include "firmware/cache.h"

namespace brim {

namespace {

template <typename Operation>
void each_line(const void* start, uint64_t bytes, const Operation& operation) {
  const auto address = reinterpret_cast<uint64_t>(start);
  for (uint64_t line = address & ~(kCacheLine - 1); line < address + bytes; line += kCacheLine)
    operation(line);
  asm volatile("dsb sy" ::: "memory");
}

}  // namespace

void clean_cache(const void* start, uint64_t bytes) {
  each_line(start, bytes, [](uint64_t line) { asm volatile("dc cvac, %0" ::"r"(line) : "memory"); });
}

void flush_cache(const void* start, uint64_t bytes) {
  each_line(start, bytes, [](uint64_t line) { asm volatile("dc civac, %0" ::"r"(line) : "memory"); });
}

}  // namespace brim
