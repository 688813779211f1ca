#include "rtl_target/accelerator.h"

#include "accelerator/driver.h"
#include "base/concat.h"
#include "base/error.h"
#include "isa/registers.h"

namespace brim::rtl_target {
namespace {

constexpr uint32_t kResetCycles = 256;  // the compute side wants 128
// Cycles without a transfer before this program gives up, too.
constexpr uint32_t kWatchdog = 2 * accelerator::kWatchdogCycles;

}  // namespace

Accelerator::Accelerator(std::unique_ptr<Model> model, const Board& board, PhysicalMemory& memory)
    : model_(std::move(model)), memory_(board, memory) {
  for (uint32_t i = 0; i < kResetCycles; ++i) clock();
  pins_.aresetn = true;
  for (uint32_t i = 0; i < kResetCycles; ++i) clock();
  if (accelerator::look_for_accelerator(*this) != accelerator::Presence::kPresent) {
    throw Error("the RTL does not answer as an accelerator of this version; run make rtl");
  }
  write(registers::kWatchdog, accelerator::kWatchdogCycles);
  write(registers::kInterruptEnable, registers::kDone | registers::kError);
}

void Accelerator::clock() {
  memory_.drive(pins_);
  model_->settle(pins_);
  memory_.take(pins_);
  model_->clock();
}

template <typename Done>
void Accelerator::clock_until(const char* what, const Done& done) {
  for (uint32_t quiet = 0;; ++quiet) {
    clock();
    if (done()) return;
    if (memory_.moved()) quiet = 0;
    if (quiet > kWatchdog) {
      throw Error(concat("the RTL hangs: no ", what, " within ", quiet,
                         " cycles without a transfer; this is a fault of rtl/, please report it"));
    }
  }
}

uint32_t Accelerator::read(uint32_t offset) {
  RegisterPins& pins = pins_.registers;
  pins.araddr = static_cast<uint16_t>(offset);
  pins.arvalid = true;
  pins.rready = true;
  clock_until("acceptance of a register's address", [&] { return pins.arready; });
  pins.arvalid = false;
  // The value may stand there in the cycle in which the address is accepted.
  if (!pins.rvalid) clock_until("register's value", [&] { return pins.rvalid; });
  pins.rready = false;
  return pins.rdata;
}

void Accelerator::write(uint32_t offset, uint32_t value) {
  RegisterPins& pins = pins_.registers;
  pins.awaddr = static_cast<uint16_t>(offset);
  pins.wdata = value;
  pins.awvalid = true;
  pins.wvalid = true;
  pins.bready = true;
  bool answered = false;
  clock_until("acceptance of a register's value", [&] {
    answered |= pins.bvalid;
    if (pins.awready) pins.awvalid = false;
    if (pins.wready) pins.wvalid = false;
    return !pins.awvalid && !pins.wvalid;
  });
  if (!answered) clock_until("response to a register's value", [&] { return pins.bvalid; });
  pins.bready = false;
}

void Accelerator::run_pass() {
  // Bursts of a pass that ended by an error may still be under way.
  if (!memory_.idle()) clock_until("end of all bursts", [&] { return memory_.idle(); });
  memory_.restart();
  write(registers::kControl, registers::kStart);
  if (!pins_.interrupt) clock_until("end of the pass", [&] { return pins_.interrupt; });
  write(registers::kInterruptStatus, registers::kDone | registers::kError);
}

void Accelerator::soft_reset() {
  write(registers::kControl, registers::kSoftReset);
  for (uint32_t i = 0; read(registers::kControl) != 0; ++i) {
    if (i == kWatchdog)
      throw Error("the RTL hangs in a soft reset; this is a fault of rtl/, please report it");
  }
}

}  // namespace brim::rtl_target
