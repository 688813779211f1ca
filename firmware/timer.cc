#include "firmware/timer.h"

#include "firmware/exception_level.h"
#include "firmware/io.h"

namespace brim {

namespace {

// UG1087, IOU_SCNTRS: counter control register and base frequency.
constexpr uint64_t kCounterControl = 0xFF260000;
constexpr uint64_t kCounterFrequency = 0xFF260020;
constexpr uint32_t kReferenceHz = 100'000'000;

uint64_t frequency() {
  uint64_t hz;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(hz));
  return hz;
}

uint64_t ticks() {
  uint64_t count;
  asm volatile("isb\n mrs %0, cntpct_el0" : "=r"(count)::"memory");
  return count;
}

}  // namespace

bool start_timer() {
  if (exception_level() == 3 && frequency() == 0) {
    io_write<uint32_t>(kCounterFrequency, kReferenceHz);
    io_write<uint32_t>(kCounterControl, 1);
    asm volatile("msr cntfrq_el0, %0" ::"r"(uint64_t{kReferenceHz}));
  }
  if (frequency() == 0) return false;
  // Far more reads than the slowest counter needs for a tick.
  constexpr uint32_t kReads = 1'000'000;
  const uint64_t before = ticks();
  for (uint32_t i = 0; i < kReads; ++i) {
    if (ticks() != before) return true;
  }
  return false;
}

double seconds_now() { return static_cast<double>(ticks()) / static_cast<double>(frequency()); }

void sleep(double seconds) {
  const Timeout timeout(seconds);
  while (!timeout.expired()) {
  }
}

}  // namespace brim
