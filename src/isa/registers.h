// The accelerator's AXI4-Lite registers: 32-bit words, little endian. Freestanding; the firmware, its
// counterparts that stand in for the accelerator, and the RTL's package all take them from here.
// docs/registers.md says how they are used.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace brim::registers {

// Byte offsets.
inline constexpr uint32_t kId = 0x000;
inline constexpr uint32_t kVersion = 0x004;
inline constexpr uint32_t kCapabilities = 0x008;
inline constexpr uint32_t kMaxTokens = 0x00C;
inline constexpr uint32_t kMaxContext = 0x010;
inline constexpr uint32_t kScoreBytes = 0x014;
inline constexpr uint32_t kClockKhz = 0x018;

inline constexpr uint32_t kControl = 0x020;
inline constexpr uint32_t kStatus = 0x024;
inline constexpr uint32_t kErrorCode = 0x028;
inline constexpr uint32_t kErrorAddress = 0x02C;
inline constexpr uint32_t kInterruptEnable = 0x030;
inline constexpr uint32_t kInterruptStatus = 0x034;
inline constexpr uint32_t kWatchdog = 0x038;
inline constexpr uint32_t kErrorRegion = 0x03C;

inline constexpr uint32_t kProgram = 0x040;
inline constexpr uint32_t kPosition = 0x044;
inline constexpr uint32_t kTokens = 0x048;
inline constexpr uint32_t kFirstLogits = 0x04C;

inline constexpr uint32_t kTokenId = 0x080;  // of token 0; the others follow
inline constexpr uint32_t kTokenIds = 16;

inline constexpr uint32_t kCycles = 0x100;
inline constexpr uint32_t kBeatsRead = 0x104;
inline constexpr uint32_t kBeatsWritten = 0x108;
inline constexpr uint32_t kStallEmpty = 0x110;
inline constexpr uint32_t kStallActivation = 0x114;
inline constexpr uint32_t kStallResult = 0x118;
inline constexpr uint32_t kStallSoftmax = 0x11C;
inline constexpr uint32_t kStallScores = 0x120;
inline constexpr uint32_t kStallPass = 0x124;
inline constexpr uint32_t kFifoFull = 0x128;
inline constexpr uint32_t kPortIdle = 0x12C;
inline constexpr uint32_t kStallLocal = 0x130;
inline constexpr uint32_t kLastCounter = kStallLocal;

inline constexpr uint32_t kLogitsCrc = 0x140;  // of token 0; the others follow

// What the cycles are spent on in which no beat leaves the prefetch FIFO. CYCLES is their sum and the beats
// that the units took. One list for hardware, simulator and reports: kStalls[i] is of Stall i.
enum class Stall : uint8_t { kEmpty, kActivation, kResult, kSoftmax, kScores, kLocal, kPass };
struct StallCounter {
  std::string_view name;  // of the cause
  uint32_t offset;
  std::string_view meaning;
};
inline constexpr auto kStalls = std::to_array<StallCounter>({
    {"empty", kStallEmpty, "the FIFO is empty: the stream has not come from memory"},
    {"activation", kStallActivation, "a block of activations is not in the lanes"},
    {"result", kStallResult, "the result buffer is full"},
    {"softmax", kStallSoftmax, "attention weights are not ready"},
    {"scores", kStallScores, "query heads are not ready"},
    {"local", kStallLocal,
     "the VPU is busy otherwise: rows that are on the chip, replayed pages, between instructions"},
    {"pass", kStallPass, "before the first beat and after the last"},
});
constexpr std::string_view name_of(Stall stall) { return kStalls[static_cast<uint8_t>(stall)].name; }

inline constexpr uint32_t kBlockBytes = 0x1000;  // address space of the whole block

inline constexpr uint32_t kIdValue = 0x4D495242;  // "BRIM"
inline constexpr uint32_t kVersionValue = 1;

// kCapabilities.
inline constexpr uint32_t kHasStallCounters = 1u << 0;
inline constexpr uint32_t kHasLogitsCrc = 1u << 1;
inline constexpr uint32_t kHasWindows = 1u << 2;

// kControl. Both bits read as 1 until what they asked for is over.
inline constexpr uint32_t kStart = 1u << 0;
inline constexpr uint32_t kSoftReset = 1u << 1;

// kStatus; kInterruptEnable and kInterruptStatus have kDone and kError likewise.
inline constexpr uint32_t kDone = 1u << 0;
inline constexpr uint32_t kError = 1u << 1;
inline constexpr uint32_t kBusy = 1u << 2;

