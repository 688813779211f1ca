// Models in GGUF files. docs/checkpoints.md lists what is read and what is refused.
#pragma once

#include <memory>
#include <string>

#include "model/family.h"
#include "model/gguf.h"
#include "model/tensor_source.h"

namespace brim {

struct GgufDescription {
  const Family* family;
  ModelDescription model;
  Multipliers multipliers;
  bool tied;  // there is no tensor for the LM head; the folds of the two may still differ
};

// The model that the metadata and the presence of tensors describe. Throws Error naming the key.
GgufDescription describe_gguf(const Gguf& gguf, const std::string& origin);

// The tokenizer in the metadata; nothing if there is none. Throws Error if its arrays do not fit together.
std::optional<TokenizerArrays> gguf_tokenizer(const Gguf& gguf, const std::string& origin);

// Maps the file, or all parts of a model that is split into several of which it is the first, and checks that
// exactly the tensors of the described model are there, in their shapes and in readable types. Throws Error
// naming file and tensor.
std::unique_ptr<TensorSource> open_gguf_checkpoint(const std::string& path);

}  // namespace brim
