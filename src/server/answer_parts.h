// The parts of an answer: what a model wrote, taken apart into thinking, text and calls of functions, as it
// comes. Models write whatever they like: what does not fit the format stays text.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/call_format.h"
#include "tokenizer/tokenizer.h"

namespace brim::server {

struct AnswerFormat {
  bool thinks = false;  // <think>...</think>
  CallFormat calls = CallFormat::kNone;
};

// What the image's chat template shows.
AnswerFormat answer_format(const Tokenizer& tokenizer);

// What stands before an answer whose thinking the prompt has begun: anything up to </think>.
std::shared_ptr<const Grammar> thinking_grammar();

struct AnswerParts {
  std::string content, reasoning;
  std::vector<ToolCall> calls;

  bool empty() const { return content.empty() && reasoning.empty() && calls.empty(); }
  AnswerParts& operator+=(const AnswerParts& more);
};

class AnswerSplitter {
 public:
  struct Options {
    AnswerFormat format = {};              // of what is to be taken apart
    bool thinking = false;                 // the prompt has begun the thinking already
    std::set<std::string> functions = {};  // that may be called
  };
  explicit AnswerSplitter(Options options);

  // What is certain after more text. Kept back: what may become a marker.
  AnswerParts push(std::string_view text);
  // The rest.
  AnswerParts finish();

  // What comes next is thinking, or ends it.
  bool in_thinking() const { return state_ == State::kThinking; }

 private:
  enum class State : uint8_t { kStart, kThinking, kText, kCall };

  bool step(AnswerParts& parts, bool last);
  bool start(bool last);
  bool thinking(AnswerParts& parts, bool last);
  bool text(AnswerParts& parts, bool last);
  bool call(AnswerParts& parts, bool last);

  const Options options_;
  const std::string_view open_, close_;  // of calls; empty: none, resp. the end of the answer
  State state_;
  bool drop_spaces_ = false;  // the next ones belong to a marker
  bool wrote_ = false;        // some text of the answer has been given
  std::string rest_;          // not taken apart yet
};

}  // namespace brim::server
