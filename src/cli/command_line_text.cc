#include "cli/command_line_text.h"

#include <algorithm>
#include <sstream>

namespace brim {

namespace {

// What CLI11 shows of a value is TYPE:CHECK. A list is "{a,b}", a map of names "value in {a->0,b->1} OR
// {0,1}", a range "INT in [1 - 1024]"; other checks have a name for the value.
void read_type(const std::string& shown, OptionText& option) {
  const std::string type = shown.substr(0, shown.find(':'));
  const std::string check = type.size() < shown.size() ? shown.substr(type.size() + 1) : "";
  option.value = type == "TEXT" || type == "ENUM"  ? "TEXT"
                 : type == "FLOAT"                 ? "X"
                 : type == "UINT" || type == "INT" ? "N"
                                                   : type;
  const size_t open = check.find_first_of("{[");
  if (open == std::string::npos) {
    if (!check.empty()) option.value = check;
    return;
  }
  std::string inside = check.substr(open + 1, check.find_first_of("}]", open) - open - 1);
  if (check[open] == '[') {
    const size_t dash = inside.find(" - ");
    if (dash == std::string::npos) {
      option.value = check;  // a name with something optional, "q8[,card]"
    } else {
      option.range = inside.replace(dash, 3, " to ");
    }
    return;
  }
  std::istringstream list(inside);
  for (std::string item; std::getline(list, item, ',');)
    option.choices.push_back(item.substr(0, item.find("->")));
}

OptionText text_of(const CLI::Option& from) {
  OptionText option;
  for (const std::string& name : from.get_snames()) option.names.push_back("-" + name);
  for (const std::string& name : from.get_lnames()) option.names.push_back("--" + name);
  option.positional = option.names.empty();
  if (option.positional) option.names.push_back(from.get_name(true));
  if (from.get_items_expected_max() > 0) read_type(from.get_type_name(), option);
  option.default_value = from.get_default_str();
  option.help = from.get_description();
  option.required = from.get_required();
  return option;
}

}  // namespace

CommandText program_text(const CLI::App& app) {
  CommandText command{.name = app.get_name(), .help = app.get_description(), .options = {}};
  for (const CLI::Option* option :
       app.get_options([](const CLI::Option* each) { return !each->get_group().empty(); }))
    command.options.push_back(text_of(*option));
  std::stable_partition(command.options.begin(), command.options.end(),
                        [](const OptionText& option) { return option.positional; });
  return command;
}

std::vector<CommandText> command_texts(const CLI::App& app) {
  std::vector<CommandText> commands;
  for (const CLI::App* command :
       app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); }))
    commands.push_back(program_text(*command));
  return commands;
}

}  // namespace brim
