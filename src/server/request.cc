#include "server/request.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "base/concat.h"
#include "base/error.h"
#include "server/body.h"

namespace brim::server {

namespace {

constexpr uint32_t kCompletionTokens = 16;  // OpenAI's default of this endpoint
constexpr int kMostBias = 100;              // OpenAI's range of logit_bias
constexpr size_t kMostGrammarBytes = 256 << 10;

// OpenAI's {"15043": -100}, or llama.cpp's [[15043, -100]], where false in the bias's place forbids the
// token.
void read_biases(Body& body, const std::string& key, LogitBiases& biases) {
  const Json* value = body.find(key);
  if (value == nullptr) return;
  const auto wrong = [&] {
    return ApiError(
        400, concat("'", key, "' must be an object of token ids and numbers, or a list of [ID, NUMBER]"),
        key);
  };
  if (!value->is_object() && !value->is_array()) throw wrong();
  biases.clear();
  const auto add = [&](uint64_t token, const Json& bias) {
    if (token > UINT32_MAX || (!bias.is_number() && bias != false)) throw wrong();
    if (bias.is_number() && !(std::abs(bias.get<double>()) <= kMostBias)) {
      throw ApiError(400, concat("'", key, "' must have numbers from -", kMostBias, " to ", kMostBias), key);
    }
    const float amount = bias.is_number() ? bias.get<float>() : -std::numeric_limits<float>::infinity();
    if (!biases.push({static_cast<uint32_t>(token), amount})) {
      throw ApiError(400, concat("'", key, "' has more than ", LogitBiases::kMost, " tokens"), key);
    }
  };
  if (value->is_array()) {
    for (const Json& pair : *value) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_unsigned()) throw wrong();
      add(pair[0].get<uint64_t>(), pair[1]);
    }
    return;
  }
  for (const auto& [token, bias] : value->items()) {
    uint64_t id = 0;
    const auto [end, problem] = std::from_chars(token.data(), token.data() + token.size(), id);
    if (problem != std::errc() || end != token.data() + token.size()) throw wrong();
    add(id, bias);
  }
}

// A string or a list of such.
void read_texts(Body& body, const std::string& key, StopTexts& texts) {
  const Json* value = body.find(key);
  if (value == nullptr) return;
  texts.clear();
  const auto add = [&](const Json& text) {
    if (text.is_string() && texts.add(text.get_ref<const std::string&>())) return;
    throw ApiError(400,
                   concat("'", key, "' must be a string of 1 to ", StopTexts::kMostBytes,
                          " bytes, or a list of at most ", StopTexts::kMost, " such"),
                   key);
  };
  if (!value->is_array()) return add(*value);
  for (const Json& text : *value) add(text);
}

// Names of stages, as a list.
void read_order(Body& body, const std::string& key, SamplerOrder& order) {
  const Json* names = body.list(key);
  if (names == nullptr) return;
  order.clear();
  for (const Json& name : *names) {
    const auto stage =
        name.is_string() ? sampler_stage_named(name.get_ref<const std::string&>()) : std::nullopt;
    if (!stage || std::ranges::find(order, *stage) != order.end()) {
      throw ApiError(
          400,
          concat("'", key, "' must be a list of different stages of the sampler; ", dump(name), " is none"),
          key);
    }
    order.push(*stage);
  }
}

