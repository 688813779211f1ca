// Coverage of Verilated modules in the preset `coverage` (docs/rtl/coverage.md); nothing in any other.
#pragma once

#include <verilated.h>

#ifdef VM_COVERAGE
#include <stdlib.h>
#include <unistd.h>
#include <verilated_cov.h>

#include <stdexcept>
#include <string>
#endif

namespace brim::rtl {

#ifdef VM_COVERAGE

// What VerilatedContext::randReset takes: registers start as zeros, so that a bit that counts as toggled was
// made 1 by the test.
inline constexpr int kRandReset = 0;

// Writes what a context's modules counted to a new file in the folder BRIM_COVERAGE_DIR, if it is set. To be
// called before the modules are destroyed.
inline void write_coverage(VerilatedContext& context) {
  const char* folder = getenv("BRIM_COVERAGE_DIR");
  if (folder == nullptr) return;
  std::string file = std::string(folder) + "/XXXXXX.dat";
  const int descriptor = mkstemps(file.data(), 4);
  if (descriptor < 0) throw std::runtime_error("BRIM_COVERAGE_DIR=" + std::string(folder) + ": cannot write");
  close(descriptor);
  // Functional points in a generate loop differ in nothing but their place in the hierarchy.
  context.coveragep()->forcePerInstance(true);
  context.coveragep()->write(file.c_str());
}

#else

inline constexpr int kRandReset = 2;  // registers start with random contents

inline void write_coverage(VerilatedContext&) {}

#endif

}  // namespace brim::rtl
