#include "runtime/loaded_model.h"

#include <algorithm>

#include "base/concat.h"
#include "base/error.h"
#include "runtime/session.h"
#include "tokenizer/decoder.h"

namespace brim {

Text::Text(const MappedImage& image) {
  const auto blob = image.tokenizer();
  if (blob.empty()) throw Error(image.path() + ": holds no tokenizer; pack with --tokenizer FILE");
  if (const auto problem = tokenizer_.attach(blob); !problem.empty()) {
    throw Error(concat(image.path(), ": tokenizer: bad ", problem, "; pack the model again"));
  }
  if (tokenizer_.vocabulary_size() > image.header().model.vocabulary) {
    throw Error(concat(image.path(), ": the tokenizer has ", tokenizer_.vocabulary_size(),
                       " tokens, the model ", image.header().model.vocabulary,
                       "; pack with the model's own --tokenizer"));
  }
}

std::vector<uint32_t> Text::encode(std::string_view text, bool add_bos) const {
  return brim::encode(tokenizer_, text, {.add_bos = add_bos});
}

std::vector<uint32_t> Text::encode_prompt(std::string_view text, bool special) const {
  std::vector<uint32_t> ids =
      brim::encode(tokenizer_, text, {.add_bos = tokenizer_.adds_bos(), .parse_special = special});
  if (!ids.empty()) return ids;
  if (tokenizer_.bos() == kNoToken) throw Error("the prompt is empty; give one with -p");
  return {tokenizer_.bos()};
}

const BakedPrompt* LoadedModel::load_prompt() {
  prompt_ = baked_prompt(image_);
  if (!prompt_) return nullptr;
  const auto put = [&](Executor& executor, const std::vector<std::span<const uint8_t>>& content) {
    for (uint32_t cache = 0; cache < executor.caches(); ++cache) {
      const auto parts = executor.cache_memory(cache, static_cast<uint32_t>(prompt_->tokens.size()));
      const auto same_size = [](const auto& a, const auto& b) { return a.size() == b.size(); };
      if (!std::ranges::equal(parts, content, same_size)) {
        throw Error(concat(image_.path(), ": the baked prompt does not fit into the KV cache of ",
                           executor.name(), "; bake it again"));
      }
      for (size_t i = 0; i < parts.size(); ++i) std::ranges::copy(content[i], parts[i].begin());
    }
  };
  put(*executor_, prompt_->cache);
  if (!prompt_->draft_cache.empty()) put(*executor_->draft(), prompt_->draft_cache);
  return &*prompt_;
}

std::string Text::decode(std::span<const uint32_t> ids) const {
  StreamDecoder decoder(tokenizer_);
  std::string room(decoder.max_text_bytes(), '\0');
  std::string text;
  for (const uint32_t id : ids) text += decoder.push(id, room);
  text += decoder.finish(room);
  return text;
}

}  // namespace brim
