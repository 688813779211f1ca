// SPU: vector micro-operations, one element per cycle, in a lane per token (rtl/spu.sv). All lanes run in
// step.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/converter.h"
#include "sim/latencies.h"
#include "sim/pass_program.h"
#include "sim/sequencer.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "sim/vector_buffers.h"
#include "sim/write_buffer.h"

namespace brim::sim {

class Spu {
 public:
  Spu(const PassProgram& program, const Design& design, uint32_t lanes, const Dispatch& dispatch,
      VectorBuffers& buffers, WriteBuffer& writes, Trace* trace);

  Task run();

  const std::vector<Cycle>& started() const { return started_; }
  // The first cycle after the SPU's last work.
  Cycle end() const { return step_; }
  Cycle busy_cycles() const { return busy_cycles_; }

 private:
  // A micro-operation, as far as its time goes.
  struct Micro {
    uint32_t elements = 1;
    Cycle latency = kMicro;
    bool after_all = false;       // begins when everything before is complete
    bool pairs = false;           // two elements make one of a vector
    Converter* to_a16 = nullptr;  // its results are a block of this converter, or part of one
  };

  Task embed(const Step& step);
  Task residual(const Step& step);
  Task normed_residual(const Step& step);
  Task head(const Step& step);
  Task softmax(const Step& step);
  Task output(const Step& step);
  Task swiglu(const Step& step);
  Task route(const Step& step);
  Task mix(const Step& step);
  void norm(const Step& step);
  Task key_scale(const Step& step);
  Task logits(const Step& step);

  Cycle start_of(const Micro& micro) const;
  void issued(const Micro& micro, Cycle last);
  Cycle issue(const Micro& micro);
  Task issue_results(Micro micro);
  void reciprocal(uint32_t elements);
  void rsqrt();
  Cycle rotate(Converter* to_a16);
  void factor_of_all_heads();
  void norm_block(const Step& step, uint32_t elements);
  void finish_norm(const Step& step);
  Task quantise_kv(const Instruction& in);
  void finish();

  void block(uint32_t generation, Converter& converter, Cycle filled);
  void wait(Cycle cycle);
  void wait_for_result(Cycle cycle);
  void pause(Cycle cycles);
  Task write(uint64_t address);

  const PassProgram& program_;
  const bool ideal_;
  const bool deferred_norm_;
  const uint32_t lanes_;
  const Dispatch& dispatch_;
  VectorBuffers& buffers_;
  WriteBuffer& writes_;
  Trace* const trace_;

  std::vector<Cycle> started_;
  bool rope_taken_ = false;  // the lanes have the RoPE rows of the last `rope`
  Cycle step_ = 0;           // first cycle of the step that comes next
  Cycle chain_ = 0;          // from here on, the first results of the last micro-operation can be read
  Cycle drained_ = 0;        // and from here on, all results
  Cycle last_ = 0;           // its last issue
  Converter converter_;      // of activations, queries and attention weights
  std::vector<Converter> attention_;  // of attention, per token
  uint32_t attention_elements_ = 0;   // of a token in the block that is being filled
  Cycle busy_cycles_ = 0;
};

}  // namespace brim::sim
