// What stands beside a Hugging Face tokenizer: its configuration, the model's, and what it generates with.
#include <array>
#include <set>
#include <string_view>

#include "base/concat.h"
#include "base/error.h"
#include "tokenizer/added_token.h"
#include "tokenizer/recognise.h"
#include "tokenizer/sources.h"

namespace brim {
namespace {

// The tokens with a role that a chat template can name.
constexpr std::array<const char*, 7> kRoles = {"bos_token", "eos_token", "unk_token", "sep_token",
                                               "pad_token", "cls_token", "mask_token"};

// A token as the files name it: its text, or an object with "content".
std::string token_text(const Json& token) {
  return token.is_object() ? text_or(at(token, "content"), "") : text_or(token, "");
}

// "temperature 0.6": a key that has no effect, with its value where that is short.
std::string described(const std::string& key, const Json& value) {
  if (value.is_structured()) return key;
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  constexpr size_t kShort = 24;
  return text.size() <= kShort ? concat(key, " ", text) : key;
}

bool says_nothing(const Json& value) {
  return value.is_null() || value == false || ((value.is_array() || value.is_object()) && value.empty());
}

class Settings {
 public:
  Settings(const HuggingFaceSettings& files, TokenizerParts& parts)
      : files_(files),
        parts_(parts),
        tokenizer_(parsed(files.tokenizer_config, "tokenizer_config.json")),
        special_(parsed(files.special_tokens_map, "special_tokens_map.json")),
        added_(parsed(files.added_tokens, "added_tokens.json")),
        generation_(parsed(files.generation_config, "generation_config.json")),
        model_(parsed(files.model_config, "config.json")) {}

  void apply() {
    read_added_tokens();
    for (const char* role : kRoles) read_role(role);
    for (const Json* file : {&tokenizer_, &special_}) {
      for (const Json& token : at(*file, "additional_special_tokens"))
        make_special(token_text(token), "additional_special_tokens");
    }
    read_bos();
    read_spaces();
    read_ends(generation_, "generation_config.json");
    read_ends(model_, "config.json");
    read_ends(at(model_, "text_config"), "config.json");
    read_templates();
    note_unused();
  }

 private:
  Json parsed(const std::string& text, const char* file) const {
    if (text.empty()) return nullptr;
    Json json = parse_json(text, concat(parts_.name, " (its ", file, ")"));
    if (!json.is_object())
      throw Error(concat(parts_.name, ": its ", file, " is no JSON object; fetch it again"));
    return json;
  }

  void note(std::string text) { parts_.notes.push_back(std::move(text)); }

  // tokenizer.json knows its added tokens itself; what the others name besides is added to it, as
  // transformers does. added_tokens.json counts where added_tokens_decoder is absent.
  void read_added_tokens() {
    const Json& decoder = at(tokenizer_, "added_tokens_decoder");
    for (const auto& [key, token] : decoder.items()) {
      if (!is_added(number_of(key), token_text(token))) add(number_of(key), token, "added_tokens_decoder");
    }
    if (!decoder.empty()) return;
    std::set<std::string> special;
    for (const char* role : kRoles) special.insert(role_text(role));
    for (const Json& token : at(tokenizer_, "additional_special_tokens")) special.insert(token_text(token));
    for (const auto& [content, id] : added_.items()) {
      const Json token = {{"content", content}, {"special", special.contains(content)}};
      if (!is_added(id, content)) add(id, token, "added_tokens.json");
    }
  }

  static Json number_of(const std::string& key) {
    const bool digits =
        !key.empty() && key.size() < 9 && key.find_first_not_of("0123456789") == std::string::npos;
    return digits ? Json(static_cast<uint32_t>(std::stoul(key))) : Json();
  }

  bool is_added(const Json& id, const std::string& content) const {
    for (const AddedToken& token : parts_.added) {
      if (id == token.id && parts_.pieces[token.id] == content) return true;
    }
    return false;
  }

