#include "model/byte_ranges.h"

#include <algorithm>

#include "base/concat.h"
#include "base/error.h"

namespace brim {

void check_disjoint(std::vector<NamedRange> ranges, const std::string& origin) {
  std::erase_if(ranges, [](const NamedRange& range) { return range.begin == range.end; });
  std::sort(ranges.begin(), ranges.end(),
            [](const NamedRange& a, const NamedRange& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].begin < ranges[i - 1].end) {
      throw Error(concat(origin, ": tensors '", ranges[i - 1].name, "' and '", ranges[i].name,
                         "' overlap: the file is damaged"));
    }
  }
}

}  // namespace brim
