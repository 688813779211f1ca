// The readers behind build.h: each turns one kind of file into TokenizerParts. Hosted code; all throw Error.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tokenizer/blob_writer.h"

namespace brim {

// `name` is what messages call the file.
TokenizerParts read_sentencepiece(std::span<const uint8_t> model, const std::string& name);
TokenizerParts read_llama2c(std::span<const uint8_t> bin, const std::string& name);
TokenizerParts read_huggingface(std::string_view json, const std::string& name);

// What may stand beside a Hugging Face tokenizer; empty texts for files that are not there.
struct HuggingFaceSettings {
  std::string tokenizer_config = {};    // tokenizer_config.json
  std::string special_tokens_map = {};  // special_tokens_map.json
  std::string added_tokens = {};        // added_tokens.json
  std::string generation_config = {};   // generation_config.json
  std::string model_config = {};        // config.json
  std::string chat_template = {};       // chat_template.jinja, or what chat_template.json holds
  NamedTexts more_templates = {};       // additional_chat_templates/NAME.jinja
};
void apply_settings(const HuggingFaceSettings& settings, TokenizerParts& parts);

}  // namespace brim