  void add(const Json& id, const Json& token, const char* where) {
    if (id.is_number_unsigned() && id.get<uint64_t>() < parts_.pieces.size()) {
      const std::string& old = parts_.pieces[id.get<uint32_t>()];
      if (!old.empty() && old != token_text(token)) {
        throw Error(concat(parts_.name, ": ", where, " calls token ", id.dump(), " \"", token_text(token),
                           "\", the tokenizer calls it \"", old, "\"; the files are of different models"));
      }
    }
    add_json_token(id, token, parts_);
  }

  std::string role_text(const char* role) const {
    const std::string text = token_text(at(tokenizer_, role));
    return text.empty() ? token_text(at(special_, role)) : text;
  }

  void read_role(const char* role) {
    std::string text = role_text(role);
    if (text.empty()) {
      // What the tokenizer knows by itself.
      if (role == std::string_view("bos_token") && parts_.bos != kNoToken) text = parts_.pieces[parts_.bos];
      if (role == std::string_view("eos_token") && !parts_.ends.empty()) text = parts_.pieces[parts_.ends[0]];
      if (text.empty()) text = default_of_class(role);
      if (text.empty()) return;
    }
    parts_.template_variables.emplace_back(role, text);
    const uint32_t id = make_special(text, role);
    if (id == kNoToken) return;
    if (role == std::string_view("bos_token")) parts_.bos = id;
    if (role == std::string_view("eos_token")) parts_.ends.push_back(id);
  }

