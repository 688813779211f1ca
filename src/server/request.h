// What is asked for: the bodies of the endpoints that answer, checked, as one structure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grammar/grammar.h"
#include "runtime/sampler_options.h"
#include "server/call_format.h"
#include "server/grammar_cache.h"

namespace brim::server {

enum class Api : uint8_t { kChat, kCompletions, kResponses };

struct AnswerRequest {
  Api api = Api::kChat;
  std::optional<std::string> model;

  Json messages;         // chats
  Json tools = nullptr;  // a list of functions, or null
  ToolChoice tool_choice;
  Json template_variables = nullptr;         // an object or null
  std::string prompt;                        // completions, unless
  std::optional<std::vector<uint32_t>> ids;  // these are given

  SamplerOptions sampler;
  std::shared_ptr<const Grammar> grammar;  // that the answer follows; may be null
  uint32_t max_tokens = UINT32_MAX;
  uint32_t answers = 1;
  bool logprobs = false;
  uint32_t top_logprobs = 0;

  bool stream = false;
  bool include_usage = false;
  bool cache_prompt = true;
  std::optional<uint32_t> slot;
  bool split_reasoning = true;

  Json echo = Json::object();  // keys of the request that an answer of /v1/responses repeats
};

// What a request does not say. `seed` is taken where a request gives none.
struct RequestDefaults {
  SamplerOptions sampler;
  bool random_seed = true;
  GrammarCache* grammars = nullptr;  // where they are looked for first
};

inline constexpr uint32_t kMostAnswers = 16;
inline constexpr uint32_t kMostTopLogprobs = 20;

// Throw ApiError naming the key that is wrong.
AnswerRequest parse_chat(const Json& body, const RequestDefaults& defaults);
AnswerRequest parse_completions(const Json& body, const RequestDefaults& defaults);
AnswerRequest parse_responses(const Json& body, const RequestDefaults& defaults);

// A sampler option's key in a body, as llama.cpp and OpenAI name it: "temperature", "min_p".
std::string key_of(const SamplerOption& option);

// Messages as templates take them: parts of text become one string. Throws ApiError naming the message that
// is wrong.
Json normal_messages(const Json& messages);

}  // namespace brim::server
