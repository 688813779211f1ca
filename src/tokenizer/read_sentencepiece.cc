// From a SentencePiece .model: a protobuf ModelProto (sentencepiece_model.proto; field numbers below).
#include <set>

#include "base/error.h"
#include "tokenizer/protobuf.h"
#include "tokenizer/recognise.h"
#include "tokenizer/sources.h"

namespace brim {
namespace {

// What of ModelProto and its parts matters here.
struct Model {
  struct Piece {
    std::string text;
    float score = 0.0f;
    uint64_t type = static_cast<uint64_t>(TokenType::kNormal);
  };
  std::vector<Piece> pieces;
  uint64_t model_type = 1;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  std::string bos_piece = "<s>";
  std::string eos_piece = "</s>";
  std::string unknown_surface = " \xE2\x81\x87 ";  // U+2047
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  std::span<const uint8_t> character_map;
  bool has_denormaliser = false;
};

Model::Piece read_piece(std::span<const uint8_t> message, const std::string& name) {
  Model::Piece piece;
  ProtobufReader reader(message, name);
  for (ProtobufField field; reader.next(field);) {
    if (field.number == 1) piece.text = field.text();
    if (field.number == 2) piece.score = field.real();
    if (field.number == 3) piece.type = field.integer;
  }
  return piece;
}

void read_trainer_spec(std::span<const uint8_t> message, const std::string& name, Model& model) {
  ProtobufReader reader(message, name);
  for (ProtobufField field; reader.next(field);) {
    if (field.number == 3) model.model_type = field.integer;
    if (field.number == 24) model.whitespace_as_suffix = field.integer != 0;
    if (field.number == 35) model.byte_fallback = field.integer != 0;
    if (field.number == 44) model.unknown_surface = field.text();
    if (field.number == 46) model.bos_piece = field.text();
    if (field.number == 47) model.eos_piece = field.text();
  }
}

void read_normaliser_spec(std::span<const uint8_t> message, const std::string& name, Model& model) {
  ProtobufReader reader(message, name);
  for (ProtobufField field; reader.next(field);) {
    if (field.number == 2) model.character_map = field.bytes;
    if (field.number == 3) model.add_dummy_prefix = field.integer != 0;
    if (field.number == 4) model.remove_extra_whitespaces = field.integer != 0;
    if (field.number == 5) model.escape_whitespaces = field.integer != 0;
  }
}

bool changes_text(std::span<const uint8_t> denormaliser_spec, const std::string& name) {
  ProtobufReader reader(denormaliser_spec, name);
  for (ProtobufField field; reader.next(field);) {
    if (field.number == 2 && !field.bytes.empty()) return true;
  }
  return false;
}

Model read_model(std::span<const uint8_t> message, const std::string& name) {
  Model model;
  ProtobufReader reader(message, name);
  for (ProtobufField field; reader.next(field);) {
    if (field.number == 1) model.pieces.push_back(read_piece(field.bytes, name));
    if (field.number == 2) read_trainer_spec(field.bytes, name, model);
    if (field.number == 3) read_normaliser_spec(field.bytes, name, model);
    if (field.number == 5) model.has_denormaliser = changes_text(field.bytes, name);
  }
  return model;
}

void refuse_unsupported(const Model& model, const std::string& name) {
  constexpr const char* kModelTypes[] = {"", "unigram", "bpe", "word", "char"};
  if (model.pieces.empty()) throw Error(name + ": holds no pieces; this is no SentencePiece model");
  if (model.model_type != 2) {
    const std::string type =
        model.model_type >= 1 && model.model_type <= 4 ? kModelTypes[model.model_type] : "unknown";
    throw Error(name + ": model type is " + type + "; only bpe models are supported");
  }
  if (model.whitespace_as_suffix) throw Error(name + ": treat_whitespace_as_suffix is not supported");
  if (model.has_denormaliser) throw Error(name + ": a denormaliser is not supported");
}

// precompiled_charsmap: the trie's size in bytes (u32), the trie, then the texts it points into.
void read_character_map(std::span<const uint8_t> map, TokenizerParts& parts) {
  if (map.empty()) return;
  const auto u32_at = [&](size_t i) {
    return static_cast<uint32_t>(map[i]) | static_cast<uint32_t>(map[i + 1]) << 8 |
           static_cast<uint32_t>(map[i + 2]) << 16 | static_cast<uint32_t>(map[i + 3]) << 24;
  };
  if (map.size() < 4 || u32_at(0) == 0 || u32_at(0) % 4 != 0 || u32_at(0) >= map.size() - 4 ||
      map.back() != 0) {
    throw Error(parts.name + ": precompiled_charsmap is malformed; the file is damaged");
  }
  const size_t text_begin = 4 + size_t{u32_at(0)};
  for (size_t at = 4; at < text_begin; at += 4) parts.character_trie.push_back(u32_at(at));
  parts.character_text.assign(map.begin() + static_cast<std::ptrdiff_t>(text_begin), map.end());
}

}  // namespace

TokenizerParts read_sentencepiece(std::span<const uint8_t> bytes, const std::string& name) {
  const Model model = read_model(bytes, name);
  refuse_unsupported(model, name);

  TokenizerParts parts;
  parts.name = name;
  parts.algorithm = TokenizerAlgorithm::kSentencePiece;
  parts.flags = kAddBos | kFuseUnknown;
  if (model.add_dummy_prefix) parts.flags |= kAddDummyPrefix;
  if (model.remove_extra_whitespaces) parts.flags |= kRemoveExtraWhitespaces;
  if (model.escape_whitespaces) parts.flags |= kEscapeWhitespaces;
  if (model.byte_fallback) parts.flags |= kByteFallback;
  parts.unknown_surface = model.unknown_surface;
  read_character_map(model.character_map, parts);

  std::set<std::string> seen;
  for (const Model::Piece& piece : model.pieces) {
    const auto id = static_cast<uint32_t>(parts.pieces.size());
    const std::string where = name + ": piece " + std::to_string(id);
    if (piece.type < static_cast<uint64_t>(TokenType::kNormal) ||
        piece.type > static_cast<uint64_t>(TokenType::kByte)) {
      throw Error(where + " has the unknown type " + std::to_string(piece.type));
    }
    if (piece.text.empty()) throw Error(where + " is empty; the file is damaged");
    if (!seen.insert(piece.text).second) throw Error(where + " repeats an earlier one; the file is damaged");
    const auto type = static_cast<TokenType>(piece.type);
    if (type == TokenType::kUnknown) {
      if (parts.unknown != kNoToken) throw Error(where + " is a second unknown token; the file is damaged");
      parts.unknown = id;
      add_token({id, kLiteralSpecial}, parts);
      add_token({id, kLiteralSpecial}, parts);  // both references match it in texts with markup
    }
    if (type == TokenType::kUserDefined) parts.user_defined.push_back(id);
    if (type == TokenType::kControl) {
      add_token({id, kLiteralSpecial}, parts);
      if (piece.text == model.bos_piece) parts.bos = id;
      if (piece.text == model.eos_piece) parts.ends = {id};
    }
    parts.pieces.push_back(piece.text);
    parts.types.push_back(type);
    parts.scores.push_back(piece.score);
  }
  if (parts.unknown == kNoToken) throw Error(name + ": has no unknown token; the file is damaged");
  if (model.byte_fallback) find_byte_tokens(parts);
  return parts;
}

}  // namespace brim
