#include "server/answer_parts.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>

#include "numerics/split_mix.h"
#include "server/body.h"
#include "tokenizer/chat_program.h"

namespace brim::server {

namespace {

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kThink = "<think>", kThinkEnd = "</think>";
constexpr std::string_view kPythonTag = "<|python_tag|>";
constexpr std::string_view kDeepSeekBegin = "<｜tool▁calls▁begin｜>", kDeepSeekEnd = "<｜tool▁calls▁end｜>",
                           kDeepSeekCall = "<｜tool▁call▁begin｜>", kDeepSeekCallEnd = "<｜tool▁call▁end｜>",
                           kDeepSeekSeparator = "<｜tool▁sep｜>";

std::string opening(CallFormat format) {
  switch (format) {
    case CallFormat::kTags:
      return "<tool_call>";
    case CallFormat::kMistral:
      return "[TOOL_CALLS]";
    case CallFormat::kList:
      return "<|tool_call|>";
    case CallFormat::kDeepSeek:
      return std::string(kDeepSeekBegin);
    case CallFormat::kNone:
    case CallFormat::kLlama:
      break;
  }
  return {};
}

std::string closing(CallFormat format) {
  return format == CallFormat::kTags       ? "</tool_call>"
         : format == CallFormat::kDeepSeek ? std::string(kDeepSeekEnd)
                                           : std::string();
}

std::string_view without_spaces(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) + 1 - first);
}

// Bytes at the end of `text` that may be the beginning of `marker`.
size_t begun(std::string_view text, std::string_view marker) {
  for (size_t size = std::min(text.size(), marker.empty() ? 0 : marker.size() - 1); size > 0; --size) {
    if (text.ends_with(marker.substr(0, size))) return size;
  }
  return 0;
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

// name[ARGS]{...}, as newer Mistral models write it.
Calls mistral_call(std::string_view text, const std::set<std::string>& functions) {
  constexpr std::string_view kArguments = "[ARGS]";
  const size_t brace = text.find('{');
  if (brace == std::string_view::npos) return std::nullopt;
  std::string_view name = without_spaces(text.substr(0, brace));
  if (name.ends_with(kArguments)) name.remove_suffix(kArguments.size());
  const auto arguments = parse(text.substr(brace));
  if (!arguments) return std::nullopt;
  auto call = call_of(std::string(without_spaces(name)), *arguments, functions);
  if (!call) return std::nullopt;
  return std::vector{std::move(*call)};
}

Calls deepseek_calls(std::string_view text, const std::set<std::string>& functions) {
  std::vector<ToolCall> calls;
  while (true) {
    const size_t begin = text.find(kDeepSeekCall);
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin + kDeepSeekCall.size());
    const size_t end = std::min(text.find(kDeepSeekCallEnd), text.size());
    std::string_view one = text.substr(0, end);
    text.remove_prefix(end);
    if (const size_t separator = one.find(kDeepSeekSeparator); separator != std::string_view::npos) {
      one.remove_prefix(separator + kDeepSeekSeparator.size());
    }
    const size_t brace = one.find('{'), last = one.rfind('}');
    if (brace == std::string_view::npos || last == std::string_view::npos || last < brace)
      return std::nullopt;
    const auto arguments = parse(one.substr(brace, last + 1 - brace));
    if (!arguments) return std::nullopt;
    const std::string_view name = one.substr(0, one.find_first_of("\n`{"));
    auto call = call_of(std::string(without_spaces(name)), *arguments, functions);
    if (!call) return std::nullopt;
    calls.push_back(std::move(*call));
  }
  if (calls.empty()) return std::nullopt;
  return calls;
}

Calls parse_calls(CallFormat format, std::string_view text, const std::set<std::string>& functions) {
  if (format == CallFormat::kDeepSeek) return deepseek_calls(text, functions);
  text = without_spaces(text);
  if (text.starts_with(kPythonTag)) text.remove_prefix(kPythonTag.size());
  constexpr std::string_view kListEnd = "<|/tool_call|>";
  if (format == CallFormat::kList && text.ends_with(kListEnd)) text.remove_suffix(kListEnd.size());
  if (const auto json = parse(text)) return calls_of(*json, functions);
  if (format == CallFormat::kMistral) return mistral_call(text, functions);
  return std::nullopt;
}

}  // namespace

AnswerFormat answer_format(const Tokenizer& tokenizer) {
  AnswerFormat format;
  std::string all;
  for (const auto& [name, text] : named_texts(tokenizer, kTemplates)) all += text;
  const auto shows = [&](std::string_view part) { return all.find(part) != std::string::npos; };
  format.thinks = shows(kThinkEnd);
  format.calls = shows("<tool_call>")                             ? CallFormat::kTags
                 : shows("[TOOL_CALLS]")                          ? CallFormat::kMistral
                 : shows("<|tool_call|>")                         ? CallFormat::kList
                 : shows(kDeepSeekBegin)                          ? CallFormat::kDeepSeek
                 : shows("tool_calls") && shows("\"parameters\"") ? CallFormat::kLlama
                                                                  : CallFormat::kNone;
  return format;
}

