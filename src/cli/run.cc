#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "cli/chat_loop.h"
#include "cli/command.h"
#include "rtl_target/totals.h"
#include "runtime/chat.h"
#include "runtime/pass_log.h"
#include "runtime/session.h"
#include "sim/subject.h"
#include "tokenizer/build.h"
#include "tokenizer/chat_program.h"
#include "tokenizer/decoder.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string prompt;
  std::string prompt_file;
  uint32_t tokens = 256;
  SamplerOptions sampler;
  Target target;
  SpecOptions spec;
  bool show_drafts = false;
  std::string passes;
  bool chat = false;
  std::string system;
  std::vector<std::string> template_variables;
  bool special = true;
  bool json = false;
};

// Ctrl-C ends the generation under way; pressed again before the next one, the program.
std::atomic<bool> interrupted{false};
void on_interrupt(int) {
  if (interrupted.exchange(true)) std::_Exit(128 + SIGINT);
}

// Colours of tokens that were drafted and kept, and of all others.
constexpr const char* kDrafted = "\033[32m";
constexpr const char* kPlain = "\033[0m";

const char* describe(StopReason reason) {
  switch (reason) {
    case StopReason::kEnd:
      return "end of text";
    case StopReason::kLimit:
      return "token limit";
    case StopReason::kContextFull:
      return "context full";
    case StopReason::kInterrupted:
      return "interrupted";
    case StopReason::kFailed:
      return "failed";
  }
  return "";
}

double rate(uint64_t tokens, double seconds) {
  return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
}

// What the accelerator's RTL counted in all passes.
accelerator::Counters total_of(const rtl_target::RtlExecutor& rtl) {
  accelerator::Counters total;
  for (const auto& pass : rtl.passes()) total += pass.counters;
  return total;
}

// Rates and shares of the simulated board, each as docs/simulator.md defines it.
nlohmann::json report(const rtl_target::RtlExecutor& rtl, const MappedImage& image, uint32_t prompt_tokens,
                      uint64_t decoded_tokens) {
  sim::RunResult run = rtl_target::run_of(rtl.passes(), prompt_tokens);
  run.decode.tokens = static_cast<double>(decoded_tokens);  // not those that were drafted in vain
  const sim::Shares shares = sim::shares_of(rtl.board(), sim::subject_of(image, rtl.board()), run);
  const accelerator::Counters total = total_of(rtl);
  nlohmann::json stalls;
  for (size_t i = 0; i < registers::kStalls.size(); ++i) {
    stalls[std::string(registers::kStalls[i].name)] = total.stalls[i];
  }
  return {{"tokens_per_pass", rtl.lanes()},
          {"passes", rtl.passes().size()},
          {"cycles", total.cycles},
          {"beats_read", total.beats_read},
          {"beats_written", total.beats_written},
          {"tokens_per_second", shares.tokens_per_second},
          {"decode_tokens_per_second", shares.decode_tokens_per_second},
          {"bandwidth_share", shares.bandwidth_share},
          {"limit_share", shares.limit_share},
          {"stall_cycles", stalls},
          {"fifo_full_cycles", total.fifo_full},
          {"port_idle_cycles", total.port_idle}};
}

void chat(const Options& options) {
  LoadedModel model(options.image, options.target);
  Session session(model.executor(), model.tokenizer());
  for (const std::string& note : tokenizer_notes(model.tokenizer().tables())) {
    std::fprintf(stderr, "note: %s\n", note.c_str());
  }
  std::optional<ChatProgram> program;
  try {
    program.emplace(model.tokenizer());
  } catch (const Error&) {
    // A template that cannot be read: the notes have told it, and turns are plain lines.
  }
  ChatPromptOptions prompt_options;
  for (const std::string& variable : options.template_variables) {
    add_template_variable(variable, prompt_options.variables);
  }
  HostSpeculation speculation(model.executor(), options.spec);
  Chat conversation(session, options.system, program ? &*program : nullptr, prompt_options);
  std::signal(SIGINT, on_interrupt);
  chat_loop(conversation, model.tokenizer(), speculation,
            {.sampler = options.sampler, .max_tokens = options.tokens, .spec = options.spec.type},
            model.executor(), model.image().header().known_pass, interrupted);
  finish_output();
}

