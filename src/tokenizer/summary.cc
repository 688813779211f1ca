#include "tokenizer/summary.h"

#include <algorithm>

#include "tokenizer/build.h"
#include "tokenizer/chat_program.h"

namespace brim {
namespace {

std::string kind_of(const TokenizerHeader& header) {
  switch (static_cast<TokenizerAlgorithm>(header.algorithm)) {
    case TokenizerAlgorithm::kSentencePiece:
      return "SentencePiece BPE";
    case TokenizerAlgorithm::kCharacterMerges:
      return "BPE of characters";
    case TokenizerAlgorithm::kByteMerges:
      break;
  }
  static constexpr const char* kRules[] = {"", "GPT-2", "LLaMA-3", "Qwen2", "SmolLM"};
  return std::string("BPE of bytes, words as in ") + kRules[header.pre_tokenizer];
}

}  // namespace

TokenizerSummary summarise(const Tokenizer& tokenizer) {
  const TokenizerTables& tables = tokenizer.tables();
  const auto token = [&](uint32_t id) { return TokenizerSummary::Token{id, std::string(tables.piece(id))}; };
  TokenizerSummary summary{.kind = kind_of(tables.header()),
                           .bos = {},
                           .adds_bos = tokenizer.adds_bos(),
                           .ends = {},
                           .added = {},
                           .templates = {},
                           .notes = tokenizer_notes(tables)};
  if (tokenizer.bos() != kNoToken) summary.bos = token(tokenizer.bos());
  for (uint32_t i = 0; i < tables.ends().size(); ++i) summary.ends.push_back(token(tables.ends()[i]));
  for (const TokenizerSection section : {kLiterals, kNormalisedLiterals}) {
    const U32View words(tables.section(section));
    constexpr uint32_t kWords = sizeof(TokenizerLiteral) / sizeof(uint32_t);
    for (uint32_t i = 0; i < words.size(); i += kWords) {
      summary.added.push_back({token(words[i]), (words[i + 1] & kLiteralSpecial) != 0});
    }
  }
  std::sort(summary.added.begin(), summary.added.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  for (const auto& [name, text] : named_texts(tokenizer, kTemplates)) summary.templates.push_back(name);
  return summary;
}

}  // namespace brim
