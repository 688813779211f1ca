#include "tokenizer/build.h"

#include <fstream>

#include "base/error.h"
#include "tokenizer/sources.h"
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

std::string read_text_if_there(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return {};
  const std::vector<uint8_t> content = read_file(path);
  return {content.begin(), content.end()};
}

// A llama2.c tokenizer starts with the length of its longest piece, a small number; a SentencePiece model
// starts with the tag of its first piece, the piece's length, and the tag of the piece's text.
bool looks_like_sentencepiece(std::span<const uint8_t> content) {
  constexpr uint8_t kTag = 0x0A;
  return content.size() > 2 && content[0] == kTag && content[2] == kTag;
}

bool looks_like_json(std::span<const uint8_t> content) {
  for (const uint8_t byte : content) {
    if (byte == '{') return true;
    if (byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n') return false;
  }
  return false;
}

TokenizerParts read_tokenizer(const std::filesystem::path& path) {
  const std::vector<uint8_t> content = read_file(path);
  if (content.empty()) throw Error(path.string() + ": is empty; fetch the file again");
  const bool sentencepiece = looks_like_sentencepiece(content);
  if (!sentencepiece && !looks_like_json(content)) return read_llama2c(content, path.string());
  TokenizerParts parts =
      sentencepiece
          ? read_sentencepiece(content, path.string())
          : read_huggingface({reinterpret_cast<const char*>(content.data()), content.size()}, path.string());
  const std::filesystem::path folder = path.parent_path();
  apply_settings({.tokenizer_config = read_text_if_there(folder / "tokenizer_config.json"),
                  .generation_config = read_text_if_there(folder / "generation_config.json"),
                  .chat_template = read_text_if_there(folder / "chat_template.jinja")},
                 parts);
  return parts;
}

}  // namespace

std::vector<uint8_t> build_tokenizer(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return write_blob(read_tokenizer(path));
  for (const char* file : {"tokenizer.json", "tokenizer.model"}) {
    if (std::filesystem::exists(path / file)) return write_blob(read_tokenizer(path / file));
  }
  throw Error(path.string() +
              ": holds neither tokenizer.json nor tokenizer.model; name the tokenizer's file");
}

uint32_t vocabulary_size(std::span<const uint8_t> blob) {
  TokenizerTables tables;
  if (const auto bad = tables.attach(blob); !bad.empty()) {
    throw Error("tokenizer: bad " + std::string(bad) + "; pack the image again");
  }
  return tables.header().vocabulary;
}

}  // namespace brim
