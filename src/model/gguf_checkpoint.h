// Models in GGUF files. docs/checkpoints.md lists what is read and what is refused.
#pragma once

#include <memory>
#include <string>

#include "model/gguf.h"
#include "model/tensor_source.h"

namespace brim {

// The model that `metadata` and the presence of tensors describe. Throws Error naming the key.
ModelDescription describe_gguf(const Gguf& gguf, const std::string& origin);

// The tokenizer in the metadata; nothing if there is none. Throws Error if its arrays do not fit together.
std::optional<TokenizerArrays> gguf_tokenizer(const Gguf& gguf, const std::string& origin);

// Maps the file and checks that exactly the tensors of the described model are there, in their shapes and
// in readable types. Throws Error naming file and tensor.
std::unique_ptr<TensorSource> open_gguf_checkpoint(const std::string& path);

}  // namespace brim
