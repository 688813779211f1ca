// From the arrays that a GGUF file holds.
#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "base/error.h"
#include "tokenizer/build.h"
#include "tokenizer/recognise.h"
#include "tokenizer/sources.h"

namespace brim {
namespace {

// tokenizer.ggml.pre, the rule it stands for and whether BOS comes first where the file does not say
// (llama.cpp, llama_vocab::impl::load).
struct PreTokenizerName {
  std::string_view name;
  PreTokenizer rule;
  bool adds_bos;
};

constexpr PreTokenizerName kPreTokenizers[] = {
    {"llama-bpe", PreTokenizer::kLlama3, true},
    {"llama3", PreTokenizer::kLlama3, true},
    {"llama-v3", PreTokenizer::kLlama3, true},
    {"falcon3", PreTokenizer::kLlama3, true},
    {"pixtral", PreTokenizer::kLlama3, true},
    {"midm-2.0", PreTokenizer::kLlama3, true},
    {"lfm2", PreTokenizer::kLlama3, true},
    {"qwen2", PreTokenizer::kQwen2, false},
    {"deepseek-r1-qwen", PreTokenizer::kQwen2, false},
    {"megrez", PreTokenizer::kQwen2, false},
    {"smollm", PreTokenizer::kSmolLm, false},
    {"gpt-2", PreTokenizer::kGpt2, false},
    {"gpt2", PreTokenizer::kGpt2, false},
    {"phi-2", PreTokenizer::kGpt2, false},
};

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
    parts_.templates = arrays_.chat_templates;
    parts_.notes = arrays_.notes;
    finish_parts(parts_);
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
      switch (parts_.types.back()) {
        case TokenType::kControl:
        case TokenType::kUnknown:
          parts_.added.push_back({id, kLiteralSpecial});
          break;
        case TokenType::kUserDefined:
          parts_.added.push_back({id, 0});
          break;
        default:
          break;
      }
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
    const auto rule = std::find_if(std::begin(kPreTokenizers), std::end(kPreTokenizers),
                                   [&](const PreTokenizerName& known) { return known.name == arrays_.pre; });
    if (arrays_.pre.empty()) {
      refuse(
          "says nothing of its pre-tokenizer (tokenizer.ggml.pre), as files from before May 2024 do; convert "
          "the model anew");
    }
    if (rule == std::end(kPreTokenizers)) {
      refuse("pre-tokenizer \"" + arrays_.pre +
             "\" is not supported; those like llama-bpe, qwen2, smollm and gpt-2 are");
    }
    parts_.pre_tokenizer = rule->rule;
    if (rule->rule == PreTokenizer::kLlama3) parts_.flags |= kIgnoreMerges;
    if (rule->rule == PreTokenizer::kQwen2) parts_.flags |= kComposeNfc;
    if (arrays_.add_bos.value_or(rule->adds_bos)) parts_.flags |= kAddBos;
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

  // Where SentencePiece vocabularies say nothing, llama.cpp takes LLaMA's ids. For byte-level ones it takes
  // Falcon's 11, which no supported model means: there, absent is none.
  void read_ends() {
    const bool llama = arrays_.model == "llama" && arrays_.tokens.size() > 2;
    const std::optional<uint32_t> bos = arrays_.bos || !llama ? arrays_.bos : std::optional(1u);
    const std::optional<uint32_t> eos = arrays_.eos || !llama ? arrays_.eos : std::optional(2u);
    if (bos) set_role("bos_token", checked(*bos, "the first"));
    if (bos) parts_.bos = *bos;
    if (eos) set_role("eos_token", checked(*eos, "the end"));
    if (eos) parts_.ends.push_back(*eos);
    for (const uint32_t end : arrays_.ends) {
      set_role("", checked(end, "an end"));
      parts_.ends.push_back(end);
    }
    if (!bos && (parts_.flags & kAddBos) != 0) {
      parts_.notes.emplace_back(
          "the tokenizer is to put a first token before every text, but names none: none is put");
    }
  }

  // A token that begins or ends texts is matched by its text whatever its type is, as llama.cpp takes it.
  void set_role(const char* variable, uint32_t id) {
    if (*variable != 0) parts_.template_variables.emplace_back(variable, parts_.pieces[id]);
    add_token({id, kLiteralSpecial}, parts_);
    if (parts_.types[id] == TokenType::kNormal) parts_.types[id] = TokenType::kControl;
  }

  const TokenizerArrays& arrays_;
  TokenizerParts parts_;
};

}  // namespace

std::vector<uint8_t> build_tokenizer_from_arrays(const TokenizerArrays& arrays) {
  return write_blob(ArraysReader(arrays).read());
}

}  // namespace brim