enum class ErrorCode : uint32_t {
  kNone = 0,
  kBadProgram = 1,      // magic, version or sizes of the program's header
  kBadInstruction = 2,  // opcode, sizes, or no `end` where the program ends
  kBadPass = 3,         // kTokens, kFirstLogits or kPosition out of range
  kReadError = 4,       // a port's read was answered with an error
  kWriteError = 5,      // a write was
  kNoProgress = 6,      // kWatchdog cycles without progress
  kOverflow = 7,        // an activation left the range of A16
  kDamaged = 8,         // a checksum was wrong; kErrorRegion says of what
};

// A word for people, for messages and documentation.
constexpr std::string_view describe(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNone:
      return "no error";
    case ErrorCode::kBadProgram:
      return "bad program header";
    case ErrorCode::kBadInstruction:
      return "bad instruction";
    case ErrorCode::kBadPass:
      return "pass out of range";
    case ErrorCode::kReadError:
      return "bus error on a read";
    case ErrorCode::kWriteError:
      return "bus error on a write";
    case ErrorCode::kNoProgress:
      return "no progress (watchdog)";
    case ErrorCode::kOverflow:
      return "values left the number range";
    case ErrorCode::kDamaged:
      return "damaged memory";
  }
  return "unknown error";
}

enum class Access : uint8_t { kReadOnly, kReadWrite, kWriteOneToClear };

struct Register {
  std::string_view name;
  uint32_t offset;
  uint32_t words;
  Access access;
};

// Every register once, by offset: what RTL and documentation are checked against.
inline constexpr auto kRegisters = std::to_array<Register>({
    {"ID", kId, 1, Access::kReadOnly},
    {"VERSION", kVersion, 1, Access::kReadOnly},
    {"CAPABILITIES", kCapabilities, 1, Access::kReadOnly},
    {"MAX_TOKENS", kMaxTokens, 1, Access::kReadOnly},
    {"MAX_CONTEXT", kMaxContext, 1, Access::kReadOnly},
    {"SCORE_BYTES", kScoreBytes, 1, Access::kReadOnly},
    {"CLOCK_KHZ", kClockKhz, 1, Access::kReadOnly},
    {"CONTROL", kControl, 1, Access::kReadWrite},
    {"STATUS", kStatus, 1, Access::kReadOnly},
    {"ERROR_CODE", kErrorCode, 1, Access::kReadOnly},
    {"ERROR_ADDRESS", kErrorAddress, 1, Access::kReadOnly},
    {"INTERRUPT_ENABLE", kInterruptEnable, 1, Access::kReadWrite},
    {"INTERRUPT_STATUS", kInterruptStatus, 1, Access::kWriteOneToClear},
    {"WATCHDOG", kWatchdog, 1, Access::kReadWrite},
    {"ERROR_REGION", kErrorRegion, 1, Access::kReadOnly},
    {"PROGRAM", kProgram, 1, Access::kReadWrite},
    {"POSITION", kPosition, 1, Access::kReadWrite},
    {"TOKENS", kTokens, 1, Access::kReadWrite},
    {"FIRST_LOGITS", kFirstLogits, 1, Access::kReadWrite},
    {"TOKEN_ID", kTokenId, kTokenIds, Access::kReadWrite},
    {"CYCLES", kCycles, 1, Access::kReadOnly},
    {"BEATS_READ", kBeatsRead, 1, Access::kReadOnly},
    {"BEATS_WRITTEN", kBeatsWritten, 1, Access::kReadOnly},
    {"STALL_EMPTY", kStallEmpty, 1, Access::kReadOnly},
    {"STALL_ACTIVATION", kStallActivation, 1, Access::kReadOnly},
    {"STALL_RESULT", kStallResult, 1, Access::kReadOnly},
    {"STALL_SOFTMAX", kStallSoftmax, 1, Access::kReadOnly},
    {"STALL_SCORES", kStallScores, 1, Access::kReadOnly},
    {"STALL_PASS", kStallPass, 1, Access::kReadOnly},
    {"FIFO_FULL", kFifoFull, 1, Access::kReadOnly},
    {"PORT_IDLE", kPortIdle, 1, Access::kReadOnly},
    {"STALL_LOCAL", kStallLocal, 1, Access::kReadOnly},
    {"LOGITS_CRC", kLogitsCrc, kTokenIds, Access::kReadOnly},
});

}  // namespace brim::registers
