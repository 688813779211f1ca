// What is said of a command line that is wrong.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace brim {

// One line: what is wrong, with the option or command that was probably meant, and where to read on.
std::string usage_message(const CLI::App& app, const CLI::Error& error);

}  // namespace brim
