// Reads the image in memory while nothing else is to be done, and repairs what it finds damaged: also what
// the accelerator does not check, or reads too seldom.
#pragma once

#include <cstdint>

#include "firmware/repair.h"

namespace brim {

class Scrubber {
 public:
  Scrubber(const ImageHeader& image, Repairs& repairs) : image_(image), repairs_(repairs) {}

  // Checks a page, if it is time for one. False if it met damage that cannot be repaired.
  bool step();

  uint64_t bytes() const { return bytes_; }    // read so far
  uint32_t rounds() const { return rounds_; }  // over the whole image

 private:
  bool next_region();

  const ImageHeader& image_;
  Repairs& repairs_;
  uint32_t region_ = 0;
  uint64_t offset_ = 0;  // in it
  uint32_t crc_ = 0;     // of what is before, where the region has one checksum
  double next_ = 0;      // the time of the next page
  uint64_t bytes_ = 0;
  uint32_t rounds_ = 0;
};

}  // namespace brim
