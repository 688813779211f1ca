#include "engine/interpreter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/crc32c.h"
#include "base/error.h"
#include "engine/check_pass.h"
#include "engine/fill_cache.h"
#include "engine/flush_to_zero.h"
#include "isa/check.h"
#include "isa/damage.h"
#include "isa/stream_checks.h"
#include "numerics/fp16.h"
#include "numerics/kv8.h"
#include "numerics/reciprocal.h"
#include "numerics/rsqrt.h"

namespace brim {
namespace {

constexpr uint32_t kFloatsPerBeat = kBeatBytes / sizeof(float);
// Some 128 KiB of weights at a time: handing them out costs nothing, and no thread waits long at the end.
constexpr uint32_t kPagesPerGrain = 16;

Gate gate_of(const Instruction& swiglu) {
  return (swiglu.flags & kFlagGelu) != 0 ? Gate::kGelu : Gate::kSilu;
}

}  // namespace

Interpreter::Interpreter(const MappedImage& image, std::unique_ptr<Kernels> kernels,
                         const InterpreterOptions& options)
    : Interpreter(image.path(), image.runnable_program(), std::make_shared<BoardMemory>(image, options.load),
                  std::move(kernels), options) {
  if (!image.header().has_draft()) return;
  draft_ = std::make_unique<Interpreter>(image.name_of(kDraftModel), image.runnable_program(kDraftModel),
                                         memory_, make_kernels(kernels_->name()), options);
}

Interpreter::Interpreter(std::string name, const Program& program, std::shared_ptr<PhysicalMemory> memory,
                         std::unique_ptr<Kernels> kernels, const InterpreterOptions& options)
    : source_(std::move(name)),
      memory_(std::move(memory)),
      kernels_(std::move(kernels)),
      pool_(options.threads, options.pin),
      max_tokens_(options.max_tokens_per_pass),
      check_stream_(options.check_stream || kernels_->name() == "reference") {
  check_program(source_, program);
  header_ = program.header;
  program_ = link(program, *memory_);
  reach_ = reach_of(program.instructions);
  if (reach_.has_windows()) max_tokens_ = std::min(max_tokens_, kMaxWindowTokens);
  for (uint32_t cache = 1; cache < options.caches; ++cache) {
    auto own = std::make_unique<OwnCache>(*memory_);
    LinkedProgram linked = link(program, *own);
    more_caches_.push_back({std::move(own), std::move(linked)});
  }

  const uint64_t tokens = max_tokens_;
  parameters_.resize(kParameterBeats * kFloatsPerBeat);
  results_stride_ = program_.results;
  rope_stride_ = program_.rope_beats * kFloatsPerBeat;
  residual_.resize(tokens * header_.dim);
  inverse_rms_.resize(tokens);
  buffers_[0] = Activations(max_tokens_, header_.dim);
  buffers_[1] = Activations(max_tokens_, query_width());
  buffers_[2] = Activations(max_tokens_, header_.hidden);
  query_stride_ = whole_a16_blocks(header_.head_size);
  queries_.resize(tokens * header_.heads * query_stride_);
  query_exponents_.resize(tokens * header_.heads);
  attention_output_.resize(tokens * query_width());
  results_.resize(tokens * results_stride_);
  rope_.resize(tokens * rope_stride_);
  for (auto& squares : head_squares_) squares.resize(tokens * header_.heads);
  query_factors_.resize(tokens);
  if (header_.experts > 0) {
    const uint32_t choices = max_tokens_ * header_.experts_per_token;
    route_.resize(choices);
    expert_inputs_ = Activations(choices, header_.dim);
    expert_hidden_ = Activations(choices, header_.expert_hidden);
    expert_stride_ = std::max(header_.dim, 2u * header_.expert_hidden);
    expert_results_.resize(choices * expert_stride_);
  }
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
  places_.assign(pass.places.begin(), pass.places.end());
  for (uint32_t t = 0; pass.places.empty() && t < tokens_; ++t) places_.push_back({0, pass.position + t});
  first_logits_ = std::min(pass.first_logits, tokens_);
  next_matrix_ = 0;
  overflow_ = false;
  pass_experts_.clear();
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
      case Opcode::kKeyScale:
        key_scales(section);
        break;
      case Opcode::kResidual:
        residual(step);
        break;
      case Opcode::kRoute:
        route(step);
        break;
      case Opcode::kExperts:
        experts(section);
        break;
      case Opcode::kMix:
        break;  // of `experts`
      case Opcode::kNorm:
        for_each(tokens_, 1, [&](uint32_t t, bool* overflow) { norm(t, step.instruction, overflow); });
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
    throw Error(source_ + ": values left the number range at position " +
                std::to_string(places_.front().position) + "; the model's weights are damaged or unsuitable");
  }
  return result;
}

