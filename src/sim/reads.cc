#include "sim/reads.h"

#include <algorithm>

#include "base/concat.h"
#include "base/error.h"

namespace brim::sim {
namespace {

constexpr uint32_t kPageBeats = kPageBytes / kBeatBytes;
constexpr uint32_t kSubBlockBeats = kSubBlockBytes / kBeatBytes;
constexpr uint32_t kSubBlocks = kPorts;  // of a page, whatever the board has of ports
constexpr std::array<uint32_t, kSubBlocks> kWhole = {kSubBlockBeats, kSubBlockBeats, kSubBlockBeats,
                                                     kSubBlockBeats};

}  // namespace

ReadList::ReadList(const Board& board, const PassProgram& program, const Design& design)
    : program_(program),
      order_(design.weight_order),
      ports_(board.axi.port_count()),
      burst_beats_(std::min<uint32_t>(board.axi.burst_bytes, kSubBlockBytes) / kBeatBytes) {
  if (ports_ > kMaxAxiPorts) {
    throw Error(concat("board ", board.name, ": axi.ports is ", ports_, ", at most ", kMaxAxiPorts,
                       " can be joined"));
  }
  for (const Step& step : program.steps) {
    if (step.instruction.opcode == Opcode::kStream)
      stream_sizes_.emplace_back(uint64_t{step.instruction.address} * kBeatBytes, 0);
    if (step.instruction.opcode == Opcode::kExperts)
      stream_sizes_.emplace_back(stream_of_expert(step.instruction, step.expert).start, 0);
    if (step.instruction.opcode == Opcode::kMatvec) stream_sizes_.back().second += step.instruction.count;
  }
  // Which rows of the embedding depends on the tokens; any rows far apart take the memory as long.
  for (uint64_t t = 0; t < program.pass.tokens; ++t) {
    const uint64_t scattered = (program.pass.position + t) * 7919 % program.header.vocabulary;
    token_ids_.push_back(static_cast<uint32_t>(program.rows_in_slots ? t : scattered));
  }
}

void ReadList::start(const Step& step) {
  const Instruction& in = step.instruction;
  instruction_ = in;
  runs_.clear();
  run_ = 0;
  done_ = 0;
  metadata_read_ = false;
  for_each_read(in, {program_.header, program_.pass.position, token_ids_, step.expert}, stream_,
                [this](const ReadRun& run) { runs_.push_back(run); });
}

bool ReadList::next(Read& read) {
  read.bursts.clear();
  read.port_beats.fill(0);
  read.beats = 0;
  const auto length = [](const ReadRun& run) {
    return run.read.pattern == Pattern::kWeights   ? run.pages
           : run.read.pattern == Pattern::kRecords ? uint64_t{run.records}
                                                   : run.beats;
  };
  while (run_ < runs_.size() && done_ == length(runs_[run_])) {
    ++run_;
    done_ = 0;
  }
  if (run_ == runs_.size()) return false;
  const ReadRun& run = runs_[run_];
  if (run.read.pattern == Pattern::kWeights) {
    weight_page(read, run);
    return true;
  }
  if (run.read.pattern == Pattern::kRecords) {
    const auto records =
        static_cast<uint32_t>(std::min<uint64_t>(run.kv.tokens_per_page(), run.records - done_));
    Filled filled;
    for (uint32_t block = 0; block < kSubBlocks; ++block)
      filled[block] = run.kv.sub_block_beats(records, block);
    page(read, run.address + done_ * run.kv.record_bytes, filled);
    done_ += records;
    return true;
  }
  const uint32_t beats = static_cast<uint32_t>(std::min<uint64_t>(kPageBeats, run.beats - done_));
  linear(read, run.address + done_ * kBeatBytes, beats);
  done_ += beats;
  return true;
}

void ReadList::add(Read& read, uint32_t port, uint64_t address, uint32_t beats) const {
  read.bursts.push_back({port, beats, address});
  read.port_beats[port] += beats;
  read.beats += beats;
}

void ReadList::linear(Read& read, uint64_t address, uint32_t beats) const {
  for (uint32_t k = 0; k < beats; ++k) add(read, k % ports_, address + uint64_t{k} * kBeatBytes, 1);
}

// Each sub-block is one port's, or is divided among several ports where there are more than four. A page of
// KV records may be filled in part: token t stands in sub-block t mod 4.
void ReadList::page(Read& read, uint64_t address, const Filled& filled) const {
  const uint32_t parts = std::max(1u, ports_ / kSubBlocks);  // of a sub-block
  for (uint32_t at = 0; at < kSubBlockBeats / parts; at += burst_beats_) {
    for (uint32_t block = 0; block < kSubBlocks; ++block) {
      for (uint32_t part = 0; part < parts; ++part) {
        const uint32_t from = part * (kSubBlockBeats / parts) + at;
        const uint32_t length = std::min(burst_beats_, kSubBlockBeats / parts - at);
        if (from >= filled[block]) continue;
        add(read, (block * parts + part) % ports_,
            address + uint64_t{block} * kSubBlockBytes + uint64_t{from} * kBeatBytes,
            std::min(length, filled[block] - from));
      }
    }
  }
}

void ReadList::weight_page(Read& read, const ReadRun& run) {
  const uint64_t stream_page = run.page + done_;
  if (stream_page % kPagesPerChunk == 0 && !metadata_read_) {
    metadata_read_ = true;
    page(read, run.address + metadata_offset(stream_page), kWhole);
    return;
  }
  const uint64_t page_address = run.address + page_offset(stream_page);
  switch (order_) {
    case WeightOrder::kStream:
      page(read, page_address, kWhole);
      break;
    case WeightOrder::kRowMajor: {
      // The rows of the block stand one after the other; the page is `shape` groups of each of them.
      const uint32_t groups = instruction_.groups, shape = instruction_.shape;
      const uint64_t page_of_row = done_ % (groups / shape);
      const uint64_t block = run.address + page_offset(stream_page - page_of_row);
      for (uint32_t group = 0; group < kGroupsPerPage; ++group) {
        const uint64_t row = group / shape;
        const uint64_t column = page_of_row * shape + group % shape;
        add(read, group % ports_, block + (row * groups + column) * kGroupBytes, 1);
      }
      break;
    }
    case WeightOrder::kPortRegions: {
      const auto size = std::ranges::find(stream_sizes_, run.address, &std::pair<uint64_t, uint64_t>::first);
      const uint64_t region = size->second * kPageBytes / ports_ / kSubBlockBytes * kSubBlockBytes;
      const uint32_t beats = kPageBeats / ports_;
      for (uint32_t at = 0; at < beats; at += burst_beats_) {
        for (uint32_t port = 0; port < ports_; ++port) {
          add(read, port, run.address + port * region + (stream_page * beats + at) * kBeatBytes,
              std::min(burst_beats_, beats - at));
        }
      }
      break;
    }
  }
  ++done_;
  metadata_read_ = false;
}

}  // namespace brim::sim
