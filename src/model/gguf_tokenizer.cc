// The tokenizer that stands in a GGUF file.
#include <set>

#include "base/concat.h"
#include "model/gguf_checkpoint.h"
#include "model/gguf_metadata.h"

namespace brim {

namespace {

constexpr const char* kPrefix = "tokenizer.ggml.";
constexpr const char* kTemplate = "tokenizer.chat_template";

class TokenizerReader {
 public:
  TokenizerReader(const Gguf& gguf, const std::string& origin) : gguf_(gguf), metadata_(gguf, origin) {
    tokenizer_.name = origin;
  }

  TokenizerArrays read() {
    tokenizer_.model = metadata_.text(key("model")).value_or("");
    tokenizer_.pre = metadata_.text(key("pre")).value_or("");
    tokenizer_.tokens = metadata_.strings(key("tokens"));
    tokenizer_.scores = metadata_.floats(key("scores"));
    tokenizer_.types = metadata_.integers(key("token_type"));
    tokenizer_.merges = metadata_.strings(key("merges"));
    const size_t count = tokenizer_.tokens.size();
    if ((!tokenizer_.scores.empty() && tokenizer_.scores.size() != count) ||
        (!tokenizer_.types.empty() && tokenizer_.types.size() != count)) {
      metadata_.refuse("the tokenizer's tokens, scores and token_type are not of one length");
    }
    tokenizer_.bos = id("bos_token_id");
    tokenizer_.unknown = id("unknown_token_id");
    tokenizer_.eos = id("eos_token_id");
    for (const char* end : {"eot_token_id", "eom_token_id"}) {
      if (const auto token = id(end)) tokenizer_.ends.push_back(*token);
    }
    if (const auto all = ids("eos_token_ids"); !all.empty()) {
      tokenizer_.ends.insert(tokenizer_.ends.end(), all.begin(), all.end());
    }
    tokenizer_.add_bos = metadata_.flag(key("add_bos_token"));
    tokenizer_.add_space_prefix = metadata_.flag(key("add_space_prefix")).value_or(true);
    tokenizer_.remove_extra_whitespaces = metadata_.flag(key("remove_extra_whitespaces")).value_or(false);
    if (metadata_.flag(key("add_eos_token")).value_or(false)) {
      tokenizer_.notes.push_back(
          "tokenizer.ggml.add_eos_token is not followed: a prompt is to be gone on from");
    }
    read_templates();
    note_unused();
    return std::move(tokenizer_);
  }

 private:
  std::string key(const char* name) {
    used_.insert(concat(kPrefix, name));
    return concat(kPrefix, name);
  }

  std::optional<uint32_t> id(const char* name) {
    const auto token = metadata_.count(key(name));
    if (token) check(*token);
    return token;
  }

  std::vector<uint32_t> ids(const char* name) {
    std::vector<uint32_t> tokens;
    for (const int32_t token : metadata_.integers(key(name))) {
      tokens.push_back(static_cast<uint32_t>(token));
      check(tokens.back());
    }
    return tokens;
  }

  void check(uint32_t token) const {
    if (token < tokenizer_.tokens.size()) return;
    metadata_.refuse(concat("the tokenizer's special token ", token, " does not exist"));
  }

  // tokenizer.chat_template, and others as tokenizer.chat_template.NAME.
  void read_templates() {
    const auto add = [&](const std::string& where, const std::string& name) {
      used_.insert(where);
      const auto text = metadata_.text(where);
      if (text && !text->empty()) tokenizer_.chat_templates.emplace_back(name, *text);
    };
    add(kTemplate, "default");
    used_.insert("tokenizer.chat_templates");  // the names, which the keys have too
    const std::string prefix = concat(kTemplate, ".");
    for (const auto& [where, value] : gguf_.metadata) {
      if (where.starts_with(prefix)) add(std::string(where), std::string(where.substr(prefix.size())));
    }
  }

  void note_unused() {
    std::string others;
    for (const auto& [where, value] : gguf_.metadata) {
      const bool concerns = where.starts_with("tokenizer.") || where.starts_with("general.sampling.");
      if (concerns && !used_.contains(std::string(where)))
        others += concat(others.empty() ? "" : ", ", where);
    }
    if (!others.empty()) tokenizer_.notes.push_back("not followed: " + others);
  }

  const Gguf& gguf_;
  const GgufMetadata metadata_;
  TokenizerArrays tokenizer_;
  std::set<std::string> used_;
};

}  // namespace

std::optional<TokenizerArrays> gguf_tokenizer(const Gguf& gguf, const std::string& origin) {
  if (!GgufMetadata(gguf, origin).has(concat(kPrefix, "tokens"))) return std::nullopt;
  return TokenizerReader(gguf, origin).read();
}

}  // namespace brim
