// The accelerator behind its registers (docs/registers.md): real ones on the board, words in memory in QEMU.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "accelerator/counters.h"
#include "accelerator/driver.h"
#include "engine/pass.h"
#include "firmware/embedding_rows.h"
#include "firmware/repair.h"
#include "image/header.h"
#include "isa/ops.h"
#include "runtime/candidates.h"

namespace brim {

// Summed over passes.
struct Work {
  uint64_t passes = 0;  // of any model
  uint64_t tokens = 0;
  double seconds = 0;  // by the processor's timer, from start to done
  accelerator::Counters counters;
  EmbeddingRows::Counts rows;  // of an embedding on the card

  uint64_t beats() const { return counters.beats_read + counters.beats_written; }
};

class Accelerator final : public PassRunner {
 public:
  // Looks for the accelerator and takes the image's program into use. False, with what is wrong on the
  // console, where it is not there or cannot run the program.
  bool attach(const ImageHeader& image, EmbeddingRows& rows);

  uint32_t vocabulary() const override { return main_.program->vocabulary; }
  uint32_t context() const override { return main_.program->context; }
  uint32_t max_tokens_per_pass() const override { return main_.max_tokens; }
  uint32_t earliest_start(uint32_t written) const override { return main_.reach.earliest_start(written); }

  // Runs the image's draft model, on the same accelerator; null: there is none.
  PassRunner* draft() { return draft_.model.program != nullptr ? &draft_ : nullptr; }

  // A pass that comes to damaged memory is run again when that has been repaired. If it fails for good, what
  // happened is on the console, and the accelerator has been reset.
  PassLogits run(const Pass& pass) override;

  // Memory for a Sampler, valid until the next pass: two rows of the logits region in which the last pass's
  // logits do not stand. Only if can_sample(), and after passes that asked for the logits of one token, or of
  // all of at most sampled_tokens().
  std::span<Candidate> sampling_scratch();
  bool can_sample() const { return main_.logits_rows() >= 4; }
  uint32_t sampled_tokens() const { return static_cast<uint32_t>(main_.logits_rows() - 2); }

  // The row of the logits region for token t of a pass, as it is in memory.
  std::span<float> logits_row(uint32_t token) { return main_.logits_row(token); }

  Repairs& repairs() { return repairs_; }

  bool counts_stalls() const { return facts_.counts_stalls(); }
  const Work& work() const { return work_; }
  bool reads_rows() const { return rows_->used(); }
  void clear_work() { work_ = {}; }
  void set_work(const Work& work) { work_ = work; }

 private:
  // A model of the image.
  struct Model {
    const ProgramHeader* program = nullptr;
    uint64_t address = 0;  // of the program
    uint64_t logits = 0;   // address and bytes of its region
    uint64_t logits_bytes = 0;
    uint32_t max_tokens = 0;
    CacheReach reach = {};

    uint64_t logits_rows() const { return logits_bytes / (uint64_t{program->logits_stride} * kBeatBytes); }
    std::span<float> logits_row(uint32_t token) const;
  };

  class Draft final : public PassRunner {
   public:
    explicit Draft(Accelerator& accelerator) : accelerator_(accelerator) {}
    uint32_t vocabulary() const override { return model.program->vocabulary; }
    uint32_t context() const override { return model.program->context; }
    uint32_t max_tokens_per_pass() const override { return model.max_tokens; }
    uint32_t earliest_start(uint32_t written) const override { return model.reach.earliest_start(written); }
    PassLogits run(const Pass& pass) override { return accelerator_.run(model, pass, pass); }

    Model model;

   private:
    Accelerator& accelerator_;
  };

  bool attach(const ImageView& view, Model& model);
  // `as_slots`: the pass with the numbers of its tokens' rows where these are on the card.
  PassLogits run(const Model& model, const Pass& pass, const Pass& as_slots);
  bool wait_for_end(double seconds);
  bool reset();
  uint32_t damaged_logits(const Model& model, const Pass& pass);
  PassLogits fail(const Pass& pass, const accelerator::Outcome* outcome);

  Model main_;
  Draft draft_{*this};
  accelerator::Facts facts_;
  uint32_t last_row_ = 0;  // of the last pass's logits
  bool scratch_used_ = false;
  EmbeddingRows* rows_ = nullptr;
  Repairs repairs_;
  Work work_;
};

}  // namespace brim
