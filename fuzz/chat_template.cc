// Chat templates: any text is refused with a line, or runs within its limits; what it writes is marked in
// order.
#include "template/chat_template.h"

#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static const auto messages = nlohmann::ordered_json::parse(
      R"([{"role":"system","content":"s \" é"},{"role":"user","content":" u\n"},
          {"role":"assistant","content":"<think>\nt\n</think>\n\na","tool_calls":[{"function":{"name":"f","arguments":{"x":[1,2.5,null,true]}}}]},
          {"role":"tool","content":"r"},{"role":"user","content":""}])");
  static const auto tools = nlohmann::ordered_json::parse(
      R"([{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"array"}}}}}])");
  try {
    const brim::RenderedChat chat = brim::ChatTemplate(text).render(
        {.messages = messages, .tools = tools, .variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}}});
    uint32_t end = 0;
    for (const brim::InputRange& range : chat.input) {
      if (range.begin < end || range.begin >= range.end || range.end > chat.text.size()) std::abort();
      end = range.end;
    }
  } catch (const brim::Error&) {
  }
  return 0;
}