void read_sampler(Body& body, const RequestDefaults& defaults, SamplerOptions& options) {
  options = defaults.sampler;
  bool seed_given = false;
  for (const SamplerOption& option : kSamplerOptions) {
    const std::string key = key_of(option);
    if (option.decimal != nullptr) {
      if (const auto value = body.number(key, option.least, option.most)) {
        options.*option.decimal = static_cast<float>(*value);
      }
    } else if (option.count != nullptr) {
      if (const auto value =
              body.whole(key, static_cast<uint64_t>(option.least), static_cast<uint64_t>(option.most))) {
        options.*option.count = static_cast<uint32_t>(*value);
      }
    } else if (option.integer != nullptr) {
      if (const auto value =
              body.integer(key, static_cast<int64_t>(option.least), static_cast<int64_t>(option.most))) {
        options.*option.integer = static_cast<int32_t>(*value);
      }
    } else if (option.flag != nullptr) {
      if (const auto value = body.boolean(key)) options.*option.flag = *value;
    } else if (option.biases != nullptr) {
      read_biases(body, key, options.*option.biases);
    } else if (option.order != nullptr) {
      read_order(body, key, options.*option.order);
    } else if (option.texts != nullptr) {
      read_texts(body, key, options.*option.texts);
    } else if (option.number != nullptr) {
      if (const auto value = body.whole(key, 0, UINT64_MAX)) {
        options.*option.number = *value;
        seed_given |= option.number == &SamplerOptions::seed;
      }
    }
  }
  if (!seed_given && defaults.random_seed) {
    // A number that JSON readers with doubles keep whole, so that it can be given again.
    options.seed = std::random_device{}();
  }
}

void read_stream(Body& body, AnswerRequest& request) {
  request.stream = body.boolean("stream").value_or(false);
  if (const Json* options = body.object("stream_options")) {
    if (!request.stream) {
      throw ApiError(400, "'stream_options' goes with \"stream\": true only", "stream_options");
    }
    Body inner(*options, "stream_options.");
    request.include_usage = inner.boolean("include_usage").value_or(false);
    inner.only("include_obfuscation", false, "there is none");
    inner.refuse_others();
  }
}

// What all endpoints take.
void read_common(Body& body, const RequestDefaults& defaults, AnswerRequest& request) {
  request.model = body.text("model");
  read_sampler(body, defaults, request.sampler);
  request.cache_prompt = body.boolean("cache_prompt").value_or(true);
  if (const Json* slot = body.find("id_slot"); slot != nullptr && *slot != -1) {
    request.slot = static_cast<uint32_t>(*body.whole("id_slot", 0, UINT32_MAX));
  }
  body.skip({"user", "metadata", "service_tier", "safety_identifier", "prompt_cache_key",
             "prompt_cache_retention"});
}

// `language` and text are what it is known by.
template <typename Compile>
std::shared_ptr<const Grammar> compile(const std::string& path, const char* language, const std::string& text,
                                       const RequestDefaults& defaults, const Compile& compile_it) {
  if (text.size() > kMostGrammarBytes) {
    throw ApiError(
        400, concat("'", path, "' has ", text.size(), " bytes; ", kMostGrammarBytes, " are the most"), path);
  }
  try {
    return defaults.grammars != nullptr ? defaults.grammars->grammar(concat(language, ' ', text), compile_it)
                                        : compile_it();
  } catch (const Error& error) {
    throw ApiError(400, concat("'", path, "': ", error.what()), path);
  }
}

std::shared_ptr<const Grammar> compile_schema(const std::string& path, const Json& schema,
                                              const RequestDefaults& defaults) {
  return compile(path, "schema", dump(schema), defaults, [&] { return compile_json_schema(schema); });
}

// A format as `response_format` and `text.format` have it: {"type": "text"}, {"type": "json_object"}, or
// {"type": "json_schema"} with a schema, which stands in "json_schema" for chats and beside it for responses.
std::shared_ptr<const Grammar> grammar_of_format(const Json& format, const std::string& path,
                                                 const RequestDefaults& defaults) {
  Body body(format, path + ".");
  const std::string type = body.text("type").value_or("");
  if (type == "text") {
    body.refuse_others();
    return nullptr;
  }
  if (type == "json_object") {
    // llama.cpp takes a schema here, too.
    const Json* schema = body.object("schema");
    body.refuse_others();
    const Json any_object = {{"type", "object"}};
    return compile_schema(path + ".schema", schema != nullptr ? *schema : any_object, defaults);
  }
  if (type != "json_schema") {
    throw ApiError(400, concat("'", path, ".type' must be \"text\", \"json_object\" or \"json_schema\""),
                   path + ".type");
  }
  const Json* nested = body.object("json_schema");
  std::optional<Body> inner;
  if (nested != nullptr) inner.emplace(*nested, path + ".json_schema.");
  Body& holder = inner ? *inner : body;
  const Json* schema = holder.find("schema");
  if (schema == nullptr) {
    throw ApiError(400, concat("'", holder.path_of("schema"), "' is missing"), holder.path_of("schema"));
  }
  holder.skip({"name", "description", "strict"});  // the schema is always followed
  holder.refuse_others();
  if (inner) body.refuse_others();
  return compile_schema(holder.path_of("schema"), *schema, defaults);
}

