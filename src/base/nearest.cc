#include "base/nearest.h"

#include <algorithm>
#include <vector>

namespace brim {

namespace {

// Damerau's distance with each pair of letters swapped at most once (optimal string alignment).
size_t distance(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 1;
  std::vector<size_t> d((a.size() + 1) * width);
  for (size_t i = 0; i <= a.size(); ++i) d[i * width] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      size_t best = std::min({d[(i - 1) * width + j] + 1, d[i * width + j - 1] + 1,
                              d[(i - 1) * width + j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        best = std::min(best, d[(i - 2) * width + j - 2] + 1);
      d[i * width + j] = best;
    }
  }
  return d.back();
}

}  // namespace

std::optional<std::string> nearest(std::string_view wrong, std::span<const std::string> names) {
  constexpr size_t kLongest = 64;  // of what people mistype
  std::optional<std::string> best;
  size_t fewest = std::min<size_t>(wrong.size(), kLongest) / 3;
  if (wrong.size() > kLongest) return best;
  for (const std::string& name : names) {
    const size_t letters = distance(wrong, name);
    if (letters > fewest || (letters == fewest && best)) continue;
    fewest = letters;
    best = name;
  }
  return best;
}

std::string did_you_mean(std::string_view wrong, std::span<const std::string> names) {
  const auto name = nearest(wrong, names);
  return name ? "; did you mean " + *name + "?" : "";
}

}  // namespace brim
