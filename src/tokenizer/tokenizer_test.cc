// The core by itself: damaged blobs, small buffers, streaming.
#include "tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include "tokenizer/blob_writer.h"
#include "tokenizer/build.h"
#include "tokenizer/test_texts.h"
#include "tokenizer/utf8.h"

namespace brim {
namespace {

using test::TestTokenizer;

// A tiny SentencePiece vocabulary with byte fallback, every kind of token and a character map that turns
// "A" into "a".
TokenizerParts small_parts() {
  TokenizerParts parts;
  parts.name = "small";
  parts.flags = kAddDummyPrefix | kEscapeWhitespaces | kByteFallback | kAddBos | kFuseUnknown;
  const auto add = [&](const std::string& piece, TokenType type, float score) {
    parts.pieces.push_back(piece);
    parts.types.push_back(type);
    parts.scores.push_back(score);
  };
  add("<unk>", TokenType::kUnknown, 0);
  add("<s>", TokenType::kControl, 0);
  add("</s>", TokenType::kControl, 0);
  for (int byte = 0; byte < 256; ++byte) {
    char piece[8];
    std::snprintf(piece, sizeof piece, "<0x%02X>", byte);
    add(piece, TokenType::kByte, 0);
  }
  float score = 0;
  for (const char* piece : {"ab",
                            "\xE2\x96\x81"
                            "a",
                            "abc",
                            "\xE2\x96\x81"
                            "ab",
                            "a", "b", "c", "\xE2\x96\x81"}) {
    add(piece, TokenType::kNormal, score);
    score -= 1;
  }
  add("bc", TokenType::kUnused, -0.5f);
  add("::", TokenType::kUserDefined, 0);
  parts.unknown = 0;
  parts.bos = 1;
  parts.ends = {2};
  parts.added = {{1, kLiteralSpecial}, {2, kLiteralSpecial}};
  parts.user_defined = {static_cast<uint32_t>(parts.pieces.size() - 1)};
  // Units: root with children at 0x100, its child 'A' (label, has a value, value unit at 0x200), the value.
  parts.character_trie.assign(0x400, 0x7F);
  parts.character_trie[0] = 0x100u << 10;
  parts.character_trie[0x100 ^ 'A'] = static_cast<uint32_t>((0x100 ^ 'A') ^ 0x200) << 10 | 0x100u | 'A';
  parts.character_trie[0x200] = 0x80000000u;
  parts.character_text = std::string("a\0", 2);
  find_byte_tokens(parts);
  return parts;
}

TestTokenizer small() { return TestTokenizer(write_blob(small_parts())); }

// Uses everything that a blob offers; nothing but the absence of a crash is looked at.
void exercise(const std::vector<uint8_t>& blob) {
  Tokenizer tokenizer;
  if (!tokenizer.attach(blob).empty()) return;
  const std::string text = "Abc ab::c \xE4\xBD\xA0 <s> \xFF";
  const uint64_t scratch_bytes = std::min<uint64_t>(tokenizer.scratch_bytes(text.size()), 1 << 22);
  std::vector<uint8_t> scratch(scratch_bytes);
  std::vector<uint32_t> ids(1000);
  const auto result = tokenizer.encode(text, {.add_bos = true, .parse_special = true}, scratch, ids);
  ids.resize(result.count);
  StreamDecoder decoder(tokenizer);
  std::vector<char> out(decoder.max_text_bytes());
  for (uint32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
    decoder.push(id, out);
    token_bytes(tokenizer, id, out);
  }
  for (const uint32_t id : ids) decoder.push(id, out);
  decoder.finish(out);
}

TEST(Blob, IsRefusedWithTheNameOfTheBadField) {
  const std::vector<uint8_t> good = small().blob();
  const auto with_word = [&](size_t index, uint32_t value) {
    std::vector<uint8_t> blob = good;
    for (int i = 0; i < 4; ++i) blob[4 * index + i] = static_cast<uint8_t>(value >> (8 * i));
    return TestTokenizer(blob).bad_field();
  };
  EXPECT_EQ(TestTokenizer(good).bad_field(), "");
  EXPECT_EQ(with_word(0, 1), "magic");
  EXPECT_EQ(with_word(2, 1), "version");  // an older brim's
  EXPECT_EQ(with_word(3, 1u << 30), "total_bytes");
  EXPECT_EQ(with_word(4, 3), "algorithm");
  EXPECT_EQ(with_word(5, 1u << 31), "flags");
  EXPECT_EQ(with_word(6, 0), "vocabulary");
  EXPECT_EQ(with_word(6, 5), "piece_offsets");
  EXPECT_EQ(with_word(8, 1000), "bos");
  EXPECT_EQ(with_word(14, 1), "piece_offsets");       // section not aligned
  EXPECT_EQ(with_word(17, 1u << 20), "piece_bytes");  // section too long
  EXPECT_EQ(TestTokenizer(std::vector<uint8_t>(good.begin(), good.begin() + 100)).bad_field(), "size");
}

TEST(Blob, NeverCrashesWhenCutOff) {
  const std::vector<uint8_t> good = small().blob();
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    EXPECT_NE(TestTokenizer(std::vector<uint8_t>(good.begin(), good.begin() + bytes)).bad_field(), "");
  }
}

TEST(Blob, NeverCrashesWithDamagedHeaders) {
  const std::vector<uint8_t> good = small().blob();
  for (size_t at = 0; at < kTokenizerHeaderBytes; ++at) {
    for (const uint8_t flip : {0x01, 0x02, 0x04, 0x40, 0x80, 0xFF}) {
      std::vector<uint8_t> blob = good;
      blob[at] ^= flip;
      exercise(blob);
    }
  }
}

TEST(Blob, NeverCrashesWithDamagedTables) {
  const std::vector<uint8_t> good = small().blob();
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::vector<uint8_t> blob = good;
    for (uint32_t n = 1 + random() % 4; n > 0; --n)
      blob[random() % blob.size()] = static_cast<uint8_t>(random());
    exercise(blob);
  }
}

