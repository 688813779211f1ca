#include "cli/usage_error.h"

#include <string_view>
#include <vector>

#include "base/concat.h"
#include "base/nearest.h"
#include "tokenizer/printable.h"

namespace brim {

namespace {

// Commands, or groups of options.
std::vector<const CLI::App*> parts_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// "--prompt", "-p": of a command and the groups in it.
void add_option_names(const CLI::App& command, std::vector<std::string>& names) {
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  for (const CLI::App* group : parts_of(command)) {
    if (group->get_name().empty()) add_option_names(*group, names);
  }
}

// What was left over and looks like an option or a command, or nothing.
std::string unknown_name(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) {
    const std::vector<std::string> rest = app.remaining();
    if (rest.empty()) return "";
    std::vector<std::string> names;
    const bool option = rest.front().starts_with("-");
    if (option) {
      add_option_names(app, names);
    } else {
      for (const CLI::App* command : parts_of(app)) names.push_back(command->get_name());
    }
    return concat("there is no ", option ? "option " : "command ", rest.front(),
                  did_you_mean(rest.front(), names));
  }
  const CLI::App& command = *chosen.front();
  for (const std::string& word : command.remaining()) {
    if (!word.starts_with("-") || word == "-") continue;
    const std::string name = word.substr(0, word.find('='));
    std::vector<std::string> names;
    add_option_names(command, names);
    return concat(command.get_name(), " has no option ", name, did_you_mean(name, names));
  }
  return "";
}

// CLI11 says "Could not convert: --port = x".
std::string unconverted_value(const CLI::Error& error) {
  if (dynamic_cast<const CLI::ConversionError*>(&error) == nullptr) return "";
  const std::string_view text = error.what();
  const size_t name = text.find("--"), value = text.find(" = ");
  if (name == text.npos || value == text.npos || value < name) return "";
  return concat(text.substr(name, value - name), ": '", text.substr(value + 3),
                "' is no number that it takes");
}

}  // namespace

std::string usage_message(const CLI::App& app, const CLI::Error& error) {
  std::string problem = unknown_name(app);
  if (problem.empty()) problem = unconverted_value(error);
  if (problem.empty()) problem = error.what();
  const auto chosen = app.get_subcommands();
  const std::string help = chosen.empty() ? "`brim --help` and `brim COMMAND --help` say"
                                          : concat("`brim ", chosen.front()->get_name(), " --help` says");
  return concat("brim: ", printable(problem), problem.ends_with('?') ? " " : "; ", help, " more\n");
}

}  // namespace brim
