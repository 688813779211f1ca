#include "engine/interpreter.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "numerics/fp16.h"
#include "numerics/kv8.h"
#include "numerics/reciprocal.h"
#include "numerics/rsqrt.h"

namespace brim {

Interpreter::Interpreter(const MappedImage& image, std::unique_ptr<Kernels> kernels, uint32_t max_tokens_per_pass)
    : image_(image), memory_(image), kernels_(std::move(kernels)), max_tokens_(max_tokens_per_pass) {
  const Program program = image.program();
  header_ = program.header;
  resolve(program);

  const uint64_t tokens = max_tokens_;
  residual_.resize(tokens * header_.dim);
  inverse_rms_.resize(tokens);
  const uint32_t query_width = uint32_t{header_.heads} * header_.head_size;
  buffers_[0] = Activations(max_tokens_, header_.dim);
  buffers_[1] = Activations(max_tokens_, query_width);
  buffers_[2] = Activations(max_tokens_, header_.hidden);
  queries_ = Activations(max_tokens_, header_.heads * kA16Block);
  attention_output_.resize(tokens * query_width);
  logits_.resize(tokens * header_.vocabulary);
  results_.resize(tokens * results_stride_);
  rope_.resize(tokens * rope_stride_);
  const uint64_t max_pairs = tokens * heads_per_kv();
  for (AttentionState& state : attention_) {
    state.scores.resize(max_pairs * header_.context);
    state.denominators.resize(max_pairs);
    state.weights.resize(max_pairs * header_.context);
    state.exponents.resize(max_pairs * header_.context / kAttentionBlock);
  }
}

// --- From program to steps: everything a damaged program could get wrong is found here. ---

namespace {

class Resolver {
 public:
  Resolver(const MappedImage& image, size_t index, const Instruction& instruction)
      : image_(image), index_(index), instruction_(instruction) {}

  void require(bool condition, const char* what) const {
    if (condition) return;
    throw Error(image_.path() + ": program instruction " + std::to_string(index_) + " (" +
                disassemble(instruction_) + "): " + what + "; pack the model again");
  }

