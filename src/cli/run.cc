#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/concat.h"
#include "base/error.h"
#include "cli/chat_loop.h"
#include "cli/command.h"
#include "rtl_target/totals.h"
#include "runtime/answer_text.h"
#include "runtime/chat.h"
#include "runtime/context_file.h"
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
  GrammarOptions grammar;
  Target target;
  SpecOptions spec;
  bool show_drafts = false;
  std::string passes;
  std::string save, load;
  bool context_shift = false;
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

// What is not measured without a token or a pass.
std::optional<double> ratio(uint64_t count, double of) {
  return count > 0 && of > 0 ? std::optional(static_cast<double>(count) / of) : std::nullopt;
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
          {"decode_tokens_per_second", or_null(shares.decode_tokens_per_second)},
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
    print_note(note);
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
  std::string system = options.system;
  const BakedPrompt* const baked = model.load_prompt();
  if (baked != nullptr) {
    session.conversation().know(baked->tokens);
    if (baked->kind != PromptKind::kSystem) {
      print_note(options.image + ": its baked prompt is a text for brim run without --chat, and is not used");
    } else if (system.empty()) {
      system = baked->text;
    } else if (system != baked->text) {
      print_note(options.image + ": its baked system prompt gives way to --system");
    }
  }
  HostSpeculation speculation(model.executor(), model.executor().draft(), options.spec);
  if (baked != nullptr) speculation.know(baked->draft_tokens());
  Chat conversation(session, std::move(system), program ? &*program : nullptr, prompt_options);
  std::signal(SIGINT, on_interrupt);
  chat_loop(conversation, model.tokenizer(), speculation, options.grammar.compile(model.tokenizer()),
            {.sampler = options.sampler,
             .max_tokens = options.tokens,
             .spec = options.spec.type,
             .context_shift = options.context_shift},
            model.executor(), model.image().header().known_pass, interrupted);
  finish_output();
}

