// Files of passes. What is read is written as it was read.
#include "runtime/pass_log.h"

#include <cstdlib>

#include "base/error.h"
#include "memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace brim;
  const fuzz::MemoryFile file(data, size);
  std::vector<LoggedPass> passes;
  try {
    passes = read_passes(file.path());
  } catch (const Error&) {
    return 0;
  }
  const fuzz::MemoryFile copy(nullptr, 0);
  PassLog log(copy.path());
  for (const LoggedPass& pass : passes) log.write(pass);
  log.finish();
  if (read_passes(copy.path()) != passes) std::abort();
  return 0;
}
