// What the commands of `brim` share. Every command is one file with one `add_...` function that declares its
// options and what it does.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "engine/interpreter.h"
#include "image/mapped_image.h"
#include "isa/layout.h"
#include "tokenizer/tokenizer.h"

namespace brim {

void add_pack(CLI::App& app);
void add_inspect(CLI::App& app);
void add_run(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_eval(CLI::App& app);
void add_logits(CLI::App& app);
void add_bench(CLI::App& app);
void add_sim(CLI::App& app);
void add_verify(CLI::App& app);
void add_export(CLI::App& app);
void add_board(CLI::App& app);

// Options that say where and how a model is laid out.
struct PlacementOptions {
  std::string board = "kv260";      // a name or a file
  std::vector<std::string> set;     // changes of it, "KEY=VALUE"
  std::optional<uint32_t> context;  // none: all that fits
  EmbeddingFormat embedding = EmbeddingFormat::kQ8;

  // The command's callback must keep this object alive.
  void add_to(CLI::App& command);
};

// Options that choose and size an executor.
struct TargetOptions {
  std::string target = "cpu";  // "cpu": the fastest kernels of this processor; kernels by name; or "rtl"
  std::optional<uint32_t> rtl_tokens = {};  // TOKENS of the RTL; none: the smallest one built that fits
  std::string board = {};             // that the RTL is simulated on, a name or a file; empty: the image's
  std::vector<std::string> set = {};  // changes of it, "KEY=VALUE"
  uint32_t tokens_per_pass = 0;       // 0: the executor's own choice
  uint32_t threads = 0;               // 0: one per physical core
  bool pin = false;
  Load load = Load::kMap;

  void add_to(CLI::App& command);

  uint32_t thread_count() const { return threads ? threads : physical_cores(); }
};

// Kernels on this machine, whatever the target is called. Throws Error if this processor cannot run it.
std::unique_ptr<Interpreter> make_interpreter(const MappedImage& image, const TargetOptions& options);

// Throws Error if this machine cannot run the target, rtl_target::DoesNotFit if the RTL cannot run the image.
std::unique_ptr<Executor> make_executor(const MappedImage& image, const TargetOptions& options);

// An image's tokenizer with memory to work in.
class Text {
 public:
  // Throws Error if the image has no tokenizer, or a damaged one, or one for another vocabulary.
  explicit Text(const MappedImage& image);

  const Tokenizer& tokenizer() const { return tokenizer_; }
  std::vector<uint32_t> encode(std::string_view text, bool add_bos) const;
  std::string decode(std::span<const uint32_t> ids) const;

 private:
  Tokenizer tokenizer_;
};

// A progress bar on standard error if that is a terminal and the work takes more than a second; else nothing.
Progress progress_bar(const std::string& what);

// The whole of a text file, or of standard input for "-". Throws Error.
std::string read_text(const std::string& path);

// Standard output is complete; throws Error if it could not be written (a full disk, a closed pipe).
void finish_output();

// "1,2,3" as ids. Throws Error naming the part that is no number.
std::vector<uint32_t> parse_ids(const std::string& list);

}  // namespace brim
