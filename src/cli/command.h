// What the commands of `brim` share. Every command is one file with one `add_...` function that declares its
// options and what it does.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "compile/planner.h"
#include "grammar/grammar_state.h"
#include "isa/layout.h"
#include "model/tensor_role.h"
#include "model/tensor_source.h"
#include "runtime/host_speculation.h"
#include "runtime/loaded_model.h"
#include "runtime/sampler_options.h"
#include "runtime/target.h"

namespace brim {

void add_pack(CLI::App& app);
void add_bake(CLI::App& app);
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
  RoleSet eight_bit;      // matrices with eight bits
  std::string tokenizer;  // file; empty: the model's own

  PlanOptions plan(uint64_t tokenizer_bytes = 0) const;

  // The command's callback must keep this object alive.
  void add_to(CLI::App& command);

  // For a command that takes an image, too: throws CLI::ValidationError if an option was given that an image
  // has decided already.
  void refuse_beside_image(const std::string& image) const;
  bool board_given() const { return board_->count() > 0; }

 private:
  const CLI::Option* board_ = nullptr;
  std::vector<const CLI::Option*> decided_;  // by packing
};

// --set, changes of a board file. The command's callback must keep `set` alive.
CLI::Option* add_set(CLI::App& command, std::vector<std::string>& set);

// Options that choose and size an executor of this machine; with the RTL, too. The command's callback must
// keep `target` alive.
void add_interpreter_options(CLI::App& command, Target& target);
void add_target_options(CLI::App& command, Target& target);

// One option for each row of kSamplerOptions. The same.
void add_sampler_options(CLI::App& command, SamplerOptions& options);

// What an answer has to follow: at most one of them.
struct GrammarOptions {
  std::optional<std::string> gbnf, gbnf_file, schema, schema_file;

  // The one that was given, at its beginning. Throws Error.
  std::optional<GrammarState> compile(const Tokenizer& tokenizer) const;
};

// --grammar, --grammar-file, --json-schema and --json-schema-file. The same.
void add_grammar_options(CLI::App& command, GrammarOptions& options);

// --spec-type and --spec-draft-n-max. The same.
void add_spec_options(CLI::App& command, SpecOptions& options);

// An option that takes one of these names; each stands for the value beside it. The command's callback must
// keep `value` alive.
template <typename T>
CLI::Option* add_choice(CLI::App& command, const std::string& name, T& value,
                        const std::map<std::string, T>& choices, const std::string& help) {
  std::vector<std::string> names;
  std::string usual;
  for (const auto& [choice, meaning] : choices) {
    names.push_back(choice);
    if (meaning == value) usual = choice;
  }
  return command
      .add_option_function<std::string>(
          name, [&value, choices](const std::string& choice) { value = choices.at(choice); }, help)
      ->check(CLI::IsMember(names))
      ->default_str(usual);
}

// A progress bar on standard error if that is a terminal and the work takes more than a second; else nothing.
Progress progress_bar(const std::string& what);

// The whole of a text file, or of standard input for "-". Throws Error.
std::string read_text(const std::string& path);

// The tokenizer to pack with a model: the one that was given, else the model's own, else none (empty).
// `model`: a path. Throws Error if it is no good.
std::vector<uint8_t> find_tokenizer(const std::string& given, const std::string& model,
                                    const TensorSource& source);

// null where there is nothing.
nlohmann::json or_null(const std::optional<double>& value);

// Prints JSON on a line; text that is no UTF-8 is mended.
void print_json(const nlohmann::json& json);

// Standard output is a pipe that nobody reads any more, which is its reader's wish and no error.
class ReaderGone {};

// Standard output is complete. Throws Error if it could not be written (a full disk), ReaderGone.
void finish_output();

// "note: ..." on standard error.
void print_note(const std::string& text);

// "1,2,3" as numbers, each of them a `what`. Throws Error naming the part that is no number.
std::vector<uint32_t> parse_list(const std::string& list, const std::string& what);

}  // namespace brim
