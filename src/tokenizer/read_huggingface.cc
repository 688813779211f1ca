// From a Hugging Face tokenizer.json (format of the `tokenizers` library) and the files beside it.
#include <unordered_map>

#include "base/concat.h"
#include "base/error.h"
#include "tokenizer/added_token.h"
#include "tokenizer/json.h"
#include "tokenizer/recognise.h"
#include "tokenizer/sources.h"
#include "tokenizer/utf8.h"

namespace brim {
namespace {

constexpr const char* kUnknownSurface = " \xE2\x81\x87 ";  // U+2047, as SentencePiece shows unknown tokens

class Reader {
 public:
  Reader(const Json& root, const std::string& name) : root_(root), name_(name) { parts_.name = name; }

  TokenizerParts read() {
    read_normaliser(at(root_, "normalizer"));
    read_pre_tokenizer(at(root_, "pre_tokenizer"));
    read_model(at(root_, "model"));
    read_added_tokens(at(root_, "added_tokens"));
    read_post_processor(at(root_, "post_processor"));
    for (const char* key : {"truncation", "padding"}) {
      if (!at(root_, key).is_null()) parts_.notes.push_back(concat(name_, ": ", key, " is not followed"));
    }
    return std::move(parts_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const { throw Error(name_ + ": " + what); }

  bool by_bytes() const { return parts_.algorithm == TokenizerAlgorithm::kByteMerges; }

  void read_normaliser(const Json& normaliser) {
    if (normaliser.is_null()) return;
    const std::string type = text_or(at(normaliser, "type"), "");
    const std::string visible_space(kSpaceSymbol);
    if (type == "Sequence") {
      for (const Json& part : at(normaliser, "normalizers")) read_normaliser(part);
    } else if (type == "NFC") {
      parts_.flags |= kComposeNfc;
    } else if (type == "Prepend" && at(normaliser, "prepend") == visible_space) {
      parts_.flags |= kAddDummyPrefix;
    } else if (type == "Replace" && at(at(normaliser, "pattern"), "String") == " " &&
               at(normaliser, "content") == visible_space) {
      parts_.flags |= kEscapeWhitespaces;
    } else {
      refuse("normalizer " + normaliser.dump().substr(0, 200) +
             " is not supported; supported are NFC and LLaMA's Prepend and Replace");
    }
  }

  void read_pre_tokenizer(const Json& pre) {
    parts_.algorithm = TokenizerAlgorithm::kCharacterMerges;
    if (pre.is_null()) return;
    std::vector<Json> steps = {pre};
    if (at(pre, "type") == "Sequence") {
      steps.assign(at(pre, "pretokenizers").begin(), at(pre, "pretokenizers").end());
    }
    const auto type = [&](size_t i) { return i < steps.size() ? text_or(at(steps[i], "type"), "") : ""; };
    if (steps.size() == 1 && type(0) == "Metaspace") {
      read_metaspace(steps[0]);
      return;
    }
    if (steps.empty() || steps.size() > 2 || type(steps.size() - 1) != "ByteLevel") refuse_pre_tokenizer(pre);
    const Json& byte_level = steps.back();
    if (flag_or(at(byte_level, "add_prefix_space"), true))
      refuse("ByteLevel add_prefix_space is not supported");
    const bool gpt2 = flag_or(at(byte_level, "use_regex"), true);
    parts_.algorithm = TokenizerAlgorithm::kByteMerges;
    if (steps.size() == 1 && gpt2) {
      parts_.pre_tokenizer = PreTokenizer::kGpt2;
    } else if (type(0) == "Digits" && flag_or(at(steps[0], "individual_digits"), false) && gpt2) {
      parts_.pre_tokenizer = PreTokenizer::kSmolLm;
    } else if (type(0) == "Split" && at(steps[0], "behavior") == "Isolated" &&
               !flag_or(at(steps[0], "invert"), false) && !gpt2) {
      parts_.pre_tokenizer = rule_of_pattern(text_or(at(at(steps[0], "pattern"), "Regex"), ""));
    }
    if (parts_.pre_tokenizer == PreTokenizer::kNone) refuse_pre_tokenizer(pre);
  }

  [[noreturn]] void refuse_pre_tokenizer(const Json& pre) const {
    refuse("pre_tokenizer " + pre.dump().substr(0, 300) +
           " is not supported; supported are those of GPT-2, LLaMA-2, LLaMA-3, Qwen2 and SmolLM2");
  }

  void read_metaspace(const Json& metaspace) {
    if (at(metaspace, "replacement") != std::string(kSpaceSymbol) || flag_or(at(metaspace, "split"), true)) {
      refuse_pre_tokenizer(metaspace);
    }
    const std::string scheme = text_or(at(metaspace, "prepend_scheme"), "always");
    parts_.flags |= kEscapeWhitespaces;
    if (scheme == "never") return;
    parts_.flags |= kAddDummyPrefix | kPrefixUnlessSpace;
    if (scheme == "first") parts_.flags |= kPrefixOnlyFirst;
  }

  void read_model(const Json& model) {
    if (const std::string type = text_or(at(model, "type"), "BPE"); type != "BPE") {
      refuse("model type " + type + " is not supported, only BPE");
    }
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (!text_or(at(model, key), "").empty()) refuse(std::string(key) + " is not supported");
    }
    if (flag_or(at(model, "ignore_merges"), false)) parts_.flags |= kIgnoreMerges;
    if (flag_or(at(model, "fuse_unk"), false)) parts_.flags |= kFuseUnknown;
    if (flag_or(at(model, "byte_fallback"), false) && !by_bytes()) parts_.flags |= kByteFallback;
    if (by_bytes() && (parts_.flags & kEscapeWhitespaces) != 0) {
      refuse("Replace before ByteLevel is not supported");
    }
    if (!by_bytes() && (parts_.flags & kComposeNfc) != 0) refuse("NFC without ByteLevel is not supported");

    const Json& vocabulary = at(model, "vocab");
    if (!vocabulary.is_object() || vocabulary.empty()) refuse("has no model.vocab; this is no BPE tokenizer");
    for (const auto& [token, id] : vocabulary.items()) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMaxVocabulary) {
        refuse("token \"" + token + "\" has no proper id; the file is damaged");
      }
      ids_[token] = id.get<uint32_t>();
      place_token(id.get<uint32_t>(), piece_of(token), TokenType::kNormal, parts_);
    }
    if (const Json& unknown = at(model, "unk_token"); unknown.is_string()) {
      const auto found = ids_.find(unknown.get<std::string>());
      if (found == ids_.end()) refuse("the unknown token is not in model.vocab; the file is damaged");
      parts_.unknown = found->second;
      parts_.types[parts_.unknown] = TokenType::kUnknown;
    }
    if (by_bytes()) {
      for (uint32_t byte = 0; byte < 256; ++byte) {
        const auto found = ids_.find(byte_character(static_cast<uint8_t>(byte)));
        parts_.byte_tokens.push_back(found == ids_.end() ? kNoToken : found->second);
      }
    } else if ((parts_.flags & kByteFallback) != 0) {
      mark_byte_tokens();
    }
    for (const Json& merge : at(model, "merges")) read_merge(merge);
    parts_.unknown_surface = kUnknownSurface;
  }