void Interpreter::fill_cache() {
  for (const LinkedStep& step : program_.steps) {
    brim::fill_cache(header_, step.instruction, *memory_);
    for (const MoreCache& cache : more_caches_) {
      brim::fill_cache(header_, step.instruction, *cache.memory);
    }
  }
}

std::vector<std::span<uint8_t>> Interpreter::cache_memory(uint32_t cache, uint32_t positions) {
  std::vector<std::span<uint8_t>> parts;
  // The views are for reading, but what they show is this interpreter's to write.
  const auto add = [&](const uint8_t* memory, uint64_t bytes) {
    parts.emplace_back(const_cast<uint8_t*>(memory), bytes);
  };
  for (const KvHead& head : over(cache).kv_heads) {
    for (const KvView& view : {head.keys, head.values}) {
      const uint32_t held = std::min(positions, view.ring);
      add(view.pages, view.format.page_bytes(held));
      add(view.scales, view.format.scales_bytes(held));
    }
  }
  return parts;
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

void Interpreter::load(const LinkedStep& step) {
  const uint64_t bytes = uint64_t{step.instruction.count} * kBeatBytes;
  float* const to = &parameters_[step.instruction.param * kFloatsPerBeat];
  std::memcpy(to, step.table, bytes);
  if (crc32c(to, bytes) != step.instruction.address2) {
    throw DamageError(source_, {RegionKind::kParameters, step.address});
  }
}

void Interpreter::rope(const LinkedStep& step) {
  const uint64_t row_bytes = uint64_t{step.instruction.count} * kBeatBytes;
  for (uint32_t t = 0; t < tokens_; ++t) {
    std::memcpy(&rope_[t * uint64_t{rope_stride_}], step.table + places_[t].position * row_bytes, row_bytes);
  }
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

// The deferred RMSNorm: matrices take A16(x * w); their results are multiplied by r later. Or no norm at all.
void Interpreter::norm(uint32_t token, const Instruction& in, bool* overflow) {
  const float* x = residual_row(token);
  if (in.flags & kFlagPlain) {
    kernels_->to_a16(x, header_.dim, buffer(ActivationBuffer::kNormed).row(token), overflow);
    inverse_rms_[token] = 1.0f;
    return;
  }
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
  const uint32_t grain = std::max(1u, kPagesPerGrain / matrix.pages_per_block);
  damaged_page_ = kNoPage;
  pool_.run(matrix.row_blocks(), grain, [&](uint32_t first, uint32_t last, uint32_t) {
    const FlushToZero flush;
    kernels_->matvec(matrix, x, first, last, out, stride);
    // Behind it, as the pages are in the cache then, and whatever was multiplied is checked.
    if (check_stream_) check_pages(matrix, step.address, first, last);
  });
  if (damaged_page_ != kNoPage) throw DamageError(source_, {RegionKind::kWeights, damaged_page_});
}

// Metadata are read by every thread that uses them, so each time they are checked again.
void Interpreter::check_pages(const MatrixView& matrix, uint64_t address, uint32_t first_block,
                              uint32_t last_block) {
  const auto note = [&](uint64_t offset) {
    const uint64_t page = address + offset;
    uint64_t lowest = damaged_page_.load(std::memory_order_relaxed);
    while (page < lowest && !damaged_page_.compare_exchange_weak(lowest, page, std::memory_order_relaxed)) {
    }
  };
  const uint64_t end = matrix.first_page + uint64_t{last_block} * matrix.pages_per_block;
  for (uint64_t page = matrix.first_page + uint64_t{first_block} * matrix.pages_per_block; page < end;) {
    const uint64_t chunk = page / kPagesPerChunk;
    const uint8_t* const metadata = matrix.stream + chunk * kChunkBytes;
    if (!metadata_is_sound(metadata)) return note(chunk * kChunkBytes);
    for (; page < end && page / kPagesPerChunk == chunk; ++page) {
      const uint8_t* const bytes = matrix.stream + page_offset(page);
      if (!page_is_sound(metadata, page % kPagesPerChunk, bytes)) return note(page_offset(page));
    }
  }
}

// Results become q, k and v vectors: * r, bias, norm; then RoPE and rotation for q and k.
void Interpreter::heads(const Section& section) {
  const uint32_t d = header_.head_size;
  constexpr uint32_t kGrain = 8;
  for_each((section.last - section.first) * tokens_, kGrain, [&](uint32_t unit, bool* overflow) {
    const uint32_t index = section.first + unit / tokens_;
    const LinkedStep& step = program_.steps[index];
    const uint32_t token = unit % tokens_;
    const Instruction& in = step.instruction;
    float* x = results(token, step);
    kernels_->scale(x, d, inverse_rms_[token]);
    if (in.flags & kFlagBias) kernels_->add(x, parameter(in.param), d);
    if (in.flags & kFlagNorm) {
      const float mean = fmul(kernels_->sum_of_squares(x, d), header_.inverse_head_size);
      kernels_->scale_by(x, parameter(in.param2), rsqrt(fadd(mean, header_.norm_eps)), d);
    }
    if (in.flags & kFlagAllHeads) {
      head_squares_[in.opcode == Opcode::kKey][uint64_t{token} * header_.heads + in.head] =
          kernels_->sum_of_squares(x, d);
      kernels_->scale_by(x, parameter(in.param2), 1.0f, d);
    }
    if (in.opcode != Opcode::kValue) {
      kernels_->rope(x, &rope_[token * rope_stride_], d);
      if (header_.kv_flags & kKvRotated) kernels_->rotate(x, d);
    }
    if (in.opcode == Opcode::kQuery) {
      const uint64_t head = uint64_t{token} * header_.heads + in.head;
      query_exponents_[head] = kernels_->to_a16(x, d, &queries_[head * query_stride_], overflow);
    } else {
      cache(index, token, x);
    }
  });
}

void Interpreter::cache(uint32_t index, uint32_t token, const float* x) {
  const auto [of_text, position] = places_[token];
  const LinkedStep& step = over(of_text).steps[index];
  const KvFormat format = kv_format(header_, step.instruction.opcode == Opcode::kValue);
  const uint32_t d = header_.head_size;
  const uint32_t place = position % cache_positions(step.instruction, header_);
  uint8_t* record = step.pages + format.offset(place);
  uint8_t* scale = step.scales + uint64_t{place} * format.scale_bytes;
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

// The norms over all heads of q and of k: one goes into K's scales, the other waits for the scores.
void Interpreter::key_scales(const Section& section) {
  const auto factor = [&](const std::vector<float>& squares, uint32_t token) {
    float sum = 0;
    for (uint32_t h = 0; h < header_.heads; ++h)
      sum = fadd(sum, squares[uint64_t{token} * header_.heads + h]);
    return rsqrt(fadd(fmul(sum, header_.inverse_head_size), header_.norm_eps));
  };
  const KvFormat format = key_format(header_);
  for_each(tokens_, 1, [&](uint32_t token, bool*) {
    query_factors_[token] = factor(head_squares_[0], token);
    const float of_keys = factor(head_squares_[1], token);
    for (uint32_t i = section.first; i < section.last; ++i) {
      const auto [of_text, position] = places_[token];
      const LinkedStep& step = over(of_text).steps[i];
      const uint32_t place = position % cache_positions(step.instruction, header_);
      uint8_t* at = step.scales + uint64_t{place} * format.scale_bytes;
      uint16_t scale;
      std::memcpy(&scale, at, sizeof(scale));
      scale = kv_scale(fmul(fp16_to_float(scale), of_keys));
      std::memcpy(at, &scale, sizeof(scale));
    }
  });
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
      attend(over(places_[token].cache).kv_heads[section.first_head + kv_head], token, head(part),
             head(part + 1), attention_scratch_[thread], &overflow);
    }
    if (overflow) overflow_.store(true, std::memory_order_relaxed);
  });
  const uint32_t width = query_width();
  for_each(tokens_, 1, [&](uint32_t t, bool* overflow) {
    kernels_->to_a16(&attention_output_[uint64_t{t} * width], width,
                     buffer(ActivationBuffer::kAttention).row(t), overflow);
  });
}

