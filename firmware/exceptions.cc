// Exceptions print what happened: nothing dies in silence.
#include "firmware/exceptions.h"

#include "firmware/cache.h"
#include "firmware/console.h"
#include "firmware/exception_level.h"

namespace brim {

namespace {

volatile bool probing = false;
volatile bool probe_failed = false;

struct Syndrome {
  uint64_t esr, elr, far;
};

Syndrome read_syndrome() {
  Syndrome s;
  switch (exception_level()) {
    case 3:
      asm volatile("mrs %0, esr_el3\n mrs %1, elr_el3\n mrs %2, far_el3"
                   : "=r"(s.esr), "=r"(s.elr), "=r"(s.far));
      break;
    case 2:
      asm volatile("mrs %0, esr_el2\n mrs %1, elr_el2\n mrs %2, far_el2"
                   : "=r"(s.esr), "=r"(s.elr), "=r"(s.far));
      break;
    default:
      asm volatile("mrs %0, esr_el1\n mrs %1, elr_el1\n mrs %2, far_el1"
                   : "=r"(s.esr), "=r"(s.elr), "=r"(s.far));
      break;
  }
  return s;
}

__attribute__((target("general-regs-only"))) void skip_instruction() {
  uint64_t elr;
  switch (exception_level()) {
    case 3:
      asm volatile("mrs %0, elr_el3\n add %0, %0, #4\n msr elr_el3, %0" : "=r"(elr));
      break;
    case 2:
      asm volatile("mrs %0, elr_el2\n add %0, %0, #4\n msr elr_el2, %0" : "=r"(elr));
      break;
    default:
      asm volatile("mrs %0, elr_el1\n add %0, %0, #4\n msr elr_el1, %0" : "=r"(elr));
      break;
  }
}

// Arm ARM D17.2.37, ESR_ELx.EC.
std::string_view describe_class(uint64_t ec) {
  switch (ec) {
    case 0x00:
      return "undefined instruction";
    case 0x07:
      return "floating point is off";
    case 0x20:
    case 0x21:
      return "instruction abort";
    case 0x22:
      return "program counter not aligned";
    case 0x24:
    case 0x25:
      return "data abort";
    case 0x26:
      return "stack pointer not aligned";
    case 0x2F:
      return "SError (late bus error)";
    case 0x3C:
      return "breakpoint or trap instruction";
    default:
      return "exception";
  }
}

[[noreturn, gnu::noinline]] void report(uint64_t index, const uint64_t* registers) {
  const char* const kKinds[4] = {"synchronous", "IRQ", "FIQ", "SError"};
  const Syndrome s = read_syndrome();
  console::start();  // it may not be up yet
  print("\nEXCEPTION at EL", exception_level(), ", vector ", index, " (", kKinds[index % 4],
        "): ", describe_class(s.esr >> 26), "\n  ESR ", Hex{s.esr}, "  ELR ", Hex{s.elr}, "  FAR ",
        Hex{s.far}, "  LR ", Hex{registers[30]}, "\n");
  for (uint64_t i = 0; i < 30; ++i) print("  x", i, " ", Hex{registers[i]}, i % 5 == 4 ? "\n" : "");
  halt(true);
}

}  // namespace

// Called by vectors.S. Returns where the fault was expected.
extern "C" __attribute__((target("general-regs-only"))) void handle_exception(uint64_t index,
                                                                              const uint64_t* registers) {
  if (probing) {
    probe_failed = true;
    // A synchronous fault would come again; an SError's return address is the next instruction already.
    if (index % 4 == 0) skip_instruction();
    return;
  }
  report(index, registers);
}

bool memory_answers(uint64_t address) {
  auto* const word = reinterpret_cast<volatile uint64_t*>(address);
  constexpr uint64_t kPattern = 0x5AA5C33C0FF01234;
  probe_failed = false;
  probing = true;
  const uint64_t before = *word;
  *word = before ^ kPattern;
  flush_cache(const_cast<uint64_t*>(word), sizeof(*word));
  const uint64_t after = *word;
  *word = before;
  flush_cache(const_cast<uint64_t*>(word), sizeof(*word));
  asm volatile("dsb sy\n isb" ::: "memory");
  probing = false;
  return !probe_failed && after == (before ^ kPattern);
}

}  // namespace brim
