#include "memtest/board_file.h"

#include <iostream>

#include "base/error.h"
#include "cli/command.h"

namespace brim {

namespace {

struct Options {
  std::string from;
  std::string like = "kv260";
  std::string name = "measured";
};

}  // namespace

void add_board_file(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "board-file", "Make a board file of what the firmware printed on the board, /memtest included");
  command->add_option("--from", options->from, "The console's text, or - for standard input")->required();
  command->add_option("--like", options->like, "Board that it is like in everything that was not measured")
      ->capture_default_str();
  command->add_option("--name", options->name, "The board's name")->capture_default_str();
  command->callback([options] {
    std::cout << memtest::board_file(read_text(options->from), options->name, options->like);
    finish_output();
  });
}

}  // namespace brim