// Query heads [first_head, last_head) of a token over all positions up to its own, or those of its window.
// These are counted from that on which is read first: scores before the window are -infinity.
void Interpreter::attend(const KvHead& kv, uint32_t token, uint32_t first_head, uint32_t last_head,
                         AttentionScratch& scratch, bool* overflow) {
  const uint32_t position = places_[token].position;
  const uint32_t base = first_read(kv.scores, header_, position);
  const uint32_t masked = first_attended(kv.scores, position) - base;
  const uint32_t positions = position + 1 - base;
  const KvView keys = kv.keys.from(base), values = kv.values.from(base);
  const uint32_t d = header_.head_size;
  const auto scores = [&](uint32_t head) {
    return &scratch.scores[uint64_t{head - first_head} * header_.context];
  };

  constexpr uint32_t kPositions = 256;  // whose K stay in the nearest cache for the group's other heads
  for (uint32_t first = 0; first < positions; first += kPositions) {
    const uint32_t last = std::min(first + kPositions, positions);
    for (uint32_t head = first_head; head < last_head; ++head) {
      const uint64_t query = uint64_t{token} * header_.heads + head;
      kernels_->scores(keys, &queries_[query * query_stride_], query_exponents_[query],
                       header_.inverse_sqrt_head_size, first, last, scores(head));
    }
  }
  for (uint32_t head = first_head; head < last_head; ++head) {
    float* p = scores(head);
    if (kv.all_heads) kernels_->scale(p, positions, query_factors_[token]);
    std::fill_n(p, masked, -std::numeric_limits<float>::infinity());
    const float denominator = kernels_->softmax(p, positions);
    kernels_->attention_weights(p, values, positions, scratch.weights.data(), scratch.exponents.data(),
                                overflow);
    float out[kMaxHeadSize];
    kernels_->values(values, scratch.weights.data(), scratch.exponents.data(), positions, out);
    kernels_->scale(out, d, reciprocal(denominator));
    std::copy_n(out, d, &attention_output_[uint64_t{token} * query_width() + uint64_t{head} * d]);
  }
}