// What the answer has to follow, by any of the names that clients have for it; at most one.
void read_grammar(Body& body, const RequestDefaults& defaults, AnswerRequest& request) {
  const auto take = [&](const char* key, std::shared_ptr<const Grammar> grammar) {
    if (grammar == nullptr) return;
    if (request.grammar != nullptr) {
      throw ApiError(400, concat("'", key, "' is a second grammar for one answer; give one"), key);
    }
    request.grammar = std::move(grammar);
  };
  if (const Json* format = body.object("response_format")) {
    take("response_format", grammar_of_format(*format, "response_format", defaults));
  }
  if (const Json* schema = body.find("json_schema")) {
    take("json_schema", compile_schema("json_schema", *schema, defaults));
  }
  if (const auto text = body.text("grammar")) {
    take("grammar", compile("grammar", "gbnf", *text, defaults, [&] { return compile_gbnf(*text); }));
  }
}

// A grammar would keep the model from calling.
void refuse_grammar_with_tools(const AnswerRequest& request) {
  if (request.grammar != nullptr && !request.tools.is_null()) {
    throw ApiError(400,
                   "'tools' and a format for the answer exclude one another; set 'tool_choice' to \"none\"",
                   "tools", "unsupported_value");
  }
}

// "auto", "required", or a function: {"type": "function"} and its name, which stands in "function" for chats
// and beside the type for responses.
ToolChoice tool_choice_of(const Json& choice) {
  if (choice == "auto") return {};
  if (choice == "required") return {.required = true};
  if (choice.is_object() && choice.value("type", Json()) == "function") {
    const Json& holder = choice.contains("function") ? choice["function"] : choice;
    const Json name = holder.is_object() ? holder.value("name", Json()) : Json();
    if (name.is_string()) return {.required = true, .function = name.get<std::string>()};
  }
  throw ApiError(
      400,
      "'tool_choice' must be \"auto\", \"none\", \"required\", or {\"type\": \"function\"} with the "
      "function's name",
      "tool_choice", "unsupported_value");
}

// `tools`: the body's, in the form of chats.
void read_tools(Body& body, const Json* tools, AnswerRequest& request) {
  const Json* const choice = body.find("tool_choice");
  const bool none = choice != nullptr && *choice == "none";
  if (choice != nullptr && !none) request.tool_choice = tool_choice_of(*choice);
  request.tool_choice.several = body.boolean("parallel_tool_calls").value_or(true);
  const std::optional<std::string>& wanted = request.tool_choice.function;
  bool found = !wanted;
  if (tools == nullptr || tools->empty()) {
    if (!request.tool_choice.required) return;
    throw ApiError(400, "'tool_choice' requires a call, but there are no 'tools'", "tool_choice");
  }
  for (size_t i = 0; i < tools->size(); ++i) {
    const Json& tool = (*tools)[i];
    const std::string path = concat("tools[", i, "]");
    if (!tool.is_object() || tool.value("type", Json()) != "function") {
      throw ApiError(400, concat("'", path, "' must be an object with \"type\": \"function\""), path);
    }
    const auto function = tool.find("function");
    if (function == tool.end() || !function->is_object() || !function->contains("name") ||
        !(*function)["name"].is_string()) {
      throw ApiError(400, concat("'", path, ".function' must be an object with a \"name\""), path);
    }
    found |= wanted && (*function)["name"] == *wanted;
  }
  if (!found) {
    throw ApiError(400,
                   concat("'tool_choice' wants the function '", *wanted, "', which is not among 'tools'"),
                   "tool_choice");
  }
  if (!none) request.tools = *tools;
}

