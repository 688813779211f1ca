#include <csignal>
#include <iostream>
#include <thread>

#include "base/concat.h"
#include "base/error.h"
#include "cli/command.h"
#include "engine/read_bandwidth.h"
#include "server/server.h"
#include "tokenizer/build.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  Target target;
  server::ServerOptions server;
};

// Ctrl-C and the system's request to end, taken by the thread that waits for them; from now on by no other
// one.
sigset_t take_end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void serve(const Options& options) {
  const sigset_t signals = take_end_signals();
  LoadedModel model(options.image, options.target);
  for (const std::string& note : tokenizer_notes(model.tokenizer().tables())) {
    print_note(note);
  }
  server::ServerOptions server_options = options.server;
  if (!options.target.is_rtl()) {
    constexpr uint64_t kBytes = 256 << 20;  // measured at once, and more than the caches hold
    server_options.read_bandwidth =
        ReadBandwidth(options.target.thread_count(), options.target.pin, kBytes).measure();
  }
  server::Server server(model, server_options);
  std::thread listening([&] { server.run(); });
  std::cout << concat("brim: ", options.image, " at ", server.url(), ", ", options.target.caches,
                      options.target.caches == 1 ? " slot" : " slots", ", ", model.executor().name(),
                      "; Ctrl-C ends it\n")
            << std::flush;
  int signal = 0;
  sigwait(&signals, &signal);
  // Pressed again, it does not wait for anything.
  std::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  server.stop();
  listening.join();
}

}  // namespace

void add_serve(CLI::App& app) {
  auto options = std::make_shared<Options>();
  server::ServerOptions& server = options->server;
  CLI::App* command =
      app.add_subcommand("serve", "Answer programs that speak OpenAI's API, over HTTP (docs/server.md)");
  command->add_option("IMAGE", options->image, "Image file")->required();
  command->add_option("--host", server.host, "Address to listen at; 0.0.0.0: this machine's on every network")
      ->capture_default_str();
  command->add_option("--port", server.port, "Port; 0: any that is free")->capture_default_str();
  command
      ->add_option("-P,--parallel", options->target.caches,
                   "Conversations that are held, each with a KV cache, and share each reading of the weights")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command
      ->add_option("--queue", server.queue, "Requests that wait for one of them; more are refused with 503")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command->add_option("--alias", server.alias, "The model's id (default: the image's name)");
  command->add_option("--api-key", server.api_key, "Key that requests must bring: Authorization: Bearer KEY")
      ->envname("BRIM_API_KEY");
  command->add_option(
      "--cors-origin", server.cors_origin,
      "Origin whose pages may ask, as https://example.org; *: all (default: only this server's own)");
  command
      ->add_option("--slot-save-path", server.slot_save_path,
                   "Folder where /slots saves KV caches (default: they are not saved)")
      ->check(CLI::ExistingDirectory);
  command->add_option("--max-body", server.max_body, "Most bytes of a request")->capture_default_str();
  command->add_flag(
      "--context-shift", server.context_shift,
      "When an answer fills the context, keep its first 4 tokens and the newer half, run that again "
      "and go on (default: end the answer)");
  // What OpenAI's API says of requests that do not say it.
  server.defaults.sampler.temperature = 1;
  add_sampler_options(*command, server.defaults.sampler);
  add_target_options(*command, options->target);
  add_spec_options(*command, server.spec);
  command->get_option("--seed")->default_str("random");
  command->callback([options, seed = command->get_option("--seed")] {
    options->server.defaults.random_seed = seed->count() == 0;
    serve(*options);
  });
}

}  // namespace brim
