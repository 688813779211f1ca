#include "tokenizer/chat_table.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <span>

#include "base/concat.h"
#include "base/error.h"
#include "template/chat_template.h"
#include "tokenizer/chat.h"

namespace brim {
namespace {

// Texts of the probes: words that no template has.
const std::string kSystem = "QzSystemZq";
const std::string kUser1 = "QzUserOneZq";
const std::string kAnswer1 = "QzAnswerOneZq";
const std::string kUser2 = "QzUserTwoZq";
const std::string kThought = "QzThoughtZq";
const std::string kThinkClose = "</think>";
constexpr std::string_view kSpaceRound = " \n\t ";

struct Turn {
  ChatRole role;
  std::string text;
};
using Turns = std::vector<Turn>;

std::string padded(const std::string& text) { return concat(kSpaceRound, text, kSpaceRound); }
std::string thinking(const std::string& answer) {
  return concat("<think>\n", kThought, "\n", kThinkClose, "\n\n", answer);
}

class Deriver {
 public:
  Deriver(const ChatTemplate& program, const TokenizerParts& parts)
      : program_(program), parts_(parts), now_(std::time(nullptr)) {}

  // Fills the table; nothing where it cannot say even the simplest conversations. What it cannot say is in
  // notes().
  std::optional<ChatTableParts> derive() {
    const auto one = rendered({{ChatRole::kUser, kUser1}});
    if (!one) return refuse("refuses a conversation of one question");
    const auto ends = cut(*one, {kUser1});
    if (ends.empty()) return refuse("does not write a question as it is");
    table_.flags = kHasChatTable;
    string(kChatBegin) = ends[0];
    string(kChatAnswerPrompt) = ends[1];
    if (!read_answers()) return std::nullopt;
    read_system();
    read_trimming();
    read_thinking();
    verify();
    if (rendered_at(now_ + 400 * 24 * 3600, {{ChatRole::kUser, kUser1}}) != one) {
      note("writes the date, which stays the day of packing in the table");
    }
    return table_;
  }

  const std::vector<std::string>& notes() const { return notes_; }

 private:
  std::string& string(ChatString which) { return table_.strings[which]; }

  void note(const std::string& what) { notes_.push_back(concat("the chat template ", what)); }
  std::optional<ChatTableParts> refuse(const std::string& what) {
    note(concat(what, why_.empty() ? "" : concat(" (", why_, ")")));
    return std::nullopt;
  }

  std::optional<std::string> rendered(const Turns& turns) { return rendered_at(now_, turns); }

  std::optional<std::string> rendered_at(std::time_t now, const Turns& turns) {
    static constexpr std::array<const char*, 3> kRoleNames = {"system", "user", "assistant"};
    ChatInput input;
    input.messages = nlohmann::ordered_json::array();
    for (const Turn& turn : turns) {
      input.messages.push_back(
          {{"role", kRoleNames[static_cast<size_t>(turn.role)]}, {"content", turn.text}});
    }
    input.variables = nlohmann::ordered_json::object();
    for (const auto& [name, text] : parts_.template_variables) input.variables[name] = text;
    input.now = now;
    try {
      std::string text = program_.render(input).text;
      if (text.find('\0') != std::string::npos) return std::nullopt;
      return text;
    } catch (const Error& error) {
      why_ = error.what();
      return std::nullopt;
    }
  }

  // The text before, between and behind parts that must stand in it once each, in this order; else nothing.
  static std::vector<std::string> cut(const std::string& text, const std::vector<std::string>& parts) {
    std::vector<std::string> pieces;
    size_t begin = 0;
    for (const std::string& part : parts) {
      const size_t at = text.find(part, begin);
      if (at == std::string::npos || text.find(part) != at || text.find(part, at + 1) != std::string::npos)
        return {};
      pieces.push_back(text.substr(begin, at - begin));
      begin = at + part.size();
    }
    pieces.push_back(text.substr(begin));
    return pieces;
  }

  // What stands round answers that are in the history.
  bool read_answers() {
    const auto two = rendered(two_turns(kUser1, kAnswer1));
    const auto pieces = two ? cut(*two, {kUser1, kAnswer1, kUser2}) : std::vector<std::string>();
    if (pieces.empty()) {
      refuse("does not write a second question behind an answer");
      return false;
    }
    string(kChatAnswerOpen) = pieces[1];
    // Up to and including the first token that ends answers.
    size_t end = 0;
    size_t earliest = std::string::npos;
    for (const uint32_t id : parts_.ends) {
      const std::string& token = parts_.pieces[id];
      const size_t at = token.empty() ? std::string::npos : pieces[2].find(token);
      if (at >= earliest) continue;
      earliest = at;
      end = at + token.size();
    }
    string(kChatAnswerEnd) = pieces[2].substr(0, end);
    string(kChatUserOpen) = pieces[2].substr(end);
    if (end == 0) note("ends answers with no token that is known to end a text: a model may not stop");
    return true;
  }

  static Turns two_turns(const std::string& user, const std::string& answer) {
    return {{ChatRole::kUser, user}, {ChatRole::kAssistant, answer}, {ChatRole::kUser, kUser2}};
  }

