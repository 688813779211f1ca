#include "engine/kernels.h"

#include "base/error.h"
#include "engine/kernels_simd.h"

namespace brim {

namespace {

struct Entry {
  std::string_view name;
  std::unique_ptr<Kernels> (*make)();  // may give null
};

constexpr Entry kEntries[] = {
    {"amx", make_amx_kernels},   {"avx512", make_avx512_kernels},       {"avx2", make_avx2_kernels},
    {"neon", make_neon_kernels}, {"reference", make_reference_kernels},
};

}  // namespace

std::vector<std::string_view> available_kernels() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kEntries) {
    if (entry.make() != nullptr) names.push_back(entry.name);
  }
  return names;
}

std::unique_ptr<Kernels> make_kernels(std::string_view name) {
  for (const Entry& entry : kEntries) {
    if (entry.name != name) continue;
    if (auto kernels = entry.make()) return kernels;
  }
  std::string known;
  for (const std::string_view available : available_kernels())
    known += (known.empty() ? "" : ", ") + std::string(available);
  throw Error("this processor has no " + std::string(name) + " kernels; choose one of " + known);
}

}  // namespace brim