  // What the tokenizer's class takes a role's token to be where the file has no such key, if the vocabulary
  // has it.
  std::string default_of_class(std::string_view role) const {
    struct Defaults {
      std::string_view kind, bos, eos, unk;
    };
    static constexpr Defaults kDefaults[] = {
        {"Llama", "<s>", "</s>", "<unk>"},
        {"CodeLlama", "<s>", "</s>", "<unk>"},
        {"Gemma", "<bos>", "<eos>", "<unk>"},
        {"Qwen2", "", "<|endoftext|>", "<|endoftext|>"},
        {"GPT2", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>"},
    };
    if (tokenizer_.is_object() && tokenizer_.contains(role)) return {};
    const std::string kind = text_or(at(tokenizer_, "tokenizer_class"), "");
    for (const Defaults& known : kDefaults) {
      if (!kind.starts_with(known.kind)) continue;
      const std::string text(role == "bos_token"   ? known.bos
                             : role == "eos_token" ? known.eos
                             : role == "unk_token" ? known.unk
                                                   : "");
      return find_token(parts_, text) == kNoToken ? "" : text;
    }
    return {};
  }

  // A token that a file calls special is matched as such, whatever the tokenizer says of it.
  uint32_t make_special(const std::string& text, const char* role) {
    if (text.empty()) return kNoToken;
    const uint32_t id = find_token(parts_, text);
    if (id == kNoToken) {
      note(concat("tokenizer_config.json: ", role, " \"", text, "\" is not in the vocabulary"));
      return id;
    }
    for (AddedToken& token : parts_.added) {
      if (token.id != id) continue;
      token.flags |= kLiteralSpecial;
      return id;
    }
    parts_.added.push_back({id, kLiteralSpecial});
    if (parts_.types[id] == TokenType::kNormal) parts_.types[id] = TokenType::kControl;
    return id;
  }

  // Absent: LLaMA's classes put BOS first whatever tokenizer.json says, others leave it to that.
  void read_bos() {
    const Json& add_bos = at(tokenizer_, "add_bos_token");
    const std::string kind = text_or(at(tokenizer_, "tokenizer_class"), "");
    const bool adds_by_class =
        kind.starts_with("Llama") || kind.starts_with("CodeLlama") || kind.starts_with("Gemma");
    if (add_bos.is_boolean()) {
      parts_.flags &= ~static_cast<uint32_t>(kAddBos);
      if (add_bos.get<bool>()) parts_.flags |= kAddBos;
    } else if (adds_by_class) {
      parts_.flags |= kAddBos;
    } else if (tokenizer_.is_null() && parts_.pre_tokenizer == PreTokenizer::kLlama3) {
      // A bare tokenizer.json of LLaMA-3's: as llama.cpp takes this pre-tokenizer, with the model's BOS.
      const Json& bos = at(model_, "bos_token_id");
      if (parts_.bos == kNoToken && bos.is_number_unsigned() && bos.get<uint64_t>() < parts_.pieces.size()) {
        parts_.bos = bos.get<uint32_t>();
      }
      if (parts_.bos != kNoToken) parts_.flags |= kAddBos;
    }
    if ((parts_.flags & kAddBos) != 0 && parts_.bos == kNoToken) {
      note("the tokenizer is to put a first token before every text, but names none: none is put");
      parts_.flags &= ~static_cast<uint32_t>(kAddBos);
    }
    if (flag_or(at(tokenizer_, "add_eos_token"), false)) {
      note("tokenizer_config.json: add_eos_token is not followed: a prompt is to be gone on from");
    }
  }

  // How LLaMA's classes read a SentencePiece model; tokenizer.json says it itself.
  void read_spaces() {
    if (parts_.algorithm != TokenizerAlgorithm::kSentencePiece) return;
    if (!flag_or(at(tokenizer_, "add_prefix_space"), true)) {
      parts_.flags &= ~static_cast<uint32_t>(kAddDummyPrefix);
    } else if (!flag_or(at(tokenizer_, "legacy"), true)) {
      parts_.flags |= kPrefixOnlyFirst | kPrefixUnlessSpace;
    }
  }

  void read_ends(const Json& config, const char* file) {
    const Json& ends = at(config, "eos_token_id");
    for (const Json& end : ends.is_array() ? ends : Json::array({ends})) {
      if (end.is_null()) continue;
      if (end.is_number_unsigned() && end.get<uint64_t>() < parts_.pieces.size()) {
        parts_.ends.push_back(end.get<uint32_t>());
      } else {
        note(concat(file, ": ", described("eos_token_id", end), " is no token of this tokenizer"));
      }
    }
  }

  // chat_template.jinja counts before tokenizer_config.json.
  void read_templates() {
    const Json& chat_template = at(tokenizer_, "chat_template");
    const auto add = [&](const std::string& name, const std::string& text) {
      for (const auto& [known, unused] : parts_.templates) {
        if (known == name) return;
      }
      if (!text.empty()) parts_.templates.emplace_back(name, text);
    };
    add("default", files_.chat_template);
    for (const auto& [name, text] : files_.more_templates) add(name, text);
    add("default", text_or(chat_template, ""));
    if (!chat_template.is_array()) return;
    for (const Json& entry : chat_template)
      add(text_or(at(entry, "name"), ""), text_or(at(entry, "template"), ""));
  }

  // Keys that have a value and no effect, a line for each file.
  void note_unused() {
    static const std::set<std::string> kUsed = {"added_tokens_decoder",
                                                "additional_special_tokens",
                                                "add_bos_token",
                                                "add_eos_token",
                                                "add_prefix_space",
                                                "chat_template",
                                                "legacy",
                                                "tokenizer_class"};
    std::set<std::string> used = kUsed;
    used.insert(kRoles.begin(), kRoles.end());
    note_others(tokenizer_, "tokenizer_config.json", used);
    used.erase("legacy");
    note_others(special_, "special_tokens_map.json", used);
    // BOS is the tokenizer's affair; the version is that of a library.
    note_others(generation_, "generation_config.json",
                {"eos_token_id", "bos_token_id", "_from_model_config", "transformers_version"});
  }

  void note_others(const Json& config, const char* file, const std::set<std::string>& used) {
    std::string others;
    for (const auto& [key, value] : config.items()) {
      if (used.contains(key) || says_nothing(value)) continue;
      others += (others.empty() ? "" : ", ") + described(key, value);
    }
    if (!others.empty()) note(concat(file, ": not followed: ", others));
  }

  const HuggingFaceSettings& files_;
  TokenizerParts& parts_;
  const Json tokenizer_;
  const Json special_;
  const Json added_;
  const Json generation_;
  const Json model_;
};

}  // namespace

void apply_settings(const HuggingFaceSettings& settings, TokenizerParts& parts) {
  Settings(settings, parts).apply();
}

}  // namespace brim