void run(const Options& options) {
  LoadedModel model(options.image, options.target);
  const Text& text = model.text();
  std::string prompt = options.prompt_file.empty() ? options.prompt : read_text(options.prompt_file);

  Executor* const executor = &model.executor();
  const auto* rtl = dynamic_cast<const rtl_target::RtlExecutor*>(executor);
  std::optional<PassLog> log;
  std::optional<LoggingRunner> logged, draft_logged;
  PassRunner* runner = executor;
  PassRunner* draft = executor->draft();
  if (!options.passes.empty()) {
    log.emplace(options.passes);
    runner = &logged.emplace(*executor, *log, kMainModel);
    if (draft != nullptr) draft = &draft_logged.emplace(*executor->draft(), *log, kDraftModel);
  }
  HostSpeculation speculation(*executor, draft, options.spec);
  Session session(*runner, text.tokenizer());
  session.speculate(speculation.get());
  session.conversation().shift_context(options.context_shift);
  HostSampler sampler(options.sampler, text.tokenizer());
  if (auto grammar = options.grammar.compile(text.tokenizer())) sampler.constrain(std::move(*grammar));
  std::vector<uint32_t> ids;
  if (options.load.empty()) {
    if (const BakedPrompt* baked = model.load_prompt()) {
      session.conversation().know(baked->tokens);
      speculation.know(baked->draft_tokens());
      if (baked->kind == PromptKind::kText) {
        prompt = baked->text + prompt;
      } else {
        print_note(options.image + ": its baked prompt is the system prompt of a chat, and is not used");
      }
    }
    ids = text.encode_prompt(prompt, options.special);
    session.add(ids);  // throws before the prompt is shown
  } else {
    const SavedContext saved = load_context(*executor, model.image(), options.load);
    sampler.set_state(saved.sampler);
    ids = saved.tokens;
    const auto more = prompt.empty() ? std::vector<uint32_t>{} : text.encode(prompt, false);
    ids.insert(ids.end(), more.begin(), more.end());
    session.restore(ids, saved.position, saved.written);
  }
  const size_t prompt_tokens = ids.size();
  StreamDecoder decoder(text.tokenizer());
  std::string room(decoder.max_text_bytes(), '\0');
  std::string shown;
  const auto show = [&](std::string_view piece) {
    shown += piece;
    if (!options.json) std::cout << piece << std::flush;
  };
  for (const uint32_t id : ids) show(decoder.push(id, room));
  const size_t prompt_bytes = shown.size();
  AnswerText answer(decoder, options.sampler.stop);
  room.resize(answer.max_text_bytes());

  std::signal(SIGINT, on_interrupt);
  const Generation result = session.generate(
      sampler, {.max_tokens = options.tokens, .on_token = [&](uint32_t token) {
                  const bool mark = options.show_drafts && session.conversation().last_as_drafted();
                  if (mark) std::cout << kDrafted;
                  show(answer.push(token, room));
                  if (mark) std::cout << kPlain;
                  return !answer.stopped() && !interrupted && std::cout.good();
                }});
  std::signal(SIGINT, SIG_DFL);
  if (log) log->finish();
  show(answer.finish(room));
  const char* const reason = answer.stopped() ? "stop text" : describe(result.reason);
  if (!options.save.empty()) {
    const Conversation& conversation = session.conversation();
    save_context({.tokens = {conversation.tokens().begin(), conversation.tokens().end()},
                  .position = conversation.position(),
                  .written = conversation.written(),
                  .sampler = sampler.state()},
                 *executor, model.image(), options.save);
  }
  ids.insert(ids.end(), result.tokens.begin(), result.tokens.end());
  const uint64_t decoded = result.tokens.empty() ? 0 : result.tokens.size() - 1;
  const Conversation::ShiftCounts& shifts = session.conversation().shift_counts();

  if (options.json) {
    nlohmann::json summary = {
        {"text", shown},
        {"generated_text", shown.substr(prompt_bytes)},
        {"token_ids", ids},
        {"prompt_tokens", prompt_tokens},
        {"prompt_tokens_run", result.prompt_tokens},
        {"generated_tokens", result.tokens.size()},
        {"prompt_seconds", result.prompt_seconds},
        {"decode_seconds", result.decode_seconds},
        {"prompt_tokens_per_second", rate(result.prompt_tokens, result.prompt_seconds)},
        {"decode_tokens_per_second", or_null(ratio(decoded, result.decode_seconds))},
        {"stop_reason", reason},
        {"target", executor->name()},
        {"passes", result.passes},
        {"tokens_per_pass", or_null(ratio(decoded, static_cast<double>(result.passes)))},
        {"drafted", {{"ngram", speculation.ngram_counts().drafted}}},
        {"accepted", {{"ngram", speculation.ngram_counts().accepted}}},
        {"context_shifts", shifts.shifts},
        {"tokens_dropped", shifts.dropped},
        {"tokens_run_again", shifts.run_again},
    };
    if (speculation.has_model()) {
      summary["drafted"]["draft"] = speculation.model_counts().drafted;
      summary["accepted"]["draft"] = speculation.model_counts().accepted;
    }
    if (rtl != nullptr)
      summary["accelerator"] =
          report(*rtl, model.image(), static_cast<uint32_t>(result.prompt_tokens), decoded);
    print_json(summary);
    finish_output();
    return;
  }
  std::cout << '\n';
  finish_output();
  if (shifts.shifts > 0) {
    print_note(concat("the context of ", executor->context(), " tokens was full ", shifts.shifts,
                      shifts.shifts == 1 ? " time: " : " times: ", shifts.dropped,
                      " tokens behind the first ", Conversation::kSinks, " are dropped, ", shifts.run_again,
                      " were run again"));
  }
  if (result.reason == StopReason::kContextFull) {
    std::fprintf(
        stderr,
        "brim: the context of %u tokens is full after %zu of the %u tokens of -n; pack with a larger "
        "--context to go on, or give --context-shift\n",
        executor->context(), result.tokens.size(), options.tokens);
  }
  if (isatty(STDERR_FILENO)) {
    std::fprintf(stderr, "[%s: %zu prompt tokens at %.1f token/s, %zu generated at %.1f token/s; %s]\n",
                 executor->name().c_str(), result.prompt_tokens,
                 rate(result.prompt_tokens, result.prompt_seconds), result.tokens.size(),
                 rate(decoded, result.decode_seconds), reason);
    if (speculation.counts().drafted > 0) {
      std::fprintf(stderr, "[%llu passes, %.2f tokens each; %s]\n",
                   static_cast<unsigned long long>(result.passes),
                   static_cast<double>(decoded) / static_cast<double>(result.passes),
                   describe_drafts(speculation).c_str());
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
  auto* save = command->add_option("--save", options->save,
                                   "Keep text, KV cache and sampler in this file when done, for --load");
  auto* load = command->add_option(
      "--load", options->load,
      "Go on from a saved text, without running it again, and with its random numbers (not --seed's); a "
      "prompt is added behind it");
  command->add_option("-n,--tokens", options->tokens, "Most tokens to generate")->capture_default_str();
  command->add_flag(
      "--context-shift", options->context_shift,
      "When the context is full, keep its first 4 tokens and the newer half, run that again and "
      "go on (default: end there)");
  add_sampler_options(*command, options->sampler);
  add_grammar_options(*command, options->grammar);
  add_target_options(*command, options->target);
  add_spec_options(*command, options->spec);
  auto* passes = command->add_option(
      "--passes", options->passes,
      "Write position, tokens and logits of every pass to this file, for brim sim --replay");
  auto* chat_flag = command->add_flag("--chat", options->chat,
                                      "Hold a conversation: turns from standard input, a line each");
  chat_flag->excludes("--prompt")
      ->excludes("--prompt-file")
      ->excludes(passes)
      ->excludes(save)
      ->excludes(load);
  command
      ->add_option(
          "--template-var", options->template_variables,
          "NAME=VALUE that the chat template sees, as enable_thinking=false; can be given several times")
      ->needs(chat_flag);
  command
      ->add_flag("--special,!--no-special", options->special,
                 "Take special tokens that the prompt writes out, as <|eot_id|>, for those tokens (default); "
                 "--no-special for texts that are not trusted. In a chat they never are")
      ->excludes(chat_flag);
  command->add_option("--system", options->system, "What opens the conversation")->needs(chat_flag);
  auto* json = command->add_flag("--json", options->json, "Print one JSON object when done");
  json->excludes(chat_flag);
  command->add_flag("--show-drafts", options->show_drafts, "Colour what was drafted and kept")
      ->excludes(chat_flag)
      ->excludes(json);
  command->callback([options] { options->chat ? chat(*options) : run(*options); });
}

}  // namespace brim
