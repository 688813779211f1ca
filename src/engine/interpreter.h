// Runs an image's decode program on this machine, with the arithmetic of any `Kernels`.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/activations.h"
#include "engine/executor.h"
#include "engine/kernels.h"
#include "engine/link.h"
#include "engine/own_cache.h"
#include "engine/thread_pool.h"
#include "image/mapped_image.h"
#include "isa/ops.h"
#include "numerics/route.h"

namespace brim {

struct InterpreterOptions {
  uint32_t max_tokens_per_pass = 8;
  uint32_t caches = 1;  // texts that it holds: the image's KV cache, and others in this process's memory
  uint32_t threads = 1;
  bool pin = false;  // threads to CPUs
  Load load = Load::kMap;
  bool check_stream =
      false;  // compare the checksums of weights as they are used; reference kernels always do
};

class Interpreter : public Executor {
 public:
  // Throws Error on a program that check_program refuses or whose addresses leave the image's regions. The
  // image must outlive the interpreter. If it has a draft model, there is an interpreter for that one, too.
  Interpreter(const MappedImage& image, std::unique_ptr<Kernels> kernels, const InterpreterOptions& options);

  // The same for a program in any memory; `name` is what messages call it.
  Interpreter(std::string name, const Program& program, std::shared_ptr<PhysicalMemory> memory,
              std::unique_ptr<Kernels> kernels, const InterpreterOptions& options);

  std::string name() const override { return std::string(kernels_->name()); }
  uint32_t vocabulary() const override { return header_.vocabulary; }
  uint32_t context() const override { return header_.context; }
  uint32_t caches() const override { return 1 + static_cast<uint32_t>(more_caches_.size()); }
  uint32_t max_tokens_per_pass() const override { return max_tokens_; }
  uint32_t earliest_start(uint32_t written) const override { return reach_.earliest_start(written); }
  PassLogits run(const Pass& pass) override;
  std::vector<std::span<uint8_t>> cache_memory(uint32_t cache, uint32_t positions) override;
  PassExperts experts_of_last_pass() const override { return pass_experts_; }
  Executor* draft() override { return draft_.get(); }

  // Called before every matrix of a pass with its index in stream order, its inputs, and the factors that its
  // results will be multiplied with: r of each token where the input is normed, else 1.
  using InputObserver =
      std::function<void(uint32_t matrix, const A16View& inputs, std::span<const float> factors)>;
  void observe_inputs(InputObserver observer) { observer_ = std::move(observer); }

  // Gives every position of the KV caches some finite content, so that a decode at any position can be timed
  // without the ones before it.
  void fill_cache();

 private:
  static constexpr uint64_t kNoPage = UINT64_MAX;
  // A token and an expert that it has chosen. Those of one expert stand together, experts ascending.
  struct Choice {
    uint32_t token;
    float weight;
  };
  struct ExpertChoices {
    uint32_t expert;
    uint32_t first, count;  // of choices_
  };

  // What a thread needs for the attention of one KV head and token.
  struct AttentionScratch {
    std::vector<float> scores;       // [query heads of the group][context]
    std::vector<int16_t> weights;    // [context]
    std::vector<int32_t> exponents;  // [context / kAttentionBlock]
  };

  std::span<const float> finish(uint64_t logits) const;

  // Compares the checksums of the pages of row blocks [first, last) of a matrix whose run of chunks stands at
  // `address`, and of their metadata.
  void check_pages(const MatrixView& matrix, uint64_t address, uint32_t first_block, uint32_t last_block);

  // body(unit, &overflow) for every unit < count, shared among the threads `grain` at a time.
  template <typename Body>
  void for_each(uint32_t count, uint32_t grain, const Body& body);

