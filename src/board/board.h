// A board: its memory, its ports into it and the size of the accelerator on it. Read from a JSON file
// (boards/*.json); one description serves the planner that lays out images and the timing simulator.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address_range.h"

namespace brim {

// DRAM timing in clocks (nCK), named as in JEDEC JESD79-4 (DDR4). Command to command, same rank.
struct DdrTiming {
  uint32_t cl = 0;             // RD to first data
  uint32_t cwl = 0;            // WR to first data
  uint32_t trcd = 0;           // ACT to RD or WR, same bank
  uint32_t trp = 0;            // PRE to ACT, same bank
  uint32_t tras = 0;           // ACT to PRE, same bank
  uint32_t trc = 0;            // ACT to ACT, same bank
  uint32_t tccd_s = 0;         // RD to RD and WR to WR, other bank group
  uint32_t tccd_l = 0;         // RD to RD and WR to WR, same bank group
  uint32_t trrd_s = 0;         // ACT to ACT, other bank group
  uint32_t trrd_l = 0;         // ACT to ACT, same bank group
  uint32_t tfaw = 0;           // window that holds at most four ACT
  uint32_t trtp = 0;           // RD to PRE, same bank
  uint32_t twr = 0;            // end of write data to PRE, same bank
  uint32_t twtr_s = 0;         // end of write data to RD, other bank group
  uint32_t twtr_l = 0;         // end of write data to RD, same bank group
  uint32_t read_to_write = 0;  // RD to WR
  uint32_t trfc = 0;           // REF to ACT or REF
  uint32_t trefi = 0;          // mean interval of REF

  bool operator==(const DdrTiming&) const = default;
};

// Which bits of the byte offset into the DRAM make up each part of a DRAM address, least significant
// first. Together they cover every bit of the capacity exactly once. `byte` selects within a burst.
struct AddressMap {
  std::vector<uint8_t> row;
  std::vector<uint8_t> bank;  // within a bank group
  std::vector<uint8_t> bank_group;
  std::vector<uint8_t> column;  // bursts within a row
  std::vector<uint8_t> byte;

  bool operator==(const AddressMap&) const = default;
};

// Queues of the memory controller, in bursts. Writes are drained when `write_high_watermark` of them
// wait, until only `write_low_watermark` do.
struct ControllerSizes {
  uint32_t read_queue = 0;
  uint32_t write_queue = 0;
  uint32_t write_high_watermark = 0;
  uint32_t write_low_watermark = 0;

  bool operator==(const ControllerSizes&) const = default;
};

// One channel, one rank, with bursts of 64 bytes.
struct DdrDescription {
  double clock_mhz = 0;  // of the command bus; data moves at twice that rate
  uint32_t data_width_bits = 0;
  uint32_t burst_length = 0;
  uint32_t bank_groups = 0;
  uint32_t banks_per_group = 0;
  uint32_t row_bits = 0;
  uint32_t column_bits = 0;
  DdrTiming timing;
  AddressMap address_map;
  ControllerSizes controller;

  uint32_t banks() const { return bank_groups * banks_per_group; }
  uint32_t burst_clocks() const { return burst_length / 2; }
  uint64_t row_bytes() const { return (uint64_t{1} << column_bits) * data_width_bits / 8; }
  uint64_t capacity_bytes() const { return row_bytes() * banks() << row_bits; }
  double peak_bytes_per_second() const { return clock_mhz * 1e6 * 2 * data_width_bits / 8; }

  bool operator==(const DdrDescription&) const = default;
};

// A range of physical addresses.
struct MemoryRegion {
  std::string name;
  uint64_t base = 0;
  uint64_t bytes = 0;

  AddressRange range() const { return {base, bytes}; }

  bool operator==(const MemoryRegion&) const = default;
};

// A port of the programmable logic into the memory system, and the input of the DDR controller (XPI) that it
// leads to.
struct AxiPort {
  std::string name;
  uint32_t xpi = 0;

  bool operator==(const AxiPort&) const = default;
};

// What stands between the ports and the controller's inputs. Each input takes and gives `data_width_bits` per
// clock; ports of one input take turns after `arbitration_bytes`.
struct SwitchDescription {
  double clock_mhz = 0;
  uint32_t data_width_bits = 0;
  uint32_t arbitration_bytes = 0;