void read_template(Body& body, AnswerRequest& request) {
  if (const Json* variables = body.object("chat_template_kwargs")) request.template_variables = *variables;
  const auto format = body.text("reasoning_format").value_or("auto");
  if (format != "auto" && format != "none" && format != "deepseek") {
    throw ApiError(400, "'reasoning_format' must be \"auto\" or \"none\"", "reasoning_format");
  }
  request.split_reasoning = format != "none";
}

uint32_t tokens_of(const std::optional<uint64_t>& tokens, uint32_t otherwise) {
  return tokens ? static_cast<uint32_t>(*tokens) : otherwise;
}

// The text of a message's content: a string, or parts of text. `type` is what those are called.
std::string text_of(const Json& content, const std::string& path) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) {
    throw ApiError(400, concat("'", path, "' must be a string or a list of parts"), path);
  }
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    const Json& part = content[i];
    const std::string at = concat(path, "[", i, "]");
    const Json type = part.is_object() ? part.value("type", Json()) : Json();
    if (type != "text" && type != "input_text" && type != "output_text") {
      throw ApiError(400, concat("'", at, "' has the type ", dump(type), "; this server reads text only"), at,
                     "unsupported_value");
    }
    if (!part.contains("text") || !part["text"].is_string()) {
      throw ApiError(400, concat("'", at, ".text' must be a string"), at);
    }
    text += part["text"].get<std::string>();
  }
  return text;
}

// Items of a Responses input as chat messages.
Json messages_of_input(const Json& input) {
  Json messages = Json::array();
  if (input.is_string()) {
    messages.push_back({{"role", "user"}, {"content", input}});
    return messages;
  }
  if (!input.is_array()) throw ApiError(400, "'input' must be a string or a list of items", "input");
  for (size_t i = 0; i < input.size(); ++i) {
    const std::string path = concat("input[", i, "]");
    const Json& item = input[i];
    if (!item.is_object()) throw ApiError(400, concat("'", path, "' must be an object"), path);
    const Json type = item.value("type", Json("message"));
    const auto need = [&](const char* key) {
      if (!item.contains(key) || !item[key].is_string()) {
        throw ApiError(400, concat("'", path, ".", key, "' must be a string"), path);
      }
      return item[key];
    };
    if (type == "message") {
      Json role = need("role");
      if (role == "developer") role = "system";
      messages.push_back(
          {{"role", role}, {"content", text_of(item.value("content", Json()), path + ".content")}});
    } else if (type == "function_call") {
      messages.push_back({{"role", "assistant"},
                          {"content", ""},
                          {"tool_calls",
                           {{{"id", need("call_id")},
                             {"type", "function"},
                             {"function", {{"name", need("name")}, {"arguments", need("arguments")}}}}}}});
    } else if (type == "function_call_output") {
      messages.push_back({{"role", "tool"},
                          {"tool_call_id", need("call_id")},
                          {"content", text_of(item.value("output", Json()), path + ".output")}});
    } else if (type != "reasoning") {  // templates drop earlier thinking
      throw ApiError(400, concat("'", path, ".type' ", dump(type), " is not supported"), path,
                     "unsupported_value");
    }
  }
  return messages;
}

// Responses have a function's members beside its type; chats, inside "function".
Json tools_of_responses(const Json& tools) {
  Json result = Json::array();
  for (const Json& tool : tools) {
    if (!tool.is_object() || tool.value("type", Json()) != "function" || tool.contains("function")) {
      result.push_back(tool);
      continue;
    }
    Json function = tool;
    function.erase("type");
    function.erase("strict");
    result.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return result;
}

}  // namespace

