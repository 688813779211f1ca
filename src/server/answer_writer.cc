#include "server/answer_writer.h"

#include "base/concat.h"

namespace brim::server {

namespace {

Json bytes_of(const std::string& text) {
  Json bytes = Json::array();
  for (const char c : text) bytes.push_back(static_cast<uint8_t>(c));
  return bytes;
}

Json chance(const TokenChance& token) {
  return {
      {"id", token.id}, {"token", token.bytes}, {"logprob", token.logprob}, {"bytes", bytes_of(token.bytes)}};
}

Json chances(const std::vector<TokenInfo>& tokens) {
  Json content = Json::array();
  for (const TokenInfo& token : tokens) {
    Json one = chance(token);
    one["top_logprobs"] = Json::array();
    for (const TokenChance& other : token.top) one["top_logprobs"].push_back(chance(other));
    if (token.drafted) one["drafted"] = true;
    content.push_back(std::move(one));
  }
  return content;
}

Json call(const ToolCall& call) {
  return {{"id", call.id},
          {"type", "function"},
          {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
}

Json logprobs_of_chat(const std::vector<TokenInfo>& tokens) {
  return {{"content", chances(tokens)}, {"refusal", nullptr}};
}

// What endpoints have in common whose answers are "choices".
class ChoicesWriter : public AnswerWriter {
 public:
  // What such an endpoint calls things.
  struct Names {
    const char* id;
    const char* chunk;  // "object" of an event
    const char* whole;  // and of all at once
  };
  ChoicesWriter(const Job& job, std::string model, const Names& names)
      : AnswerWriter(job, std::move(model)), names_(names) {}

  std::string finish() override {
    std::string events;
    if (job_.request.include_usage) {
      Json last = frame(names_.chunk);
      last["usage"] = usage("prompt", "completion");
      events = event(last);
    }
    return events + "data: [DONE]\n\n";
  }

  Json whole() override {
    Json result = frame(names_.whole);
    for (uint32_t i = 0; i < answers_.size(); ++i) result["choices"].push_back(choice(i, answers_[i]));
    result["usage"] = usage("prompt", "completion");
    result["timings"] = timings(answers_.back().timings);
    return result;
  }

 protected:
  // A whole answer.
  virtual Json choice(uint32_t index, const WrittenAnswer& answer) const = 0;

  // An event with what has come of one answer; `timings` where it has ended.
  std::string chunk(Json choice, const Json& timings = nullptr) const {
    Json result = frame(names_.chunk);
    result["choices"].push_back(std::move(choice));
    if (!timings.is_null()) result["timings"] = timings;
    if (job_.request.include_usage) result["usage"] = nullptr;  // it comes with the last event
    return event(result);
  }

 private:
  Json frame(const char* object) const {
    return {{"id", concat(names_.id, job_.id)},
            {"object", object},
            {"created", created_},
            {"model", model_},
            {"system_fingerprint", system_fingerprint()},
            {"seed", job_.request.sampler.seed},
            {"choices", Json::array()}};
  }

  const Names names_;
};

class ChatWriter final : public ChoicesWriter {
 public:
  ChatWriter(const Job& job, std::string model)
      : ChoicesWriter(job, std::move(model), {"chatcmpl-", "chat.completion.chunk", "chat.completion"}) {}

  std::string begin() override {
    std::string events;
    for (uint32_t i = 0; i < answers_.size(); ++i) {
      events += chunk(
          {{"index", i}, {"delta", {{"role", "assistant"}, {"content", ""}}}, {"finish_reason", nullptr}});
    }
    return events;
  }

  std::string piece(const AnswerPiece& piece) override {
    Json delta = Json::object();
    if (!piece.parts.reasoning.empty()) delta["reasoning_content"] = piece.parts.reasoning;
    if (!piece.parts.content.empty()) delta["content"] = piece.parts.content;
    // The calls of this piece are the last ones of all that were taken.
    size_t index = answers_[piece.answer].parts.calls.size() - piece.parts.calls.size();
    for (const ToolCall& one : piece.parts.calls) {
      Json with_index = call(one);
      with_index["index"] = index++;
      delta["tool_calls"].push_back(std::move(with_index));
    }
    Json choice = {{"index", piece.answer}, {"delta", std::move(delta)}, {"finish_reason", nullptr}};
    if (job_.request.logprobs) choice["logprobs"] = logprobs_of_chat(piece.tokens);
    if (piece.drafted) choice["drafted"] = true;
    return chunk(std::move(choice));
  }

  std::string end(const AnswerEnd& end) override {
    return chunk({{"index", end.answer}, {"delta", Json::object()}, {"finish_reason", end.reason}},
                 timings(end.timings));
  }

 protected:
  Json choice(uint32_t index, const WrittenAnswer& answer) const override {
    Json message = {{"role", "assistant"}, {"content", answer.parts.content}, {"refusal", nullptr}};
    if (!answer.parts.reasoning.empty()) message["reasoning_content"] = answer.parts.reasoning;
    for (const ToolCall& one : answer.parts.calls) message["tool_calls"].push_back(call(one));
    if (!answer.parts.calls.empty() && answer.parts.content.empty()) message["content"] = nullptr;
    return {{"index", index},
            {"message", std::move(message)},
            {"logprobs", job_.request.logprobs ? logprobs_of_chat(answer.tokens) : Json()},
            {"finish_reason", answer.reason}};
  }
};

class CompletionsWriter final : public ChoicesWriter {
 public:
  CompletionsWriter(const Job& job, std::string model)
      : ChoicesWriter(job, std::move(model), {"cmpl-", "text_completion", "text_completion"}) {}

  std::string begin() override { return {}; }

  std::string piece(const AnswerPiece& piece) override {
    Json choice = {{"index", piece.answer},
                   {"text", piece.parts.content},
                   {"logprobs", job_.request.logprobs ? logprobs(piece.tokens) : Json()},
                   {"finish_reason", nullptr}};
    if (piece.drafted) choice["drafted"] = true;
    return chunk(std::move(choice));
  }

  std::string end(const AnswerEnd& end) override {
    return chunk({{"index", end.answer}, {"text", ""}, {"logprobs", nullptr}, {"finish_reason", end.reason}},
                 timings(end.timings));
  }

 protected:
  Json choice(uint32_t index, const WrittenAnswer& answer) const override {
    return {{"index", index},
            {"text", answer.parts.content},
            {"logprobs", job_.request.logprobs ? logprobs(answer.tokens) : Json()},
            {"finish_reason", answer.reason}};
  }

 private:
  // OpenAI's older form: lists of each thing.
  static Json logprobs(const std::vector<TokenInfo>& tokens) {
    Json result = {
        {"tokens", Json::array()}, {"token_logprobs", Json::array()}, {"top_logprobs", Json::array()}};
    for (const TokenInfo& token : tokens) {
      result["tokens"].push_back(token.bytes);
      result["token_logprobs"].push_back(token.logprob);
      Json top = Json::object();
      for (const TokenChance& other : token.top) top.emplace(other.bytes, other.logprob);
      result["top_logprobs"].push_back(std::move(top));
    }
    return result;
  }
};

// One answer, as a list of items: thinking, text, calls.
class ResponsesWriter final : public AnswerWriter {
 public:
  using AnswerWriter::AnswerWriter;

  std::string begin() override {
    return send("response.created", {{"response", response("in_progress")}}) +
           send("response.in_progress", {{"response", response("in_progress")}});
  }

  std::string piece(const AnswerPiece& piece) override {
    std::string events;
    if (!piece.parts.reasoning.empty()) {
      events += open(Item::kReasoning);
      events +=
          send("response.reasoning_text.delta", at({{"content_index", 0}, {"delta", piece.parts.reasoning}}));
    }
    if (!piece.parts.content.empty()) {
      events += open(Item::kMessage);
      Json delta = at({{"content_index", 0}, {"delta", piece.parts.content}, {"logprobs", Json::array()}});
      if (job_.request.logprobs) delta["logprobs"] = chances(piece.tokens);
      events += send("response.output_text.delta", delta);
    }
    for (const ToolCall& one : piece.parts.calls) {
      events += close();
      events += send("response.output_item.added",
                     {{"output_index", index_}, {"item", call_item(one, "in_progress", "")}});
      const std::string id = "fc_" + one.id;
      events += send("response.function_call_arguments.delta",
                     {{"item_id", id}, {"output_index", index_}, {"delta", one.arguments}});
      events +=
          send("response.function_call_arguments.done",
               {{"item_id", id}, {"output_index", index_}, {"name", one.name}, {"arguments", one.arguments}});
      events += send("response.output_item.done",
                     {{"output_index", index_}, {"item", call_item(one, "completed", one.arguments)}});
      ++index_;
    }
    return events;
  }

  std::string end(const AnswerEnd&) override { return close(); }

  std::string finish() override {
    const char* const status = this->status();
    return send(concat("response.", status), {{"response", response(status)}});
  }

  Json whole() override { return response(status()); }

 private:
  enum class Item : uint8_t { kNone, kReasoning, kMessage };

  const WrittenAnswer& answer() const { return answers_.front(); }
  // Of the answer, and of its text.
  const char* status() const { return answer().reason == "length" ? "incomplete" : "completed"; }
  std::string item_id(Item item) const { return concat(item == Item::kMessage ? "msg_" : "rs_", job_.id); }

  Json part(Item item) const {
    if (item == Item::kReasoning) return {{"type", "reasoning_text"}, {"text", answer().parts.reasoning}};
    Json part = {{"type", "output_text"},
                 {"text", answer().parts.content},
                 {"annotations", Json::array()},
                 {"logprobs", Json::array()}};
    if (job_.request.logprobs) part["logprobs"] = chances(answer().tokens);
    return part;
  }
  Json item(Item which, const char* status) const {
    const bool done = std::string_view(status) != "in_progress";
    Json content = Json::array();
    if (done) content.push_back(part(which));
    if (which == Item::kReasoning) {
      return {{"id", item_id(which)},
              {"type", "reasoning"},
              {"summary", Json::array()},
              {"content", std::move(content)},
              {"status", status}};
    }
    return {{"id", item_id(which)},
            {"type", "message"},
            {"role", "assistant"},
            {"status", status},
            {"content", std::move(content)}};
  }
  static Json call_item(const ToolCall& call, const char* status, const std::string& arguments) {
    return {{"id", "fc_" + call.id}, {"type", "function_call"}, {"call_id", call.id},
            {"name", call.name},     {"arguments", arguments},  {"status", status}};
  }

  Json response(const std::string& status) const {
    const bool running = status == "in_progress";
    Json output = Json::array();
    if (!running) {
      if (!answer().parts.reasoning.empty()) output.push_back(item(Item::kReasoning, "completed"));
      if (!answer().parts.content.empty() || answer().parts.calls.empty()) {
        output.push_back(item(Item::kMessage, this->status()));
      }
      for (const ToolCall& one : answer().parts.calls)
        output.push_back(call_item(one, "completed", one.arguments));
    }
    Json result = {{"id", concat("resp_", job_.id)},
                   {"object", "response"},
                   {"created_at", created_},
                   {"status", status},
                   {"model", model_},
                   {"output", std::move(output)},
                   {"error", nullptr},
                   {"incomplete_details", nullptr},
                   {"store", false},
                   {"parallel_tool_calls", job_.request.tool_choice.several},
                   {"tool_choice", tool_choice()},
                   {"temperature", job_.request.sampler.temperature},
                   {"top_p", job_.request.sampler.top_p},
                   {"seed", job_.request.sampler.seed},
                   {"usage", nullptr}};
    result.update(job_.request.echo);
    if (status == "incomplete") result["incomplete_details"] = {{"reason", "max_output_tokens"}};
    if (!running) {
      result["usage"] = usage("input", "output");
      result["timings"] = timings(answer().timings);
    }
    return result;
  }

  Json tool_choice() const {
    if (job_.request.tools.is_null()) return "none";
    const ToolChoice& choice = job_.request.tool_choice;
    if (choice.function) return {{"type", "function"}, {"name", *choice.function}};
    return choice.required ? "required" : "auto";
  }

  std::string send(const std::string& name, const Json& data) {
    Json whole = {{"type", name}, {"sequence_number", sequence_++}};
    whole.update(data);
    return event(whole, name);
  }
  Json at(const Json& data) const {
    Json whole = {{"item_id", item_id(open_)}, {"output_index", index_}};
    whole.update(data);
    return whole;
  }
  std::string open(Item which) {
    if (open_ == which) return {};
    std::string events = close();
    open_ = which;
    events +=
        send("response.output_item.added", {{"output_index", index_}, {"item", item(which, "in_progress")}});
    if (which == Item::kMessage) {
      events += send("response.content_part.added",
                     at({{"content_index", 0},
                         {"part", {{"type", "output_text"}, {"text", ""}, {"annotations", Json::array()}}}}));
    }
    return events;
  }
  std::string close() {
    if (open_ == Item::kNone) return {};
    std::string events;
    if (open_ == Item::kMessage) {
      Json done = at({{"content_index", 0}, {"text", answer().parts.content}, {"logprobs", Json::array()}});
      events += send("response.output_text.done", done);
      events += send("response.content_part.done", at({{"content_index", 0}, {"part", part(open_)}}));
    } else {
      events += send("response.reasoning_text.done",
                     at({{"content_index", 0}, {"text", answer().parts.reasoning}}));
    }
    events += send(
        "response.output_item.done",
        {{"output_index", index_}, {"item", item(open_, open_ == Item::kMessage ? status() : "completed")}});
    open_ = Item::kNone;
    ++index_;
    return events;
  }

  uint64_t sequence_ = 0;
  uint32_t index_ = 0;  // of the item that is open, or of the next one
  Item open_ = Item::kNone;
};

}  // namespace

AnswerWriter::AnswerWriter(const Job& job, std::string model)
    : job_(job), model_(std::move(model)), created_(std::time(nullptr)), answers_(job.request.answers) {}

void AnswerWriter::take(const AnswerPiece& piece) {
  WrittenAnswer& answer = answers_[piece.answer];
  answer.parts += piece.parts;
  answer.tokens.insert(answer.tokens.end(), piece.tokens.begin(), piece.tokens.end());
}

void AnswerWriter::take(const AnswerEnd& end) {
  answers_[end.answer].reason = end.reason;
  answers_[end.answer].timings = end.timings;
}

Json AnswerWriter::usage(const char* prompt, const char* answer) const {
  // The prompt is one, and counts once.
  const Timings& first = answers_.front().timings;
  const uint32_t prompt_tokens = first.cached_tokens + first.prompt_tokens;
  uint32_t answer_tokens = 0, reasoning_tokens = 0;
  for (const WrittenAnswer& one : answers_) {
    answer_tokens += one.timings.answer_tokens;
    reasoning_tokens += one.timings.reasoning_tokens;
  }
  return {{concat(prompt, "_tokens"), prompt_tokens},
          {concat(answer, "_tokens"), answer_tokens},
          {"total_tokens", prompt_tokens + answer_tokens},
          {concat(prompt, "_tokens_details"), {{"cached_tokens", first.cached_tokens}}},
          {concat(answer, "_tokens_details"), {{"reasoning_tokens", reasoning_tokens}}}};
}

Json AnswerWriter::timings(const Timings& timings) {
  const auto rate = [](uint32_t tokens, double seconds) { return seconds > 0 ? tokens / seconds : 0.0; };
  return {{"cache_n", timings.cached_tokens},
          {"prompt_n", timings.prompt_tokens},
          {"prompt_ms", timings.prompt_seconds * 1e3},
          {"prompt_per_second", rate(timings.prompt_tokens, timings.prompt_seconds)},
          {"predicted_n", timings.answer_tokens},
          {"predicted_ms", timings.answer_seconds * 1e3},
          {"predicted_per_second", rate(timings.answer_tokens, timings.answer_seconds)},
          {"draft_n", timings.drafted},
          {"draft_n_accepted", timings.accepted}};
}

std::unique_ptr<AnswerWriter> make_answer_writer(const Job& job, std::string model) {
  switch (job.request.api) {
    case Api::kCompletions:
      return std::make_unique<CompletionsWriter>(job, std::move(model));
    case Api::kResponses:
      return std::make_unique<ResponsesWriter>(job, std::move(model));
    case Api::kChat:
      break;
  }
  return std::make_unique<ChatWriter>(job, std::move(model));
}

std::string event(const Json& data, const std::string& name) {
  return (name.empty() ? std::string() : "event: " + name + "\n") + "data: " + dump(data) + "\n\n";
}

std::string system_fingerprint() { return "brim-" BRIM_VERSION; }

}  // namespace brim::server
