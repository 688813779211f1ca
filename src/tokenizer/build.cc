#include "tokenizer/build.h"

#include <fstream>

#include "base/error.h"
#include "tokenizer/tables.h"

namespace brim {
namespace {

constexpr uint64_t kMaxFileBytes = 256u << 20;

std::vector<uint8_t> read_file(const std::filesystem::path& path) {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) throw Error(path.string() + ": cannot be read; check the path");
  if (bytes > kMaxFileBytes) throw Error(path.string() + ": larger than 256 MiB; this is no tokenizer");
  std::vector<uint8_t> content(bytes);
  file.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(bytes));
  if (!file) throw Error(path.string() + ": cannot be read to its end; check the disk");
  return content;
}

// A llama2.c tokenizer starts with the length of its longest piece, a small number, and the score 0 of
// <unk>; a SentencePiece model starts with the tag of its first piece.
bool looks_like_sentencepiece(std::span<const uint8_t> content) {
  constexpr uint8_t kPieceTag = 0x0A;
  return content.size() > 3 && content[0] == kPieceTag && (content[2] != 0 || content[3] != 0);
}

}  // namespace

std::vector<uint8_t> build_tokenizer(const std::filesystem::path& path) {
  const std::vector<uint8_t> content = read_file(path);
  if (content.empty()) throw Error(path.string() + ": is empty; fetch the file again");
  return looks_like_sentencepiece(content) ? build_from_sentencepiece(content, path.string())
                                           : build_from_llama2c(content, path.string());
}

uint32_t vocabulary_size(std::span<const uint8_t> blob) {
  TokenizerTables tables;
  if (const auto bad = tables.attach(blob); !bad.empty()) {
    throw Error("tokenizer: bad " + std::string(bad) + "; pack the image again");
  }
  return tables.header().vocabulary;
}

}  // namespace brim
