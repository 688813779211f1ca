#include "model/file_checks.h"

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

void refuse_lfs_pointer(std::span<const uint8_t> bytes, const std::string& origin) {
  constexpr std::string_view kPointer = "version https://git-lfs.github.com/";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              std::min(bytes.size(), kPointer.size()));
  if (text == kPointer) {
    throw Error(origin + ": is a Git LFS pointer and not the file itself: run git lfs pull where it is from");
  }
}

}  // namespace brim
