#include "sim/reads.h"

#include <algorithm>

#include "base/concat.h"
#include "base/error.h"

namespace brim::sim {
namespace {

constexpr uint32_t kPageBeats = kPageBytes / kBeatBytes;
constexpr uint32_t kSubBlockBeats = kSubBlockBytes / kBeatBytes;
constexpr uint32_t kSubBlocks = kPorts;  // of a page, whatever the board has of ports
constexpr uint32_t kScalesPerBeat = kBeatBytes / 2;

constexpr uint64_t bytes(uint32_t beat_address) { return uint64_t{beat_address} * kBeatBytes; }

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
      stream_sizes_.emplace_back(bytes(step.instruction.address), 0);
    if (step.instruction.opcode != Opcode::kMatvec) continue;
    if (stream_sizes_.empty())
      throw Error("program: a matrix before the weight stream; pack the model again");
    stream_sizes_.back().second += step.instruction.count;
  }
}

void ReadList::start(const Instruction& in) {
  pieces_.clear();
  piece_ = 0;
  done_ = 0;
  const uint64_t past = program_.pass.position;
  const uint64_t record_beats = program_.record_beats();
  switch (in.opcode) {
    case Opcode::kStream:
      stream_ = bytes(in.address);
      stream_pages_ = 0;
      metadata_read_ = false;
      break;
    case Opcode::kLoad:
      pieces_.push_back({bytes(in.address), in.count, false});
      break;
    case Opcode::kRope:
      for (uint32_t t = 0; t < program_.pass.tokens; ++t)
        pieces_.push_back({bytes(in.address) + (past + t) * bytes(in.count), in.count, false});
      break;
    case Opcode::kEmbed:
      // Which rows depends on the tokens; any rows far apart take the memory as long.
      for (uint32_t t = 0; t < program_.pass.tokens; ++t) {
        const uint64_t token = (past + t) * 7919 % program_.header.vocabulary;
        pieces_.push_back({bytes(in.address) + token * bytes(in.count), in.count, false});
      }
      break;
    case Opcode::kMatvec:
      matrix_ = in;
      pages_left_ = in.count;
      page_of_matrix_ = 0;
      break;
    case Opcode::kScores: {
      const uint64_t scale_beats = (past + kScalesPerBeat - 1) / kScalesPerBeat;
      pieces_.push_back({bytes(in.address2), scale_beats, false});
      pieces_.push_back({bytes(in.address2) + kv_scale_bytes(program_.header.context), scale_beats, false});
      pieces_.push_back({bytes(in.address), past * record_beats, true});
      break;
    }
    case Opcode::kValues:
      pieces_.push_back({bytes(in.address), past * record_beats, true});
      break;
    default:
      break;
  }
}

bool ReadList::next(Read& read) {
  read.bursts.clear();
  read.port_beats.fill(0);
  read.beats = 0;
  if (pages_left_ > 0) {
    weight_page(read);
    return true;
  }
  while (piece_ < pieces_.size() && done_ == pieces_[piece_].beats) {
    ++piece_;
    done_ = 0;
  }
  if (piece_ == pieces_.size()) return false;
  const Piece& piece = pieces_[piece_];
  const uint32_t beats = static_cast<uint32_t>(std::min<uint64_t>(kPageBeats, piece.beats - done_));
  if (piece.pages) {
    page(read, piece.address + done_ * kBeatBytes, beats);
  } else {
    linear(read, piece.address + done_ * kBeatBytes, beats);
  }
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
void ReadList::page(Read& read, uint64_t address, uint32_t kv_beats) const {
  const uint32_t record_beats = program_.record_beats();
  const bool full = kv_beats == kPageBeats;
  const uint32_t parts = std::max(1u, ports_ / kSubBlocks);  // of a sub-block
  for (uint32_t at = 0; at < kSubBlockBeats / parts; at += burst_beats_) {
    for (uint32_t block = 0; block < kSubBlocks; ++block) {
      const uint32_t records = full ? 0 : (kv_beats / record_beats + kSubBlocks - 1 - block) / kSubBlocks;
      const uint32_t filled = full ? kSubBlockBeats : records * record_beats;
      for (uint32_t part = 0; part < parts; ++part) {
        const uint32_t from = part * (kSubBlockBeats / parts) + at;
        const uint32_t length = std::min(burst_beats_, kSubBlockBeats / parts - at);
        if (from >= filled) continue;
        add(read, (block * parts + part) % ports_,
            address + uint64_t{block} * kSubBlockBytes + uint64_t{from} * kBeatBytes,
            std::min(length, filled - from));
      }
    }
  }
}

void ReadList::weight_page(Read& read) {
  if (stream_pages_ % kPagesPerChunk == 0 && !metadata_read_) {
    metadata_read_ = true;
    page(read, stream_ + stream_pages_ / kPagesPerChunk * kChunkBytes, kPageBeats);
    return;
  }
  const uint64_t page_address = stream_ + page_offset(stream_pages_);
  switch (order_) {
    case WeightOrder::kStream:
      page(read, page_address, kPageBeats);
      break;
    case WeightOrder::kRowMajor: {
      // The rows of the block stand one after the other; the page is `shape` groups of each of them.
      const uint32_t pages_per_row = matrix_.groups / matrix_.shape;
      const uint64_t block = stream_ + page_offset(stream_pages_ - page_of_matrix_ % pages_per_row);
      for (uint32_t group = 0; group < kGroupsPerPage; ++group) {
        const uint64_t row = group / matrix_.shape;
        const uint64_t column =
            uint64_t{page_of_matrix_ % pages_per_row} * matrix_.shape + group % matrix_.shape;
        add(read, group % ports_, block + (row * matrix_.groups + column) * kGroupBytes, 1);
      }
      break;
    }
    case WeightOrder::kPortRegions: {
      const auto size = std::ranges::find(stream_sizes_, stream_, &std::pair<uint64_t, uint64_t>::first);
      const uint64_t region = size->second * kPageBytes / ports_ / kSubBlockBytes * kSubBlockBytes;
      const uint32_t beats = kPageBeats / ports_;
      for (uint32_t at = 0; at < beats; at += burst_beats_) {
        for (uint32_t port = 0; port < ports_; ++port) {
          add(read, port, stream_ + port * region + (stream_pages_ * beats + at) * kBeatBytes,
              std::min(burst_beats_, beats - at));
        }
      }
      break;
    }
  }
  ++stream_pages_;
  ++page_of_matrix_;
  --pages_left_;
  if (stream_pages_ % kPagesPerChunk == 0) metadata_read_ = false;
}

}  // namespace brim::sim
