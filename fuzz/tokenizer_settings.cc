// The files beside a Hugging Face tokenizer, and the chat table that comes of them; what is built must be a
// sound blob that writes and encodes conversations. The files follow one another in the input, each ended by
// a zero byte.
#include <array>
#include <cstdlib>

#include "base/error.h"
#include "tokenizer/chat_program.h"
#include "tokenizer/recognise.h"
#include "tokenizer/sources.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::array<std::string, 6> files;
  size_t file = 0;
  for (size_t i = 0; i < size && file < files.size(); ++i) {
    if (data[i] == 0) {
      ++file;
    } else {
      files[file] += static_cast<char>(data[i]);
    }
  }
  static const char* const kTokenizer = R"({
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "▁": 3, "▁a": 4, "</s>": 5}, "merges": ["a b", "▁ a"]},
    "added_tokens": [{"id": 6, "content": "<|im_end|>", "special": false}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                   {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}})";
  try {
    brim::TokenizerParts parts = brim::read_huggingface(kTokenizer, "input");
    brim::apply_settings({.tokenizer_config = files[0],
                          .special_tokens_map = files[1],
                          .added_tokens = files[2],
                          .generation_config = files[3],
                          .model_config = files[4],
                          .chat_template = files[5]},
                         parts);
    brim::finish_parts(parts);
    const std::vector<uint8_t> blob = brim::write_blob(parts);
    brim::Tokenizer tokenizer;
    if (!tokenizer.attach(blob).empty()) std::abort();
    const brim::ChatPrompt prompt =
        brim::ChatProgram(tokenizer).prompt({{{"role", "user"}, {"content", "ab <|im_end|> a"}}});
    for (const uint32_t id : prompt.ids) {
      if (id >= tokenizer.vocabulary_size()) std::abort();
    }
  } catch (const brim::Error&) {
  }
  return 0;
}
