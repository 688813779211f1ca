// brim: packs LLaMA-family models into the memory of a board, decodes and simulates them.
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "cli/command.h"
#include "cli/usage_error.h"
#include "tokenizer/printable.h"

// What may throw outside `try` is the set-up of the command line, whose errors are ours.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  CLI::App app{
      "Brim packs LLaMA-family models into the memory of a board and decodes them.\n\n"
      "  brim pack models/demo -o demo.brim        make an image from a checkpoint\n"
      "  brim run demo.brim -p \"ROMEO:\" -n 100     decode from it\n"
      "  brim inspect demo.brim                    see what is in it\n"};
  app.set_version_flag("--version", "brim " BRIM_VERSION);
  app.require_subcommand(1);
  app.failure_message(
      [](const CLI::App* root, const CLI::Error& error) { return brim::usage_message(*root, error); });
  brim::add_pack(app);
  brim::add_bake(app);
  brim::add_inspect(app);
  brim::add_run(app);
  brim::add_serve(app);
  brim::add_tokenize(app);
  brim::add_chat_prompt(app);
  brim::add_eval(app);
  brim::add_logits(app);
  brim::add_bench(app);
  brim::add_sim(app);
  brim::add_verify(app);
  brim::add_export(app);
  brim::add_board(app);
  brim::add_board_file(app);
  brim::add_completions(app);

  // Who reads may stop reading: that is no reason to die, where there is more to do than to print.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return 2;
  } catch (const brim::ReaderGone&) {
    return 0;
  } catch (const std::bad_alloc&) {
    std::fputs("brim: out of memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "brim: %s\n", brim::printable(error.what()).c_str());
  }
  return 1;
}
