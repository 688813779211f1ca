#include "tokenizer/added_token.h"

#include "base/concat.h"
#include "tokenizer/recognise.h"

namespace brim {

void place_token(uint32_t id, const std::string& piece, TokenType type, TokenizerParts& parts) {
  if (id >= parts.pieces.size()) {
    parts.pieces.resize(id + 1);
    parts.types.resize(id + 1, TokenType::kControl);
    if (parts.algorithm == TokenizerAlgorithm::kSentencePiece) parts.scores.resize(id + 1);
  }
  parts.pieces[id] = piece;
  parts.types[id] = type;
}

void add_json_token(const Json& id_value, const Json& token, TokenizerParts& parts) {
  const std::string content = text_or(at(token, "content"), "");
  if (content.empty() || !id_value.is_number_unsigned() || id_value.get<uint64_t>() >= kMaxVocabulary) {
    throw Error(parts.name + ": an added token has no content or no proper id; the file is damaged");
  }
  const auto id = id_value.get<uint32_t>();
  const bool special = flag_or(at(token, "special"), false);
  AddedToken added{.id = id, .flags = special ? kLiteralSpecial : 0u};
  if (flag_or(at(token, "lstrip"), false)) added.flags |= kLiteralStripLeft;
  if (flag_or(at(token, "rstrip"), false)) added.flags |= kLiteralStripRight;
  if (flag_or(at(token, "single_word"), false)) added.flags |= kLiteralWord;
  // As in Hugging Face's AddedToken: absent is what special is not.
  added.normalised = flag_or(at(token, "normalized"), !special);
  const bool new_id = id >= parts.pieces.size() || parts.pieces[id].empty();
  const TokenType type = special ? TokenType::kControl : TokenType::kUserDefined;
  const TokenType old = new_id ? TokenType::kControl : parts.types[id];
  const bool keeps_type = !new_id && (old == TokenType::kUnknown || old == TokenType::kByte);
  place_token(id, content, keeps_type ? old : type, parts);
  add_token(added, parts);
}

}  // namespace brim