std::string key_of(const SamplerOption& option) {
  if (option.name == "temp") return "temperature";
  if (option.name == "typical") return "typical_p";
  std::string key(option.name);
  for (char& c : key) c = c == '-' ? '_' : c;
  return key;
}

Json normal_messages(const Json& messages) {
  if (!messages.is_array() || messages.empty()) {
    throw ApiError(400, "'messages' must be a list with at least one message", "messages");
  }
  Json result = messages;
  for (size_t i = 0; i < result.size(); ++i) {
    Json& message = result[i];
    const std::string path = concat("messages[", i, "]");
    if (!message.is_object()) throw ApiError(400, concat("'", path, "' must be an object"), path);
    if (!message.contains("role") || !message["role"].is_string()) {
      throw ApiError(400, concat("'", path, ".role' must be a string"), path + ".role");
    }
    const bool calls = message.contains("tool_calls") && message["tool_calls"].is_array();
    const bool empty = !message.contains("content") || message["content"].is_null();
    if (empty && !calls) throw ApiError(400, concat("'", path, ".content' is missing"), path + ".content");
    message["content"] = empty ? Json("") : Json(text_of(message["content"], path + ".content"));
    if (message["role"] == "developer") message["role"] = "system";  // OpenAI's newer name
    if (!calls) continue;
    // Templates go through arguments as an object, or write them as they are.
    for (Json& call : message["tool_calls"]) {
      if (!call.is_object() || !call.contains("function") || !call["function"].is_object()) {
        throw ApiError(400, concat("'", path, ".tool_calls' must be a list of calls of functions"),
                       path + ".tool_calls");
      }
      Json& function = call["function"];
      if (!function.contains("arguments") || !function["arguments"].is_string()) continue;
      try {
        Json arguments = parse_object(function["arguments"].get_ref<const std::string&>());
        function["arguments"] = std::move(arguments);
      } catch (const ApiError&) {
        // What a model wrote as arguments may be no object; then it stays the string that it was.
      }
    }
  }
  return result;
}

AnswerRequest parse_chat(const Json& json, const RequestDefaults& defaults) {
  Body body(json);
  AnswerRequest request;
  request.api = Api::kChat;
  const Json* messages = body.list("messages");
  request.messages = normal_messages(messages != nullptr ? *messages : Json());
  read_common(body, defaults, request);
  const auto old_name = body.whole("max_tokens", 0, INT32_MAX);
  const auto new_name = body.whole("max_completion_tokens", 0, INT32_MAX);
  if (old_name && new_name && *old_name != *new_name) {
    throw ApiError(400, "'max_tokens' and 'max_completion_tokens' differ; give one", "max_tokens");
  }
  request.max_tokens = tokens_of(new_name ? new_name : old_name, UINT32_MAX);
  request.answers = static_cast<uint32_t>(body.whole("n", 1, kMostAnswers).value_or(1));
  request.logprobs = body.boolean("logprobs").value_or(false);
  request.top_logprobs = static_cast<uint32_t>(body.whole("top_logprobs", 0, kMostTopLogprobs).value_or(0));
  if (request.top_logprobs > 0 && !request.logprobs) {
    throw ApiError(400, "'top_logprobs' goes with \"logprobs\": true only", "top_logprobs");
  }
  read_stream(body, request);
  read_grammar(body, defaults, request);
  read_tools(body, body.list("tools"), request);
  refuse_grammar_with_tools(request);
  read_template(body, request);
  body.only("store", false, "nothing is stored");
  body.refuse_others();
  return request;
}

