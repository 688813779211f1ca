// From the arrays that a GGUF file holds.
#include <unordered_map>

#include "base/error.h"
#include "tokenizer/build.h"
#include "tokenizer/recognise.h"
#include "tokenizer/sources.h"

namespace brim {
namespace {

class ArraysReader {
 public:
  explicit ArraysReader(const TokenizerArrays& arrays) : arrays_(arrays) { parts_.name = arrays.name; }

  TokenizerParts read() {
    read_tokens();
    if (arrays_.model == "llama") {
      read_sentencepiece_options();
    } else if (arrays_.model == "gpt2") {
      read_byte_level_options();
    } else {
      refuse("tokenizer model \"" + arrays_.model + "\" is not supported, only llama and gpt2");
    }
    read_ends();
    set_chat_template(arrays_.chat_template, parts_);
    return std::move(parts_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const { throw Error(arrays_.name + ": " + what); }

  uint32_t checked(uint32_t id, const char* what) const {
    if (id >= arrays_.tokens.size()) refuse(std::string(what) + " token is outside the vocabulary");
    return id;
  }

  void read_tokens() {
    if (!arrays_.types.empty() && arrays_.types.size() != arrays_.tokens.size()) {
      refuse("tokens and token types differ in number");
    }
    parts_.pieces = arrays_.tokens;
    for (uint32_t id = 0; id < arrays_.tokens.size(); ++id) {
      const int32_t type = arrays_.types.empty() ? 1 : arrays_.types[id];
      if (type < static_cast<int32_t>(TokenType::kNormal) || type > static_cast<int32_t>(TokenType::kByte)) {
        refuse("token " + std::to_string(id) + " has the unknown type " + std::to_string(type));
      }
      parts_.types.push_back(static_cast<TokenType>(type));
      if (parts_.types.back() == TokenType::kControl) parts_.special.push_back(id);
      if (parts_.types.back() == TokenType::kUserDefined) parts_.user_defined.push_back(id);
    }
  }

  void read_sentencepiece_options() {
    // Without scores every merge is as good as any other, as llama.cpp takes it.
    parts_.scores = arrays_.scores.empty() ? std::vector<float>(arrays_.tokens.size()) : arrays_.scores;
    if (parts_.scores.size() != arrays_.tokens.size()) refuse("tokens and scores differ in number");
    parts_.algorithm = TokenizerAlgorithm::kSentencePiece;
    parts_.flags = kEscapeWhitespaces | kFuseUnknown;
    if (arrays_.add_space_prefix) parts_.flags |= kAddDummyPrefix;
    if (arrays_.remove_extra_whitespaces) parts_.flags |= kRemoveExtraWhitespaces;
    if (arrays_.add_bos.value_or(true)) parts_.flags |= kAddBos;
    parts_.unknown = checked(arrays_.unknown.value_or(0), "the unknown");
    parts_.unknown_surface = " \xE2\x81\x87 ";  // U+2047, SentencePiece's default
    for (const TokenType type : parts_.types) {
      if (type == TokenType::kByte) parts_.flags |= kByteFallback;
    }
    if ((parts_.flags & kByteFallback) != 0) find_byte_tokens(parts_);
  }

  void read_byte_level_options() {
    parts_.algorithm = TokenizerAlgorithm::kByteMerges;
    if (arrays_.pre == "llama-bpe" || arrays_.pre == "llama3" || arrays_.pre == "llama-v3") {
      parts_.pre_tokenizer = PreTokenizer::kLlama3;
      parts_.flags |= kIgnoreMerges;
    } else if (arrays_.pre == "qwen2") {
      parts_.pre_tokenizer = PreTokenizer::kQwen2;
      parts_.flags |= kComposeNfc;
    } else if (arrays_.pre == "smollm") {
      parts_.pre_tokenizer = PreTokenizer::kSmolLm;
    } else if (arrays_.pre == "gpt-2" || arrays_.pre == "gpt2") {
      parts_.pre_tokenizer = PreTokenizer::kGpt2;
    } else {
      refuse("pre-tokenizer \"" + arrays_.pre +
             "\" is not supported, only llama-bpe, qwen2, smollm and gpt-2; convert the model anew");
    }
    if (arrays_.add_bos.value_or(false)) parts_.flags |= kAddBos;
    std::unordered_map<std::string, uint32_t> ids;
    for (uint32_t id = 0; id < arrays_.tokens.size(); ++id) ids.try_emplace(arrays_.tokens[id], id);
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const auto found = ids.find(byte_character(static_cast<uint8_t>(byte)));
      parts_.byte_tokens.push_back(found == ids.end() ? kNoToken : found->second);
    }
    for (const std::string& merge : arrays_.merges) {
      const size_t space = merge.find(' ', 1);
      if (space == std::string::npos) refuse("merge \"" + merge + "\" is not of two tokens");
      const std::string left = merge.substr(0, space);
      const std::string right = merge.substr(space + 1);
      const auto l = ids.find(left);
      const auto r = ids.find(right);
      const auto merged = ids.find(left + right);
      if (l == ids.end() || r == ids.end() || merged == ids.end()) {
        refuse("merge \"" + merge + "\" is not of tokens of the vocabulary");
      }
      parts_.merges.push_back({l->second, r->second, merged->second});
    }
    // Control and user-defined tokens are written as they are, the others in the byte alphabet.
    for (uint32_t id = 0; id < parts_.pieces.size(); ++id) {
      if (parts_.types[id] == TokenType::kNormal) {
        parts_.pieces[id] = spelt_bytes(parts_.pieces[id]).value_or(parts_.pieces[id]);
      }
    }
  }

  void read_ends() {
    if (arrays_.bos) parts_.bos = checked(*arrays_.bos, "the first");
    for (const uint32_t end : arrays_.ends) add_end(checked(end, "an end"), parts_);
    add_known_ends(parts_);
  }

  const TokenizerArrays& arrays_;
  TokenizerParts parts_;
};

}  // namespace

std::vector<uint8_t> build_tokenizer_from_arrays(const TokenizerArrays& arrays) {
  return write_blob(ArraysReader(arrays).read());
}

}  // namespace brim