  void read_system() {
    const auto text = rendered({{ChatRole::kSystem, kSystem}, {ChatRole::kUser, kUser1}});
    const auto pieces = text ? cut(*text, {kSystem, kUser1}) : std::vector<std::string>();
    if (pieces.empty()) {
      note(text ? "puts a system prompt where a table cannot" : "takes no system prompt");
      return;
    }
    table_.flags |= kTakesSystem;
    string(kChatSystemOpen) = pieces[0];
    string(kChatSystemClose) = pieces[1];
  }

  // Sets `flag` if the text loses its white space in `text`, which otherwise has it as it is.
  void read_trim(const std::optional<std::string>& text, const std::string& word, uint32_t flag,
                 const char* what) {
    if (!text) return;
    const size_t at = text->find(word);
    if (at == std::string::npos) return;
    if (text->find(padded(word)) != std::string::npos) return;
    table_.flags |= flag;
    const auto touches_space = [&](size_t from, size_t size) {
      return from <= text->size() && text->substr(from, size) == kSpaceRound;
    };
    const bool left = at >= kSpaceRound.size() && touches_space(at - kSpaceRound.size(), kSpaceRound.size());
    const bool right = touches_space(at + word.size(), kSpaceRound.size());
    if (left || right) note(concat("takes white space off one side of ", what, ", a table off both"));
  }

  void read_trimming() {
    read_trim(rendered({{ChatRole::kUser, padded(kUser1)}}), kUser1, kTrimsUser, "what users write");
    if ((table_.flags & kTakesSystem) != 0) {
      read_trim(rendered({{ChatRole::kSystem, padded(kSystem)}, {ChatRole::kUser, kUser1}}), kSystem,
                kTrimsSystem, "the system prompt");
    }
    read_trim(rendered(two_turns(kUser1, padded(kAnswer1))), kAnswer1, kTrimsAnswer, "answers");
  }

  void read_thinking() {
    const auto text = rendered(two_turns(kUser1, thinking(kAnswer1)));
    if (!text || text->find(kThought) != std::string::npos) return;
    table_.flags |= kDropsThinking;
    string(kChatThinkClose) = kThinkClose;
    if (text->find("\n\n" + kAnswer1) == std::string::npos || string(kChatAnswerOpen).ends_with("\n\n")) {
      table_.flags |= kTrimsThoughtEnd;
    }
  }

  // What the table writes.
  std::string written(const Turns& turns) const {
    const ChatTable table = table_.table();
    std::vector<ChatTurn> views;
    for (const Turn& turn : turns) views.push_back({turn.role, turn.text});
    std::string room(chat_text_bytes(table, views), '\0');
    std::vector<TextRange> ranges(views.size());
    return std::string(render_chat(table, views, {}, room, ranges).text);
  }

  // Renders conversations both ways and tells where the table writes something else.
  void verify() {
    Turns turns;
    const auto check = [&](const char* what) {
      const auto text = rendered(turns);
      if (!text || *text == written(turns)) return;
      note(concat("writes ", what, " as a table cannot"));
    };
    const std::array<std::string, 4> users = {"Hi", " two\n lines ", "\xC3\xA9\xE4\xBD\xA0 {{ x }}",
                                              "<|im_start|>"};
    const std::array<std::string, 4> answers = {"Hello.", " a\n\nb ", thinking("So."), "</s>"};
    const auto talk = [&](const char* what, size_t most) {
      const size_t notes = notes_.size();
      for (size_t i = 0; i < most && notes_.size() == notes; ++i) {
        if (i > 0) turns.push_back({ChatRole::kAssistant, answers[i - 1]});
        turns.push_back({ChatRole::kUser, users[i]});
        check(what);
      }
    };
    talk("conversations of several turns", users.size());
    if ((table_.flags & kTakesSystem) != 0) {
      turns = {{ChatRole::kSystem, "Be brief."}};
      talk("conversations of several turns with a system prompt", users.size());
      turns = {{ChatRole::kSystem, " Be\n brief. "}, {ChatRole::kUser, "Hi"}};
      check("system prompts with white space round them");
    }
    if (!answers_stay(table_.table())) {
      note(
          "writes answers in the history otherwise than the model gives them (without thinking, or with "
          "another "
          "opening); the board keeps them as they were given");
    }
  }

  const ChatTemplate& program_;
  const TokenizerParts& parts_;
  const std::time_t now_;
  ChatTableParts table_;
  std::vector<std::string> notes_;
  std::string why_;  // the last error of the program
};

}  // namespace

void derive_chat_table(TokenizerParts& parts) {
  const std::string* text = nullptr;
  for (const auto& [name, content] : parts.templates) {
    if (name == "default") text = &content;
    if (name != "default" && name != "tool_use")
      parts.notes.push_back(concat("the chat template \"", name, "\" is not used"));
  }
  if (text == nullptr) {
    if (!parts.templates.empty())
      parts.notes.emplace_back("no chat template is called default: turns are plain lines");
    return;
  }
  try {
    const ChatTemplate program(*text);
    Deriver deriver(program, parts);
    const auto table = deriver.derive();
    if (table) parts.chat = *table;
    const char* who = table ? "; a host runs the template itself, the board uses the table"
                            : "; the board has no table for it and puts turns on plain lines, a host runs "
                              "the template itself";
    for (const std::string& note : deriver.notes()) parts.notes.push_back(note + who);
  } catch (const Error& error) {
    parts.notes.push_back(concat(error.what(), "; turns are plain lines"));
  }
}

}  // namespace brim
