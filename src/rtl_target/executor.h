// The accelerator's RTL in simulation as an executor. docs/rtl/target.md.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "accelerator/counters.h"
#include "accelerator/driver.h"
#include "board/board.h"
#include "engine/executor.h"
#include "image/mapped_image.h"
#include "isa/ops.h"
#include "rtl_target/accelerator.h"
#include "rtl_target/bus_memory.h"

namespace brim::rtl_target {

struct RtlOptions {
  std::filesystem::path models = {};    // folder of the libraries, see model.h
  std::optional<uint32_t> tokens = {};  // TOKENS of the accelerator; none: the smallest one built that fits
  uint32_t max_tokens_per_pass = UINT32_MAX;  // and what the accelerator takes
};

class RtlExecutor final : public Executor {
 public:
  // A pass that was run.
  struct Record {
    uint32_t position = 0;
    uint32_t tokens = 0;
    accelerator::Counters counters;
    uint16_t model = kMainModel;
  };

  // The accelerator on `board` with the image, which must outlive the executor, in its memory. Throws Error
  // if there is no library for it, or none takes the image's program.
  RtlExecutor(const MappedImage& image, const Board& board, const RtlOptions& options);

  std::string name() const override { return "rtl"; }
  uint32_t vocabulary() const override { return main_.program.header.vocabulary; }
  uint32_t context() const override { return main_.program.header.context; }
  uint32_t max_tokens_per_pass() const override { return main_.max_tokens; }
  uint32_t earliest_start(uint32_t written) const override { return main_.reach.earliest_start(written); }
  PassLogits run(const Pass& pass) override;
  Executor* draft() override { return draft_ ? &*draft_ : nullptr; }

  std::vector<std::span<uint8_t>> cache_memory(uint32_t cache, uint32_t positions) override;

  // As Interpreter::fill_cache, the same content.
  void fill_cache();

  // TOKENS of the accelerator.
  uint32_t lanes() const { return facts_.max_tokens; }
  const Board& board() const { return board_; }
  double clock_hz() const { return facts_.clock_khz * 1e3; }
  const std::vector<Record>& passes() const { return passes_; }  // of both models

 private:
  // A model of the image.
  struct LoadedModel {
    LoadedModel(const MappedImage& image, uint16_t index);

    const uint16_t index;
    Program program;
    CacheReach reach;
    uint64_t address;      // of the program
    uint64_t logits_rows;  // for which there is room
    uint32_t max_tokens = 0;
    std::vector<float> logits = {};  // [tokens that want them][vocabulary]
  };

  // The draft model on the same accelerator.
  class Draft final : public Executor {
   public:
    explicit Draft(RtlExecutor& rtl) : rtl_(rtl), model_(rtl.image_, kDraftModel) {}
    std::string name() const override { return rtl_.name(); }
    uint32_t vocabulary() const override { return model_.program.header.vocabulary; }
    uint32_t context() const override { return model_.program.header.context; }
    uint32_t max_tokens_per_pass() const override { return model_.max_tokens; }
    uint32_t earliest_start(uint32_t written) const override { return model_.reach.earliest_start(written); }
    PassLogits run(const Pass& pass) override;

    LoadedModel& model() { return model_; }

   private:
    RtlExecutor& rtl_;
    LoadedModel model_;
  };

  // Throws DoesNotFit if the model has attention windows and the accelerator does not do them.
  void require_windows(const LoadedModel& model) const;
  // Whether this accelerator takes the model.
  bool takes(LoadedModel& model, uint32_t most_tokens) const;
  PassLogits run(LoadedModel& model, const Pass& pass);
  Pass with_rows_in_slots(const Pass& pass);

  const MappedImage& image_;
  const Board board_;
  LoadedModel main_;
  std::optional<Draft> draft_;
  accelerator::Facts facts_;
  BusMemory memory_;
  std::vector<uint32_t> slots_;  // of the pass's tokens, where the embedding is on the card
  std::optional<Accelerator> accelerator_;
  std::vector<Record> passes_;
};

}  // namespace brim::rtl_target
