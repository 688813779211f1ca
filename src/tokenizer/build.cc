#include "tokenizer/build.h"

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "tokenizer/json.h"
#include "tokenizer/recognise.h"
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

std::string template_of_json(const std::string& json, const std::filesystem::path& folder) {
  if (json.empty()) return {};
  return text_or(at(parse_json(json, (folder / "chat_template.json").string()), "chat_template"), "");
}

// `folder` is the tokenizer's, `model_folder` that of the model which it is for; either may lack a file.
HuggingFaceSettings read_settings(const std::filesystem::path& folder,
                                  const std::filesystem::path& model_folder) {
  const auto read = [](const std::filesystem::path& first, const std::filesystem::path& second,
                       const char* file) {
    const std::string text = read_text_if_there(first / file);
    return text.empty() && !second.empty() ? read_text_if_there(second / file) : text;
  };
  HuggingFaceSettings settings{
      .tokenizer_config = read(folder, model_folder, "tokenizer_config.json"),
      .special_tokens_map = read(folder, model_folder, "special_tokens_map.json"),
      .added_tokens = read(folder, model_folder, "added_tokens.json"),
      .generation_config =
          read(model_folder.empty() ? folder : model_folder, folder, "generation_config.json"),
      .model_config = read(model_folder.empty() ? folder : model_folder, folder, "config.json"),
      .chat_template = read(folder, model_folder, "chat_template.jinja"),
  };
  if (settings.chat_template.empty()) {
    settings.chat_template = template_of_json(read(folder, model_folder, "chat_template.json"), folder);
  }
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "additional_chat_templates", none)) {
    if (entry.path().extension() != ".jinja") continue;
    settings.more_templates.emplace_back(entry.path().stem().string(), read_text_if_there(entry.path()));
  }
  std::sort(settings.more_templates.begin(), settings.more_templates.end());
  return settings;
}

TokenizerParts read_tokenizer(const std::filesystem::path& path, const std::filesystem::path& model_folder,
                              uint32_t model_vocabulary) {
  const std::vector<uint8_t> content = read_file(path);
  if (content.empty()) throw Error(path.string() + ": is empty; fetch the file again");
  const bool sentencepiece = looks_like_sentencepiece(content);
  if (!sentencepiece && !looks_like_json(content)) {
    TokenizerParts parts = read_llama2c(content, path.string());
    finish_parts(parts);
    return parts;
  }
  TokenizerParts parts =
      sentencepiece
          ? read_sentencepiece(content, path.string())
          : read_huggingface({reinterpret_cast<const char*>(content.data()), content.size()}, path.string());
  apply_settings(read_settings(path.parent_path(), model_folder), parts);
  limit_added_tokens(model_vocabulary, parts);
  finish_parts(parts);
  return parts;
}

}  // namespace

std::vector<uint8_t> build_tokenizer(const std::filesystem::path& path,
                                     const std::filesystem::path& model_folder, uint32_t model_vocabulary) {
  if (!std::filesystem::is_directory(path))
    return write_blob(read_tokenizer(path, model_folder, model_vocabulary));
  for (const char* file : {"tokenizer.json", "tokenizer.model"}) {
    if (std::filesystem::exists(path / file))
      return write_blob(read_tokenizer(path / file, model_folder, model_vocabulary));
  }
  throw Error(path.string() +
              ": holds neither tokenizer.json nor tokenizer.model; name the tokenizer's file");
}

std::vector<std::string> tokenizer_notes(const TokenizerTables& tables) {
  std::vector<std::string> notes;
  const auto text = tables.section(kNotes);
  std::string line;
  for (const uint8_t byte : text) {
    if (byte == '\n') {
      notes.push_back(std::move(line));
      line.clear();
    } else {
      line += static_cast<char>(byte);
    }
  }
  return notes;
}

uint32_t vocabulary_size(std::span<const uint8_t> blob) {
  TokenizerTables tables;
  if (const auto bad = tables.attach(blob); !bad.empty()) {
    throw Error("tokenizer: bad " + std::string(bad) + "; pack the image again");
  }
  return tables.header().vocabulary;
}

}  // namespace brim