AnswerRequest parse_completions(const Json& json, const RequestDefaults& defaults) {
  Body body(json);
  AnswerRequest request;
  request.api = Api::kCompletions;
  const Json* prompt = body.find("prompt");
  if (prompt != nullptr && prompt->is_string()) {
    request.prompt = prompt->get<std::string>();
  } else if (prompt != nullptr && prompt->is_array() && !prompt->empty()) {
    request.ids.emplace();
    for (const Json& id : *prompt) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() > UINT32_MAX) {
        throw ApiError(
            400, "'prompt' must be a string or a list of token ids; several prompts are several requests",
            "prompt");
      }
      request.ids->push_back(id.get<uint32_t>());
    }
  } else {
    throw ApiError(400, "'prompt' must be a string or a list of token ids", "prompt");
  }
  read_common(body, defaults, request);
  request.max_tokens = tokens_of(body.whole("max_tokens", 0, INT32_MAX), kCompletionTokens);
  request.answers = static_cast<uint32_t>(body.whole("n", 1, kMostAnswers).value_or(1));
  if (const auto logprobs = body.whole("logprobs", 0, kMostTopLogprobs)) {
    request.logprobs = true;
    request.top_logprobs = static_cast<uint32_t>(*logprobs);
  }
  read_stream(body, request);
  read_grammar(body, defaults, request);
  body.only("echo", false, "the prompt is not given back");
  body.only("best_of", 1, "all answers are given; see 'n'");
  request.split_reasoning = false;
  body.refuse_others();
  return request;
}

AnswerRequest parse_responses(const Json& json, const RequestDefaults& defaults) {
  Body body(json);
  AnswerRequest request;
  request.api = Api::kResponses;
  const Json* input = body.find("input");
  Json messages = messages_of_input(input != nullptr ? *input : Json());
  if (const auto instructions = body.text("instructions")) {
    messages.insert(messages.begin(), Json{{"role", "system"}, {"content", *instructions}});
  }
  request.messages = normal_messages(messages);
  read_common(body, defaults, request);
  request.max_tokens = tokens_of(body.whole("max_output_tokens", 1, INT32_MAX), UINT32_MAX);
  request.top_logprobs = static_cast<uint32_t>(body.whole("top_logprobs", 0, kMostTopLogprobs).value_or(0));
  if (const Json* include = body.list("include")) {
    for (const Json& what : *include) {
      if (what == "message.output_text.logprobs") {
        request.logprobs = true;
      } else if (what != "reasoning.encrypted_content") {
        throw ApiError(400, concat("'include' ", dump(what), " is not supported"), "include");
      }
    }
  }
  if (request.top_logprobs > 0) request.logprobs = true;
  request.stream = body.boolean("stream").value_or(false);
  if (const Json* text = body.object("text")) {
    Body inner(*text, "text.");
    if (const Json* format = inner.object("format")) {
      request.grammar = grammar_of_format(*format, "text.format", defaults);
    }
    inner.only("verbosity", "medium", "models here have no such setting");
    inner.refuse_others();
  }
  const Json* tools = body.list("tools");
  const Json chat_tools = tools != nullptr ? tools_of_responses(*tools) : Json();
  read_tools(body, tools != nullptr ? &chat_tools : nullptr, request);
  refuse_grammar_with_tools(request);
  read_template(body, request);
  body.only("store", false, "nothing is kept; give the whole conversation as 'input'");
  body.only("background", false, "answers are given while the connection lasts");
  body.only("truncation", "disabled", "a prompt is never cut");
  body.only("previous_response_id", nullptr, "nothing is kept; give the whole conversation as 'input'");
  body.only("conversation", nullptr, "nothing is kept; give the whole conversation as 'input'");
  body.refuse_others();
  request.echo = {{"tools", Json::array()}, {"text", {{"format", {{"type", "text"}}}}}};
  for (const char* const key : {"tools", "text", "instructions", "max_output_tokens", "metadata"}) {
    const Json* const value = body.find(key);
    if (value != nullptr || !request.echo.contains(key))
      request.echo[key] = value != nullptr ? *value : Json();
  }
  return request;
}

}  // namespace brim::server
