#include "sim/vpu.h"

#include <algorithm>

namespace brim::sim {
namespace {

constexpr uint32_t kPageBeats = kPageBytes / kBeatBytes;
constexpr uint32_t kWeightsPerBeat = 128;

}  // namespace

Vpu::Vpu(const Board& board, const PassProgram& program, const Design& design, const Dispatch& dispatch,
         PrefetchFifo& fifo, VectorBuffers& buffers, Trace* trace)
    : program_(program),
      dispatch_(dispatch),
      fifo_(fifo),
      buffers_(buffers),
      trace_(trace),
      ideal_(design.ready_consumer),
      weight_beat_cycles_(ideal_ ? 1 : std::max(1u, kWeightsPerBeat / board.accelerator.vpu_lanes)),
      lanes_(board.accelerator.tokens_per_pass) {}

Task Vpu::run() {
  for (size_t i = 0; i < program_.steps.size(); ++i) {
    const Step& step = program_.steps[i];
    const Instruction& in = step.instruction;
    if (!(units_of(in.opcode) & kVpu)) continue;
    co_await until([&] { return dispatch_.known(i); });
    step_ = static_cast<uint32_t>(i);
    // A late instruction shows as an empty FIFO: its beats are not asked for any earlier.
    const Cycle start = std::max(cursor_, dispatch_.at[i] + 1);
    started_.push_back(start);
    switch (in.opcode) {
      case Opcode::kStream:
        pages_of_run_ = 0;
        break;
      case Opcode::kLoad:
        co_await take(in.count, 1);
        break;
      case Opcode::kRope:
        co_await take(uint64_t{in.count} * program_.pass.tokens, 1);
        break;
      case Opcode::kEmbed:
        for (uint32_t t = 0; t < program_.pass.tokens; ++t) {
          co_await take(in.count, 1);
          buffers_.embedding.push_back(cursor_);
        }
        break;
      case Opcode::kMatvec:
        co_await matvec(step);
        break;
      case Opcode::kScores:
        co_await scores(step);
        break;
      case Opcode::kValues:
        co_await values(step);
        break;
      default:
        break;
    }
    if (trace_ != nullptr) trace_->span(Trace::Track::kVpu, 0, opcode_name(in.opcode), start, cursor_);
  }
}

Task Vpu::matvec(const Step& step) {
  const Instruction& in = step.instruction;
  const uint32_t pages_per_block = in.groups / in.shape;
  const uint32_t block_rows = kGroupsPerPage / in.shape;
  for (uint32_t rows_left = in.rows, first = 1; rows_left > 0; first = 0) {
    const uint32_t rows = std::min(rows_left, block_rows);
    for (uint32_t page = 0; page < pages_per_block; ++page) {
      if (pages_of_run_ % kPagesPerChunk == 0) co_await take(kPageBeats, 1);  // metadata
      ++pages_of_run_;
      // The first row block waits for the input block by block, the others find it complete.
      if (first != 0) {
        const Blocks& input = buffers_.generations[step.reads];
        const uint32_t needed = (page + 1) * in.shape;
        co_await until([&] { return input.size() >= needed; });
        wait(input[needed - 1], Stall::kActivation);
      }
      if (page + 1 == pages_per_block) {
        co_await until([&] { return ideal_ || buffers_.results.room_known(1); });
        if (!ideal_) wait(buffers_.results.room(1), Stall::kResult);
      }
      co_await take(kPageBeats, weight_beat_cycles_);
    }
    emit(rows);
    rows_left -= rows;
  }
}

Task Vpu::scores(const Step& step) {
  const uint32_t past = program_.pass.position;
  const uint32_t sequence = step.sequence;
  const uint32_t pairs = program_.pass.tokens * program_.heads_per_kv();
  const Cycle replays = ideal_ ? 1 : (pairs + lanes_ - 1) / lanes_;

  // Two generations of scores and scales: the one before the last must have been read.
  if (sequence >= 2) {
    co_await until([&] { return buffers_.scores_free.size() > sequence - 2; });
    wait(buffers_.scores_free[sequence - 2], Stall::kScores);
  }
  co_await take(uint64_t{2} * ((past + 31) / 32), 1);

  const Blocks& queries = buffers_.generations[step.reads];
  const uint32_t needed = (step.instruction.head + 1) * program_.heads_per_kv();
  co_await until([&] { return queries.size() >= needed; });
  wait(queries[needed - 1], Stall::kActivation);
  co_await take_kv(uint64_t{past} * program_.record_beats(), replays);

  const Blocks& keys = buffers_.local_keys[step.reads];
  co_await until([&] { return keys.size() > step.instruction.head; });
  wait(keys[step.instruction.head], Stall::kActivation);
  work(program_.pass.tokens * program_.record_beats() * replays);
  buffers_.scores.push_back(cursor_ + (ideal_ ? 0 : kLatency));
}

Task Vpu::values(const Step& step) {
  const uint32_t past = program_.pass.position;
  const uint32_t record_beats = program_.record_beats();
  const uint32_t pairs = program_.pass.tokens * program_.heads_per_kv();
  const uint32_t sequence = step.sequence;
  const Cycle replays = ideal_ ? 1 : (pairs + lanes_ - 1) / lanes_;
  const uint32_t slots = (pairs + lanes_ - 1) / lanes_;

  co_await until([&] { return ideal_ || buffers_.results.room_known(slots); });
  if (!ideal_) wait(buffers_.results.room(slots), Stall::kResult);
  const auto wait_for_weights = [&](uint32_t position) {
    wait(buffers_.weights[sequence][position / kAttentionBlock], Stall::kSoftmax);
  };
  co_await until([&] { return buffers_.weights.size() > sequence; });
  for (uint32_t from = 0; from < past; from += kAttentionBlock) {
    wait_for_weights(from);
    const uint64_t positions = std::min(kAttentionBlock, past - from);
    co_await take_kv(positions * record_beats, replays);
  }
  const Blocks& local = buffers_.local_values[step.reads];
  co_await until([&] { return local.size() > step.instruction.head; });
  wait(local[step.instruction.head], Stall::kActivation);
  for (uint32_t position = past; position < program_.positions(); ++position) {
    wait_for_weights(position);
    work(record_beats * replays);
  }
  for (uint32_t i = 0; i < slots; ++i) emit(record_beats * kBeatBytes);
}

// K or V records; with more (token, query head) pairs than lanes each page is worked on several times.
Task Vpu::take_kv(uint64_t beats, Cycle replays) {
  while (beats > 0) {
    const uint64_t page = std::min<uint64_t>(beats, kPageBeats);
    co_await take(page, 1);
    work(page * (replays - 1));
    beats -= page;
  }
}

Task Vpu::take(uint64_t beats, Cycle cycles_per_beat) {
  while (beats > 0) {
    co_await until([&] { return fifo_.waiting() > 0; });
    take_available(beats, cycles_per_beat);
  }
}

void Vpu::take_available(uint64_t& beats, Cycle cycles_per_beat) {
  for (uint64_t n = std::min(beats, fifo_.waiting()); n > 0; --n, --beats) {
    const Cycle ready = fifo_.ready();
    const Cycle taken = std::max(cursor_, ready);
    if (taken != idle_from_) settle(ready, taken);
    fifo_.pop(taken);
    cursor_ = idle_from_ = taken + cycles_per_beat;
    taken_cycles_ += cycles_per_beat;
  }
}

// Charges the cycles from idle_from_ to `taken`: to `empty` while the beat was not there, else to what was
// waited for.
void Vpu::settle(Cycle beat_ready, Cycle taken) {
  Cycle at = idle_from_;
  if (!any_beat_) {
    any_beat_ = true;
    first_beat_ = taken;
    stalls_[static_cast<uint32_t>(Stall::kPass)] += taken - at;
    pauses_.clear();
    return;
  }
  const auto charge = [&](Cycle to, Stall cause) {
    if (to <= at) return;
    const Cycle empty = std::clamp(beat_ready, at, to) - at;
    stalls_[static_cast<uint32_t>(Stall::kEmpty)] += empty;
    stalls_[static_cast<uint32_t>(cause)] += to - at - empty;
    at = to;
  };
  StallCycles by_cause{};
  Cycle from = idle_from_;
  for (const Pause& pause : pauses_) {
    by_cause[static_cast<uint32_t>(pause.cause)] += pause.until - from;
    from = pause.until;
    charge(pause.until, pause.cause);
  }
  charge(taken, Stall::kEmpty);
  pauses_.clear();
  if (cursor_ - idle_from_ > worst_.cycles) {
    const auto largest = std::ranges::max_element(by_cause) - by_cause.begin();
    worst_ = {cursor_ - idle_from_, static_cast<Stall>(largest), step_, cursor_};
  }
}

void Vpu::wait(Cycle ready, Stall cause) {
  if (ideal_ || ready <= cursor_) return;
  if (trace_ != nullptr) {
    trace_->span(Trace::Track::kStall, 0, kStallNames[static_cast<uint32_t>(cause)], cursor_, ready);
  }
  pauses_.push_back({cause, ready});
  cursor_ = ready;
}

// Works on rows that are on the chip.
void Vpu::work(Cycle cycles) {
  if (ideal_ || cycles == 0) return;
  cursor_ += cycles;
  pauses_.push_back({Stall::kLocal, cursor_});
}

void Vpu::emit(uint32_t rows) { buffers_.results.add(rows, cursor_ + (ideal_ ? 0 : kLatency)); }

}  // namespace brim::sim
