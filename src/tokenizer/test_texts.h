// Texts and helpers that the tokenizer's tests share.
#pragma once

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tokenizer/decoder.h"
#include "tokenizer/tokenizer.h"

namespace brim::test {

inline std::filesystem::path shared_data(const std::string& file) {
  return std::filesystem::path(BRIM_SHARED_DATA) / file;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// Texts that tokenizers get wrong: every kind of character, space and damage.
inline std::vector<std::string> torture_texts() {
  using namespace std::string_literals;
  std::string every_byte;
  for (int b = 0; b < 256; ++b) every_byte += static_cast<char>(b);
  return {
      "",
      " ",
      "     ",
      "\n",
      "\n\n\n",
      "\t \t",
      "a",
      " a",
      "  a  b   c    ",
      "Hello, world!",
      " Hello  world \n  and  tabs\tand\r\nlines\r",
      "I'm you're HE'LL they'Ve 'tis d'S",
      "1 12 123 1234 12345 3.14159 1,000,000 0x1F",
      "na\xC3\xAFve caf\xC3\xA9 co\xC3\xB6perate \xC3\x9F \xC3\x86",
      "e\xCC\x81 a\xCC\x8A o\xCC\x88\xCC\x81 \xE0\xA4\x95\xE0\xA5\x8D\xE0\xA4\xB7",  // combining marks
      "\xF0\x9F\x98\x80\xF0\x9F\x98\x80 \xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD",           // emoji, skin tone
      "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7",    // ZWJ family
      "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96\xE7\x95\x8C\xE3\x80\x82",    // Chinese
      "\xE3\x81\x93\xE3\x82\x93\xE3\x81\xAB\xE3\x81\xA1\xE3\x81\xAF \xEC\x95\x88\xEB\x85\x95",  // kana,
                                                                                                // Hangul
      "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB\xEA\xB5\xAD",                                       // Hangul jamo
      "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xD8\xA7\xD9\x84\xD8\xB3\xD9\x84\xD8\xA7\xD9\x85",  // right to left
      "\xEF\xB7\xBA \xEF\xAC\x81 \xE2\x84\xA2 \xC2\xBD \xE2\x85\xA3 \xEF\xBC\xA1\xEF\xBC\x91",  // compatibility
      "\xC2\xA0nbsp\xE2\x80\x83"  // NOLINT(bugprone-suspicious-missing-comma): one text
      "em\xE3\x80\x80ideographic\xE2\x80\x8Bzero width\xEF\xBB\xBF"
      "bom",
      "\xE2\x96\x81 already \xE2\x96\x81\xE2\x96\x81visible\xE2\x96\x81",
      "control \x01\x02\x07\x1B[0m \x7F \xC2\x85 end",
      "nul \0 in \0\0 the middle"s,
      "\0"s,
      "invalid \xFF\xFE \xC0\xAF \xE4\xB8 \xED\xA0\x80 \xF4\x90\x80\x80 \xF0\x9F\x98 \x80 end",
      "cut off \xE4\xB8",
      "\xF0\x9F",
      every_byte,
      "<s> </s> <unk> <0x41> <pad> [INST] <<SYS>>",
      "<|im_start|>user\n<|eot_id|>",
      "http://example.com/a?b=c&d=e#f  {\"json\": [1, 2.5e-3, null]}",
      "    if (x == 0) {\n\t\treturn \"\\n\";\n    }\n",
      std::string(100, 'a'),
      std::string(300, ' ') + "x" + std::string(300, ' '),
      std::string(64, '\n') + "y",
      std::string(200, '7'),
      "\xF0\x9D\x95\xB3\xF0\x9D\x96\x8A\xF0\x9D\x96\x91\xF0\x9D\x96\x91\xF0\x9D\x96\x94 \xF0\xA0\x80\x80",
  };
}

// A string of up to `max_characters` characters: mostly ASCII words, then any code point, then any byte.
inline std::string random_text(std::mt19937& random, uint32_t max_characters) {
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  std::string text;
  for (uint32_t n = below(max_characters + 1); n > 0; --n) {
    const uint32_t kind = below(20);
    if (kind < 12) {
      text += static_cast<char>('a' + below(26));
    } else if (kind < 15) {
      text += ' ';
    } else if (kind < 17) {
      text += static_cast<char>(below(128));
    } else if (kind < 18) {
      const uint32_t code = below(0xD800);
      if (code < 0x80) {
        text += static_cast<char>(code);
      } else if (code < 0x800) {
        text += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
      } else {
        text += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
                 static_cast<char>(0x80 | (code & 63))};
      }
    } else if (kind < 19) {
      const uint32_t code = 0x1F300 + below(0x700);
      text += {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)),
               static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
    } else {
      text += static_cast<char>(below(256));
    }
  }
  return text;
}

// A blob with its tokenizer and memory to work in.
class TestTokenizer {
 public:
  explicit TestTokenizer(std::vector<uint8_t> blob) : blob_(std::move(blob)) {
    bad_field_ = std::string(tokenizer_.attach(blob_));
  }

  const std::string& bad_field() const { return bad_field_; }
  const Tokenizer& get() const { return tokenizer_; }
  const std::vector<uint8_t>& blob() const { return blob_; }

  std::vector<uint32_t> encode(std::string_view text, const EncodeOptions& options = {}) const {
    std::vector<uint8_t> scratch(tokenizer_.scratch_bytes(text.size()));
    std::vector<uint32_t> ids(tokenizer_.max_ids(text.size()));
    const EncodeResult result = tokenizer_.encode(text, options, scratch, ids);
    if (result.status != EncodeStatus::kOk) throw std::runtime_error("encode failed");
    ids.resize(result.count);
    return ids;
  }

  std::string decode(const std::vector<uint32_t>& ids) const {
    StreamDecoder decoder(tokenizer_);
    std::vector<char> out(decoder.max_text_bytes());
    std::string text;
    for (const uint32_t id : ids) text += decoder.push(id, out);
    text += decoder.finish(out);
    return text;
  }

 private:
  std::vector<uint8_t> blob_;
  Tokenizer tokenizer_;
  std::string bad_field_;
};

}  // namespace brim::test
