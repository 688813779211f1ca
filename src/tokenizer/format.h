// The tokenizer blob: every table of one tokenizer in one contiguous, position-independent piece of memory,
// little-endian, sections aligned to 64 bytes. docs/tokenizer.md describes it field by field.
// Freestanding.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace brim {

inline constexpr uint32_t kNoToken = 0xFFFFFFFFu;    // "there is no such token"
inline constexpr uint32_t kEmptySlot = 0xFFFFFFFFu;  // free slot of a hash table

// Kinds of token, with the numbers that SentencePiece and GGUF use.
enum class TokenType : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // no text of its own: <s>, </s>
  kUserDefined = 4,  // matched in the text before anything else, never split or merged
  kUnused = 5,       // takes part in merging but is split again before it is emitted
  kByte = 6,         // one byte of a character that has no token
};

enum class TokenizerAlgorithm : uint32_t {
  kSentencePiece = 0,    // characters; a pair merges if its text is a piece; best piece score first
  kCharacterMerges = 1,  // characters; a pair merges if it is in the merge list; best rank first
  kByteMerges = 2,       // bytes, word by word; a pair merges if it is in the merge list; best rank first
};

// Rules that cut text into words before byte merges.
enum class PreTokenizer : uint32_t {
  kNone = 0,
  kGpt2 = 1,
  kLlama3 = 2,
  kQwen2 = 3,
  kSmolLm = 4,  // single digits, then GPT-2
};

// The strings of a chat table: what stands round the texts of a conversation's turns. Everything before a
// text is written by the template, so that its special tokens count.
enum ChatString : uint32_t {
  kChatBegin,         // before the first user's text, where there is no system prompt
  kChatSystemOpen,    // before the system prompt
  kChatSystemClose,   // between the system prompt and the first user's text
  kChatUserOpen,      // between the end of an answer and a later user's text
  kChatAnswerPrompt,  // between a user's text and the answer that the model is to give
  kChatAnswerOpen,    // between a user's text and an answer in the history
  kChatAnswerEnd,     // behind an answer, up to and including the token that ends it
  kChatThinkClose,    // ends the thinking in an answer, where it is dropped from the history
  kChatStrings,
};

// A chat table, as a blob or its maker holds it.
struct ChatTable {
  uint32_t flags = 0;  // ChatFlag
  std::array<std::string_view, kChatStrings> strings;

  std::string_view operator[](ChatString string) const { return strings[string]; }
  constexpr bool has(uint32_t flag) const { return (flags & flag) != 0; }
};

// Bits of TokenizerHeader::chat_flags: what the chat table (chat.h) says besides its strings.
enum ChatFlag : uint32_t {
  kHasChatTable = 1u << 0,     // without it turns are plain lines
  kTakesSystem = 1u << 1,      // there is a place for a system prompt
  kTrimsSystem = 1u << 2,      // spaces round the system prompt are dropped
  kTrimsUser = 1u << 3,        // round what the user writes
  kTrimsAnswer = 1u << 4,      // round an answer in the history
  kDropsThinking = 1u << 5,    // an answer in the history begins behind its last think_close
  kTrimsThoughtEnd = 1u << 6,  // and without the line breaks there
  kAllChatFlags = (1u << 7) - 1,
};

// Bits of TokenizerHeader::flags.
enum TokenizerFlag : uint32_t {
  kAddDummyPrefix = 1u << 0,          // a space before the text
  kRemoveExtraWhitespaces = 1u << 1,  // leading, trailing and repeated spaces go
  kEscapeWhitespaces = 1u << 2,       // space becomes U+2581
  kByteFallback = 1u << 3,            // characters without a token become byte tokens
  kIgnoreMerges = 1u << 4,            // a word that is a token is taken whole (LLaMA-3)
  kAddBos = 1u << 5,                  // the model expects BOS first
  kComposeNfc = 1u << 6,              // text is brought to Unicode NFC first
  kFuseUnknown = 1u << 7,             // a run of unknown characters is one unknown token
  kSpacesStartPieces = 1u << 8,   // no piece has U+2581 after another character: words merge by themselves
  kPrefixOnlyFirst = 1u << 9,     // the dummy prefix only where the text begins, not after special tokens
  kPrefixUnlessSpace = 1u << 10,  // the dummy prefix only if the text does not begin with a space
  kAllTokenizerFlags = (1u << 11) - 1,
};

