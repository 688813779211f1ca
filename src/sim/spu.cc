#include "sim/spu.h"

#include <algorithm>

namespace brim::sim {
namespace {

constexpr uint32_t kBlock = 128;
constexpr uint32_t kLogitsPerBeat = kBeatBytes / 4;

}  // namespace

Cycle Spu::Converter::convert(Cycle filled, uint32_t elements) {
  const Cycle read = std::max(filled, last_read_) + elements;
  second_last_read_ = last_read_;
  last_read_ = read;
  return read + kPipeline;
}

Spu::Spu(const PassProgram& program, const Design& design, uint32_t lanes, const Dispatch& dispatch,
         VectorBuffers& buffers, WriteBuffer& writes, Trace* trace)
    : program_(program),
      ideal_(design.ready_consumer),
      deferred_norm_(design.deferred_norm),
      lanes_(lanes),
      dispatch_(dispatch),
      buffers_(buffers),
      writes_(writes),
      trace_(trace) {}

Task Spu::run() {
  for (size_t i = 0; i < program_.steps.size(); ++i) {
    const Step& step = program_.steps[i];
    if (!(units_of(step.instruction.opcode) & kSpu)) continue;
    co_await until([&] { return dispatch_.known(i); });
    wait(dispatch_.at[i] + 1);
    const Cycle start = now_;
    started_.push_back(start);
    switch (step.instruction.opcode) {
      case Opcode::kEmbed:
        co_await embed(step);
        break;
      case Opcode::kResidual:
        co_await residual(step);
        break;
      case Opcode::kQuery:
      case Opcode::kKey:
      case Opcode::kValue:
        co_await head(step);
        break;
      case Opcode::kSoftmax:
        co_await softmax(step);
        break;
      case Opcode::kOutput:
        co_await output(step);
        break;
      case Opcode::kSwiglu:
        co_await swiglu(step);
        break;
      case Opcode::kLogits:
        co_await logits(step);
        break;
      default:
        break;
    }
    if (trace_ != nullptr)
      trace_->span(Trace::Track::kSpu, 0, opcode_name(step.instruction.opcode), start, now_);
  }
}

Task Spu::embed(const Step& step) {
  const uint32_t tokens = program_.pass.tokens;
  co_await until([&] { return buffers_.embedding.size() == tokens; });
  wait(buffers_.embedding.back());  // scales stand at the end of a row
  for (uint32_t left = program_.header.dim; left > 0;) {
    const uint32_t elements = std::min(left, kBlock);
    start_block();
    pause(elements);
    if (deferred_norm_) finish_block(step.fills, elements);
    left -= elements;
  }
  finish_norm(step);
}

Task Spu::residual(const Step& step) {
  for (uint32_t left = step.instruction.rows; left > 0;) {
    const uint32_t elements = std::min(left, kBlock);
    start_block();
    co_await take(elements);
    if (deferred_norm_) finish_block(step.fills, elements);
    left -= elements;
  }
  finish_norm(step);
}

// query, key, value.
Task Spu::head(const Step& step) {
  const Instruction& in = step.instruction;
  const uint32_t elements = program_.header.head_size;
  wait(r_ready_);
  co_await take(elements);
  pause(kPipeline);
  if (in.flags & kFlagNorm) {
    pause(kReciprocal);
    micro_operation(elements);
  }
  if (in.opcode != Opcode::kValue) micro_operation(elements);  // RoPE
  micro_operation(elements);                                   // A16 or KV8
  switch (in.opcode) {
    case Opcode::kQuery:
      buffers_.generations[step.fills].push_back(now_);
      break;
    case Opcode::kKey:
      buffers_.local_keys[step.fills].push_back(now_);
      write_record(in);
      break;
    default:
      buffers_.local_values[step.fills].push_back(now_);
      write_record(in);
      break;
  }
}

Task Spu::softmax(const Step& step) {
  const uint32_t sequence = step.sequence;
  co_await until([&] { return buffers_.scores.size() > sequence; });
  wait(buffers_.scores[sequence]);
  Blocks weights;
  for (uint32_t query_head = 0; query_head < program_.heads_per_kv(); ++query_head) {
    weights.clear();  // `values` starts a block for all query heads at once: the last one counts
    for (uint32_t left = program_.positions(); left > 0;) {
      const uint32_t elements = std::min(left, kAttentionBlock);
      if (!ideal_) wait(weights_converter_.room());
      pause(elements);
      weights.push_back(ideal_ ? now_ : weights_converter_.convert(now_ + kPipeline, elements));
      left -= elements;
    }
    pause(kPipeline);
  }
  denominators_ready_[sequence % 2] = now_ + (ideal_ ? 0 : kReciprocal);
  buffers_.scores_free.push_back(now_);
  buffers_.weights.push_back(std::move(weights));
}

Task Spu::output(const Step& step) {
  const ProgramHeader& header = program_.header;
  const uint32_t pairs = program_.pass.tokens * program_.heads_per_kv();
  const uint32_t slots = (pairs + lanes_ - 1) / lanes_;  // of each lane
  co_await until([&] { return buffers_.results.available(); });
  wait(buffers_.results.next().first);
  wait(denominators_ready_[step.sequence % 2]);
  for (uint32_t i = 0; i < program_.heads_per_kv(); ++i) {
    if (attention_elements_ == 0) start_block();
    pause(header.head_size);
    attention_elements_ += header.head_size;
    const bool last = step.instruction.head + 1u == header.kv_heads && i + 1 == program_.heads_per_kv();
    while (attention_elements_ >= kBlock || (last && attention_elements_ > 0)) {
      const uint32_t elements = std::min(attention_elements_, kBlock);
      finish_block(step.fills, elements);
      attention_elements_ -= elements;
    }
  }
  for (uint32_t i = 0; i < slots; ++i) buffers_.results.take(buffers_.results.next().count, now_);
}

Task Spu::swiglu(const Step& step) {
  wait(r_ready_);
  for (uint32_t left = step.instruction.rows / 2; left > 0;) {
    const uint32_t elements = std::min(left, kBlock);
    start_block();
    co_await take(2 * elements);  // gate and up in turn
    finish_block(step.fills, elements);
    left -= elements;
  }
}

Task Spu::logits(const Step& step) {
  const Instruction& in = step.instruction;
  const uint64_t address =
      (in.address + uint64_t{program_.pass.tokens - 1} * program_.header.logits_stride) * kBeatBytes;
  wait(r_ready_);
  for (uint32_t done = 0; done < in.rows; done += kLogitsPerBeat) {
    co_await take(std::min(kLogitsPerBeat, in.rows - done));
    wait(writes_.add(address + uint64_t{done} * 4, now_));
  }
  pause(kPipeline);
}

// Takes results as they come, one per cycle.
Task Spu::take(uint32_t results) {
  while (results > 0) {
    co_await until([&] { return buffers_.results.available(); });
    const ResultBuffer::Run run = buffers_.results.next();
    const uint32_t count = std::min(results, run.count);
    wait(run.first);
    pause(count);
    buffers_.results.take(count, now_);
    results -= count;
  }
}

void Spu::start_block() {
  if (!ideal_) wait(converter_.room());
}

// The block's last element has entered.
void Spu::finish_block(uint32_t generation, uint32_t elements) {
  const Cycle complete = ideal_ ? now_ : converter_.convert(now_ + kPipeline, elements);
  buffers_.generations[generation].push_back(complete);
}

// Works out r. If it is not deferred, the vector passes through the lane again to be multiplied by it.
void Spu::finish_norm(const Step& step) {
  r_ready_ = now_ + (ideal_ ? 0 : kPipeline + kReciprocal);
  if (deferred_norm_) return;
  wait(r_ready_);
  for (uint32_t left = program_.header.dim; left > 0;) {
    const uint32_t elements = std::min(left, kBlock);
    pause(elements);
    finish_block(step.fills, elements);
    left -= elements;
  }
}

void Spu::micro_operation(uint32_t elements) { pause(elements + kPipeline); }

void Spu::pause(Cycle cycles) {
  if (ideal_) return;
  now_ += cycles;
  busy_cycles_ += cycles;
}

void Spu::wait(Cycle cycle) { now_ = std::max(now_, cycle); }

// Records of all tokens of the pass, then the beats that their scales stand in.
void Spu::write_record(const Instruction& in) {
  const uint32_t record_bytes = kv_record_bytes(program_.header.head_size);
  const uint32_t first = program_.pass.position;
  const uint32_t end = program_.positions();
  const auto write = [&](uint64_t address) {
    wait(writes_.add(address, now_));
    pause(1);
  };
  for (uint32_t position = first; position < end; ++position) {
    const uint64_t record = uint64_t{in.address} * kBeatBytes + kv_record_offset(position, record_bytes);
    for (uint32_t at = 0; at < record_bytes; at += kBeatBytes) write(record + at);
  }
  for (uint32_t beat = first * 2 / kBeatBytes; beat <= (end - 1) * 2 / kBeatBytes; ++beat) {
    write((uint64_t{in.address2} + beat) * kBeatBytes);
  }
}

}  // namespace brim::sim
