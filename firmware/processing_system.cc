#include "firmware/processing_system.h"

#include <string_view>

#include "firmware/board.h"
#include "firmware/clocks.h"
#include "firmware/console.h"
#include "firmware/io.h"
#include "firmware/timer.h"

namespace brim {

namespace {

// UG1087. CRF_APB: clocks and resets of the full-power domain, CRL_APB: of the low-power domain.
constexpr uint64_t kCrfApb = 0xFD1A0000, kCrlApb = 0xFF5E0000;
constexpr uint64_t kApllCtrl = kCrfApb + 0x20, kDpllCtrl = kCrfApb + 0x2C, kVpllCtrl = kCrfApb + 0x38;
constexpr uint64_t kDdrCtrl = kCrfApb + 0x80, kTopswMainCtrl = kCrfApb + 0xC0, kRstFpdTop = kCrfApb + 0x100;
constexpr uint64_t kRstLpdIou0 = kCrlApb + 0x230, kRstLpdTop = kCrlApb + 0x23C;
constexpr uint64_t kDdrc = 0xFD070000;
constexpr uint64_t kMstr = kDdrc, kAddrmap = kDdrc + 0x200;
constexpr uint32_t kAddrmaps = 12;

// Ports that the bitstream may use, in the order of boards/kv260.json, aux last, and the FIFO interface of
// each.
struct Port {
  std::string_view name;
  uint64_t afifm;
};
constexpr Port kPorts[] = {{"HP0", 0xFD380000},
                           {"HP1", 0xFD390000},
                           {"HP3", 0xFD3B0000},
                           {"HPC1", 0xFD370000},
                           {"HPC0", 0xFD360000}};
constexpr uint64_t kRdctrl = 0x0, kRdissue = 0x4, kRdqos = 0x8;

double peak = board::kExpectedPeakBytesPerSecond;

double mega(double hz) { return hz / 1e6; }

}  // namespace

void stop_devices() {
  if (!board::kHasProcessingSystem) return;
  // Controllers, their AHB and AXI sides, and the USB wrappers. A device in reset starts no transfer; what it
  // has begun ends.
  constexpr uint32_t kGems = 0xF, kUsbs = 0x3F << 6, kDisplay = 1u << 16;
  io_write(kRstLpdIou0, io_read<uint32_t>(kRstLpdIou0) | kGems);
  io_write(kRstLpdTop, io_read<uint32_t>(kRstLpdTop) | kUsbs);
  io_write(kRstFpdTop, io_read<uint32_t>(kRstFpdTop) | kDisplay);
  sleep(0.001);
}

void print_memory_path() {
  const ClockRegisters r{.apll_ctrl = io_read<uint32_t>(kApllCtrl),
                         .dpll_ctrl = io_read<uint32_t>(kDpllCtrl),
                         .vpll_ctrl = io_read<uint32_t>(kVpllCtrl),
                         .ddr_ctrl = io_read<uint32_t>(kDdrCtrl),
                         .topsw_main_ctrl = io_read<uint32_t>(kTopswMainCtrl)};
  if (!ddr_clock_is_set(r)) {
    print("DDR          no boot loader has set its clock (DPLL_CTRL ", Hex{r.dpll_ctrl}, ", DDR_CTRL ",
          Hex{r.ddr_ctrl}, "); shares are of ", Fixed{peak / 1e9, 2}, "e9 B/s\n");
    return;
  }
  if (!board::kHasProcessingSystem) return;
  const auto mstr = io_read<uint32_t>(kMstr);
  const double rate = ddr_transfers_per_second(r);
  peak = rate * ddr_bus_bytes(mstr);
  print("DDR          ", std::string_view(is_ddr4(mstr) ? "DDR4-" : "DDR-"), Fixed{mega(rate), 0}, ", ",
        8 * ddr_bus_bytes(mstr), " bit: ", Fixed{peak / 1e9, 2}, "e9 B/s (DPLL_CTRL ", Hex{r.dpll_ctrl},
        ", DDR_CTRL ", Hex{r.ddr_ctrl}, ", MSTR ", Hex{mstr}, ")\nADDRMAP0-11 ");
  for (uint32_t i = 0; i < kAddrmaps; ++i) print(" ", Hex{io_read<uint32_t>(kAddrmap + 4 * i)});
  print("\nswitch       ", Fixed{mega(switch_hz(r)), 2}, " MHz (TOPSW_MAIN_CTRL ", Hex{r.topsw_main_ctrl},
        ")\n");
  for (const Port& port : kPorts) {
    const auto rdctrl = io_read<uint32_t>(port.afifm + kRdctrl);
    const auto rdissue = io_read<uint32_t>(port.afifm + kRdissue);
    print("port ", port.name, port.name.size() < 4 ? std::string_view("     ") : std::string_view("    "),
          port_bits(rdctrl), " bit, ", port_outstanding(rdissue), " reads under way (RDCTRL ", Hex{rdctrl},
          ", RDISSUE ", Hex{rdissue}, ", RDQOS ", Hex{io_read<uint32_t>(port.afifm + kRdqos)}, ")\n");
    if (port_bits(rdctrl) != 128) {
      print("Error: port ", port.name, " must have 128 bits, as after power-on; reset the board.\n");
    }
  }
}

double memory_peak_bytes_per_second() { return peak; }

}  // namespace brim
