#include "server/call_format.h"

#include <algorithm>
#include <atomic>
#include <random>

#include "base/concat.h"
#include "base/error.h"
#include "grammar/json_schema.h"
#include "grammar/machine.h"
#include "numerics/split_mix.h"
#include "server/body.h"
#include "tokenizer/chat_program.h"

namespace brim::server {

namespace {

constexpr size_t kMostToolBytes = 256 << 10;
constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kMistralCalls = "[TOOL_CALLS]", kMistralArguments = "[ARGS]";
constexpr std::string_view kListEnd = "<|/tool_call|>";
constexpr std::string_view kPythonTag = "<|python_tag|>";
constexpr std::string_view kDeepSeekBegin = "<｜tool▁calls▁begin｜>", kDeepSeekEnd = "<｜tool▁calls▁end｜>",
                           kDeepSeekCall = "<｜tool▁call▁begin｜>", kDeepSeekCallEnd = "<｜tool▁call▁end｜>",
                           kDeepSeekSeparator = "<｜tool▁sep｜>";

std::string_view without_spaces(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) + 1 - first);
}

// Nine letters and digits, as Mistral's template wants them.
std::string new_id() {
  static std::atomic<uint64_t> state = (uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  uint64_t bits = split_mix(state += kSplitMixStep);
  std::string id(9, '0');
  for (char& c : id) {
    c = "0123456789abcdefghijklmnopqrstuvwxyz"[bits % 36];
    bits /= 36;
  }
  return id;
}

using Calls = std::optional<std::vector<ToolCall>>;

// Text that may be JSON.
std::optional<Json> parse(std::string_view text) {
  try {
    return parse_bounded(text);
  } catch (const ApiError&) {
    return std::nullopt;
  }
}

std::optional<ToolCall> call_of(const std::string& name, const Json& arguments,
                                const std::set<std::string>& functions) {
  if (!functions.contains(name)) return std::nullopt;
  if (!arguments.is_object() && !arguments.is_string()) return std::nullopt;
  return ToolCall{new_id(), name, arguments.is_string() ? arguments.get<std::string>() : dump(arguments)};
}

// {"name", "arguments" or "parameters"}, or a list of such.
Calls calls_of(const Json& json, const std::set<std::string>& functions) {
  std::vector<ToolCall> calls;
  const auto add = [&](const Json& item) {
    if (!item.is_object() || !item.contains("name") || !item["name"].is_string()) return false;
    const Json arguments =
        item.contains("arguments") ? item["arguments"] : item.value("parameters", Json::object());
    auto call = call_of(item["name"].get<std::string>(), arguments, functions);
    if (call) calls.push_back(std::move(*call));
    return call.has_value();
  };
  const bool good = json.is_array() ? !json.empty() && std::ranges::all_of(json, add) : add(json);
  if (!good) return std::nullopt;
  return calls;
}

// Bytes of the JSON object that `text` begins with; npos if it is not whole.
size_t object_size(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// Takes name and arguments off the beginning of a text in which they stand one after the other, up to the
// arguments' last brace.
std::optional<ToolCall> take_call(std::string_view& text, std::string_view behind_name,
                                  const std::set<std::string>& functions) {
  const size_t brace = text.find('{');
  if (brace == std::string_view::npos) return std::nullopt;
  const size_t size = object_size(text.substr(brace));
  if (size == std::string_view::npos) return std::nullopt;
  const auto arguments = parse(text.substr(brace, size));
  if (!arguments) return std::nullopt;
  const std::string_view head = text.substr(0, brace);
  const std::string_view name = without_spaces(head.substr(0, head.find(behind_name)));
  text.remove_prefix(brace + size);
  return call_of(std::string(name), *arguments, functions);
}

Calls deepseek_calls(std::string_view text, const std::set<std::string>& functions) {
  std::vector<ToolCall> calls;
  for (size_t begin; (begin = text.find(kDeepSeekCall)) != std::string_view::npos;) {
    text.remove_prefix(begin + kDeepSeekCall.size());
    const size_t separator = text.substr(0, text.find('{')).find(kDeepSeekSeparator);
    if (separator != std::string_view::npos) text.remove_prefix(separator + kDeepSeekSeparator.size());
    auto call = take_call(text, "\n", functions);
    if (!call) return std::nullopt;
    calls.push_back(std::move(*call));
  }
  if (calls.empty()) return std::nullopt;
  return calls;
}

// name[ARGS]{...}, again behind the opening marker for each.
Calls mistral_calls(std::string_view text, const std::set<std::string>& functions) {
  std::vector<ToolCall> calls;
  while (true) {
    auto call = take_call(text, kMistralArguments, functions);
    if (!call) return std::nullopt;
    calls.push_back(std::move(*call));
    text = without_spaces(text);
    if (text.empty()) return calls;
    if (!text.starts_with(kMistralCalls)) return std::nullopt;
    text.remove_prefix(kMistralCalls.size());
  }
}

// ---- calls as a grammar ----

class CallSyntax {
 public:
  CallSyntax(CallFormat format, const std::vector<TokenMarker>& markers)
      : format_(format), markers_(markers) {}

  Syntax compile(const Json& tools, const ToolChoice& choice) {
    const RuleId answer = syntax_.declare("answer");
    std::vector<ExpressionId> calls;  // one of each function
    for (size_t i = 0; i < tools.size(); ++i) {
      const Json& function = tools[i]["function"];
      const auto name = function["name"].get<std::string>();
      if (!choice.function || name == *choice.function)
        calls.push_back(call_of(name, arguments_of(function, i)));
    }
    // Models that think put line breaks behind it.
    const ExpressionId before = syntax_.repeat(syntax_.literal("\n"), 0, 2);
    const RuleId call = syntax_.rule("call", syntax_.choice(std::move(calls)));
    syntax_.define(answer, syntax_.sequence({before, all(call, choice.several)}));
    return std::move(syntax_);
  }

 private:
  ExpressionId arguments_of(const Json& function, size_t tool) {
    const std::string path = concat("tools[", tool, "].function.parameters");
    Json schema = function.value("parameters", Json());
    if (schema.is_null()) schema = Json::object();
    if (!schema.is_object() || schema.value("type", Json("object")) != "object") {
      throw ApiError(400, concat("'", path, "' must be the JSON schema of an object"), path);
    }
    schema["type"] = "object";
    try {
      return add_json_schema(syntax_, json_, schema);
    } catch (const Error& error) {
      throw ApiError(
          400, concat("'", path, "': ", error.what(), "; calls can be required of schemas without it"), path);
    }
  }

  // A marker, as the token that it is or as text.
  ExpressionId marker(std::string_view text) {
    const bool control = std::ranges::find(markers_, text, &TokenMarker::text) != markers_.end();
    return syntax_.literal(control ? TokenTrie::marker_text(text) : std::string(text));
  }
  ExpressionId text(std::string_view bytes) { return syntax_.literal(bytes); }

  // {"name": ..., "arguments": {...}}
  ExpressionId object(const std::string& name, const char* arguments_key, ExpressionId arguments) {
    return json_.in_braces(
        syntax_.sequence({json_.member(text("\"name\""), text(JsonText::quoted(name))),
                          json_.next(json_.member(text(JsonText::quoted(arguments_key)), arguments))}));
  }

  ExpressionId call_of(const std::string& name, ExpressionId arguments) {
    switch (format_) {
      case CallFormat::kTags:
        return syntax_.sequence({marker(call_opening(format_)), text("\n"),
                                 object(name, "arguments", arguments), text("\n"),
                                 marker(call_closing(format_))});
      case CallFormat::kMistralNamed:
        return syntax_.sequence({marker(kMistralCalls), text(name), marker(kMistralArguments), arguments});
      case CallFormat::kDeepSeek:
        return syntax_.sequence({marker(kDeepSeekCall), text("function"), marker(kDeepSeekSeparator),
                                 text(name), text("\n```json\n"), arguments, text("\n```"),
                                 marker(kDeepSeekCallEnd)});
      case CallFormat::kLlama:
        return object(name, "parameters", arguments);
      case CallFormat::kMistral:
      case CallFormat::kList:
      case CallFormat::kNone:
        break;
    }
    return object(name, "arguments", arguments);
  }

  // One call, or several where the format has a way to write them.
  ExpressionId all(RuleId rule, bool several) {
    const auto list = [&](std::string_view separator) {
      const ExpressionId one = syntax_.call(rule);
      if (!several) return one;
      return syntax_.sequence({one, syntax_.repeat(syntax_.sequence({text(separator), syntax_.call(rule)}), 0,
                                                   Syntax::kUnbounded)});
    };
    switch (format_) {
      case CallFormat::kTags:
        return list("\n");
      case CallFormat::kMistralNamed:
        return list("");
      case CallFormat::kDeepSeek:
        return syntax_.sequence({marker(kDeepSeekBegin), list("\n"), marker(kDeepSeekEnd)});
      case CallFormat::kMistral:
        return syntax_.sequence({marker(kMistralCalls), text(" ["), list(", "), text("]")});
      case CallFormat::kList:
        return syntax_.sequence({marker(call_opening(format_)), text("["), list(", "), text("]"),
                                 syntax_.optional(marker(kListEnd))});
      case CallFormat::kLlama:
      case CallFormat::kNone:
        break;
    }
    return syntax_.call(rule);
  }

  const CallFormat format_;
  const std::vector<TokenMarker>& markers_;
  Syntax syntax_;
  JsonText json_{syntax_};
};

}  // namespace

CallFormat call_format(const Tokenizer& tokenizer) {
  std::string all;
  for (const auto& [name, text] : named_texts(tokenizer, kTemplates)) all += text;
  const auto shows = [&](std::string_view part) { return all.find(part) != std::string::npos; };
  return shows("<tool_call>")                               ? CallFormat::kTags
         : shows(kMistralCalls) && shows(kMistralArguments) ? CallFormat::kMistralNamed
         : shows(kMistralCalls)                             ? CallFormat::kMistral
         : shows("<|tool_call|>")                           ? CallFormat::kList
         : shows(kDeepSeekBegin)                            ? CallFormat::kDeepSeek
         : shows("tool_calls") && shows("\"parameters\"")   ? CallFormat::kLlama
                                                            : CallFormat::kNone;
}

std::string_view call_opening(CallFormat format) {
  switch (format) {
    case CallFormat::kTags:
      return "<tool_call>";
    case CallFormat::kMistral:
    case CallFormat::kMistralNamed:
      return kMistralCalls;
    case CallFormat::kList:
      return "<|tool_call|>";
    case CallFormat::kDeepSeek:
      return kDeepSeekBegin;
    case CallFormat::kNone:
    case CallFormat::kLlama:
      break;
  }
  return {};
}

std::string_view call_closing(CallFormat format) {
  return format == CallFormat::kTags       ? "</tool_call>"
         : format == CallFormat::kDeepSeek ? kDeepSeekEnd
                                           : std::string_view();
}

bool calls_end_one_by_one(CallFormat format) {
  return format == CallFormat::kTags || format == CallFormat::kLlama || format == CallFormat::kNone;
}

size_t calls_end(CallFormat format, std::string_view text) {
  const std::string_view closing = call_closing(format);
  for (size_t i = 0; !closing.empty() && i < text.size();) {
    if (text.substr(i).starts_with(closing)) return i;
    const size_t size = text[i] == '{' ? object_size(text.substr(i)) : 1;
    if (size == std::string_view::npos) break;
    i += size;
  }
  return std::string_view::npos;
}

std::vector<TokenMarker> call_markers(CallFormat format, const Tokenizer& tokenizer) {
  std::vector<std::string_view> texts = {call_opening(format), call_closing(format)};
  if (format == CallFormat::kMistralNamed || format == CallFormat::kMistral)
    texts.push_back(kMistralArguments);
  if (format == CallFormat::kList) texts.push_back(kListEnd);
  if (format == CallFormat::kLlama) texts.push_back(kPythonTag);
  if (format == CallFormat::kDeepSeek) {
    texts.insert(texts.end(), {kDeepSeekCall, kDeepSeekCallEnd, kDeepSeekSeparator});
  }
  std::vector<TokenMarker> markers;
  for (const std::string_view text : texts) {
    const uint32_t id = text.empty() ? kNoToken : tokenizer.find(text);
    if (id != kNoToken && tokenizer.tables().type(id) == TokenType::kControl) {
      markers.push_back({id, std::string(text)});
    }
  }
  return markers;
}

std::optional<std::vector<ToolCall>> parse_calls(CallFormat format, std::string_view text,
                                                 const std::set<std::string>& functions) {
  if (format == CallFormat::kDeepSeek) return deepseek_calls(text, functions);
  text = without_spaces(text);
  if (text.starts_with(kPythonTag)) text.remove_prefix(kPythonTag.size());
  if (format == CallFormat::kList && text.ends_with(kListEnd)) text.remove_suffix(kListEnd.size());
  if (const auto json = parse(text)) return calls_of(*json, functions);
  if (format == CallFormat::kMistral || format == CallFormat::kMistralNamed)
    return mistral_calls(text, functions);
  return std::nullopt;
}

std::shared_ptr<const Grammar> call_grammar(CallFormat format, const std::vector<TokenMarker>& markers,
                                            const Json& tools, const ToolChoice& choice) {
  if (format == CallFormat::kNone) {
    throw ApiError(
        400,
        "'tool_choice' requires a call, but this model's chat template has no format for calls; leave "
        "it out",
        "tool_choice", "unsupported_value");
  }
  if (const size_t bytes = dump(tools).size(); bytes > kMostToolBytes) {
    throw ApiError(
        400,
        concat("'tools' has ", bytes, " bytes; ", kMostToolBytes, " are the most of a call that is required"),
        "tools");
  }
  try {
    const Syntax syntax = CallSyntax(format, markers).compile(tools, choice);
    return std::make_shared<const Grammar>(std::make_unique<const Machine>(syntax));
  } catch (const Error& error) {
    throw ApiError(400, concat("'tools': ", error.what()), "tools");
  }
}

}  // namespace brim::server
