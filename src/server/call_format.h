// How models write calls of functions: what is read in their answers, and what an answer that must be one may
// be.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/token_trie.h"
#include "server/api_error.h"
#include "tokenizer/tokenizer.h"

namespace brim::server {

// Told from a model's chat template.
enum class CallFormat : uint8_t {
  kNone,
  kTags,          // <tool_call>{"name", "arguments"}</tool_call>, again for each: Hermes, Qwen
  kMistral,       // [TOOL_CALLS] [{"name", "arguments"}, ...]
  kMistralNamed,  // [TOOL_CALLS]name[ARGS]{...}, again for each: newer ones
  kList,          // <|tool_call|>[{"name", "arguments"}, ...]: Granite, Phi-4-mini
  kLlama,         // the whole answer is {"name", "parameters"}
  kDeepSeek,      // name and a block of JSON between markers of its own, again for each
};

CallFormat call_format(const Tokenizer& tokenizer);

// What calls begin with, and what they end with; empty: with the answer itself.
std::string_view call_opening(CallFormat format);
std::string_view call_closing(CallFormat format);

// Whether each call has an end of its own, so that it is known before the next one begins.
bool calls_end_one_by_one(CallFormat format);

// Where in a text behind the opening its closing begins, but for what stands in arguments; npos: not yet.
size_t calls_end(CallFormat format, std::string_view text);

// Those of the format's markers that are control tokens, which have no text of their own.
std::vector<TokenMarker> call_markers(CallFormat format, const Tokenizer& tokenizer);

struct ToolCall {
  std::string id, name;
  std::string arguments;  // JSON as text
};

// The calls that stand between opening and closing; nothing if the text is not what the format has, or calls
// another function than these.
std::optional<std::vector<ToolCall>> parse_calls(CallFormat format, std::string_view text,
                                                 const std::set<std::string>& functions);

// What is to be called.
struct ToolChoice {
  bool required = false;                     // the answer has to be a call
  std::optional<std::string> function = {};  // and of this function
  bool several = true;                       // it may be several

  bool operator==(const ToolChoice&) const = default;
};

// The answers that are calls as `choice` wants them, with arguments as the functions' schemas want them.
// `tools`: OpenAI's, checked; `markers`: as call_markers() gives them. Throws ApiError if the format has no
// calls, or a schema is not supported.
std::shared_ptr<const Grammar> call_grammar(CallFormat format, const std::vector<TokenMarker>& markers,
                                            const Json& tools, const ToolChoice& choice);

}  // namespace brim::server