TEST(Encode, ReportsSmallBuffers) {
  const TestTokenizer tokenizer = small();
  const std::string text = "ab ab ab \xE4\xBD\xA0";
  std::vector<uint8_t> scratch(tokenizer.get().scratch_bytes(text.size()));
  std::vector<uint32_t> ids(2);
  EXPECT_EQ(tokenizer.get().encode(text, {}, scratch, ids).status, EncodeStatus::kTooManyTokens);
  EXPECT_EQ(tokenizer.get().encode(text, {}, std::span(scratch).first(scratch.size() - 1), ids).status,
            EncodeStatus::kScratchTooSmall);
}

TEST(Encode, NeedsNoAlignmentOfItsScratch) {
  const TestTokenizer tokenizer = small();
  const std::string text = "ab::c abc";
  const uint64_t bytes = tokenizer.get().scratch_bytes(text.size());
  std::vector<uint8_t> scratch(bytes + 8);
  std::vector<uint32_t> ids(100);
  for (size_t shift = 0; shift < 8; ++shift) {
    const auto result = tokenizer.get().encode(text, {}, std::span(scratch).subspan(shift, bytes), ids);
    ASSERT_EQ(result.status, EncodeStatus::kOk);
    EXPECT_EQ(std::vector(ids.begin(), ids.begin() + result.count), tokenizer.encode(text));
  }
}

TEST(Encode, AppliesTheCharacterMap) {
  const TestTokenizer tokenizer = small();
  EXPECT_EQ(tokenizer.encode("Ab A"), tokenizer.encode("ab a"));
}

TEST(Encode, FindsSpecialTokensOnlyWhenAsked) {
  const TestTokenizer tokenizer = small();
  const uint32_t space_a = tokenizer.get().find(
      "\xE2\x96\x81"
      "a");
  const std::string text = "a</s>a</s>";
  EXPECT_EQ(tokenizer.encode(text, {.add_bos = true, .parse_special = true}),
            (std::vector<uint32_t>{1, space_a, 2, space_a, 2}));
  const auto plain = tokenizer.encode(text);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 2u), 0);
  // The first </s> is the user's own text, the second the template's.
  const std::vector<TextRange> verbatim = {{1, 5}};
  const auto mixed = tokenizer.encode(text, {.parse_special = true, .verbatim = verbatim});
  EXPECT_EQ(std::count(mixed.begin(), mixed.end(), 2u), 1);
  EXPECT_EQ(mixed.back(), 2u);
  EXPECT_EQ(tokenizer.decode(mixed), "a</s>a");
}

TEST(Decode, KeepsIncompleteCharactersBack) {
  const TestTokenizer tokenizer = small();
  StreamDecoder decoder(tokenizer.get());
  std::vector<char> out(decoder.max_text_bytes());
  const auto push_byte = [&](uint8_t byte) { return std::string(decoder.push(3u + byte, out)); };
  EXPECT_EQ(push_byte(0xF0), "");
  EXPECT_EQ(push_byte(0x9F), "");
  EXPECT_EQ(push_byte(0x98), "");
  EXPECT_EQ(push_byte(0x80), "\xF0\x9F\x98\x80");
  EXPECT_EQ(push_byte(0xE4), "");
  EXPECT_EQ(push_byte('x'), "\xEF\xBF\xBDx");
  EXPECT_EQ(push_byte(0xE4), "");
  EXPECT_EQ(push_byte(0xBD), "");
  EXPECT_EQ(decoder.finish(out), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(decoder.push(tokenizer.get().find("\xE2\x96\x81"
                                              "a"),
                         out),
            "a");  // as new: no leading space
  EXPECT_EQ(decoder.push(tokenizer.get().find("\xE2\x96\x81"
                                              "a"),
                         out),
            " a");
}

TEST(Decode, GivesTheBytesOfSingleTokens) {
  const TestTokenizer tokenizer = small();
  std::vector<char> out(1000);
  EXPECT_EQ(token_bytes(tokenizer.get(), 3 + 0xE4, out), "\xE4");
  EXPECT_EQ(token_bytes(tokenizer.get(),
                        tokenizer.get().find("\xE2\x96\x81"
                                             "ab"),
                        out),
            " ab");
  EXPECT_EQ(token_bytes(tokenizer.get(), 1, out), "");
  EXPECT_EQ(token_bytes(tokenizer.get(), 1u << 30, out), "");
}

TEST(Utf8, TellsIncompleteFromBroken) {
  EXPECT_EQ(incomplete_utf8("\xE4"), 1u);
  EXPECT_EQ(incomplete_utf8("\xE4\xBD"), 2u);
  EXPECT_EQ(incomplete_utf8("\xE4\xBD\xA0"), 0u);
  EXPECT_EQ(incomplete_utf8("\xE0\x80"), 0u);  // overlong
  EXPECT_EQ(incomplete_utf8("\xED\xA0"), 0u);  // surrogate
  EXPECT_EQ(incomplete_utf8("\xF4\x90"), 0u);  // above U+10FFFF
  EXPECT_EQ(incomplete_utf8("\xC0"), 0u);
  EXPECT_EQ(incomplete_utf8("\x80"), 0u);
  EXPECT_EQ(incomplete_utf8("a"), 0u);
}

}  // namespace
}  // namespace brim
