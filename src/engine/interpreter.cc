#include "engine/interpreter.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "engine/check_pass.h"
#include "engine/fill_cache.h"
#include "engine/flush_to_zero.h"
#include "engine/visit_cache.h"
#include "isa/check.h"
#include "numerics/fp16.h"
#include "numerics/reciprocal.h"
#include "numerics/rsqrt.h"

namespace brim {
namespace {

constexpr uint32_t kFloatsPerBeat = kBeatBytes / sizeof(float);

}  // namespace

Interpreter::Interpreter(const MappedImage& image, std::unique_ptr<Kernels> kernels,
                         const InterpreterOptions& options)
    : Interpreter(image.path(), image.runnable_program(), std::make_unique<BoardMemory>(image, options.load),
                  std::move(kernels), options) {}

Interpreter::Interpreter(std::string name, const Program& program, std::unique_ptr<PhysicalMemory> memory,
                         std::unique_ptr<Kernels> kernels, const InterpreterOptions& options)
    : source_(std::move(name)),
      memory_(std::move(memory)),
      kernels_(std::move(kernels)),
      pool_(options.threads, options.pin),
      max_tokens_(options.max_tokens_per_pass) {
  check_program(source_, program);
  header_ = program.header;
  program_ = link(program, *memory_);

  const uint64_t tokens = max_tokens_;
  parameters_.resize(kParameterBeats * kFloatsPerBeat);
  results_stride_ = program_.results;
  rope_stride_ = program_.rope_beats * kFloatsPerBeat;
  residual_.resize(tokens * header_.dim);
  inverse_rms_.resize(tokens);
  buffers_[0] = Activations(max_tokens_, header_.dim);
  buffers_[1] = Activations(max_tokens_, query_width());
  buffers_[2] = Activations(max_tokens_, header_.hidden);
  queries_.resize(tokens * header_.heads * kA16Block);
  query_exponents_.resize(tokens * header_.heads);
  attention_output_.resize(tokens * query_width());
  results_.resize(tokens * results_stride_);
  rope_.resize(tokens * rope_stride_);
  attention_scratch_.resize(pool_.threads());
  for (AttentionScratch& scratch : attention_scratch_) {
    scratch.scores.resize(uint64_t{heads_per_kv()} * header_.context);
    scratch.weights.resize(header_.context);
    scratch.exponents.resize(header_.context / kAttentionBlock);
  }
}

PassLogits Interpreter::run(const Pass& pass) {
  check_pass(pass, *this);
  token_ids_ = pass.tokens;
  tokens_ = static_cast<uint32_t>(pass.tokens.size());
  position_ = pass.position;
  first_logits_ = std::min(pass.first_logits, tokens_);
  next_matrix_ = 0;
  overflow_ = false;
  const uint64_t logits_wanted = uint64_t{tokens_ - first_logits_} * header_.vocabulary;
  if (logits_.size() < logits_wanted) logits_.resize(logits_wanted);

  for (const Section& section : program_.sections) {
    const LinkedStep& step = program_.steps[section.first];
    switch (step.instruction.opcode) {
      case Opcode::kEnd:
      case Opcode::kStream:
        break;
      case Opcode::kEndPrompt:
        if (logits_wanted == 0) return finish(0);
        break;
      case Opcode::kLoad:
        load(step);
        break;
      case Opcode::kRope:
        rope(step);
        break;
      case Opcode::kEmbed:
        embed(step);
        break;
      case Opcode::kMatvec:
        matvec(step);
        break;
      case Opcode::kQuery:
      case Opcode::kKey:
      case Opcode::kValue:
        heads(section);
        break;
      case Opcode::kScores:
      case Opcode::kSoftmax:
      case Opcode::kValues:
      case Opcode::kOutput:
        attention(section);
        break;
      case Opcode::kResidual:
        residual(step);
        break;
      case Opcode::kSwiglu:
        swiglu(step);
        break;
      case Opcode::kLogits:
        logits(step);
        break;
    }
  }
  return finish(logits_wanted);
}

std::span<const float> Interpreter::finish(uint64_t logits) const {
  const std::span<const float> result(logits_.data(), logits);
  if (overflow_ || !std::all_of(result.begin(), result.end(), is_finite)) {
    throw Error(source_ + ": values left the number range at position " + std::to_string(position_) +
                "; the model's weights are damaged or unsuitable");
  }
  return result;
}

void Interpreter::fill_cache() {
  for (const LinkedStep& step : program_.steps) brim::fill_cache(header_, step.instruction, *memory_);
}

template <typename Body>
void Interpreter::for_each(uint32_t count, uint32_t grain, const Body& body) {
  pool_.run(count, grain, [&](uint32_t first, uint32_t last, uint32_t) {
    const FlushToZero flush;
    bool overflow = false;
    for (uint32_t unit = first; unit < last; ++unit) body(unit, &overflow);
    if (overflow) overflow_.store(true, std::memory_order_relaxed);
  });
}

void Interpreter::visit_cache(uint32_t positions, const CacheVisitor& visit) {
  for (const LinkedStep& step : program_.steps)
    brim::visit_cache(header_, step.instruction, *memory_, positions, visit);
}

void Interpreter::load(const LinkedStep& step) {
  std::memcpy(&parameters_[step.instruction.param * kFloatsPerBeat], step.table,
              uint64_t{step.instruction.count} * kBeatBytes);
}

void Interpreter::rope(const LinkedStep& step) {
  const uint64_t row_bytes = uint64_t{step.instruction.count} * kBeatBytes;
  std::memcpy(rope_.data(), step.table + position_ * row_bytes, tokens_ * row_bytes);
}

void Interpreter::embed(const LinkedStep& step) {
  const Instruction& in = step.instruction;
  const uint32_t groups = (header_.dim + kGroupInputs - 1) / kGroupInputs;
  const auto fp16 = [](const uint8_t* from) {
    uint16_t bits;
    std::memcpy(&bits, from, 2);
    return fp16_to_float(bits);
  };
  for_each(tokens_, 1, [&](uint32_t t, bool* overflow) {
    const uint8_t* row = step.table + uint64_t{token_ids_[t]} * in.count * kBeatBytes;
    float* x = residual_row(t);
    for (uint32_t i = 0; i < header_.dim; ++i) {
      const uint32_t g = i / kGroupInputs;
      switch (static_cast<EmbeddingFormat>(in.shape)) {
        case EmbeddingFormat::kFp16:
          x[i] = fp16(row + 2 * i);
          break;
        case EmbeddingFormat::kQ8:
          x[i] = fmul(fl(static_cast<int8_t>(row[i])), fp16(row + groups * kGroupInputs + 2 * g));
          break;
        case EmbeddingFormat::kQ4: {
          const int32_t q = (row[i / 2] >> (i % 2 * 4)) & 15;
          const int32_t zero = row[groups * (kGroupBytes + 2) + g];
          x[i] = fmul(fl(q - zero), fp16(row + groups * kGroupBytes + 2 * g));
          break;
        }
      }
    }
    norm(t, in, overflow);
  });
}

// The deferred RMSNorm: matrices take A16(x * w); their results are multiplied by r later.
void Interpreter::norm(uint32_t token, const Instruction& in, bool* overflow) {
  const float* x = residual_row(token);
  kernels_->to_a16(x, parameter(in.param), header_.dim, buffer(ActivationBuffer::kNormed).row(token),
                   overflow);
  const float mean = fmul(kernels_->sum_of_squares(x, header_.dim), header_.inverse_dim);
  inverse_rms_[token] = rsqrt(fadd(mean, header_.norm_eps));
}

void Interpreter::matvec(const LinkedStep& step) {
  const MatrixView& matrix = step.matrix;
  const uint32_t first_token = step.to_logits ? first_logits_ : 0;
  const A16View x = buffer(step.instruction.buffer).view(first_token, tokens_ - first_token);
  if (observer_) {
    const bool normed = step.instruction.buffer == ActivationBuffer::kNormed;
    const auto factors = normed ? inverse_rms_ : std::vector<float>(tokens_, 1.0f);
    observer_(next_matrix_, x, std::span(factors).subspan(first_token, x.tokens));
  }
  ++next_matrix_;
  float* out = step.to_logits ? logits_.data() : results_.data();
  const uint64_t stride = step.to_logits ? header_.vocabulary : results_stride_;
  // Some 128 KiB of weights at a time: handing them out costs nothing, and no thread waits long at the end.
  constexpr uint32_t kPagesPerGrain = 16;
  const uint32_t grain = std::max(1u, kPagesPerGrain / matrix.pages_per_block);
  pool_.run(matrix.row_blocks(), grain, [&](uint32_t first, uint32_t last, uint32_t) {
    const FlushToZero flush;
    kernels_->matvec(matrix, x, first, last, out, stride);
  });
}

// Results become q, k and v vectors: * r, bias, norm; then RoPE and rotation for q and k.
void Interpreter::heads(const Section& section) {
  const uint32_t d = header_.head_size;
  constexpr uint32_t kGrain = 8;
  for_each((section.last - section.first) * tokens_, kGrain, [&](uint32_t unit, bool* overflow) {
    const LinkedStep& step = program_.steps[section.first + unit / tokens_];
    const uint32_t token = unit % tokens_;
    const Instruction& in = step.instruction;
    float* x = results(token, step);
    kernels_->scale(x, d, inverse_rms_[token]);
    if (in.flags & kFlagBias) kernels_->add(x, parameter(in.param), d);
    if (in.flags & kFlagNorm) {
      const float mean = fmul(kernels_->sum_of_squares(x, d), header_.inverse_head_size);
      kernels_->scale_by(x, parameter(in.param2), rsqrt(fadd(mean, header_.norm_eps)), d);
    }
    if (in.opcode != Opcode::kValue) {
      kernels_->rope(x, &rope_[token * rope_stride_], d);
      if (header_.kv_flags & kKvRotated) kernels_->rotate(x, d);
    }
    if (in.opcode == Opcode::kQuery) {
      const uint64_t head = uint64_t{token} * header_.heads + in.head;
      query_exponents_[head] = kernels_->to_a16(x, d, &queries_[head * kA16Block], overflow);
    } else {
      cache(step, token, x);
    }
  });
}

void Interpreter::cache(const LinkedStep& step, uint32_t token, const float* x) {
  const KvFormat format = kv_format(header_, step.instruction.opcode == Opcode::kValue);
  const uint32_t position = position_ + token, d = header_.head_size;
  uint8_t* record = step.pages + format.offset(position);
  uint8_t* scale = step.scales + uint64_t{position} * format.scale_bytes;
  std::fill(record + d * format.bits / 8, record + format.record_bytes, uint8_t{0});
  if (format.bits == 4) {
    const Kv4Scale written = kernels_->to_kv4(x, d, record);
    static_assert(sizeof(written) == 4);
    std::memcpy(scale, &written, sizeof(written));
  } else {
    const uint16_t written = kernels_->to_kv8(x, d, reinterpret_cast<int8_t*>(record));
    std::memcpy(scale, &written, sizeof(written));
  }
}

// The query heads of a KV head stay together where there are enough KV heads and tokens for all threads: they
// share the reading of K and V.
void Interpreter::attention(const Section& section) {
  const uint32_t units = header_.kv_heads * tokens_;
  const uint32_t parts = std::min(heads_per_kv(), (pool_.threads() + units - 1) / units);
  pool_.run(units * parts, 1, [&](uint32_t first, uint32_t last, uint32_t thread) {
    const FlushToZero flush;
    bool overflow = false;
    for (uint32_t unit = first; unit < last; ++unit) {
      const uint32_t part = unit % parts, token = unit / parts % tokens_, kv_head = unit / parts / tokens_;
      const auto head = [&](uint32_t n) { return kv_head * heads_per_kv() + heads_per_kv() * n / parts; };
      attend(program_.kv_heads[section.first_head + kv_head], token, head(part), head(part + 1),
             attention_scratch_[thread], &overflow);
    }
    if (overflow) overflow_.store(true, std::memory_order_relaxed);
  });
  const uint32_t width = query_width();
  for_each(tokens_, 1, [&](uint32_t t, bool* overflow) {
    kernels_->to_a16(&attention_output_[uint64_t{t} * width], width,
                     buffer(ActivationBuffer::kAttention).row(t), overflow);
  });
}

// Query heads [first_head, last_head) of a token over all positions up to its own.
void Interpreter::attend(const KvHead& kv, uint32_t token, uint32_t first_head, uint32_t last_head,
                         AttentionScratch& scratch, bool* overflow) {
  const uint32_t positions = position_ + token + 1;
  const uint32_t d = header_.head_size;
  const auto scores = [&](uint32_t head) {
    return &scratch.scores[uint64_t{head - first_head} * header_.context];
  };

  constexpr uint32_t kPositions = 256;  // whose K stay in the nearest cache for the group's other heads
  for (uint32_t first = 0; first < positions; first += kPositions) {
    const uint32_t last = std::min(first + kPositions, positions);
    for (uint32_t head = first_head; head < last_head; ++head) {
      const uint64_t query = uint64_t{token} * header_.heads + head;
      kernels_->scores(kv.keys, &queries_[query * kA16Block], query_exponents_[query],
                       header_.inverse_sqrt_head_size, first, last, scores(head));
    }
  }
  for (uint32_t head = first_head; head < last_head; ++head) {
    float* p = scores(head);
    const float denominator = kernels_->softmax(p, positions);
    kernels_->attention_weights(p, kv.values, positions, scratch.weights.data(), scratch.exponents.data(),
                                overflow);
    float out[kA16Block];
    kernels_->values(kv.values, scratch.weights.data(), scratch.exponents.data(), positions, out);
    kernels_->scale(out, d, reciprocal(denominator));
    std::copy_n(out, d, &attention_output_[uint64_t{token} * query_width() + uint64_t{head} * d]);
  }
}

void Interpreter::residual(const LinkedStep& step) {
  for_each(tokens_, 1, [&](uint32_t t, bool* overflow) {
    kernels_->add(residual_row(t), results(t, step), header_.dim);
    norm(t, step.instruction, overflow);
  });
}

void Interpreter::swiglu(const LinkedStep& step) {
  const uint32_t blocks = (header_.hidden + kA16Block - 1) / kA16Block;
  constexpr uint32_t kGrain = 8;
  for_each(tokens_ * blocks, kGrain, [&](uint32_t unit, bool* overflow) {
    const uint32_t t = unit / blocks, block = unit % blocks;
    const uint32_t first = block * kA16Block;
    const uint32_t n = std::min<uint32_t>(kA16Block, header_.hidden - first);
    kernels_->swiglu(results(t, step) + 2 * first, inverse_rms_[t], n,
                     buffer(ActivationBuffer::kHidden).row(t) + block, overflow);
  });
}

void Interpreter::logits(const LinkedStep&) {
  for_each(tokens_ - first_logits_, 1, [&](uint32_t i, bool*) {
    kernels_->scale(&logits_[uint64_t{i} * header_.vocabulary], header_.vocabulary,
                    inverse_rms_[first_logits_ + i]);
  });
}

}  // namespace brim
