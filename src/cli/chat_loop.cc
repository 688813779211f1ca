#include "cli/chat_loop.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "runtime/answer_text.h"
#include "runtime/known_pass.h"
#include "runtime/passes.h"

namespace brim {

namespace {

double rate(uint64_t tokens, double seconds) {
  return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
}

class ChatLoop {
 public:
  ChatLoop(Chat& chat, const Tokenizer& tokenizer, HostSpeculation& speculation,
           const std::optional<GrammarState>& grammar, const ChatSettings& settings, Executor& executor,
           const KnownPass& known, std::atomic<bool>& interrupted)
      : chat_(chat),
        tokenizer_(tokenizer),
        speculation_(speculation),
        grammar_(grammar),
        settings_(settings),
        sampler_(make_sampler()),
        executor_(executor),
        known_(known),
        interrupted_(interrupted) {
    chat_.session().speculate(speculation_.get());
    chat_.session().conversation().shift_context(settings_.context_shift);
  }

  // False: the chat is over.
  bool take(const std::string& line) {
    char room[kChatMessageBytes];
    const ChatLine read = read_chat_line(line, settings_, room);
    switch (read.action) {
      case ChatAction::kSay:
        answer(read.text);
        return true;
      case ChatAction::kReset:
        chat_.reset();
        std::cout << "The conversation is forgotten.\n";
        return true;
      case ChatAction::kStats:
        stats();
        return true;
      case ChatAction::kSampler:
        change_sampler(read.text);
        return true;
      case ChatAction::kSelfCheck:
        self_check();
        return true;
      case ChatAction::kTokens:
        std::cout << read.text << '\n';
        return true;
      case ChatAction::kSpec:
        change_spec(read.text);
        return true;
      case ChatAction::kShift:
        chat_.session().conversation().shift_context(settings_.context_shift);
        std::cout << read.text << '\n';
        return true;
      case ChatAction::kHelp:
        write_help([](std::string_view help) { std::cout << help << '\n'; });
        return true;
      case ChatAction::kRefuse:
        std::cout << std::flush;
        std::cerr << "brim: " << read.text << '\n';
        return true;
      case ChatAction::kQuit:
        return false;
    }
    return false;
  }

 private:
  HostSampler make_sampler() const {
    HostSampler sampler(settings_.sampler, tokenizer_);
    if (grammar_) sampler.constrain(*grammar_);
    return sampler;
  }

  void change_sampler(std::string_view message) {
    try {
      sampler_ = make_sampler();
      std::cout << message << '\n';
    } catch (const Error& error) {
      settings_.sampler = sampler_.options();
      std::cout << std::flush;
      std::cerr << "brim: " << error.what() << '\n';
    }
  }

  void change_spec(std::string_view message) {
    try {
      speculation_.set_type(settings_.spec);
      chat_.session().speculate(speculation_.get());
      std::cout << message << '\n';
    } catch (const Error& error) {
      settings_.spec = speculation_.type();
      std::cout << std::flush;
      std::cerr << "brim: " << error.what() << '\n';
    }
  }

  void answer(std::string_view user) {
    interrupted_ = false;
    speculation_.clear_counts();
    AnswerText text(StreamDecoder(tokenizer_), settings_.sampler.stop);
    std::string room(text.max_text_bytes(), '\0');
    try {
      last_ =
          chat_.answer(user, sampler_, {.max_tokens = settings_.max_tokens, .on_token = [&](uint32_t token) {
                                          std::cout << text.push(token, room) << std::flush;
                                          return !text.stopped() && !interrupted_ && std::cout.good();
                                        }});
      std::cout << text.finish(room) << '\n';
      if (last_.reason == StopReason::kContextFull) {
        std::cerr << "brim: the context is full; /reset starts a new conversation, /shift on drops its older "
                     "half\n";
      }
      if (const uint64_t shifts = this->shifts(); shifts > told_shifts_) {
        std::cerr << "brim: the context was full: the older half of the conversation is dropped\n";
        told_shifts_ = shifts;
      }
    } catch (const Error& error) {
      // The conversation is as it was, and goes on.
      std::cerr << "brim: " << error.what() << "; /reset starts a new conversation\n";
    }
  }

  // The known pass stands at the first positions. What the conversation has there is run again, which gives
  // the same K and V.
  void self_check() {
    if (known_.tokens == 0) {
      std::cerr << "brim: the image carries no known pass; pack the model again to have one\n";
      return;
    }
    try {
      const bool right = gives_known_logits(executor_, known_);
      chat_.session().conversation().run_again(known_.tokens);
      std::cout
          << (right ? "The known pass gives the logits that the image carries.\n"
                    : "The known pass gives other logits than the image carries: memory or processor cannot "
                      "be trusted.\n");
    } catch (const Error& error) {
      std::cerr << "brim: " << error.what() << '\n';
    }
  }

  uint64_t shifts() const { return chat_.session().conversation().shift_counts().shifts; }

  void stats() const {
    const Session& session = chat_.session();
    std::printf("context      %u of %u tokens used\n", session.position(),
                session.position() + session.room());
    if (const auto& counts = session.conversation().shift_counts(); counts.shifts > 0) {
      std::printf("shifts       %llu: %llu tokens dropped, %llu run again\n",
                  static_cast<unsigned long long>(counts.shifts),
                  static_cast<unsigned long long>(counts.dropped),
                  static_cast<unsigned long long>(counts.run_again));
    }
    if (last_.prompt_tokens == 0) return;
    std::printf("prompt       %zu tokens, first token after %s\n", last_.prompt_tokens,
                with_unit(last_.prompt_seconds, "s").c_str());
    const size_t decoded = last_.tokens.empty() ? 0 : last_.tokens.size() - 1;
    std::printf("decoded      %zu tokens in %s: %.2f token/s\n", decoded,
                with_unit(last_.decode_seconds, "s").c_str(), rate(decoded, last_.decode_seconds));
    if (last_.passes == 0) return;
    std::printf("passes       %llu, %.2f tokens each; %s\n", static_cast<unsigned long long>(last_.passes),
                static_cast<double>(decoded) / static_cast<double>(last_.passes),
                describe_drafts(speculation_).c_str());
  }

  Chat& chat_;
  const Tokenizer& tokenizer_;
  HostSpeculation& speculation_;
  const std::optional<GrammarState>& grammar_;
  ChatSettings settings_;
  HostSampler sampler_;
  Executor& executor_;
  const KnownPass& known_;
  std::atomic<bool>& interrupted_;
  Generation last_;
  uint64_t told_shifts_ = 0;
};

}  // namespace

void chat_loop(Chat& chat, const Tokenizer& tokenizer, HostSpeculation& speculation,
               const std::optional<GrammarState>& grammar, const ChatSettings& settings, Executor& executor,
               const KnownPass& known, std::atomic<bool>& interrupted) {
  const bool interactive = isatty(STDIN_FILENO) != 0;
  if (interactive) std::cout << "Type /help for what can be done here.\n";
  ChatLoop loop(chat, tokenizer, speculation, grammar, settings, executor, known, interrupted);
  for (std::string line; std::cout.good();) {
    if (interactive) std::cout << "> " << std::flush;
    if (!std::getline(std::cin, line)) break;
    if (line.empty()) continue;
    if (!loop.take(line)) break;
  }
}

}  // namespace brim
