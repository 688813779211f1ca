// Packs a checkpoint into an image file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/progress.h"
#include "compile/planner.h"
#include "image/header.h"
#include "model/tensor_source.h"

namespace brim {

// A second model of an image, which drafts.
struct DraftModel {
  const TensorSource* source;
  EmbeddingFormat embedding = EmbeddingFormat::kQ8;
  std::string quantiser = "rtn";  // for the header
};

struct PackOptions {
  Board board;
  EmbeddingFormat embedding = EmbeddingFormat::kQ8;
  bool embedding_on_card = false;
  std::optional<uint32_t> context;  // none: the longest that fits
  KvCache kv_cache = {};
  std::optional<DraftModel> draft = {};
  uint32_t threads = 0;           // 0: one per CPU
  std::string quantiser = "rtn";  // for the header
  // Runs the pass whose results the header is to hold, on the image in the given file; empty: no pass.
  std::function<KnownPass(const std::string& file)> known_pass = {};
  Progress progress = {};  // weights quantised so far, of all; may be empty
};

// Writes the image of `source` with the given tokenizer tables (may be empty) to `path`. Throws Error if the
// model does not fit, its weights are not finite or beyond what its formats hold, or the file cannot be
// written; then `path` is untouched.
Plan pack_image(const TensorSource& source, std::span<const uint8_t> tokenizer, const PackOptions& options,
                const std::filesystem::path& path);

}  // namespace brim
