#include "engine/interpreter.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "engine/check_pass.h"
#include "engine/fill_cache.h"
#include "engine/flush_to_zero.h"
#include "numerics/fp16.h"
#include "numerics/reciprocal.h"
#include "numerics/rsqrt.h"

namespace brim {

Interpreter::Interpreter(const MappedImage& image, std::unique_ptr<Kernels> kernels,
                         const InterpreterOptions& options)
    : Interpreter(image.path(), image.program(), std::make_unique<BoardMemory>(image, options.load),
                  std::move(kernels), options) {}

Interpreter::Interpreter(std::string name, const Program& program, std::unique_ptr<PhysicalMemory> memory,
                         std::unique_ptr<Kernels> kernels, const InterpreterOptions& options)
    : name_(std::move(name)),
      memory_(std::move(memory)),
      kernels_(std::move(kernels)),
      pool_(options.threads, options.pin),
      max_tokens_(options.max_tokens_per_pass) {
  header_ = program.header;
  resolve(program);
  group_steps();

  const uint64_t tokens = max_tokens_;
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

// --- From program to steps: everything a damaged program could get wrong is found here. ---

namespace {

class Resolver {
 public:
  Resolver(const std::string& name, size_t index, const Instruction& instruction)
      : name_(name), index_(index), instruction_(instruction) {}

  void require(bool condition, const char* what) const {
    if (condition) return;
    throw Error(name_ + ": program instruction " + std::to_string(index_) + " (" + disassemble(instruction_) +
                "): " + what + "; pack the model again");
  }

 private:
  const std::string& name_;
  size_t index_;
  const Instruction& instruction_;
};

uint64_t byte_address(uint32_t beat) { return uint64_t{beat} * kBeatBytes; }

bool is_head_vector(Opcode opcode) {
  return opcode == Opcode::kQuery || opcode == Opcode::kKey || opcode == Opcode::kValue;
}

bool is_attention(Opcode opcode) {
  return opcode == Opcode::kScores || opcode == Opcode::kSoftmax || opcode == Opcode::kValues ||
         opcode == Opcode::kOutput;
}

// Whether the rows of `part` come right behind those of `matrix`, in memory and in number.
bool continues(const MatrixView& part, const MatrixView& matrix) {
  const uint64_t pages = uint64_t{matrix.row_blocks()} * matrix.pages_per_block;
  return part.stream == matrix.stream && part.first_page == matrix.first_page + pages &&
         part.shape == matrix.shape && part.pages_per_block == matrix.pages_per_block &&
         matrix.rows % matrix.shape.rows == 0;
}

}  // namespace

void Interpreter::resolve(const Program& program) {
  const ProgramHeader& h = header_;
  const auto header_error = [&](const char* what) {
    return Error(name_ + ": program header: " + what + "; pack the model again");
  };
  if (h.head_size == 0 || h.head_size > kA16Block || h.head_size % 2 != 0) throw header_error("head size");
  if (h.kv_heads == 0 || h.heads == 0 || h.heads % h.kv_heads != 0) throw header_error("head counts");
  if (h.dim == 0 || h.dim > 1 << 16 || h.hidden == 0 || h.hidden > 1 << 20) throw header_error("widths");
  if (h.vocabulary == 0 || h.vocabulary > 1 << 24) throw header_error("vocabulary");
  if (h.context == 0 || h.context % kAttentionBlock != 0 || h.context > kMaxContext)
    throw header_error("context");

  const uint32_t inputs[] = {h.dim, query_width(), h.hidden};
  const uint32_t page_tokens = kv_tokens_per_page(h.head_size);
  const uint64_t kv_bytes = uint64_t{(h.context + page_tokens - 1) / page_tokens} * kPageBytes;
  const uint64_t scale_bytes = kv_scale_bytes(h.context);
  const uint32_t head_beats = (h.head_size * 4 + kBeatBytes - 1) / kBeatBytes;
  const uint32_t norm_beats = (h.dim * 4 + kBeatBytes - 1) / kBeatBytes;

  const uint8_t* stream = nullptr;  // the weight run under way
  uint64_t stream_address = 0;
  uint64_t next_page = 0;
  uint32_t results_left = 0;  // rows of the last matrix that wait for a consumer
  size_t last_matrix = 0;     // its step
  bool more_parts = false;    // since then only heads' vectors and attention: its next rows may follow
  uint32_t loaded_beats = 0;  // of P

  for (size_t i = 0; i < program.instructions.size(); ++i) {
    Step step;
    step.instruction = program.instructions[i];
    const Instruction& in = step.instruction;
    const Resolver at(name_, i, in);
    const auto consume = [&](uint32_t rows) {
      at.require(rows <= results_left, "takes more results than the matrix gives");
      step.first_result = steps_[last_matrix].matrix.rows - results_left;
      results_left -= rows;
    };
    const auto parameter = [&](uint32_t beat, uint32_t beats) {
      at.require(beat + beats <= loaded_beats, "parameters that were not loaded");
    };
    const auto cache = [&](bool with_scales, uint64_t scales) {
      at.require(in.head < h.kv_heads, "KV head out of range");
      step.pages = memory_->write(byte_address(in.address), kv_bytes);
      if (with_scales) step.scales = memory_->write(byte_address(in.address2), scales);
    };
    switch (in.opcode) {
      case Opcode::kEnd:
      case Opcode::kEndPrompt:
        break;
      case Opcode::kStream:
        stream_address = byte_address(in.address);
        stream = memory_->read(stream_address, kPageBytes);
        next_page = 0;
        continue;
      case Opcode::kLoad:
        at.require(in.count <= 1 << 20, "too many beats");
        step.table = memory_->read(byte_address(in.address), byte_address(in.count));
        loaded_beats = std::max(loaded_beats, in.param + in.count);
        break;
      case Opcode::kRope:
        at.require(byte_address(in.count) == rope_row_bytes(h.head_size), "wrong row size");
        step.table = memory_->read(byte_address(in.address), byte_address(in.count) * h.context);
        rope_stride_ = in.count * (kBeatBytes / 4);
        break;
      case Opcode::kEmbed:
        at.require(in.shape <= 2, "unknown embedding format");
        at.require(
            byte_address(in.count) == embedding_row_bytes(static_cast<EmbeddingFormat>(in.shape), h.dim),
            "wrong row size");
        step.table = memory_->read(byte_address(in.address), byte_address(in.count) * h.vocabulary);
        parameter(in.param, norm_beats);
        break;
      case Opcode::kMatvec: {
        at.require(static_cast<uint32_t>(in.buffer) <= 2, "unknown input buffer");
        at.require(in.groups == (inputs[static_cast<uint32_t>(in.buffer)] + kGroupInputs - 1) / kGroupInputs,
                   "wrong number of column groups");
        const PageShape shape = page_shape(in.groups);
        at.require(in.shape == shape.columns, "wrong page shape");
        at.require(in.rows > 0 && in.rows <= 1 << 24, "rows out of range");
        step.matrix = {stream, next_page, shape, in.rows, in.groups / shape.columns};
        const uint64_t pages = uint64_t{step.matrix.row_blocks()} * step.matrix.pages_per_block;
        at.require(in.count == pages, "wrong number of pages");
        at.require(stream != nullptr, "no weight stream");
        next_page += pages;
        memory_->read(stream_address, stream_bytes(next_page));
        // Hardware likes the rows of some heads at a time, threads all rows at once.
        if (more_parts && results_left == 0 && in.buffer == steps_[last_matrix].instruction.buffer &&
            continues(step.matrix, steps_[last_matrix].matrix)) {
          steps_[last_matrix].matrix.rows += in.rows;
          at.require(steps_[last_matrix].matrix.rows <= 1 << 24, "rows out of range");
          results_left = in.rows;
          continue;
        }
        results_left = in.rows;
        last_matrix = steps_.size();
        break;
      }
      case Opcode::kQuery:
      case Opcode::kKey:
      case Opcode::kValue:
        at.require(rope_stride_ > 0, "no RoPE rows");
        if (in.opcode == Opcode::kQuery) {
          at.require(in.head < h.heads, "query head out of range");
        } else {
          cache(true, scale_bytes);
        }
        if (in.flags & kFlagBias) parameter(in.param, head_beats);
        if (in.flags & kFlagNorm) parameter(in.param2, head_beats);
        consume(h.head_size);
        break;
      case Opcode::kScores:
        cache(true, 2 * scale_bytes);
        break;
      case Opcode::kValues:
        cache(false, 0);
        break;
      case Opcode::kSoftmax:
      case Opcode::kOutput:
        at.require(in.head < h.kv_heads, "KV head out of range");
        break;
      case Opcode::kResidual:
        at.require(in.rows == h.dim, "wrong number of rows");
        parameter(in.param, norm_beats);
        consume(in.rows);
        break;
      case Opcode::kSwiglu:
        at.require(in.rows == 2 * h.hidden, "wrong number of rows");
        consume(in.rows);
        break;
      case Opcode::kLogits:
        at.require(in.rows == h.vocabulary, "wrong number of rows");
        consume(in.rows);
        at.require(step.first_result == 0 && results_left == 0, "not all rows of the matrix");
        steps_[last_matrix].to_logits = true;
        break;
    }
    more_parts = in.opcode == Opcode::kMatvec ||
                 (more_parts && (is_head_vector(in.opcode) || is_attention(in.opcode)));
    steps_.push_back(step);
  }
  parameters_.resize(uint64_t{loaded_beats} * (kBeatBytes / 4));
  for (const Step& step : steps_) {
    if (step.instruction.opcode == Opcode::kMatvec && !step.to_logits) {
      results_stride_ = std::max<uint64_t>(results_stride_, step.matrix.rows);
    }
  }
}

// --- From steps to sections. ---

void Interpreter::group_steps() {
  const auto count = static_cast<uint32_t>(steps_.size());
  for (uint32_t first = 0, last = 0; first < count; first = last) {
    const auto of_heads = [&](uint32_t i) {
      const Opcode opcode = steps_[i].instruction.opcode;
      return is_head_vector(opcode) || is_attention(opcode);
    };
    while (last < count && of_heads(last)) ++last;
    if (last > first) {
      group_heads(first, last);
    } else {
      sections_.push_back({first, ++last});
    }
  }
}

// The vectors and the attention of a layer's heads. No KV head depends on another, so all vectors may be
// formed side by side and then all attention run so, in whatever order the program interleaves them. Of each
// KV head the vectors must come first, then its four steps of attention, once and in order.
void Interpreter::group_heads(uint32_t first, uint32_t last) {
  std::vector<KvHead> heads(header_.kv_heads);
  std::vector<Opcode> next(header_.kv_heads, Opcode::kScores);
  const uint32_t record_bytes = kv_record_bytes(header_.head_size);
  for (uint32_t i = first; i < last; ++i) {
    const Step& step = steps_[i];
    const Instruction& in = step.instruction;
    const uint32_t kv_head = in.opcode == Opcode::kQuery ? in.head / heads_per_kv() : in.head;
    if (next[kv_head] != (is_head_vector(in.opcode) ? Opcode::kScores : in.opcode)) {
      throw Error(name_ + ": program: the attention of KV head " + std::to_string(kv_head) +
                  " is out of order; pack the model again");
    }
    KvHead& head = heads[kv_head];
    switch (in.opcode) {
      case Opcode::kScores:
        head.keys = {step.pages, step.scales, record_bytes};
        head.values.scales = step.scales + kv_scale_bytes(header_.context);
        next[kv_head] = Opcode::kSoftmax;
        break;
      case Opcode::kSoftmax:
        next[kv_head] = Opcode::kValues;
        break;
      case Opcode::kValues:
        head.values = {step.pages, head.values.scales, record_bytes};
        next[kv_head] = Opcode::kOutput;
        break;
      case Opcode::kOutput:
        next[kv_head] = Opcode::kEnd;
        break;
      default:
        break;
    }
  }
  if (std::any_of(next.begin(), next.end(), [](Opcode opcode) { return opcode != Opcode::kEnd; })) {
    throw Error(name_ + ": program: attention without all KV heads; pack the model again");
  }

  const auto attention =
      std::stable_partition(steps_.begin() + first, steps_.begin() + last,
                            [](const Step& step) { return is_head_vector(step.instruction.opcode); });
  const auto middle = static_cast<uint32_t>(attention - steps_.begin());
  if (middle > first) sections_.push_back({first, middle});
  sections_.push_back({middle, last, static_cast<uint32_t>(kv_heads_.size())});
  kv_heads_.insert(kv_heads_.end(), heads.begin(), heads.end());
}

// --- A pass. ---

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

  for (const Section& section : sections_) {
    const Step& step = steps_[section.first];
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
    throw Error(name_ + ": values left the number range at position " + std::to_string(position_) +
                "; the model's weights are damaged or unsuitable");
  }
  return result;
}

void Interpreter::fill_cache() {
  for (const Step& step : steps_) brim::fill_cache(header_, step.instruction, *memory_);
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

void Interpreter::load(const Step& step) {
  std::memcpy(&parameters_[step.instruction.param * (kBeatBytes / 4)], step.table,
              byte_address(step.instruction.count));
}

void Interpreter::rope(const Step& step) {
  const uint64_t row_bytes = byte_address(step.instruction.count);
  std::memcpy(rope_.data(), step.table + position_ * row_bytes, tokens_ * row_bytes);
}

void Interpreter::embed(const Step& step) {
  const Instruction& in = step.instruction;
  const uint32_t groups = (header_.dim + kGroupInputs - 1) / kGroupInputs;
  const auto fp16 = [](const uint8_t* from) {
    uint16_t bits;
    std::memcpy(&bits, from, 2);
    return fp16_to_float(bits);
  };
  for_each(tokens_, 1, [&](uint32_t t, bool* overflow) {
    const uint8_t* row = step.table + token_ids_[t] * byte_address(in.count);
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

void Interpreter::matvec(const Step& step) {
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

// Results become q, k and v vectors: * r, bias, norm; then RoPE for q and k.
void Interpreter::heads(const Section& section) {
  const uint32_t d = header_.head_size;
  constexpr uint32_t kGrain = 8;
  for_each((section.last - section.first) * tokens_, kGrain, [&](uint32_t unit, bool* overflow) {
    const Step& step = steps_[section.first + unit / tokens_];
    const uint32_t token = unit % tokens_;
    const Instruction& in = step.instruction;
    float* x = results(token, step);
    kernels_->scale(x, d, inverse_rms_[token]);
    if (in.flags & kFlagBias) kernels_->add(x, parameter(in.param), d);
    if (in.flags & kFlagNorm) {
      const float mean = fmul(kernels_->sum_of_squares(x, d), header_.inverse_head_size);
      kernels_->scale_by(x, parameter(in.param2), rsqrt(fadd(mean, header_.norm_eps)), d);
    }
    if (in.opcode != Opcode::kValue) kernels_->rope(x, &rope_[token * rope_stride_], d);
    if (in.opcode == Opcode::kQuery) {
      const uint64_t head = uint64_t{token} * header_.heads + in.head;
      query_exponents_[head] = kernels_->to_a16(x, d, &queries_[head * kA16Block], overflow);
    } else {
      cache(step, token, x);
    }
  });
}

void Interpreter::cache(const Step& step, uint32_t token, const float* x) {
  const uint32_t record_bytes = kv_record_bytes(header_.head_size);
  const uint32_t position = position_ + token;
  auto* record = reinterpret_cast<int8_t*>(step.pages + kv_record_offset(position, record_bytes));
  std::fill(record + header_.head_size, record + record_bytes, int8_t{0});
  const uint16_t scale = kernels_->to_kv8(x, header_.head_size, record);
  std::memcpy(step.scales + 2 * uint64_t{position}, &scale, sizeof(scale));
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
      attend(kv_heads_[section.first_head + kv_head], token, head(part), head(part + 1),
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
    kernels_->attention_weights(p, kv.values.scales, positions, scratch.weights.data(),
                                scratch.exponents.data(), overflow);
    float out[kA16Block];
    kernels_->values(kv.values, scratch.weights.data(), scratch.exponents.data(), positions, out);
    kernels_->scale(out, d, reciprocal(denominator));
    std::copy_n(out, d, &attention_output_[uint64_t{token} * query_width() + uint64_t{head} * d]);
  }
}

void Interpreter::residual(const Step& step) {
  for_each(tokens_, 1, [&](uint32_t t, bool* overflow) {
    kernels_->add(residual_row(t), results(t, step), header_.dim);
    norm(t, step.instruction, overflow);
  });
}

void Interpreter::swiglu(const Step& step) {
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

void Interpreter::logits(const Step&) {
  for_each(tokens_ - first_logits_, 1, [&](uint32_t i, bool*) {
    kernels_->scale(&logits_[uint64_t{i} * header_.vocabulary], header_.vocabulary,
                    inverse_rms_[first_logits_ + i]);
  });
}

}  // namespace brim
