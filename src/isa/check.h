// Whether a program can be run: the one check that the packer and every executor make before anything else,
// so that all of them refuse the same programs with the same words. docs/program.md, "What is refused".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "isa/layout.h"
#include "isa/ops.h"
#include "isa/program.h"

namespace brim {

struct ProgramFault {
  std::optional<size_t> instruction;  // none: the header
  std::string what;                   // a line without its end: "instruction 7 (...): ..."
};

// The first thing for which a program cannot be run; none if it can. What a certain accelerator has no room
// for is said by isa/accelerator_limits.h.
std::optional<ProgramFault> find_fault(const Program& program);

// Throws Error with the fault, if there is one. `name` is what the message calls the image.
void check_program(const std::string& name, const Program& program);

}  // namespace brim
