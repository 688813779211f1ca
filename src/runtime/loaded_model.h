// A model that can be talked to: image, tokenizer and executor.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "image/baked_prompt.h"
#include "runtime/target.h"
#include "tokenizer/tokenizer.h"

namespace brim {

// An image's tokenizer with memory to work in.
class Text {
 public:
  // Throws Error if the image has no tokenizer, or a damaged one, or one for another vocabulary. The image
  // must outlive it.
  explicit Text(const MappedImage& image);

  const Tokenizer& tokenizer() const { return tokenizer_; }
  std::vector<uint32_t> encode(std::string_view text, bool add_bos) const;
  std::string decode(std::span<const uint32_t> ids) const;

  // The tokens of a text to go on from, with BOS where the model wants it; `special`: special tokens that it
  // writes out are those tokens. Throws Error if there are none and the tokenizer has no BOS to begin with.
  std::vector<uint32_t> encode_prompt(std::string_view text, bool special) const;

 private:
  Tokenizer tokenizer_;
};

class LoadedModel {
 public:
  // Throws Error if the image or its tokenizer is no good, or as make_executor does.
  LoadedModel(const std::string& image, const Target& target)
      : image_(image), text_(image_), executor_(make_executor(image_, target)) {}

  const MappedImage& image() const { return image_; }
  const Text& text() const { return text_; }
  const Tokenizer& tokenizer() const { return text_.tokenizer(); }
  Executor& executor() { return *executor_; }

  // Puts K and V of the prompt that is baked into the image into the executor's caches, and those of the
  // draft model, if they are there, into that one's. Null: there is none. Throws Error as baked_prompt does,
  // or where the caches cannot be reached.
  const BakedPrompt* load_prompt();

 private:
  MappedImage image_;
  Text text_;
  std::unique_ptr<Executor> executor_;
  std::optional<BakedPrompt> prompt_;
};

}  // namespace brim
