#include "sim/vpu.h"

#include <algorithm>

namespace brim::sim {
namespace {

constexpr uint32_t kPageBeats = kPageBytes / kBeatBytes;

constexpr uint32_t kMultipliers = kWeightsPerBeat / 2;  // of a lane: two elements of four bits each

// In which the lanes take the first `records` of a page of K. Two records of four bits share the multipliers,
// but there is one score a cycle (rtl/kv_issue.sv).
Cycle key_cycles(const KvFormat& kv, uint32_t records) {
  if (kv.bits == 8) return Cycle{records} * (kv.elements() / kMultipliers);
  if (kv.record_bytes >= kBeatBytes) return (records + 1) / 2 * 2;
  return Cycle{2} * (records / 8 * 4 + std::min(records % 8, 4u));  // records r and r + 4 share a beat
}

// Likewise of V, in whole blocks; both halves of a record of four bits at a time.
Cycle value_cycles(const KvFormat& kv, uint32_t records) {
  const uint32_t whole = (records + kAttentionBlock - 1) / kAttentionBlock * kAttentionBlock;
  return Cycle{whole} * (kv.bits == 8 ? kv.elements() / kMultipliers : 1);
}

}  // namespace

Vpu::Vpu(const Board& board, const PassProgram& program, const Design& design, const Dispatch& dispatch,
         PrefetchFifo& fifo, VectorBuffers& buffers, Trace* trace)
    : program_(program),
      dispatch_(dispatch),
      fifo_(fifo),
      buffers_(buffers),
      trace_(trace),
      ideal_(design.ready_consumer),
      weight_beat_cycles_(ideal_ ? 1 : weight_beat_cycles(board.accelerator)),
      lanes_(board.accelerator.tokens_per_pass),
      scaled_keys_(std::ranges::any_of(
          program.steps, [](const Step& step) { return step.instruction.opcode == Opcode::kKeyScale; })) {}

Task Vpu::run() {
  for (size_t i = 0; i < program_.steps.size(); ++i) {
    const Step& step = program_.steps[i];
    const Instruction& in = step.instruction;
    if (!(units_of(in.opcode) & kVpu)) continue;
    co_await until([&] { return dispatch_.known(i); });
    step_ = static_cast<uint32_t>(i);
    // A late instruction shows as an empty FIFO: its beats are not asked for any earlier.
    const Cycle start = std::max(cursor_, dispatch_.at[i] + kQueue);
    started_.push_back(start);
    // The unpacker takes a cycle to take it; attention begins when the last weights are in the lanes.
    wait(start, Stall::kLocal);
    if (in.opcode == Opcode::kScores || in.opcode == Opcode::kValues) wait(paired_, Stall::kLocal);
    work(1);
    switch (in.opcode) {
      case Opcode::kStream:
      case Opcode::kExperts:
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
          co_await until([&] { return buffers_.embedding_room.size() > t; });
          wait(buffers_.embedding_room[t], Stall::kLocal);
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
  const uint32_t input_blocks = in.groups / planes_of(in);
  const Blocks& input = buffers_.generations[step.generation];
  refill_.start(cursor_ + kMatvecToRefill);
  for (uint32_t rows_left = in.rows; rows_left > 0;) {
    const uint32_t rows = std::min(rows_left, block_rows);
    for (uint32_t page = 0; page < pages_per_block; ++page) {
      if (pages_of_run_ % kPagesPerChunk == 0) co_await take(kPageBeats, 1);  // metadata
      ++pages_of_run_;
      Cycle ready = 0;
      for (uint32_t group = page * in.shape; group < (page + 1) * in.shape; ++group) {
        const uint32_t block = group % input_blocks;  // in two planes it comes round twice
        co_await until([&] { return input.size() > block; });
        ready = refill_.fetch(input[block]);
      }
      wait(ready, Stall::kActivation);
      if (page + 1 == pages_per_block) {
        co_await until([&] { return ideal_ || buffers_.results.room_known(1); });
        if (!ideal_) wait(buffers_.results.room(1), Stall::kResult);
      }
      co_await take(kPageBeats, weight_beat_cycles_);
      paired_ = cursor_ - 1 + kPageToRelease;
      refill_.release(in.shape, paired_);
    }
    buffers_.results.add(rows, cursor_ - 1 + (ideal_ ? 1 : kRowBlockToResult));
    rows_left -= rows;
  }
}

Cycle Vpu::Refill::fetch(Cycle complete) {
  const Cycle from = std::max({next_, complete + kCompleteToRefill, free_[fetched_++ % kSlots]});
  next_ = from + kRefill;
  return from + kRefillToReady;
}

void Vpu::Refill::release(uint32_t blocks, Cycle cycle) {
  for (uint32_t i = 0; i < blocks; ++i) free_[released_++ % kSlots] = cycle;
}

uint32_t Vpu::rounds() const {
  return (program_.pass.tokens * program_.heads_per_kv() + lanes_ - 1) / lanes_;
}

Task Vpu::scores(const Step& step) {
  const uint32_t past = program_.past(step.instruction);
  const uint32_t pairs = program_.pass.tokens * program_.heads_per_kv();
  const Cycle asked = cursor_ + kAttentionToUnit;
  const KvFormat keys = key_format(program_.header);
  co_await take(keys.scale_beats(past) + value_format(program_.header).scale_beats(past), 1);

  // The queries are loaded beside the scales, with a norm over all heads once K's scale is known.
  const Blocks& ready = scaled_keys_ ? buffers_.key_scales : buffers_.generations[step.generation];
  const uint32_t needed =
      scaled_keys_ ? step.sequence + 1 : (step.instruction.head + 1) * program_.heads_per_kv();
  co_await until([&] { return ready.size() >= needed; });
  const Cycle load = std::max(asked, ready[needed - 1]) + 1;
  wait(load, Stall::kScores);
  wait(load + kRefill * pairs, Stall::kLocal);

  co_await take_pages(step.instruction, keys, key_cycles);
  if (!ideal_) wait(round_ends_.back() + kScoresDrain, Stall::kLocal);
  buffers_.scores.push_back(cursor_);
}

Task Vpu::values(const Step& step) {
  const uint32_t sequence = step.sequence;
  const uint32_t pairs = program_.pass.tokens * program_.heads_per_kv();
  work(kAttentionToUnit);
  co_await until([&] { return buffers_.weights.size() > sequence; });
  wait(buffers_.weights[sequence], Stall::kSoftmax);
  co_await until([&] { return ideal_ || buffers_.results.room_known(ResultBuffer::kSlots); });
  if (!ideal_) wait(buffers_.results.room(ResultBuffer::kSlots), Stall::kSoftmax);
  work(1 + rounds());

  const KvFormat kv = value_format(program_.header);
  co_await take_pages(step.instruction, kv, value_cycles);
  for (uint32_t round = 0; round < rounds(); ++round) {
    const uint32_t lanes = std::min(lanes_, pairs - round * lanes_);
    buffers_.results.add(lanes * program_.header.head_size,
                         ideal_ ? cursor_ : round_ends_[round] + kValuesToResult);
  }
  if (!ideal_) wait(round_ends_.back() + kValuesDrain, Stall::kLocal);
}

// A page collects the records of the stream and those of the pass's own tokens; then it is issued, in
// issue_cycles, once per round, while the next one fills (rtl/kv_unit.sv).
Task Vpu::take_pages(const Instruction& in, const KvFormat& kv,
                     Cycle (*issue_cycles)(const KvFormat&, uint32_t records)) {
  constexpr Cycle kLocalWait = 5;
  const uint32_t past = program_.past(in);
  const uint32_t end = program_.positions(in);
  const uint32_t per_page = kv.tokens_per_page();
  round_ends_.assign(rounds(), 0);
  Cycle before_last = cursor_ - 1, last = cursor_ - 1;  // when the pages before were issued
  for (uint32_t base = 0; base < end; base += per_page) {
    wait(before_last + 1, Stall::kLocal);
    if (past > base)
      co_await take(kv.past_beats(std::min(per_page, past - base)), 1);
    else
      work(1);
    if (past < base + per_page) work(program_.pass.tokens * kv.record_beats() + kLocalWait);
    work(1);
    const Cycle cycles = issue_cycles(kv, std::min(per_page, end - base));
    before_last = last;
    for (Cycle& round_end : round_ends_) {
      round_end = std::max(cursor_ - 1, last) + cycles;
      last = round_end;
    }
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
    trace_->span(Trace::Track::kStall, 0, std::string(name_of(cause)), cursor_, ready);
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

}  // namespace brim::sim
