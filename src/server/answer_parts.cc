#include "server/answer_parts.h"

#include <algorithm>

#include "grammar/machine.h"
#include "tokenizer/chat_program.h"

namespace brim::server {

namespace {

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kThink = "<think>", kThinkEnd = "</think>";
constexpr std::string_view kPythonTag = "<|python_tag|>";

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

}  // namespace

AnswerFormat answer_format(const Tokenizer& tokenizer) {
  AnswerFormat format;
  for (const auto& [name, text] : named_texts(tokenizer, kTemplates)) {
    format.thinks |= text.find(kThinkEnd) != std::string::npos;
  }
  format.calls = call_format(tokenizer);
  return format;
}

// A rule for each part of the marker that may have been read: no other part of it is its beginning than "<".
std::shared_ptr<const Grammar> thinking_grammar() {
  Syntax syntax;
  std::vector<RuleId> read;
  for (size_t i = 0; i < kThinkEnd.size(); ++i)
    read.push_back(syntax.declare(std::string(kThinkEnd.substr(0, i))));
  for (size_t i = 0; i < kThinkEnd.size(); ++i) {
    const auto next = static_cast<uint8_t>(kThinkEnd[i]);
    std::vector<ExpressionId> ways = {syntax.literal(kThinkEnd.substr(i, 1))};
    if (i + 1 < kThinkEnd.size()) ways[0] = syntax.sequence({ways[0], syntax.call(read[i + 1])});
    if (i > 0) ways.push_back(syntax.sequence({syntax.literal("<"), syntax.call(read[1])}));
    ways.push_back(
        syntax.sequence({syntax.character(complement({{next, next}, {'<', '<'}})), syntax.call(read[0])}));
    syntax.define(read[i], syntax.choice(std::move(ways)));
  }
  return std::make_shared<const Grammar>(std::make_unique<const Machine>(syntax));
}

AnswerParts& AnswerParts::operator+=(const AnswerParts& more) {
  content += more.content;
  reasoning += more.reasoning;
  calls.insert(calls.end(), more.calls.begin(), more.calls.end());
  return *this;
}

AnswerSplitter::AnswerSplitter(Options options)
    : options_(std::move(options)),
      open_(call_opening(options_.format.calls)),
      close_(call_closing(options_.format.calls)),
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
  size_t end = calls_end(options_.format.calls, rest_);
  if (end == std::string::npos && !last) return false;
  if (end == std::string::npos && !close_.empty()) end = rest_.find(close_);
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
