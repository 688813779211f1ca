#include "sim/spu.h"

#include <algorithm>

#include "numerics/rotation.h"

namespace brim::sim {
namespace {

constexpr uint32_t kBlock = 128;
constexpr uint32_t kLogitsPerBeat = kBeatBytes / 4;
constexpr Cycle kEmbeddingFetch = 11;  // scale and zero-point of a group
constexpr Cycle kSoftmaxRound = 3;     // limits and maxima of its query heads

}  // namespace

Spu::Spu(const PassProgram& program, const Design& design, uint32_t lanes, const Dispatch& dispatch,
         VectorBuffers& buffers, WriteBuffer& writes, Trace* trace)
    : program_(program),
      ideal_(design.ready_consumer),
      deferred_norm_(design.deferred_norm),
      lanes_(lanes),
      dispatch_(dispatch),
      buffers_(buffers),
      writes_(writes),
      trace_(trace),
      attention_(program.pass.tokens) {}

Task Spu::run() {
  for (size_t i = 0; i < program_.steps.size(); ++i) {
    const Step& step = program_.steps[i];
    const Opcode opcode = step.instruction.opcode;
    if (opcode == Opcode::kRope) rope_taken_ = false;
    if (!(units_of(opcode) & kSpu)) continue;
    co_await until([&] { return dispatch_.known(i); });
    wait(dispatch_.at[i] + kQueue);
    pause(1);
    if (!is_head_vector(opcode)) wait(drained_);
    const Cycle start = step_;
    started_.push_back(start);
    pause(2);
    switch (opcode) {
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
      case Opcode::kRoute:
        co_await route(step);
        break;
      case Opcode::kMix:
        co_await mix(step);
        break;
      case Opcode::kNorm:
        norm(step);
        break;
      case Opcode::kKeyScale:
        co_await key_scale(step);
        break;
      default:
        break;
    }
    if (trace_ != nullptr) trace_->span(Trace::Track::kSpu, 0, opcode_name(opcode), start, step_);
  }
}

// Rows come one after the other; the last token's blocks alternate with the norm.
Task Spu::embed(const Step& step) {
  const uint32_t tokens = program_.pass.tokens;
  const bool quantised = step.instruction.shape != static_cast<uint8_t>(EmbeddingFormat::kFp16);
  for (uint32_t t = 0; t < tokens; ++t) {
    buffers_.embedding_room.push_back(step_ + kDecode);
    co_await until([&] { return buffers_.embedding.size() > t; });
    wait(buffers_.embedding.back());
    for (uint32_t left = program_.header.dim; left > 0;) {
      const uint32_t elements = std::min(left, kBlock);
      if (quantised) pause(kEmbeddingFetch);
      issue({.elements = elements});
      if (t + 1 == tokens) norm_block(step, elements);
      left -= elements;
    }
  }
  finish_norm(step);
}

Task Spu::residual(const Step& step) {
  if ((step.instruction.flags & kFlagPostNorm) != 0) co_return co_await normed_residual(step);
  for (uint32_t left = step.instruction.rows; left > 0;) {
    const uint32_t elements = std::min(left, kBlock);
    co_await issue_results({.elements = elements});
    norm_block(step, elements);
    left -= elements;
  }
  finish_norm(step);
}

// All results are taken before their norm is known and they are added.
Task Spu::normed_residual(const Step& step) {
  for (uint32_t left = step.instruction.rows; left > 0;) {
    const uint32_t elements = std::min(left, kBlock);
    co_await issue_results({.elements = elements});
    issue({.elements = elements});  // squares
    left -= elements;
  }
  wait_for_result(last_ + kMicro + kSumToTotal);
  pause(2);
  issue({});  // mean
  rsqrt();
  for (uint32_t left = step.instruction.rows; left > 0;) {
    const uint32_t elements = std::min(left, kBlock);
    issue({.elements = elements});  // times the weight
    issue({.elements = elements});
    norm_block(step, elements);
    left -= elements;
  }
  finish_norm(step);
}

void Spu::norm(const Step& step) {
  for (uint32_t left = program_.header.dim; left > 0;) {
    const uint32_t elements = std::min(left, kBlock);
    norm_block(step, elements);
    left -= elements;
  }
  finish_norm(step);
}

// The numbers come once for each choice. The list of experts is there before the weights are, which `mix`
// wants.
Task Spu::route(const Step& step) {
  const ProgramHeader& header = program_.header;
  const uint32_t experts = header.experts;
  co_await issue_results({.elements = experts});
  for (uint32_t choice = 1; choice < header.experts_per_token; ++choice) {
    wait_for_result(last_ + kNumbersToChoice);
    if (!ideal_) issue({.elements = experts});
  }
  wait_for_result(last_ + kNumbersToChoice);
  buffers_.routes.push_back(ideal_ ? step_ : step_ + kChoiceToList + kListExpert * step.expert);
  const Cycle total = issue({.elements = experts, .latency = kMicroExp}) + kMicroExp + kSumToTotal;
  wait_for_result(total);
  pause(2);
  issue({});  // the sum
  reciprocal(1);
  issue({.elements = experts});
  finish();
}

// X += weight * results. The weight is the token's, or the lane's results are left out.
Task Spu::mix(const Step& step) {
  issue({});  // the weight
  for (uint32_t left = step.instruction.rows; left > 0;) {
    const uint32_t elements = std::min(left, kBlock);
    co_await issue_results({.elements = elements});
    left -= elements;
  }
  finish();
}

// query, key, value.
Task Spu::head(const Step& step) {
  const Instruction& in = step.instruction;
  const uint32_t elements = program_.header.head_size;
  co_await issue_results({.elements = elements});
  if (in.opcode != Opcode::kValue && !rope_taken_) {
    for (uint32_t t = 0; t < program_.pass.tokens; ++t) issue({.elements = elements});
    rope_taken_ = true;
  }
  if (in.flags & kFlagNorm) {
    const Cycle total = issue({.elements = elements}) + kMicro + kSumToTotal;
    issue({.elements = elements});  // times the weight
    wait_for_result(total);
    pause(2);
    issue({});  // mean
    rsqrt();
    issue({.elements = elements});  // times r_h
  }
  if (in.flags & kFlagAllHeads) {
    const Cycle total = issue({.elements = elements}) + kMicro + kSumToTotal;
    issue({.elements = elements});  // times the weight
    wait_for_result(total);
    pause(2);
    issue({});  // to the sum of the heads before
  }
  const bool rotated = (program_.header.kv_flags & kKvRotated) != 0;
  if (in.opcode != Opcode::kValue) issue({.elements = elements});             // sine
  if (in.opcode == Opcode::kKey || (in.opcode == Opcode::kQuery && rotated))  // cosine
    issue({.elements = elements});
  if (in.opcode == Opcode::kQuery) {
    const Cycle last = rotated ? rotate(&converter_) : issue({.elements = elements, .to_a16 = &converter_});
    block(step.generation, converter_, last + kMicro);
  } else {
    if (in.opcode == Opcode::kKey && rotated) rotate(nullptr);
    co_await quantise_kv(in);
  }
}

// Of a head, a micro-operation for each distance. Each needs results of the one before from both ends of a
// butterfly and so begins when that is complete. Returns the cycle in which the last element is issued.
Cycle Spu::rotate(Converter* to_a16) {
  const uint32_t elements = program_.header.head_size, size = rotation_size(elements);
  Cycle last = 0;
  for (uint32_t distance = 1; distance < size; distance *= 2) {
    last =
        issue({.elements = elements, .after_all = true, .to_a16 = 2 * distance == size ? to_a16 : nullptr});
  }
  return last;
}

Task Spu::softmax(const Step& step) {
  if ((step.instruction.flags & kFlagAllHeads) != 0 && step.instruction.head == 0) factor_of_all_heads();
  co_await until([&] { return buffers_.scores.size() > step.sequence; });
  wait(buffers_.scores[step.sequence]);
  pause(2);
  const uint32_t pairs = program_.pass.tokens * program_.heads_per_kv();
  const uint32_t positions = program_.positions(step.instruction);
  Cycle weights = 0;
  const bool all_heads = (step.instruction.flags & kFlagAllHeads) != 0;
  for (uint32_t served = 0; served < pairs; served += lanes_) {
    pause(kSoftmaxRound);
    for (uint32_t i = 0; all_heads && i < 2; ++i) issue({});  // the largest score, and times r_q
    const Cycle total = issue({.elements = positions, .latency = kMicroExp}) + kMicroExp + kSumToTotal;
    for (uint32_t left = positions; left > 0;) {
      const uint32_t elements = std::min(left, kAttentionBlock);
      const Cycle filled = issue({.elements = elements, .to_a16 = &converter_}) + kMicro;
      weights = ideal_ ? step_ : converter_.convert(filled, kAttentionBlock);
      left -= elements;
    }
    wait_for_result(total);
    pause(2);
    issue({});  // the sum
    reciprocal(1);
    finish();
  }
  buffers_.weights.push_back(weights);
}

Task Spu::output(const Step& step) {
  const ProgramHeader& header = program_.header;
  const uint32_t before = attention_elements_;
  for (uint32_t t = 0; t < program_.pass.tokens; ++t) {
    attention_elements_ = before;
    for (uint32_t i = 0; i < program_.heads_per_kv(); ++i) {
      co_await issue_results({.elements = header.head_size, .to_a16 = &attention_[t]});
      attention_elements_ += header.head_size;
      const bool last = step.instruction.head + 1u == header.kv_heads && i + 1 == program_.heads_per_kv();
      while (attention_elements_ >= kBlock || (last && attention_elements_ > 0)) {
        const uint32_t beyond = attention_elements_ - std::min(attention_elements_, kBlock);
        const Cycle complete = ideal_ ? step_ : attention_[t].convert(last_ - beyond + kMicro, kBlock);
        if (t + 1 == program_.pass.tokens) buffers_.generations[step.generation].push_back(complete);
        attention_elements_ = beyond;
      }
    }
  }
}

Task Spu::swiglu(const Step& step) {
  for (uint32_t left = step.instruction.rows / 2; left > 0;) {
    const uint32_t elements = std::min(left, kBlock);
    co_await issue_results({.elements = 2 * elements, .pairs = true});
    if ((step.instruction.flags & kFlagGelu) != 0) {
      issue({.elements = elements});  // squares
      issue({.elements = elements});  // what the gate is multiplied with
    }
    issue({.elements = elements, .latency = kMicroExp});
    issue({.elements = elements});  // 1 + e^-gate
    reciprocal(elements);
    issue({.elements = elements});  // gate
    block(step.generation, converter_, issue({.elements = elements, .to_a16 = &converter_}) + kMicro);  // up
    left -= elements;
  }
  finish();
}

Task Spu::logits(const Step& step) {
  const Instruction& in = step.instruction;
  const uint32_t tokens = program_.pass.tokens;
  const uint32_t first = program_.pass.all_logits ? 0 : tokens - 1;  // whose logits are wanted
  for (uint32_t done = 0; done < in.rows; done += kLogitsPerBeat) {
    co_await issue_results({.elements = std::min(kLogitsPerBeat, in.rows - done)});
    wait_for_result(drained_);
    pause(1 + first);
    for (uint32_t t = first; t < tokens; ++t) {
      if (t > first) pause(1);
      co_await write((in.address + uint64_t{t} * program_.header.logits_stride) * kBeatBytes +
                     uint64_t{done} * 4);
    }
  }
}

// When a micro-operation may begin (rtl/spu_issue.sv).
Cycle Spu::start_of(const Micro& micro) const {
  if (ideal_) return step_;
  Cycle start = step_ + kDecode;
  if (micro.after_all)
    start = std::max(start, drained_);
  else
    start = std::max(start, chain_);
  // Results of an earlier exp must not meet these.
  if (micro.latency != kMicroExp && drained_ > kMicro) start = std::max(start, drained_ - kMicro);
  if (micro.to_a16 != nullptr) {
    const Cycle room = micro.to_a16->room(start);
    if (room > start) start = room + kRoomToIssue;
  }
  return start;
}

void Spu::issued(const Micro& micro, Cycle last) {
  last_ = last;
  if (ideal_) return;
  const Cycle elements = micro.pairs ? micro.elements / 2 : micro.elements;
  const Cycle ahead = micro.latency + 2;
  step_ = last + 1;
  chain_ = step_ + (elements < ahead ? ahead - elements : 0);
  drained_ = step_ + micro.latency;
  busy_cycles_ += micro.elements;
}

// Returns the cycle in which the last element is issued.
Cycle Spu::issue(const Micro& micro) {
  const Cycle last = start_of(micro) + (ideal_ ? 0 : micro.elements - 1);
  issued(micro, last);
  return last;
}

// The elements are the VPU's next results.
Task Spu::issue_results(Micro micro) {
  Cycle next = start_of(micro);
  for (uint32_t left = micro.elements; left > 0;) {
    co_await until([&] { return buffers_.results.available(); });
    const ResultBuffer::Run run = buffers_.results.next();
    const uint32_t count = std::min(left, run.count);
    next = std::max(next, run.first) + (ideal_ ? 0 : count);
    buffers_.results.take(count, ideal_ ? next : next - 1);
    left -= count;
  }
  if (ideal_) wait(next);
  issued(micro, ideal_ ? next : next - 1);
}

void Spu::reciprocal(uint32_t elements) {
  for (uint32_t i = 0; i < 4; ++i) issue({.elements = elements});
}

void Spu::rsqrt() {
  for (uint32_t i = 0; i < 6; ++i) issue({});
}

// X times norm weight to A16, and squares; X alone where it is not normed.
void Spu::norm_block(const Step& step, uint32_t elements) {
  const bool plain = (step.instruction.flags & kFlagPlain) != 0;
  if (deferred_norm_ || plain) {
    block(step.generation, converter_, issue({.elements = elements, .to_a16 = &converter_}) + kMicro);
  }
  if (plain) return;
  issue({.elements = elements});
}

// Works out r. If it is not deferred, the vector passes through the lane again to be multiplied by it.
void Spu::finish_norm(const Step& step) {
  if ((step.instruction.flags & kFlagPlain) != 0) {
    issue({});  // r is 1
    return finish();
  }
  wait_for_result(last_ + kMicro + kSumToTotal);
  pause(2);
  issue({});  // mean
  rsqrt();
  if (!deferred_norm_) {
    for (uint32_t left = program_.header.dim; left > 0;) {
      const uint32_t elements = std::min(left, kBlock);
      block(step.generation, converter_, issue({.elements = elements, .to_a16 = &converter_}) + kMicro);
      left -= elements;
    }
  }
  finish();
}

// The record of each token, a beat of every token at a time, then the scales.
Task Spu::quantise_kv(const Instruction& in) {
  const KvFormat kv = kv_format(program_.header, in.opcode == Opcode::kValue);
  if (kv.bits == 4) issue({.after_all = true});          // from the least to the greatest element
  issue({.latency = kMicroConvert, .after_all = true});  // the scale
  reciprocal(1);
  if (kv.bits == 4) issue({.latency = kMicroConvert, .after_all = true});  // the zero-point
  const uint32_t first = program_.pass.position;
  const uint32_t end = program_.end();
  const uint32_t ring = cache_positions(in, program_.header);
  for (uint32_t at = 0; at < kv.record_bytes; at += kBeatBytes) {
    issue({.elements = kv.elements() / kv.record_beats(), .latency = kMicroConvert});
    wait_for_result(drained_);
    pause(1);
    for (uint32_t position = first; position < end; ++position) {
      const uint64_t beat = (kv.offset(position % ring) + at) / kBeatBytes;  // two records may share it
      co_await write((in.address + beat) * kBeatBytes);
    }
  }
  if (in.flags & kFlagAllHeads) {  // `key_scale` writes the scale
    pause(1 + program_.pass.tokens);
    co_return;
  }
  pause(1);  // the scales take the beats' place
  for (uint32_t position = first; position < end; ++position) {
    const uint64_t scales = uint64_t{position % ring} * kv.scale_bytes;
    co_await write((uint64_t{in.address2} + scales / kBeatBytes) * kBeatBytes);
  }
}

// r_k with the first head's key_scale, r_q with its softmax.
void Spu::factor_of_all_heads() {
  issue({.after_all = true});  // mean
  rsqrt();
}

Task Spu::key_scale(const Step& step) {
  if (step.instruction.head == 0) factor_of_all_heads();
  for (uint32_t t = 0; t < program_.pass.tokens; ++t) issue({});  // the token's scale
  issue({.latency = kMicroConvert, .after_all = true});
  wait_for_result(drained_);
  pause(1);
  const uint32_t scale_bytes = key_format(program_.header).scale_bytes;
  const uint32_t ring = cache_positions(step.instruction, program_.header);
  for (uint32_t position = program_.pass.position; position < program_.end(); ++position) {
    const uint64_t scales = uint64_t{position % ring} * scale_bytes;
    co_await write((uint64_t{step.instruction.address2} + scales / kBeatBytes) * kBeatBytes);
  }
  buffers_.key_scales.push_back(step_);
}

// The instruction ends when its last A16 block is written.
void Spu::finish() {
  if (ideal_) return;
  wait(drained_);
  wait(converter_.idle());
  for (const Converter& attention : attention_) wait(attention.idle());
  pause(2);
}

// A block of a generation, whose last element arrives in cycle `filled`.
void Spu::block(uint32_t generation, Converter& converter, Cycle filled) {
  buffers_.generations[generation].push_back(ideal_ ? step_ : converter.convert(filled, kBlock));
}

// For what the lane itself computes: an ideal one has it at once.
void Spu::wait_for_result(Cycle cycle) {
  if (!ideal_) wait(cycle);
}

void Spu::wait(Cycle cycle) { step_ = std::max(step_, cycle); }

void Spu::pause(Cycle cycles) {
  if (!ideal_) step_ += cycles;
}

Task Spu::write(uint64_t address) {
  co_await until([&] { return writes_.room_known(); });
  wait(writes_.add(address, step_));
  pause(1);
}

}  // namespace brim::sim