void Interpreter::residual(const LinkedStep& step) {
  const Instruction& in = step.instruction;
  for_each(tokens_, 1, [&](uint32_t t, bool* overflow) {
    float* const out = results(t, step);
    if (in.flags & kFlagPostNorm) {
      const float mean = fmul(kernels_->sum_of_squares(out, header_.dim), header_.inverse_dim);
      kernels_->scale_by(out, parameter(in.param2), rsqrt(fadd(mean, header_.norm_eps)), header_.dim);
    }
    kernels_->add(residual_row(t), out, header_.dim);
    norm(t, in, overflow);
  });
}

// Which experts the tokens choose, and which tokens each of them has.
void Interpreter::route(const LinkedStep& step) {
  const uint32_t chosen = header_.experts_per_token;
  const bool over_chosen = (step.instruction.flags & kFlagChosenSoftmax) != 0;
  for_each(tokens_, 1, [&](uint32_t t, bool* overflow) {
    float* logits = results(t, step);
    kernels_->scale(logits, header_.experts, inverse_rms_[t]);
    const auto of_token = std::span(route_).subspan(uint64_t{t} * chosen, chosen);
    if (!choose_experts({logits, header_.experts}, over_chosen, of_token)) *overflow = true;
  });
  choices_.clear();
  experts_.clear();
  for (uint32_t expert = 0; expert < header_.experts; ++expert) {
    const auto first = static_cast<uint32_t>(choices_.size());
    for (uint32_t i = 0; i < tokens_ * chosen; ++i) {
      if (route_[i].expert == expert) choices_.push_back({i / chosen, route_[i].weight});
    }
    const auto count = static_cast<uint32_t>(choices_.size()) - first;
    if (count > 0) experts_.push_back({expert, first, count});
  }
  std::vector<uint32_t>& of_layer = pass_experts_.emplace_back();
  for (const ExpertChoices& each : experts_) of_layer.push_back(each.expert);
}

