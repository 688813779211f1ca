// The command line as text: what man page and shell completions are written from, so that they say what the
// program takes.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace brim {

struct OptionText {
  std::vector<std::string>
      names;          // as typed: "-n", "--tokens"; of a positional argument the one it is shown by
  std::string value;  // what stands for its value: "N", "TEXT"; empty: it takes none
  std::vector<std::string> choices;  // all the values it takes, where they can be listed
  std::string range;                 // "1 to 1024"; empty: not said
  std::string default_value;         // empty: none
  std::string help;
  bool positional = false;
  bool required = false;

  // A text that is not one of a list may be the name of a file.
  bool may_be_file() const { return value == "TEXT" && choices.empty(); }
};

struct CommandText {
  std::string name, help;
  std::vector<OptionText> options;  // positional arguments first
};

// What `app` itself takes, and what its commands take. Hidden commands and options are left out.
CommandText program_text(const CLI::App& app);
std::vector<CommandText> command_texts(const CLI::App& app);

// The files; what each shell and man(1) reads.
std::string bash_completions(const CLI::App& app);
std::string zsh_completions(const CLI::App& app);
std::string fish_completions(const CLI::App& app);
std::string man_page(const CLI::App& app, const std::string& version);

}  // namespace brim