  void load(const LinkedStep& step);
  void rope(const LinkedStep& step);
  void embed(const LinkedStep& step);
  void norm(uint32_t token, const Instruction& instruction, bool* overflow);
  void matvec(const LinkedStep& step);
  void heads(const Section& section);
  void cache(uint32_t step, uint32_t token, const float* x);
  void attention(const Section& section);
  void attend(const KvHead& kv, uint32_t token, uint32_t first_head, uint32_t last_head,
              AttentionScratch& scratch, bool* overflow);
  void key_scales(const Section& section);
  void residual(const LinkedStep& step);
  void route(const LinkedStep& step);
  void experts(const Section& section);
  void expert_matvec(const LinkedStep& step, const Activations& inputs, bool of_choices);
  void swiglu(const LinkedStep& step);
  void logits(const LinkedStep& step);

  float* results(uint32_t token, const LinkedStep& step) {
    return &results_[token * results_stride_ + step.first_result];
  }
  float* residual_row(uint32_t token) { return &residual_[uint64_t{token} * header_.dim]; }
  const float* parameter(uint16_t beat) const { return &parameters_[beat * (kBeatBytes / sizeof(float))]; }
  Activations& buffer(ActivationBuffer which) { return buffers_[static_cast<uint32_t>(which)]; }
  uint32_t heads_per_kv() const { return header_.heads / header_.kv_heads; }
  uint32_t query_width() const { return uint32_t{header_.heads} * header_.head_size; }

  // The program over a KV cache.
  const LinkedProgram& over(uint32_t cache) const {
    return cache == 0 ? program_ : more_caches_[cache - 1].program;
  }

  // A KV cache besides that of memory_.
  struct MoreCache {
    std::unique_ptr<OwnCache> memory;
    LinkedProgram program;
  };

  const std::string source_;                // of the program: what messages call it
  std::shared_ptr<PhysicalMemory> memory_;  // of both models
  std::unique_ptr<Kernels> kernels_;
  ThreadPool pool_;
  uint32_t max_tokens_;
  const bool check_stream_;
  ProgramHeader header_;
  CacheReach reach_;
  LinkedProgram program_;  // over cache 0
  std::vector<MoreCache> more_caches_;
  std::unique_ptr<Interpreter> draft_;
  InputObserver observer_;  // may be empty

  // The pass under way.
  std::span<const uint32_t> token_ids_;
  uint32_t tokens_ = 0;
  std::vector<Place> places_;  // [tokens]
  uint32_t first_logits_ = 0;
  uint32_t next_matrix_ = 0;  // in stream order
  std::atomic<bool> overflow_ = false;
  std::atomic<uint64_t> damaged_page_ = kNoPage;  // of the matrix under way: the first in the stream

  // Vector buffers, each for max_tokens_ tokens.
  std::vector<float> parameters_;  // P
  std::vector<float> rope_;        // R: [tokens][row]
  uint32_t rope_stride_ = 0;
  std::vector<float> residual_;           // X: [tokens][dim]
  std::vector<float> inverse_rms_;        // r: [tokens]
  Activations buffers_[3];                // by ActivationBuffer
  std::vector<int16_t> queries_;          // Q: [tokens][heads][query_stride_]
  std::vector<int32_t> query_exponents_;  // [tokens][heads]
  std::vector<float> head_squares_[2];  // sums of squares of q, k: [tokens][heads]; with norms over all heads
  std::vector<float> query_factors_;    // r_q: [tokens]
  std::vector<float> results_;          // [tokens][rows]: what a matrix gave
  uint64_t results_stride_ = 0;
  std::vector<AttentionScratch> attention_scratch_;  // [threads]
  uint32_t query_stride_ = 0;
  std::vector<float> attention_output_;  // [tokens][heads * head_size]
  std::vector<float> logits_;            // [tokens that want them][vocabulary]

  // The layer's route, and what its experts work on.
  std::vector<ChosenExpert> route_;  // [tokens][experts_per_token]
  std::vector<Choice> choices_;
  std::vector<ExpertChoices> experts_;  // that are chosen
  PassExperts pass_experts_;            // of all layers so far
  Activations expert_inputs_;           // [choices][dim]
  Activations expert_hidden_;           // [choices][expert_hidden]
  std::vector<float> expert_results_;   // [choices][rows]
  uint64_t expert_stride_ = 0;          // of expert_results_
};

}  // namespace brim