std::vector<std::string> call_markers(CallFormat format) {
  std::vector<std::string> markers;
  for (const std::string& marker : {opening(format), closing(format)}) {
    if (!marker.empty()) markers.push_back(marker);
  }
  if (format == CallFormat::kMistral) markers.emplace_back("[ARGS]");
  if (format == CallFormat::kList) markers.emplace_back("<|/tool_call|>");
  if (format == CallFormat::kLlama) markers.emplace_back(kPythonTag);
  if (format == CallFormat::kDeepSeek) {
    for (const auto marker : {kDeepSeekCall, kDeepSeekCallEnd, kDeepSeekSeparator}) {
      markers.emplace_back(marker);
    }
  }
  return markers;
}

AnswerParts& AnswerParts::operator+=(const AnswerParts& more) {
  content += more.content;
  reasoning += more.reasoning;
  calls.insert(calls.end(), more.calls.begin(), more.calls.end());
  return *this;
}

AnswerSplitter::AnswerSplitter(Options options)
    : options_(std::move(options)),
      open_(opening(options_.format.calls)),
      close_(closing(options_.format.calls)),
      state_(options_.thinking ? State::kThinking : State::kStart),
      drop_spaces_(options_.thinking) {}

AnswerParts AnswerSplitter::push(std::string_view text) {
  rest_ += text;
  AnswerParts parts;
  while (step(parts, false)) {
  }
  return parts;
}

AnswerParts AnswerSplitter::finish() {
  AnswerParts parts;
  while (step(parts, true)) {
  }
  return parts;
}

// Whether something changed, so that the next state may find more.
bool AnswerSplitter::step(AnswerParts& parts, bool last) {
  if (drop_spaces_) {
    rest_.erase(0, std::min(rest_.find_first_not_of(kSpaces), rest_.size()));
    if (rest_.empty()) return false;
    drop_spaces_ = false;
  }
  switch (state_) {
    case State::kStart:
      return start(last);
    case State::kThinking:
      return thinking(parts, last);
    case State::kText:
      return text(parts, last);
    case State::kCall:
      return call(parts, last);
  }
  return false;
}

bool AnswerSplitter::start(bool last) {
  if (options_.format.thinks) {
    const std::string_view written = without_spaces(rest_);
    if (written.starts_with(kThink)) {
      rest_.erase(0, rest_.find(kThink) + kThink.size());
      state_ = State::kThinking;
      drop_spaces_ = true;
      return true;
    }
    if (!last && kThink.starts_with(written)) return false;
  }
  state_ = State::kText;
  return true;
}

bool AnswerSplitter::thinking(AnswerParts& parts, bool last) {
  const size_t end = rest_.find(kThinkEnd);
  std::string_view thought = std::string_view(rest_).substr(0, end);
  if (end == std::string::npos && !last) thought.remove_suffix(begun(thought, kThinkEnd));
  // Spaces at its end are given when more of it follows.
  const size_t kept = thought.find_last_not_of(kSpaces) + 1;
  parts.reasoning += thought.substr(0, kept);
  if (end == std::string::npos) {
    rest_.erase(0, last ? rest_.size() : kept);
    return false;
  }
  rest_.erase(0, end + kThinkEnd.size());
  state_ = State::kText;
  drop_spaces_ = true;
  return true;
}

bool AnswerSplitter::text(AnswerParts& parts, bool last) {
  const auto give = [&](size_t bytes) {
    wrote_ |= bytes > 0;
    parts.content += rest_.substr(0, bytes);
    rest_.erase(0, bytes);
  };
  if (options_.functions.empty() || options_.format.calls == CallFormat::kNone) {
    give(rest_.size());
    return false;
  }
  if (options_.format.calls == CallFormat::kLlama) {
    const std::string_view written = without_spaces(rest_);
    if (!wrote_ && written.empty() && !last) return false;
    if (!wrote_ && (written.starts_with('{') || written.starts_with(kPythonTag))) {
      state_ = State::kCall;
      return true;
    }
    if (!wrote_ && !last && kPythonTag.starts_with(written)) return false;
    give(rest_.size());
    return false;
  }
  const size_t found = rest_.find(open_);
  if (found == std::string::npos) {
    if (last) {
      give(rest_.size());
      return false;
    }
    // Spaces before a call belong to it.
    const std::string_view sure = std::string_view(rest_).substr(0, rest_.size() - begun(rest_, open_));
    give(sure.find_last_not_of(kSpaces) + 1);
    return false;
  }
  give(std::string_view(rest_).substr(0, found).find_last_not_of(kSpaces) + 1);
  rest_.erase(0, rest_.find(open_) + open_.size());
  state_ = State::kCall;
  return true;
}

bool AnswerSplitter::call(AnswerParts& parts, bool last) {
  const size_t end = close_.empty() ? std::string::npos : rest_.find(close_);
  if (end == std::string::npos && !last) return false;
  const std::string_view body = std::string_view(rest_).substr(0, end);
  if (auto calls = parse_calls(options_.format.calls, body, options_.functions)) {
    parts.calls.insert(parts.calls.end(), calls->begin(), calls->end());
    drop_spaces_ = true;
  } else {
    parts.content += open_;
    parts.content += body;
    if (end != std::string::npos) parts.content += close_;
  }
  rest_.erase(0, end == std::string::npos ? rest_.size() : end + close_.size());
  state_ = State::kText;
  wrote_ = true;
  return true;
}

}  // namespace brim::server