  // The text that a token of the vocabulary stands for.
  std::string piece_of(const std::string& token) const {
    return by_bytes() ? spelt_bytes(token).value_or(token) : token;
  }

  void mark_byte_tokens() {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      constexpr const char* kDigits = "0123456789ABCDEF";
      const std::string token = std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">";
      if (const auto found = ids_.find(token); found != ids_.end()) {
        parts_.types[found->second] = TokenType::kByte;
      }
    }
    find_byte_tokens(parts_);
  }

  void read_merge(const Json& merge) {
    std::string left;
    std::string right;
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    } else if (merge.is_string()) {
      const std::string both = merge.get<std::string>();
      const size_t space = both.find(' ');
      left = both.substr(0, space);
      right = space == std::string::npos ? "" : both.substr(space + 1);
    }
    const auto l = ids_.find(left);
    const auto r = ids_.find(right);
    const auto merged = ids_.find(left + right);
    if (l == ids_.end() || r == ids_.end() || merged == ids_.end()) {
      refuse("merge " + merge.dump().substr(0, 100) +
             " is not of tokens of model.vocab; the file is damaged");
    }
    parts_.merges.push_back({l->second, r->second, merged->second});
  }

  void read_added_tokens(const Json& tokens) {
    for (const Json& token : tokens) {
      if (!token.is_object()) refuse("added_tokens holds what is no token; the file is damaged");
      add_json_token(at(token, "id"), token, parts_);
    }
  }

  // Takes the beginning-of-text token of TemplateProcessing; what ByteLevel does here concerns offsets only.
  void read_post_processor(const Json& processor) {
    const std::string type = text_or(at(processor, "type"), "ByteLevel");
    if (type == "Sequence") {
      for (const Json& part : at(processor, "processors")) read_post_processor(part);
      return;
    }
    if (type == "ByteLevel") return;
    if (type != "TemplateProcessing") refuse("post_processor " + type + " is not supported");
    bool text_seen = false;
    for (const Json& item : at(processor, "single")) {
      const std::string token = text_or(at(at(item, "SpecialToken"), "id"), "");
      if (token.empty()) {
        text_seen = true;
        continue;
      }
      const uint32_t id = find_token(parts_, token);
      if (id == kNoToken) refuse("post_processor puts \"" + token + "\", which is not in the vocabulary");
      if (text_seen) {
        parts_.notes.push_back(
            concat(name_, ": post_processor puts ", token,
                   " behind every text, which is not done: a prompt is to be gone on from"));
        continue;
      }
      if (parts_.bos != kNoToken && parts_.bos != id) {
        refuse("post_processor puts \"" + token +
               "\" before texts, besides another token, which is not supported");
      }
      parts_.bos = id;
      parts_.flags |= kAddBos;
    }
  }

  const Json& root_;
  const std::string name_;
  TokenizerParts parts_;
  std::unordered_map<std::string, uint32_t> ids_;
};

}  // namespace

TokenizerParts read_huggingface(std::string_view text, const std::string& name) {
  const Json root = parse_json(text, name);
  if (!root.is_object()) throw Error(name + ": is no JSON object; this is no tokenizer.json");
  return Reader(root, name).read();
}

}  // namespace brim