void run(const Options& options) {
  LoadedModel model(options.image, options.target);
  const Text& text = model.text();
  std::vector<uint32_t> ids = text.encode_prompt(
      options.prompt_file.empty() ? options.prompt : read_text(options.prompt_file), options.special);
  const size_t prompt_tokens = ids.size();

  Executor* const executor = &model.executor();
  const auto* rtl = dynamic_cast<const rtl_target::RtlExecutor*>(executor);
  std::optional<LoggingRunner> log;
  if (!options.passes.empty()) log.emplace(*executor, options.passes);
  HostSpeculation speculation(*executor, options.spec);
  Session session(log ? static_cast<PassRunner&>(*log) : *executor, text.tokenizer());
  session.speculate(speculation.get());
  session.add(ids);  // throws before the prompt is shown
  HostSampler sampler(options.sampler);
  StreamDecoder decoder(text.tokenizer());
  std::string room(decoder.max_text_bytes(), '\0');
  const auto show = [&](uint32_t id) {
    if (options.json) return;
    std::cout << decoder.push(id, room) << std::flush;
  };
  for (const uint32_t id : ids) show(id);

  std::signal(SIGINT, on_interrupt);
  const Generation result = session.generate(
      sampler, {.max_tokens = options.tokens, .on_token = [&](uint32_t token) {
                  const bool mark = options.show_drafts && session.conversation().last_as_drafted();
                  if (mark) std::cout << kDrafted;
                  show(token);
                  if (mark) std::cout << kPlain;
                  return !interrupted && std::cout.good();
                }});
  std::signal(SIGINT, SIG_DFL);
  if (log) log->finish();
  ids.insert(ids.end(), result.tokens.begin(), result.tokens.end());
  const uint64_t decoded = result.tokens.empty() ? 0 : result.tokens.size() - 1;

  if (options.json) {
    nlohmann::json summary = {
        {"text", text.decode(ids)},
        {"generated_text", text.decode(ids).substr(text.decode(std::span(ids).first(prompt_tokens)).size())},
        {"token_ids", ids},
        {"prompt_tokens", prompt_tokens},
        {"generated_tokens", result.tokens.size()},
        {"prompt_seconds", result.prompt_seconds},
        {"decode_seconds", result.decode_seconds},
        {"prompt_tokens_per_second", rate(prompt_tokens, result.prompt_seconds)},
        {"decode_tokens_per_second", rate(decoded, result.decode_seconds)},
        {"stop_reason", describe(result.reason)},
        {"target", executor->name()},
        {"passes", result.passes},
        {"tokens_per_pass", result.passes > 0 ? static_cast<double>(decoded) / result.passes : 0.0},
        {"drafted", {{"ngram", speculation.counts().drafted}}},
        {"accepted", {{"ngram", speculation.counts().accepted}}},
    };
    if (rtl != nullptr)
      summary["accelerator"] = report(*rtl, model.image(), static_cast<uint32_t>(prompt_tokens), decoded);
    std::cout << summary.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    finish_output();
    return;
  }
  std::cout << decoder.finish(room) << '\n';
  finish_output();
  if (result.reason == StopReason::kContextFull) {
    std::fprintf(stderr, "brim: the context of %u tokens is full; pack with a larger --context to go on\n",
                 executor->context());
  }
  if (isatty(STDERR_FILENO)) {
    std::fprintf(stderr, "[%s: %zu prompt tokens at %.1f token/s, %zu generated at %.1f token/s; %s]\n",
                 executor->name().c_str(), prompt_tokens, rate(prompt_tokens, result.prompt_seconds),
                 result.tokens.size(), rate(decoded, result.decode_seconds), describe(result.reason));
    if (speculation.counts().drafted > 0) {
      std::fprintf(stderr, "[%llu passes, %.2f tokens each; %llu of %llu drafted tokens accepted]\n",
                   static_cast<unsigned long long>(result.passes),
                   static_cast<double>(decoded) / static_cast<double>(result.passes),
                   static_cast<unsigned long long>(speculation.counts().accepted),
                   static_cast<unsigned long long>(speculation.counts().drafted));
    }
    if (rtl != nullptr) {
      const double cycles = static_cast<double>(total_of(*rtl).cycles);
      std::fprintf(stderr, "[simulated board: %zu passes in %.0f cycles, %.4f s at %.0f MHz]\n",
                   rtl->passes().size(), cycles, cycles / rtl->clock_hz(), rtl->clock_hz() / 1e6);
    }
  }
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("run", "Decode text from an image");
  command->add_option("IMAGE", options->image, "Image file")->required();
  auto* prompt = command->add_option("-p,--prompt", options->prompt, "Text to go on from");
  command->add_option("--prompt-file", options->prompt_file, "File with that text, - for standard input")
      ->excludes(prompt);
  command->add_option("-n,--tokens", options->tokens, "Most tokens to generate")->capture_default_str();
  add_sampler_options(*command, options->sampler);
  add_target_options(*command, options->target);
  add_spec_options(*command, options->spec);
  command->add_option("--passes", options->passes,
                      "Write position, tokens and logits of every pass to this file, for brim sim --replay");
  auto* chat_flag = command->add_flag("--chat", options->chat,
                                      "Hold a conversation: turns from standard input, a line each");
  chat_flag->excludes("--prompt")->excludes("--prompt-file");
  command
      ->add_option(
          "--template-var", options->template_variables,
          "NAME=VALUE that the chat template sees, as enable_thinking=false; can be given several times")
      ->needs(chat_flag);
  command->add_flag(
      "--special,!--no-special", options->special,
      "Take special tokens that the prompt writes out, as <|eot_id|>, for those tokens (default); "
      "--no-special for texts that are not trusted. In a chat they never are");
  command->add_option("--system", options->system, "What opens the conversation")->needs(chat_flag);
  auto* json = command->add_flag("--json", options->json, "Print one JSON object when done");
  json->excludes(chat_flag);
  command->add_flag("--show-drafts", options->show_drafts, "Colour what was drafted and kept")
      ->excludes(chat_flag)
      ->excludes(json);
  command->callback([options] { options->chat ? chat(*options) : run(*options); });
}

}  // namespace brim
