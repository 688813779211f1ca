#include "tokenizer/recognise.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tokenizer/chat.h"
#include "tokenizer/utf8.h"

namespace brim {
namespace {

// Code points of the alphabet: printable bytes of Latin-1 stand for themselves, the others for U+0100 on.
const std::array<uint32_t, 256>& byte_alphabet() {
  static const std::array<uint32_t, 256> alphabet = [] {
    std::array<uint32_t, 256> codes{};
    uint32_t next = 0x100;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const bool printable =
          (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
      codes[byte] = printable ? byte : next++;
    }
    return codes;
  }();
  return alphabet;
}

// All codes of the alphabet are below this.
constexpr uint32_t kAlphabetEnd = 0x144;

}  // namespace

std::optional<std::string> spelt_bytes(std::string_view piece) {
  static const std::array<int, kAlphabetEnd> bytes = [] {
    std::array<int, kAlphabetEnd> byte_of{};
    byte_of.fill(-1);
    for (int byte = 0; byte < 256; ++byte) byte_of[byte_alphabet()[static_cast<size_t>(byte)]] = byte;
    return byte_of;
  }();
  std::string result;
  while (!piece.empty()) {
    const Utf8Character c = decode_utf8(piece);
    if (!c.valid || c.code >= kAlphabetEnd || bytes[c.code] < 0) return std::nullopt;
    result += static_cast<char>(bytes[c.code]);
    piece.remove_prefix(c.bytes);
  }
  return result;
}

std::string byte_character(uint8_t byte) {
  const uint32_t code = byte_alphabet()[byte];
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

PreTokenizer rule_of_pattern(std::string_view pattern) {
  if (pattern == R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)") {
    return PreTokenizer::kGpt2;
  }
  if (pattern ==
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
      R"(\s*[\r\n]+|\s+(?!\S)|\s+)") {
    return PreTokenizer::kLlama3;
  }
  if (pattern == R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
                 R"(\s*[\r\n]+|\s+(?!\S)|\s+)") {
    return PreTokenizer::kQwen2;
  }
  return PreTokenizer::kNone;
}

ChatTemplate family_of_chat(std::string_view jinja) {
  const auto has = [&](std::string_view marker) { return jinja.find(marker) != std::string_view::npos; };
  if (has("<|start_header_id|>")) return ChatTemplate::kLlama3;
  if (has("<|im_start|>")) return ChatTemplate::kChatMl;
  if (has("<<SYS>>")) return ChatTemplate::kLlama2;
  if (has("[INST]")) return ChatTemplate::kMistral;
  // Others write <|user|> too, but close turns with a token of their own.
  if (has("<|user|>") && has("eos_token") && !has("<|end|>")) return ChatTemplate::kZephyr;
  return ChatTemplate::kNone;
}

uint32_t find_special(const TokenizerParts& parts, std::string_view text) {
  for (const uint32_t id : parts.special) {
    if (parts.pieces[id] == text) return id;
  }
  return kNoToken;
}

void set_chat_template(std::string_view jinja, TokenizerParts& parts) {
  const ChatTemplate family = family_of_chat(jinja);
  for (const std::string_view token : chat_tokens(family)) {
    if (!token.empty() && find_special(parts, token) == kNoToken) return;
  }
  parts.chat_template = family;
}

void add_end(uint32_t id, TokenizerParts& parts) {
  if (std::find(parts.ends.begin(), parts.ends.end(), id) == parts.ends.end()) parts.ends.push_back(id);
}

void add_known_ends(TokenizerParts& parts) {
  for (const std::string_view text :
       {"</s>", "<|eot_id|>", "<|im_end|>", "<|end_of_text|>", "<|endoftext|>", "<|eom_id|>"}) {
    if (const uint32_t id = find_special(parts, text); id != kNoToken) add_end(id, parts);
  }
}

}  // namespace brim