enum TokenizerSection : uint32_t {
  kPieceOffsets,   // u32[vocabulary + 1]: piece i is piece_bytes[offset[i], offset[i + 1])
  kPieceBytes,     // u8[]: SentencePiece: as in the model, with U+2581; byte merges: the raw bytes
  kPieceTypes,     // u8[vocabulary]: TokenType
  kPieceRanks,     // u32[vocabulary]: order of the scores, best = 0, equal scores equal; SentencePiece only
  kPieceTable,     // u32[power of two]: hash table of ids, by hash_bytes(piece)
  kMerges,         // {u32 left, u32 right, u32 merged}[], best first
  kMergeTable,     // u32[power of two]: hash table of indices into merges, by hash_pair(left, right)
  kByteTokens,     // u32[256]: the token of each byte
  kUserDefined,    // u32[]: ids that are matched while normalising, sorted by their bytes; SentencePiece only
  kCharacterTrie,  // u32[]: Darts double-array trie of the character map (SentencePiece precompiled_charsmap)
  kCharacterText,  // u8[]: NUL-terminated replacements
  kUnknownSurface,  // u8[]: text of an unknown token when decoding
  kLiterals,        // TokenizerLiteral[]: tokens that are matched in the text as it is, sorted by their bytes
  kNormalisedLiterals,  // TokenizerLiteral[]: in what normalising makes of the stretches between those
  kLiteralText,         // u8[]: what they match
  kEnds,                // u32[]: tokens that end a text or a turn, ascending
  kChatTable,           // u8[]: NUL-terminated strings, ChatString in order; empty without kHasChatTable
  kTemplates,           // u8[]: NUL-terminated name, text, name, text ... of chat templates (Jinja)
  kTemplateVariables,   // u8[]: NUL-terminated name, value ...: "bos_token", "<s>"
  kNotes,               // u8[]: lines: what the files say and is not followed
  kTokenizerSectionCount,
};

// Names of sections in messages.
inline constexpr std::array<std::string_view, kTokenizerSectionCount> kTokenizerSectionNames = {
    "piece_offsets",  "piece_bytes",     "piece_types", "piece_ranks",         "piece_table",
    "merges",         "merge_table",     "byte_tokens", "user_defined",        "character_trie",
    "character_text", "unknown_surface", "literals",    "normalised_literals", "literal_text",
    "ends",           "chat_table",      "templates",   "template_variables",  "notes"};

// A token whose text is matched literally.
struct TokenizerLiteral {
  uint32_t id;
  uint32_t flags;   // LiteralFlag
  uint32_t offset;  // of its text, in literal_text
  uint32_t bytes;   // of its text, at least 1
};

enum LiteralFlag : uint32_t {
  kLiteralSpecial = 1u << 0,     // only if the caller asks for special tokens
  kLiteralStripLeft = 1u << 1,   // white space before it belongs to it
  kLiteralStripRight = 1u << 2,  // white space behind it belongs to it
  kLiteralWord = 1u << 3,        // not where a letter, digit or _ stands before or behind it
  kAllLiteralFlags = (1u << 4) - 1,
};

struct TokenizerSectionRange {
  uint32_t offset;  // from the start of the blob, a multiple of 64
  uint32_t bytes;
};

// The first kTokenizerHeaderBytes of a blob; all fields are u32.
struct TokenizerHeader {
  std::array<uint32_t, 2> magic;       // "BRIMTOKN"
  uint32_t version;                    // kTokenizerVersion
  uint32_t total_bytes;                // of the blob, a multiple of 64
  uint32_t algorithm;                  // TokenizerAlgorithm
  uint32_t flags;                      // TokenizerFlag
  uint32_t vocabulary;                 // number of pieces
  uint32_t unknown;                    // token of unknown characters, or kNoToken
  uint32_t bos;                        // token that begins a text, or kNoToken
  uint32_t pre_tokenizer;              // PreTokenizer
  uint32_t chat_flags;                 // ChatFlag
  uint32_t max_piece_bytes;            // longest piece
  uint32_t normalised_bytes_per_byte;  // normalising text makes it at most this many times longer
  uint32_t symbols_per_byte;           // and gives at most this many characters per byte of text
  std::array<TokenizerSectionRange, kTokenizerSectionCount> sections;
};

inline constexpr std::array<uint32_t, 2> kTokenizerMagic = {0x4D495242u, 0x4E4B4F54u};  // "BRIM" "TOKN"
inline constexpr uint32_t kTokenizerVersion = 2;
inline constexpr uint32_t kTokenizerHeaderBytes = 256;  // sizeof(TokenizerHeader), padded to 64
inline constexpr uint32_t kTokenizerAlignment = 64;
inline constexpr uint32_t kMaxVocabulary = 1u << 22;
inline constexpr uint32_t kMaxPieceBytes = 1u << 16;
inline constexpr uint32_t kMaxGrowth = 64;
inline constexpr uint32_t kMaxTextBytes = 1u << 24;  // keeps every size below 2^32

static_assert(sizeof(TokenizerHeader) == 216 && sizeof(TokenizerHeader) % 4 == 0);

// How byte tokens are spelt: "<0x0A>".
inline constexpr uint32_t kByteTokenBytes = 6;
constexpr uint8_t byte_token_value(std::string_view piece) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'A' + 10; };
  return static_cast<uint8_t>(digit(piece[3]) * 16 + digit(piece[4]));
}

// Spreads entropy over all bits (the finaliser of MurmurHash3, Appleby, public domain).
constexpr uint32_t mix_bits(uint32_t h) {
  h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
  h = (h ^ (h >> 13)) * 0xC2B2AE35u;
  return h ^ (h >> 16);
}

// Hash of a piece: 32-bit FNV-1a, mixed. Tables are probed linearly from hash & (slots - 1).
constexpr uint32_t hash_bytes(std::string_view bytes) {
  uint32_t h = 0x811C9DC5u;
  for (const char c : bytes) h = (h ^ static_cast<uint8_t>(c)) * 0x01000193u;
  return mix_bits(h);
}

// Hash of a merge.
constexpr uint32_t hash_pair(uint32_t left, uint32_t right) {
  return mix_bits(left * 0x9E3779B1u ^ mix_bits(right));
}

}  // namespace brim