 private:
  const MappedImage& image_;
  size_t index_;
  const Instruction& instruction_;
};

uint64_t byte_address(uint32_t beat) { return uint64_t{beat} * kBeatBytes; }

}  // namespace

void Interpreter::resolve(const Program& program) {
  const ProgramHeader& h = header_;
  const auto header_error = [&](const char* what) {
    return Error(image_.path() + ": program header: " + what + "; pack the model again");
  };
  if (h.head_size == 0 || h.head_size > kA16Block || h.head_size % 2 != 0) throw header_error("head size");
  if (h.kv_heads == 0 || h.heads == 0 || h.heads % h.kv_heads != 0) throw header_error("head counts");
  if (h.dim == 0 || h.dim > 1 << 16 || h.hidden == 0 || h.hidden > 1 << 20) throw header_error("widths");
  if (h.vocabulary == 0 || h.vocabulary > 1 << 24) throw header_error("vocabulary");
  if (h.context == 0 || h.context % kAttentionBlock != 0 || h.context > 1 << 24) throw header_error("context");

  const uint32_t query_width = uint32_t{h.heads} * h.head_size;
  const uint32_t inputs[] = {h.dim, query_width, h.hidden};
  const uint32_t record_bytes = kv_record_bytes(h.head_size);
  const uint32_t page_tokens = kv_tokens_per_page(h.head_size);
  const uint64_t kv_bytes = uint64_t{(h.context + page_tokens - 1) / page_tokens} * kPageBytes;
  const uint64_t scale_bytes = kv_scale_bytes(h.context);
  const uint32_t values_rows = record_bytes * heads_per_kv();
  const uint32_t head_beats = (h.head_size * 4 + kBeatBytes - 1) / kBeatBytes;
  const uint32_t norm_beats = (h.dim * 4 + kBeatBytes - 1) / kBeatBytes;

  const uint8_t* stream = nullptr;  // the weight run under way
  uint64_t stream_address = 0;
  uint64_t next_page = 0;
  uint32_t results_left = 0;        // rows of the last matrix that wait for a consumer
  uint32_t loaded_beats = 0;        // of P
  uint32_t max_results = values_rows;

  for (size_t i = 0; i < program.instructions.size(); ++i) {
    Step step;
    step.instruction = program.instructions[i];
    const Instruction& in = step.instruction;
    const Resolver at(image_, i, in);
    const auto consume = [&](uint32_t rows) {
      at.require(rows <= results_left, "takes more results than the matrix gives");
      results_left -= rows;
    };
    const auto parameter = [&](uint32_t beat, uint32_t beats) {
      at.require(beat + beats <= loaded_beats, "parameters that were not loaded");
    };
    const auto cache = [&](bool with_scales, uint64_t scales) {
      at.require(in.head < h.kv_heads, "KV head out of range");
      step.pages = memory_.write(byte_address(in.address), kv_bytes);
      if (with_scales) step.scales = memory_.write(byte_address(in.address2), scales);
    };
    switch (in.opcode) {
      case Opcode::kEnd:
      case Opcode::kEndPrompt:
        break;
      case Opcode::kStream:
        stream_address = byte_address(in.address);
        stream = memory_.read(stream_address, kPageBytes);
        next_page = 0;
        continue;
      case Opcode::kLoad:
        at.require(in.count <= 1 << 20, "too many beats");
        step.table = memory_.read(byte_address(in.address), byte_address(in.count));
        loaded_beats = std::max(loaded_beats, in.param + in.count);
        break;
      case Opcode::kRope:
        at.require(byte_address(in.count) == rope_row_bytes(h.head_size), "wrong row size");
        step.table = memory_.read(byte_address(in.address), byte_address(in.count) * h.context);
        rope_stride_ = in.count * (kBeatBytes / 4);
        break;
      case Opcode::kEmbed:
        at.require(in.shape <= 2, "unknown embedding format");
        at.require(byte_address(in.count) == embedding_row_bytes(static_cast<EmbeddingFormat>(in.shape), h.dim),
                   "wrong row size");
        step.table = memory_.read(byte_address(in.address), byte_address(in.count) * h.vocabulary);
        parameter(in.param, norm_beats);
        break;
      case Opcode::kMatvec: {
        at.require(static_cast<uint32_t>(in.buffer) <= 2, "unknown input buffer");
        at.require(in.groups == (inputs[static_cast<uint32_t>(in.buffer)] + kGroup - 1) / kGroup,
                   "wrong number of column groups");
        const PageShape shape = page_shape(in.groups);
        at.require(in.shape == shape.columns, "wrong page shape");
        at.require(in.rows > 0 && in.rows <= 1 << 24, "rows out of range");
        step.matrix = {stream, next_page, shape, in.rows, in.groups / shape.columns};
        const uint64_t pages = uint64_t{step.matrix.row_blocks()} * step.matrix.pages_per_block;
        at.require(in.count == pages, "wrong number of pages");
        at.require(stream != nullptr, "no weight stream");
        next_page += pages;
        memory_.read(stream_address, stream_bytes(next_page));
        results_left = in.rows;
        max_results = std::max(max_results, in.rows);
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
        results_left = values_rows;
        break;
      case Opcode::kSoftmax:
        at.require(in.head < h.kv_heads, "KV head out of range");
        break;
      case Opcode::kOutput:
        at.require(in.head < h.kv_heads, "KV head out of range");
        consume(values_rows);
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
        break;
    }
    steps_.push_back(step);
  }
  parameters_.resize(uint64_t{loaded_beats} * (kBeatBytes / 4));
  results_stride_ = max_results;
}

// --- A pass. ---

void Interpreter::check_pass(const Pass& pass) const {
  if (pass.tokens.empty() || pass.tokens.size() > max_tokens_) {
    throw Error("a pass takes 1 to " + std::to_string(max_tokens_) + " tokens, not " +
                std::to_string(pass.tokens.size()));
  }
  if (uint64_t{pass.position} + pass.tokens.size() > header_.context) {
    throw Error("the context of " + std::to_string(header_.context) + " tokens is full; pack with a larger --context");
  }
  for (const uint32_t token : pass.tokens) {
    if (token >= header_.vocabulary) {
      throw Error("token id " + std::to_string(token) + " is outside the vocabulary of " +
                  std::to_string(header_.vocabulary));
    }
  }
}

std::span<const float> Interpreter::run(const Pass& pass) {
  check_pass(pass);
  token_ids_ = pass.tokens;
  tokens_ = static_cast<uint32_t>(pass.tokens.size());
  position_ = pass.position;
  first_logits_ = std::min(pass.first_logits, tokens_);
  overflow_ = false;

  const bool prompt_only = first_logits_ == tokens_;
  for (const Step& step : steps_) {
    if (step.instruction.opcode == Opcode::kEnd) break;
    if (step.instruction.opcode == Opcode::kEndPrompt && prompt_only) break;
    switch (step.instruction.opcode) {
      case Opcode::kEnd:
      case Opcode::kEndPrompt:
      case Opcode::kStream:
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
        query(step);
        break;
      case Opcode::kKey:
        key(step);
        break;
      case Opcode::kValue:
        value(step);
        break;
      case Opcode::kScores:
        scores(step);
        break;
      case Opcode::kSoftmax:
        softmax(step);
        break;
      case Opcode::kValues:
        values(step);
        break;
      case Opcode::kOutput:
        output(step);
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
  const std::span<const float> result(logits_.data(), uint64_t{tokens_ - first_logits_} * header_.vocabulary);
  if (overflow_ || !std::all_of(result.begin(), result.end(), is_finite)) {
    throw Error(image_.path() + ": values left the number range at position " + std::to_string(position_) +
                "; the model's weights are damaged or unsuitable");
  }
  return result;
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
  const uint32_t groups = (header_.dim + kGroup - 1) / kGroup;
  const auto fp16 = [](const uint8_t* from) {
    uint16_t bits;
    std::memcpy(&bits, from, 2);
    return fp16_to_float(bits);
  };
  for (uint32_t t = 0; t < tokens_; ++t) {
    const uint8_t* row = step.table + token_ids_[t] * byte_address(in.count);
    float* x = residual_row(t);
    for (uint32_t i = 0; i < header_.dim; ++i) {
      const uint32_t g = i / kGroup;
      switch (static_cast<EmbeddingFormat>(in.shape)) {
        case EmbeddingFormat::kFp16:
          x[i] = fp16(row + 2 * i);
          break;
        case EmbeddingFormat::kQ8:
          x[i] = fmul(fl(static_cast<int8_t>(row[i])), fp16(row + groups * kGroup + 2 * g));
          break;
        case EmbeddingFormat::kQ4: {
          const int32_t q = (row[i / 2] >> (i % 2 * 4)) & 15;
          const int32_t zero = row[groups * (kGroupBytes + 2) + g];
          x[i] = fmul(fl(q - zero), fp16(row + groups * kGroupBytes + 2 * g));
          break;
        }
      }
    }
    norm(t, in);
  }
}

// The deferred RMSNorm: matrices take A16(x * w); their results are multiplied by r later.
void Interpreter::norm(uint32_t token, const Instruction& in) {
  const float* x = residual_row(token);
  Activations& normed = buffer(ActivationBuffer::kNormed);
  kernels_->to_a16(x, &parameters_[in.param * (kBeatBytes / 4)], header_.dim, normed.mantissas(token),
                   &normed.exponent(token, 0), &overflow_);
  const float mean = fmul(kernels_->sum_of_squares(x, header_.dim), header_.inverse_dim);
  inverse_rms_[token] = rsqrt(fadd(mean, header_.norm_eps));
}

void Interpreter::matvec(const Step& step) {
  kernels_->matvec(step.matrix, buffer(step.instruction.buffer), tokens_, 0, step.matrix.row_blocks(),
                   results_.data(), results_stride_);
  next_result_ = 0;
}

// The next head_size results of the token as a q, k or v vector: * r, bias, norm.
float* Interpreter::head_vector(const Step& step, uint32_t token) {
  const Instruction& in = step.instruction;
  const uint32_t d = header_.head_size;
  float* x = results(token) + next_result_;
  kernels_->scale(x, d, inverse_rms_[token]);
  if (in.flags & kFlagBias) kernels_->add(x, &parameters_[in.param * (kBeatBytes / 4)], d);
  if (in.flags & kFlagNorm) {
    const float mean = fmul(kernels_->sum_of_squares(x, d), header_.inverse_head_size);
    const float r = rsqrt(fadd(mean, header_.norm_eps));
    kernels_->scale_by(x, &parameters_[in.param2 * (kBeatBytes / 4)], r, d);
  }
  return x;
}

void Interpreter::query(const Step& step) {
  for (uint32_t t = 0; t < tokens_; ++t) {
    float* q = head_vector(step, t);
    kernels_->rope(q, &rope_[t * rope_stride_], header_.head_size);
    const uint32_t head = step.instruction.head;
    kernels_->to_a16(q, header_.head_size, queries_.mantissas(t, head), &queries_.exponent(t, head), &overflow_);
  }
  next_result_ += header_.head_size;
}

void Interpreter::key(const Step& step) {
  for (uint32_t t = 0; t < tokens_; ++t) {
    float* k = head_vector(step, t);
    kernels_->rope(k, &rope_[t * rope_stride_], header_.head_size);
    cache(step, t, k);
  }
  next_result_ += header_.head_size;
}

void Interpreter::value(const Step& step) {
  for (uint32_t t = 0; t < tokens_; ++t) cache(step, t, head_vector(step, t));
  next_result_ += header_.head_size;
}

void Interpreter::cache(const Step& step, uint32_t token, const float* x) {
  const uint32_t record_bytes = kv_record_bytes(header_.head_size);
  const uint32_t position = position_ + token;
  auto* record = reinterpret_cast<int8_t*>(step.pages + kv_record_offset(position, record_bytes));
  std::fill(record + header_.head_size, record + record_bytes, int8_t{0});
  const uint16_t scale = quantise_kv8(x, header_.head_size, record);
  std::memcpy(step.scales + 2 * uint64_t{position}, &scale, sizeof(scale));
}

void Interpreter::scores(const Step& step) {
  AttentionState& state = attention_[step.instruction.head % 2];
  const KvView keys{step.pages, step.scales, kv_record_bytes(header_.head_size)};
  state.value_scales = step.scales + kv_scale_bytes(header_.context);
  for (uint32_t pair = 0; pair < pairs(); ++pair) {
    const uint32_t token = pair / heads_per_kv();
    const uint32_t head = step.instruction.head * heads_per_kv() + pair % heads_per_kv();
    kernels_->scores(keys, queries_.mantissas(token, head), queries_.exponent(token, head),
                     header_.inverse_sqrt_head_size, 0, last_position(pair) + 1,
                     &state.scores[uint64_t{pair} * header_.context]);
  }
}

void Interpreter::softmax(const Step& step) {
  AttentionState& state = attention_[step.instruction.head % 2];
  const KvView values{nullptr, state.value_scales, kv_record_bytes(header_.head_size)};
  for (uint32_t pair = 0; pair < pairs(); ++pair) {
    const uint64_t row = uint64_t{pair} * header_.context;
    const uint32_t positions = last_position(pair) + 1;
    state.denominators[pair] = kernels_->softmax(&state.scores[row], positions);
    kernels_->attention_weights(&state.scores[row], values, positions, &state.weights[row],
                                &state.exponents[row / kAttentionBlock], &overflow_);
  }
}

void Interpreter::values(const Step& step) {
  const AttentionState& state = attention_[step.instruction.head % 2];
  const KvView values{step.pages, state.value_scales, kv_record_bytes(header_.head_size)};
  for (uint32_t pair = 0; pair < pairs(); ++pair) {
    const uint64_t row = uint64_t{pair} * header_.context;
    float* out = results(pair / heads_per_kv()) + pair % heads_per_kv() * values.record_bytes;
    kernels_->values(values, &state.weights[row], &state.exponents[row / kAttentionBlock], last_position(pair) + 1,
                     out);
  }
  next_result_ = 0;
}

void Interpreter::output(const Step& step) {
  const AttentionState& state = attention_[step.instruction.head % 2];
  const uint32_t width = uint32_t{header_.heads} * header_.head_size;
  const uint32_t record_bytes = kv_record_bytes(header_.head_size);
  for (uint32_t pair = 0; pair < pairs(); ++pair) {
    const uint32_t token = pair / heads_per_kv();
    const uint32_t head_in_group = pair % heads_per_kv();
    const uint32_t head = step.instruction.head * heads_per_kv() + head_in_group;
    float* from = results(token) + head_in_group * record_bytes;
    kernels_->scale(from, header_.head_size, reciprocal(state.denominators[pair]));
    std::copy_n(from, header_.head_size, &attention_output_[uint64_t{token} * width + head * header_.head_size]);
  }
  if (step.instruction.head + 1u < header_.kv_heads) return;
  Activations& attention = buffer(ActivationBuffer::kAttention);
  for (uint32_t t = 0; t < tokens_; ++t) {
    kernels_->to_a16(&attention_output_[uint64_t{t} * width], width, attention.mantissas(t),
                     &attention.exponent(t, 0), &overflow_);
  }
}

void Interpreter::residual(const Step& step) {
  for (uint32_t t = 0; t < tokens_; ++t) {
    kernels_->add(residual_row(t), results(t) + next_result_, header_.dim);
    norm(t, step.instruction);
  }
}

void Interpreter::swiglu(const Step&) {
  Activations& hidden = buffer(ActivationBuffer::kHidden);
  for (uint32_t t = 0; t < tokens_; ++t) {
    kernels_->swiglu(results(t) + next_result_, inverse_rms_[t], header_.hidden, hidden.mantissas(t),
                     &hidden.exponent(t, 0), &overflow_);
  }
}

void Interpreter::logits(const Step&) {
  for (uint32_t t = first_logits_; t < tokens_; ++t) {
    float* out = &logits_[uint64_t{t - first_logits_} * header_.vocabulary];
    std::copy_n(results(t) + next_result_, header_.vocabulary, out);
    kernels_->scale(out, header_.vocabulary, inverse_rms_[t]);
  }
}

}  // namespace brim
