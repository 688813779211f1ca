// The Armv8 generic timer.
#pragma once

#include <cstdint>

namespace brim {

// Makes sure that it runs: without it no wait would end. At EL3 nobody may have started it yet. False if it
// stands still.
bool start_timer();

double seconds_now();  // since some moment in the past

// A wait that comes to an end.
class Timeout {
 public:
  explicit Timeout(double seconds) : end_(seconds_now() + seconds) {}
  bool expired() const { return seconds_now() >= end_; }

 private:
  double end_;
};

void sleep(double seconds);

}  // namespace brim