// All experts take each step together: their weights are read once, and threads have enough to do.
void Interpreter::experts(const Section& section) {
  const LinkedStep* steps = &program_.steps[section.first + 1];
  const LinkedStep &gate_up = steps[0], &swiglu = steps[1], &down = steps[2];
  const auto choices = static_cast<uint32_t>(choices_.size());
  const Activations& normed = buffer(ActivationBuffer::kNormed);
  const bool gathered = tokens_ > 1;
  if (gathered) {
    for_each(choices, 1, [&](uint32_t i, bool*) {
      const A16View from = normed.view(choices_[i].token, 1);
      std::copy_n(from.digits, from.blocks, expert_inputs_.row(i));
    });
  }
  expert_matvec(gate_up, gathered ? expert_inputs_ : normed, gathered);
  const uint32_t hidden = swiglu.instruction.rows / 2;
  const uint32_t blocks = (hidden + kA16Block - 1) / kA16Block;
  constexpr uint32_t kGrain = 8;
  for_each(choices * blocks, kGrain, [&](uint32_t unit, bool* overflow) {
    const uint32_t i = unit / blocks, block = unit % blocks;
    const uint32_t first = block * kA16Block;
    kernels_->swiglu(gate_of(swiglu.instruction), &expert_results_[i * expert_stride_ + 2 * first],
                     inverse_rms_[choices_[i].token], std::min<uint32_t>(kA16Block, hidden - first),
                     expert_hidden_.row(i) + block, overflow);
  });
  ++next_matrix_;
  expert_matvec(down, expert_hidden_, true);
  next_matrix_ += 2 * header_.experts - 1;
  for_each(tokens_, 1, [&](uint32_t t, bool*) {
    for (uint32_t i = 0; i < choices; ++i) {
      if (choices_[i].token != t) continue;
      float* out = &expert_results_[i * expert_stride_];
      kernels_->scale(out, header_.dim, choices_[i].weight);
      kernels_->add(residual_row(t), out, header_.dim);
    }
  });
}

// A matrix of every chosen expert times the inputs of those who have chosen it: each choice's own, or, of a
// pass with one token, that token's.
void Interpreter::expert_matvec(const LinkedStep& step, const Activations& inputs, bool of_choices) {
  const auto inputs_of = [&](const ExpertChoices& each) {
    return of_choices ? inputs.view(each.first, each.count) : inputs.view(0, 1);
  };
  if (observer_) {
    const bool normed = step.instruction.buffer == ActivationBuffer::kNormed;
    for (const ExpertChoices& each : experts_) {
      std::vector<float> factors(each.count, 1.0f);
      for (uint32_t i = 0; normed && i < each.count; ++i) {
        factors[i] = inverse_rms_[choices_[each.first + i].token];
      }
      observer_(next_matrix_ + 2 * each.expert, inputs_of(each), factors);
    }
  }
  const uint32_t row_blocks = step.matrix.row_blocks();
  const uint32_t grain = std::max(1u, kPagesPerGrain / step.matrix.pages_per_block);
  damaged_page_ = kNoPage;
  pool_.run(static_cast<uint32_t>(experts_.size()) * row_blocks, grain,
            [&](uint32_t first, uint32_t last, uint32_t) {
              const FlushToZero flush;
              for (uint32_t unit = first; unit < last;) {
                const ExpertChoices& each = experts_[unit / row_blocks];
                MatrixView matrix = step.matrix;
                matrix.stream += each.expert * step.expert_stride;
                const uint32_t block = unit % row_blocks;
                const uint32_t end = std::min(row_blocks, block + (last - unit));
                kernels_->matvec(matrix, inputs_of(each), block, end,
                                 &expert_results_[each.first * expert_stride_], expert_stride_);
                if (check_stream_)
                  check_pages(matrix, step.address + each.expert * step.expert_stride, block, end);
                unit += end - block;
              }
            });
  if (damaged_page_ != kNoPage) throw DamageError(source_, {RegionKind::kWeights, damaged_page_});
}

void Interpreter::swiglu(const LinkedStep& step) {
  const uint32_t hidden = step.instruction.rows / 2;
  const uint32_t blocks = (hidden + kA16Block - 1) / kA16Block;
  constexpr uint32_t kGrain = 8;
  for_each(tokens_ * blocks, kGrain, [&](uint32_t unit, bool* overflow) {
    const uint32_t t = unit / blocks, block = unit % blocks;
    const uint32_t first = block * kA16Block;
    const uint32_t n = std::min<uint32_t>(kA16Block, hidden - first);
    kernels_->swiglu(gate_of(step.instruction), results(t, step) + 2 * first, inverse_rms_[t], n,
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
