#include "server/metrics.h"

#include <sstream>
#include <string_view>

#include "base/heap.h"

namespace brim::server {

std::string metrics_text(const Slots& slots) {
  std::ostringstream text;
  text.precision(12);
  const auto metric = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    text << "# HELP brim_" << name << ' ' << help << "\n# TYPE brim_" << name << ' ' << type << "\nbrim_"
         << name << ' ' << value << '\n';
  };
  const SlotCounts counts = slots.counts();
  const auto states = slots.states();
  uint32_t busy = 0;
  for (const SlotState& slot : states) busy += slot.job != 0 ? 1 : 0;
  const JointPasses::Counts passes = slots.passes();

  metric("slots", "gauge", "Conversations that can be held", slots.count());
  metric("requests_processing", "gauge", "Requests being answered", busy);
  metric("requests_waiting", "gauge", "Requests waiting for a slot", slots.waiting());
  metric("requests_total", "counter", "Requests answered", counts.jobs);
  metric("requests_cancelled_total", "counter", "Requests whose client went away", counts.cancelled);
  metric("requests_failed_total", "counter", "Requests that ended in an error of the model", counts.failed);
  metric("requests_refused_total", "counter", "Requests refused because the queue was full", counts.refused);
  metric("prompt_tokens_total", "counter", "Prompt tokens run", counts.prompt_tokens);
  metric("prompt_tokens_cached_total", "counter", "Prompt tokens that were in a KV cache",
         counts.cached_tokens);
  metric("prompt_seconds_total", "counter", "Time spent on prompts", counts.prompt_seconds);
  metric("answer_tokens_total", "counter", "Tokens given", counts.answer_tokens);
  metric("answer_seconds_total", "counter", "Time spent on giving them, a slot's each",
         counts.answer_seconds);
  metric("drafted_tokens_total", "counter", "Drafted tokens that were verified", counts.drafted);
  metric("accepted_tokens_total", "counter", "Drafted tokens that were kept", counts.accepted);
  metric("passes_total", "counter", "Passes over the weights", passes.passes);
  metric("pass_tokens_total", "counter", "Tokens run in them", passes.tokens);
  metric("pass_seconds_total", "counter", "Time spent in them", passes.seconds);
  metric("heap_bytes", "gauge", "Memory allocated and not freed, KV caches not counted", heap_bytes());
  text << "# HELP brim_kv_positions Positions of a slot's KV cache that are filled\n"
          "# TYPE brim_kv_positions gauge\n";
  for (const SlotState& slot : states) {
    text << "brim_kv_positions{slot=\"" << slot.id << "\"} " << slot.positions << '\n';
  }
  return text.str();
}

}  // namespace brim::server
