#include "firmware/mmu.h"

#include <cstdint>

#include "firmware/board.h"
#include "firmware/exception_level.h"

extern "C" char firmware_start[], text_end[], rodata_end[];

namespace brim {

namespace {

// Arm ARM D8.3: 4 KiB granule, 36 bits of address, walks start at level 1 (1 GiB per entry).
constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kPage = 4096;
constexpr uint64_t kLevel2Entry = 2 << 20;

alignas(512) uint64_t level1[64];
alignas(kPage) uint64_t level2[512];  // of the first GiB
alignas(kPage) uint64_t level3[512];  // of the firmware's first 2 MiB
// Of the GiB and the 2 MiB in which the reserved range lies.
alignas(kPage) uint64_t reserved_level2[512];
alignas(kPage) uint64_t reserved_level3[512];

constexpr uint64_t kBlock = 1;
constexpr uint64_t kTable = 3;
constexpr uint64_t kPageEntry = 3;
constexpr uint64_t kNormal = 0 << 2;  // index into MAIR
constexpr uint64_t kDevice = 1 << 2;
constexpr uint64_t kWritable =
    1 << 6;  // AP[1]: RES1 at EL2 and EL3, "also EL0" at EL1, so only without it there
constexpr uint64_t kReadOnly = 2 << 6;  // AP[2]
constexpr uint64_t kInnerShareable = 3 << 8;
constexpr uint64_t kAccessed = 1 << 10;
constexpr uint64_t kNoExecute = uint64_t{3} << 53;  // UXN (EL2, EL3: XN) and PXN

constexpr uint64_t kMemory = kNormal | kInnerShareable | kAccessed | kNoExecute;
constexpr uint64_t kPeripheral = kDevice | kAccessed | kNoExecute;

// Normal: write-back, write-allocate. Device: nGnRE.
constexpr uint64_t kMair = 0x04FF;

void fill_tables(bool el1) {
  const uint64_t ap = el1 ? 0 : kWritable;
  for (const board::Range& ddr : board::kDdr) {
    for (uint64_t address = ddr.base; address < ddr.base + ddr.bytes; address += kGiB) {
      level1[address / kGiB] = address | kMemory | ap | kBlock;
    }
  }
  // From 2 GiB to 4 GiB: the programmable logic and all peripherals.
  for (uint64_t address = 2 * kGiB; address < 4 * kGiB; address += kGiB) {
    level1[address / kGiB] = address | kPeripheral | ap | kBlock;
  }
  level1[0] = reinterpret_cast<uint64_t>(level2) | kTable;
  for (uint64_t i = 0; i < 512; ++i) level2[i] = i * kLevel2Entry | kMemory | ap | kBlock;
  level2[0] = reinterpret_cast<uint64_t>(level3) | kTable;

  // Not even speculation may reach what is another's: the range is not mapped.
  constexpr uint64_t kReservedGiB = board::kReserved.base / kGiB * kGiB;
  constexpr uint64_t kReservedEntry = board::kReserved.base / kLevel2Entry * kLevel2Entry;
  static_assert(kReservedGiB > 0 &&
                board::kReserved.base + board::kReserved.bytes <= kReservedEntry + kLevel2Entry);
  level1[kReservedGiB / kGiB] = reinterpret_cast<uint64_t>(reserved_level2) | kTable;
  for (uint64_t i = 0; i < 512; ++i) {
    const uint64_t block = kReservedGiB + i * kLevel2Entry, page = kReservedEntry + i * kPage;
    reserved_level2[i] = block == kReservedEntry ? reinterpret_cast<uint64_t>(reserved_level3) | kTable
                                                 : block | kMemory | ap | kBlock;
    const bool reserved =
        page >= board::kReserved.base && page - board::kReserved.base < board::kReserved.bytes;
    reserved_level3[i] = reserved ? 0 : page | kMemory | ap | kPageEntry;
  }

  const auto first = reinterpret_cast<uint64_t>(firmware_start);
  const auto text = reinterpret_cast<uint64_t>(text_end);
  const auto constants = reinterpret_cast<uint64_t>(rodata_end);
  for (uint64_t i = 0; i < 512; ++i) {
    const uint64_t address = i * kPage;
    uint64_t attributes = kMemory | ap;
    if (address < first) continue;  // null pointers fault
    if (address < text) attributes = kNormal | kInnerShareable | kAccessed | ap | kReadOnly;
    if (address >= text && address < constants) attributes |= kReadOnly;
    // Registers that stand in memory are nobody's cache line.
    if (address == board::kAccelerator) attributes = kPeripheral | ap;
    level3[i] = address | attributes | kPageEntry;
  }
}

// 36 bits (T0SZ = 28), tables cached and inner shareable.
constexpr uint64_t kTcr = 28 | (1 << 8) | (1 << 10) | (3 << 12);

}  // namespace

void enable_mmu() {
  const uint64_t level = exception_level();
  fill_tables(level == 1);
  const auto table = reinterpret_cast<uint64_t>(level1);
  constexpr uint64_t kOn = 0x1005;  // SCTLR: MMU, data and instruction caches
  uint64_t control;
  asm volatile("dsb sy" ::: "memory");
  switch (level) {
    case 3:
      asm volatile(
          "msr mair_el3, %0\n msr tcr_el3, %1\n msr ttbr0_el3, %2\n tlbi alle3\n dsb sy\n isb" ::"r"(kMair),
          "r"(kTcr | uint64_t{1} << 31 | uint64_t{1} << 23 | 1 << 16), "r"(table)
          : "memory");
      asm volatile("mrs %0, sctlr_el3" : "=r"(control));
      asm volatile("msr sctlr_el3, %0\n isb" ::"r"(control | kOn) : "memory");
      break;
    case 2:
      asm volatile(
          "msr mair_el2, %0\n msr tcr_el2, %1\n msr ttbr0_el2, %2\n tlbi alle2\n dsb sy\n isb" ::"r"(kMair),
          "r"(kTcr | uint64_t{1} << 31 | uint64_t{1} << 23 | 1 << 16), "r"(table)
          : "memory");
      asm volatile("mrs %0, sctlr_el2" : "=r"(control));
      asm volatile("msr sctlr_el2, %0\n isb" ::"r"(control | kOn) : "memory");
      break;
    default:
      // The upper half of the address space (TTBR1) is switched off: EPD1.
      asm volatile(
          "msr mair_el1, %0\n msr tcr_el1, %1\n msr ttbr0_el1, %2\n tlbi vmalle1\n dsb sy\n isb" ::"r"(kMair),
          "r"(kTcr | uint64_t{1} << 23 | uint64_t{1} << 32), "r"(table)
          : "memory");
      asm volatile("mrs %0, sctlr_el1" : "=r"(control));
      asm volatile("msr sctlr_el1, %0\n isb" ::"r"(control | kOn) : "memory");
      break;
  }
}

}  // namespace brim