  bool operator==(const SwitchDescription&) const = default;
};

// The accelerator's ports into the memory system. They run at the accelerator's clock.
struct AxiDescription {
  std::vector<AxiPort> ports;  // of the stream, in the order in which they take turns
  AxiPort aux;                 // fetches the program, writes
  uint32_t data_width_bits = 0;
  uint32_t burst_bytes = 0;             // length of the bursts the accelerator asks for
  uint32_t max_outstanding_bursts = 0;  // per port and direction, of the accelerator
  uint32_t outstanding_reads = 0;       // bursts of a port that its interface has under way at the switch
  double fabric_latency_ns = 0;         // request to controller plus data back, idle, without DRAM time
  SwitchDescription interconnect;       // "switch" in the file

  uint32_t port_count() const { return static_cast<uint32_t>(ports.size()); }

  bool operator==(const AxiDescription&) const = default;
};

// The largest model that an accelerator takes.
struct LargestModelDescription {
  uint32_t dim = 0;
  uint32_t hidden = 0;
  uint32_t heads = 0;
  uint32_t kv_heads = 0;
  uint32_t heads_per_kv = 0;
  uint32_t head_size = 0;

  bool operator==(const LargestModelDescription&) const = default;
};

struct AcceleratorDescription {
  double clock_mhz = 0;
  uint32_t vpu_lanes = 0;            // weights per cycle
  uint32_t max_context = 0;          // positions
  uint32_t tokens_per_pass = 0;      // largest T
  uint32_t prefetch_fifo_beats = 0;  // 64 B each
  uint32_t port_fifo_beats = 0;      // of each stream port: what it may have asked for and not yet joined
  uint32_t score_buffer_bytes =
      0;  // attention scores: 8 B per position, lane and round of pairs (isa/pass_limits.h)
  LargestModelDescription largest_model;

  bool operator==(const AcceleratorDescription&) const = default;
};

// The card that the board starts from, read at random while it decodes.
struct CardDescription {
  double megabytes_per_second = 0;
  double read_latency_us = 0;  // from the command to the first byte

  // Of a run of neighbouring bytes.
  double seconds(double bytes) const { return read_latency_us * 1e-6 + bytes / (megabytes_per_second * 1e6); }

  bool operator==(const CardDescription&) const = default;
};

// The core that runs the firmware, which chooses tokens between passes.
struct ProcessorDescription {
  double clock_mhz = 0;
  double cycles_per_instruction = 0;         // of data that is in the cache
  double uncached_megabytes_per_second = 0;  // reads of memory that is not

  bool operator==(const ProcessorDescription&) const = default;
};

struct Board {
  std::string name;
  std::string description;
  DdrDescription ddr;
  std::vector<MemoryRegion> regions;   // in DRAM order; together they are the whole capacity
  MemoryRegion firmware;               // inside one region, not available to images
  std::vector<MemoryRegion> reserved;  // likewise, others': neither images nor the firmware touch them
  AxiDescription axi;
  AcceleratorDescription accelerator;
  CardDescription card;
  ProcessorDescription processor;

  // The byte offset into the DRAM of a physical address: regions follow one another in the DRAM in the
  // order in which they are listed. Throws Error for an address outside all regions.
  uint64_t dram_offset(uint64_t physical_address) const;

  bool operator==(const Board&) const = default;
};

inline constexpr uint64_t kDdrBurstBytes = 64;
inline constexpr uint64_t kRegionAlignment = 8192;  // regions and firmware are whole pages of the image

// The board called `name_or_path`: one of builtin_board_names(), or a user's JSON file, changed by
// `settings`, each "KEY=VALUE" as --set takes them: a dotted path into the file, and JSON or text. Throws
// Error saying which key of which file or which setting is wrong, or which boards there are.
Board load_board(const std::string& name_or_path, std::span<const std::string> settings = {});

// Boards whose files are built into the binary, sorted.
std::vector<std::string_view> builtin_board_names();

// Reads a description from JSON text; `file` names it in messages. It says everything, or what differs from a
// built-in board: "like" names that, and "set" has dotted paths and their values. Unknown and missing keys
// and values that cannot be are refused with Error.
Board parse_board(std::string_view json, const std::string& file, std::span<const std::string> settings = {});

}  // namespace brim
