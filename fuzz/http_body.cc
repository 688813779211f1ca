// Bodies of requests, and what a model answers.
#include <string>
#include <string_view>

#include "runtime/answer_text.h"
#include "server/answer_parts.h"
#include "server/body.h"
#include "server/request.h"

// The first byte chooses: an endpoint, or a format of answers.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace brim::server;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  constexpr uint8_t kEndpoints = 3, kFormats = 1 + static_cast<uint8_t>(CallFormat::kDeepSeek);
  const uint8_t choice = data[0] % (kEndpoints + kFormats);
  if (choice < kEndpoints) {
    try {
      const Json body = parse_object(text);
      const RequestDefaults defaults{.sampler = {}, .random_seed = false};
      if (choice == 0) {
        const AnswerRequest request = parse_chat(body, defaults);
        if (request.tool_choice.required)
          call_grammar(CallFormat::kTags, {}, request.tools, request.tool_choice);
      }
      if (choice == 1) parse_completions(body, defaults);
      if (choice == 2) parse_responses(body, defaults);
    } catch (const ApiError& error) {
      dump(error.json());
    }
    return 0;
  }
  AnswerSplitter answer({.format = {.thinks = true, .calls = static_cast<CallFormat>(choice - kEndpoints)},
                         .functions = {"f"}});
  brim::StopTexts texts;
  texts.add("\n\n");
  texts.add("END");
  brim::StopFilter stop(texts);
  std::string room(brim::StopFilter::room_for(static_cast<uint32_t>(text.size())), '\0');
  const size_t half = text.size() / 2;
  answer.push(stop.push(text.substr(0, half), room));
  answer.push(stop.finish(text.substr(half), room));
  answer.finish();
  return 0;
}
