// Runs an image's decode program on this machine, with the arithmetic of any `Kernels`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/activations.h"
#include "engine/executor.h"
#include "engine/kernels.h"
#include "image/mapped_image.h"

namespace brim {

class Interpreter : public Executor {
 public:
  // Resolves every address of the image's program; throws Error on a program that leaves its regions or
  // buffers. The image must outlive the interpreter.
  Interpreter(const MappedImage& image, std::unique_ptr<Kernels> kernels, uint32_t max_tokens_per_pass);

  std::string name() const override { return kernels_->name(); }
  uint32_t vocabulary() const override { return header_.vocabulary; }
  uint32_t context() const override { return header_.context; }
  uint32_t max_tokens_per_pass() const override { return max_tokens_; }
  std::span<const float> run(const Pass& pass) override;

 private:
  // An instruction with its addresses turned into pointers.
  struct Step {
    Instruction instruction;
    const uint8_t* table = nullptr;  // kLoad, kRope, kEmbed: what is read
    uint8_t* pages = nullptr;        // kKey, kValue, kScores, kValues: K or V pages of the head
    uint8_t* scales = nullptr;       // kKey, kValue, kScores: their scales
    MatrixView matrix;               // kMatvec
  };

  // Attention of one KV head between kScores and kOutput; two of them are under way at a time. Rows are
  // (token, query head of the group) pairs, token-major.
  struct AttentionState {
    std::vector<float> scores;         // [pairs][context]
    std::vector<float> denominators;   // [pairs]
    std::vector<int16_t> weights;      // [pairs][context]
    std::vector<int32_t> exponents;    // [pairs][context / kAttentionBlock]
    const uint8_t* value_scales = nullptr;
  };

  void resolve(const Program& program);
  void check_pass(const Pass& pass) const;

  void load(const Step& step);
  void rope(const Step& step);
  void embed(const Step& step);
  void norm(uint32_t token, const Instruction& instruction);
  void matvec(const Step& step);
  float* head_vector(const Step& step, uint32_t token);
  void query(const Step& step);
  void key(const Step& step);
  void value(const Step& step);
  void cache(const Step& step, uint32_t token, const float* x);
  void scores(const Step& step);
  void softmax(const Step& step);
  void values(const Step& step);
  void output(const Step& step);
  void residual(const Step& step);
  void swiglu(const Step& step);
  void logits(const Step& step);

  float* results(uint32_t token) { return &results_[uint64_t{token} * results_stride_]; }
  float* residual_row(uint32_t token) { return &residual_[uint64_t{token} * header_.dim]; }
  Activations& buffer(ActivationBuffer which) { return buffers_[static_cast<uint32_t>(which)]; }
  uint32_t heads_per_kv() const { return header_.heads / header_.kv_heads; }
  uint32_t pairs() const { return tokens_ * heads_per_kv(); }
  uint32_t last_position(uint32_t pair) const { return position_ + pair / heads_per_kv(); }

  const MappedImage& image_;
  BoardMemory memory_;
  std::unique_ptr<Kernels> kernels_;
  const uint32_t max_tokens_;
  ProgramHeader header_;
  std::vector<Step> steps_;

  // The pass under way.
  std::span<const uint32_t> token_ids_;
  uint32_t tokens_ = 0;
  uint32_t position_ = 0;
  uint32_t first_logits_ = 0;
  bool overflow_ = false;

  // Vector buffers, each for max_tokens_ tokens.
  std::vector<float> parameters_;       // P
  std::vector<float> rope_;             // R: [tokens][row]
  uint32_t rope_stride_ = 0;
  std::vector<float> residual_;         // X: [tokens][dim]
  std::vector<float> inverse_rms_;      // r: [tokens]
  Activations buffers_[3];              // by ActivationBuffer
  Activations queries_;                 // one block per head
  std::vector<float> results_;          // [tokens][rows]: what a matrix or kValues gave
  uint64_t results_stride_ = 0;
  uint32_t next_result_ = 0;            // row that the next consumer takes
  std::vector<float> attention_output_; // [tokens][heads * head_size]
  AttentionState attention_[2];         // by KV head mod 2
  std::vector<float> logits_;           // [tokens][vocabulary]
};

}  // namespace brim
