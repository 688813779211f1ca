#include "server/request.h"

#include <random>

#include "base/concat.h"
#include "server/body.h"

namespace brim::server {

namespace {

constexpr uint32_t kCompletionTokens = 16;  // OpenAI's default of this endpoint

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
    } else if (const auto value = body.whole(key, 0, UINT64_MAX)) {
      options.*option.number = *value;
      seed_given |= option.number == &SamplerOptions::seed;
    }
  }
  if (!seed_given && defaults.random_seed) {
    // A number that JSON readers with doubles keep whole, so that it can be given again.
    options.seed = std::random_device{}();
  }
}

void read_stop(Body& body, std::vector<std::string>& stop) {
  const Json* value = body.find("stop");
  if (value == nullptr) return;
  const auto add = [&](const Json& text) {
    if (!text.is_string() || text.get_ref<const std::string&>().empty()) {
      throw ApiError(400, "'stop' must be a string that is not empty, or a list of such", "stop");
    }
    stop.push_back(text.get<std::string>());
  };
  if (!value->is_array()) return add(*value);
  if (value->size() > kMostStops) {
    throw ApiError(400, concat("'stop' has ", value->size(), " strings; ", kMostStops, " are the most"),
                   "stop");
  }
  for (const Json& text : *value) add(text);
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

void read_response_format(Body& body) {
  const Json* format = body.object("response_format");
  if (format == nullptr) return;
  Body inner(*format, "response_format.");
  inner.only("type", "text", "this server cannot constrain answers");
  inner.refuse_others();
}

void read_tools(Body& body, AnswerRequest& request) {
  const Json* tools = body.list("tools");
  const Json* choice = body.find("tool_choice");
  body.only("parallel_tool_calls", true, "the model decides how many functions it calls");
  if (choice != nullptr && *choice != "auto" && *choice != "none") {
    throw ApiError(400,
                   "'tool_choice' must be \"auto\" or \"none\": this server cannot make a model call one",
                   "tool_choice", "unsupported_value");
  }
  if (tools == nullptr || tools->empty()) return;
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
  }
  if (choice == nullptr || *choice == "auto") request.tools = *tools;
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
  read_stop(body, request.stop);
  request.logprobs = body.boolean("logprobs").value_or(false);
  request.top_logprobs = static_cast<uint32_t>(body.whole("top_logprobs", 0, kMostTopLogprobs).value_or(0));
  if (request.top_logprobs > 0 && !request.logprobs) {
    throw ApiError(400, "'top_logprobs' goes with \"logprobs\": true only", "top_logprobs");
  }
  read_stream(body, request);
  read_response_format(body);
  read_tools(body, request);
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
  read_stop(body, request.stop);
  if (const auto logprobs = body.whole("logprobs", 0, kMostTopLogprobs)) {
    request.logprobs = true;
    request.top_logprobs = static_cast<uint32_t>(*logprobs);
  }
  read_stream(body, request);
  read_response_format(body);
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
  request.include_usage = true;
  if (const Json* text = body.object("text")) {
    Body inner(*text, "text.");
    if (const Json* format = inner.object("format")) {
      Body format_body(*format, "text.format.");
      format_body.only("type", "text", "this server cannot constrain answers");
      format_body.refuse_others();
    }
    inner.only("verbosity", "medium", "models here have no such setting");
    inner.refuse_others();
  }
  if (const Json* tools = body.list("tools")) {
    Json rewritten = json;
    rewritten["tools"] = tools_of_responses(*tools);
    Body with_tools(rewritten);
    read_tools(with_tools, request);
    body.skip({"tool_choice", "parallel_tool_calls"});
  } else {
    read_tools(body, request);
  }
  read_template(body, request);
  body.only("store", false, "nothing is kept; give the whole conversation as 'input'");
  body.only("background", false, "answers are given while the connection lasts");
  body.only("truncation", "disabled", "a prompt is never cut");
  body.only("previous_response_id", nullptr, "nothing is kept; give the whole conversation as 'input'");
  body.only("conversation", nullptr, "nothing is kept; give the whole conversation as 'input'");
  body.refuse_others();
  return request;
}

}  // namespace brim::server
