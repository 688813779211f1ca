// SPU: vector micro-operations, one element per cycle, in a lane per token. All lanes run in step; the lane
// of the pass's last token, which has the most positions to attend to, is modelled.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/pass_program.h"
#include "sim/sequencer.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "sim/vector_buffers.h"
#include "sim/write_buffer.h"

namespace brim::sim {

class Spu {
 public:
  static constexpr uint32_t kPipeline =
      16;  // cycles from an element's entering a micro-operation to its result
  static constexpr uint32_t kReciprocal = 48;  // reciprocal or rsqrt of one number

  Spu(const PassProgram& program, const Design& design, uint32_t lanes, const Dispatch& dispatch,
      VectorBuffers& buffers, WriteBuffer& writes, Trace* trace);

  Task run();

  const std::vector<Cycle>& started() const { return started_; }
  // The first cycle after the SPU's last work.
  Cycle end() const { return now_; }
  Cycle busy_cycles() const { return busy_cycles_; }

 private:
  // The conversion to A16: a block is filled while the one before it is converted.
  class Converter {
   public:
    Cycle room() const { return second_last_read_; }  // a block buffer can be filled from here on
    Cycle convert(Cycle filled, uint32_t elements);   // returns when the block is complete
   private:
    Cycle last_read_ = 0;
    Cycle second_last_read_ = 0;
  };

  Task embed(const Step& step);
  Task residual(const Step& step);
  Task head(const Step& step);
  Task softmax(const Step& step);
  Task output(const Step& step);
  Task swiglu(const Step& step);
  Task logits(const Step& step);
  Task take(uint32_t results);

  void start_block();
  void finish_block(uint32_t generation, uint32_t elements);
  void finish_norm(const Step& step);
  void micro_operation(uint32_t elements);
  void pause(Cycle cycles);
  void wait(Cycle cycle);
  void write_record(const Instruction& in);

  const PassProgram& program_;
  const bool ideal_;
  const bool deferred_norm_;
  const uint32_t lanes_;
  const Dispatch& dispatch_;
  VectorBuffers& buffers_;
  WriteBuffer& writes_;
  Trace* const trace_;

  std::vector<Cycle> started_;
  Cycle now_ = 0;                              // first cycle in which the next micro-operation can start
  Cycle r_ready_ = 0;                          // the deferred factor of RMSNorm
  Converter converter_;                        // of activations
  Converter weights_converter_;                // of attention weights
  std::array<Cycle, 2> denominators_ready_{};  // their reciprocals, of the last two softmax
  uint32_t attention_elements_ = 0;            // in the block of attention that is being filled
  Cycle busy_cycles_ = 0;
};

}  // namespace brim::sim
