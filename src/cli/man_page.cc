#include <algorithm>
#include <cctype>
#include <sstream>

#include "base/concat.h"
#include "cli/command_line_text.h"

namespace brim {

namespace {

// Text that groff takes as it is: no requests, no escapes, and minus signs that can be copied.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n')) {
      result += std::string("\\&") + c;
    } else {
      result += c;
    }
  }
  return result;
}

std::string bold(const std::string& text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + escaped(text) + "\\fR"; }

// Paragraphs, and lines that begin with a space as they stand.
std::string paragraphs(const std::string& text) {
  std::string result;
  bool verbatim = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool indented = line.starts_with(' ');
    if (indented != verbatim) result += indented ? ".PP\n.nf\n" : ".fi\n";
    verbatim = indented;
    result += line.empty() ? ".PP\n" : escaped(line) + "\n";
  }
  if (verbatim) result += ".fi\n";
  // A paragraph that is followed by another macro of its kind would be an empty one.
  for (size_t at = 0; (at = result.find(".PP\n.PP\n", at)) != std::string::npos;) result.erase(at, 4);
  return result;
}

std::string option_paragraph(const OptionText& option) {
  std::string heading;
  for (const std::string& name : option.names) {
    if (!heading.empty()) heading += ", ";
    heading += option.positional ? italic(name) : bold(name);
  }
  if (!option.positional && !option.value.empty()) {
    heading += " ";
    for (const std::string& choice : option.choices)
      heading += (&choice == option.choices.data() ? "" : "|") + bold(choice);
    if (option.choices.empty()) heading += italic(option.value);
  }
  std::string help = option.help;
  if (!option.range.empty()) help += ". From " + option.range;
  if (!option.default_value.empty()) help += ". Default: " + option.default_value;
  return concat(".TP\n", heading, "\n", escaped(help), help.ends_with('.') ? "\n" : ".\n");
}

std::string usage(const CommandText& command) {
  std::string line = bold("brim " + command.name);
  if (std::any_of(command.options.begin(), command.options.end(),
                  [](const OptionText& each) { return !each.positional; }))
    line += " [" + italic("OPTION") + "]...";
  for (const OptionText& each : command.options) {
    if (each.positional)
      line += " " + (each.required ? "" : std::string("[")) + italic(each.names.front()) +
              (each.required ? "" : "]");
    if (!each.positional && each.required) line += " " + bold(each.names.back()) + " " + italic(each.value);
  }
  return line;
}

}  // namespace

std::string man_page(const CLI::App& app, const std::string& version) {
  const CommandText program = program_text(app);
  const std::vector<CommandText> commands = command_texts(app);
  std::string page = concat(
      ".\\\" Written by `brim completions man`.\n"
      ".TH BRIM 1 \"\" \"brim ",
      version,
      "\" \"User Commands\"\n"
      ".SH NAME\nbrim \\- language models at the memory limit of a small board\n"
      ".SH SYNOPSIS\n",
      bold("brim"), " ", italic("COMMAND"), " [", italic("ARGUMENT"),
      "]...\n"
      ".SH DESCRIPTION\n",
      paragraphs(program.help), ".SH OPTIONS\n");
  for (const OptionText& each : program.options) page += option_paragraph(each);
  page += ".SH COMMANDS\n";
  for (const CommandText& command : commands) {
    page += concat(".SS ", usage(command), "\n", paragraphs(command.help));
    for (const OptionText& each : command.options) {
      if (each.names.back() != "--help") page += option_paragraph(each);
    }
  }
  page +=
      ".SH EXIT STATUS\n"
      ".TP\n\\fB0\\fR\nDone.\n"
      ".TP\n\\fB1\\fR\nIt could not be done; one line on standard error says why.\n"
      ".TP\n\\fB2\\fR\nWrong usage.\n";
  return page;
}

}  // namespace brim
