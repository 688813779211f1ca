#include <iostream>
#include <iterator>

#include "base/concat.h"
#include "cli/command.h"
#include "cli/command_line_text.h"

namespace brim {

namespace {

std::string join(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

// The options' names, without the positional arguments.
std::string option_names(const CommandText& command) {
  std::vector<std::string> names;
  for (const OptionText& option : command.options) {
    if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return join(names, " ");
}

// A list shows the first sentence.
std::string first_sentence(const std::string& help) {
  const std::string line = help.substr(0, help.find('\n'));
  return line.substr(0, line.find(". "));
}

std::string replace_all(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

std::string single_quoted(const std::string& text) { return "'" + replace_all(text, "'", "'\\''") + "'"; }

// The same in fish, where a backslash counts within quotes.
std::string fish_quoted(const std::string& text) {
  return "'" + replace_all(replace_all(text, "\\", "\\\\"), "'", "\\'") + "'";
}

}  // namespace

std::string bash_completions(const CLI::App& app) {
  const std::vector<CommandText> commands = command_texts(app);
  std::string names, options, values;
  for (const CommandText& command : commands) {
    names += (names.empty() ? "" : " ") + command.name;
    options += concat("    ", command.name, ") words='", option_names(command), "' ;;\n");
    for (const OptionText& option : command.options) {
      if (option.positional || option.value.empty()) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) patterns.push_back(command.name + ":" + name);
      if (!option.choices.empty()) {
        values += concat("    ", join(patterns, "|"), ") words='", join(option.choices, " "), "' ;;\n");
      } else {
        values +=
            concat("    ", join(patterns, "|"), option.may_be_file() ? ") files=1 ;;\n" : ") return ;;\n");
      }
    }
  }
  return concat(
      "# Written by `brim completions bash`.\n"
      "_brim() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= files= words= "
      "word\n"
      "  # bash takes --name=value apart at the equals sign.\n"
      "  if [[ $current == = ]]; then\n"
      "    current=\n"
      "  elif [[ $before == = ]]; then\n"
      "    before=${COMP_WORDS[COMP_CWORD-2]}\n"
      "  fi\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [[ $word == -* ]] || { command=$word; break; }\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  if [[ -z $command ]]; then\n"
      "    words='",
      names, " ", option_names(program_text(app)),
      "'\n"
      "    [[ $current == -* ]] || words='",
      names,
      "'\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "    return\n"
      "  fi\n"
      "  case $command:$before in\n",
      values,
      "  esac\n"
      "  if [[ -z $words && -z $files && $current == -* ]]; then\n"
      "    case $command in\n",
      options,
      "    esac\n"
      "  fi\n"
      "  if [[ -n $words ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  else\n"
      "    mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
      "  fi\n"
      "}\n"
      "complete -o filenames -o bashdefault -F _brim brim\n");
}

std::string zsh_completions(const CLI::App& app) {
  // What has a meaning in a specification of _arguments: '[OPTION][help]:value:action'.
  const auto escaped = [](std::string text) {
    for (const char* special : {"\\", "[", "]", ":"})
      text = replace_all(text, special, std::string("\\") + special);
    return text;
  };
  const auto specification = [&](const OptionText& option) {
    const std::string action = !option.choices.empty() ? "(" + join(option.choices, " ") + ")"
                               : option.may_be_file()  ? "_files"
                                                       : " ";
    const std::string value = option.value.empty() ? "" : concat(":", escaped(option.value), ":", action);
    if (option.positional)
      return concat("      ", single_quoted(concat(":", escaped(option.names.front()), ":_files")), "\n");
    std::string lines;
    for (const std::string& name : option.names)
      lines += concat("      ",
                      single_quoted(concat("*", name, value.empty() || name[1] != '-' ? "" : "=", "[",
                                           escaped(first_sentence(option.help)), "]", value)),
                      "\n");
    return lines;
  };
  std::string names, cases;
  for (const CommandText& command : command_texts(app)) {
    names +=
        concat("    ", single_quoted(concat(escaped(command.name), ":", first_sentence(command.help))), "\n");
    cases += concat("  ", command.name, ")\n    arguments=(\n");
    for (const OptionText& option : command.options) cases += specification(option);
    cases += "    ) ;;\n";
  }
  std::string own;
  for (const OptionText& option : program_text(app).options) own += specification(option);
  return concat(
      "#compdef brim\n"
      "# Written by `brim completions zsh`.\n"
      "local -a commands arguments\n"
      "if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
      "  commands=(\n",
      names,
      "  )\n"
      "  _describe -t commands 'command of brim' commands\n"
      "  return\n"
      "fi\n"
      "if (( CURRENT == 2 )); then\n"
      "  arguments=(\n",
      own,
      "  )\n"
      "  _arguments -s $arguments\n"
      "  return\n"
      "fi\n"
      "local command=$words[2]\n"
      "shift words\n"
      "(( CURRENT-- ))\n"
      "case $command in\n",
      cases,
      "esac\n"
      "_arguments -s $arguments\n");
}

std::string fish_completions(const CLI::App& app) {
  std::string lines =
      "# Written by `brim completions fish`.\n"
      "complete -c brim -n __fish_use_subcommand -f\n";
  const auto add = [&lines](const std::string& condition, const OptionText& option) {
    if (option.positional) return;
    lines += "complete -c brim -n " + single_quoted(condition);
    for (const std::string& name : option.names)
      lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (!option.choices.empty()) {
      lines += " -x -a " + fish_quoted(join(option.choices, " "));
    } else if (!option.value.empty()) {
      lines += option.may_be_file() ? " -r -F" : " -x";
    }
    lines += " -d " + fish_quoted(first_sentence(option.help)) + "\n";
  };
  for (const OptionText& option : program_text(app).options) add("__fish_use_subcommand", option);
  for (const CommandText& command : command_texts(app)) {
    lines += concat("complete -c brim -n __fish_use_subcommand -a ", command.name, " -d ",
                    fish_quoted(first_sentence(command.help)), "\n");
    for (const OptionText& option : command.options)
      add("__fish_seen_subcommand_from " + command.name, option);
  }
  return lines;
}

void add_completions(CLI::App& app) {
  auto what = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "completions", "Write the completions of a shell, or the man page, to standard output");
  command->group("");  // for packages; `brim --help` is for users
  command->add_option("WHAT", *what, "bash, zsh, fish or man")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish", "man"}));
  command->callback([what, &app] {
    std::cout << (*what == "bash"   ? bash_completions(app)
                  : *what == "zsh"  ? zsh_completions(app)
                  : *what == "fish" ? fish_completions(app)
                                    : man_page(app, BRIM_VERSION));
    finish_output();
  });
}

}  // namespace brim
