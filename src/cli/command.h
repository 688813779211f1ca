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
#include "compile/planner.h"
#include "isa/layout.h"
#include "model/tensor_role.h"
#include "runtime/host_speculation.h"
#include "runtime/loaded_model.h"
#include "runtime/sampler_options.h"
#include "runtime/target.h"

namespace brim {

void add_pack(CLI::App& app);
void add_inspect(CLI::App& app);
void add_run(CLI::App& app);
void add_serve(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_chat_prompt(CLI::App& app);
void add_eval(CLI::App& app);
void add_logits(CLI::App& app);
void add_bench(CLI::App& app);
void add_sim(CLI::App& app);
void add_verify(CLI::App& app);
void add_export(CLI::App& app);
void add_board(CLI::App& app);
void add_board_file(CLI::App& app);
void add_completions(CLI::App& app);

// Options that say where and how a model is laid out.
struct PlacementOptions {
  std::string board = "kv260";      // a name or a file
  std::vector<std::string> set;     // changes of it, "KEY=VALUE"
  std::optional<uint32_t> context;  // none: all that fits
  EmbeddingFormat embedding = EmbeddingFormat::kQ8;
  bool embedding_on_card = false;
  std::string kv = "8";  // 8, 4, k8v4 or auto
  bool kv_rotation = true;
  RoleSet eight_bit;  // matrices with eight bits

  PlanOptions plan(uint64_t tokenizer_bytes = 0) const;

  // The command's callback must keep this object alive.
  void add_to(CLI::App& command);
};

// Options that choose and size an executor. The command's callback must keep `target` alive.
void add_target_options(CLI::App& command, Target& target);

// One option for each row of kSamplerOptions. The same.
void add_sampler_options(CLI::App& command, SamplerOptions& options);

// --spec-type and --spec-draft-n-max. The same.
void add_spec_options(CLI::App& command, SpecOptions& options);

// A progress bar on standard error if that is a terminal and the work takes more than a second; else nothing.
Progress progress_bar(const std::string& what);

// The whole of a text file, or of standard input for "-". Throws Error.
std::string read_text(const std::string& path);

// Standard output is complete; throws Error if it could not be written (a full disk, a closed pipe).
void finish_output();

// "1,2,3" as ids. Throws Error naming the part that is no number.
std::vector<uint32_t> parse_ids(const std::string& list);

}  // namespace brim
