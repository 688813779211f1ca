#include "firmware/chat.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "firmware/board.h"
#include "firmware/console.h"
#include "firmware/image_loader.h"
#include "firmware/line_editor.h"
#include "firmware/processing_system.h"
#include "firmware/scrub.h"
#include "firmware/self_test.h"
#include "firmware/timer.h"
#include "isa/layout.h"
#include "runtime/answer_text.h"
#include "runtime/chat_command.h"
#include "runtime/conversation.h"
#include "runtime/model_drafter.h"
#include "runtime/ngram_drafter.h"
#include "runtime/passes.h"
#include "runtime/sampler.h"
#include "tokenizer/decoder.h"

namespace brim {

namespace {

constexpr uint32_t kLineBytes = 2048;
constexpr uint32_t kMarkupBytes = 4096;  // for what the chat table puts round turns, and a system prompt
constexpr uint32_t kScratchBytes = 480 * 1024;  // LLaMA-2's tokenizer takes some 150 bytes per byte of text
constexpr uint32_t kMostTokens = 32768;         // of a conversation
constexpr uint32_t kTextBytes = 2048;           // of one token, and what may be the beginning of a stop text
constexpr uint32_t kTokensPerCheck = 4096;      // decoded between repetitions of the known pass
constexpr uint32_t kNgrams = 16384;             // that drafts are looked up in

char line_buffer[kLineBytes];
char chat_text[kLineBytes + kMarkupBytes];
uint8_t encode_scratch[kScratchBytes];
uint32_t tokens[kMostTokens + 1];
char token_text[kTextBytes];
uint32_t ngrams[kNgrams];

// Of a token more in a pass, until it was measured: the accelerator waits for memory, not for arithmetic.
constexpr double kMarginalCost = 0.02;

class TimerClock final : public PassClock {
 public:
  double seconds() override { return seconds_now(); }
};

// A sampler that works in the logits region's free rows, and on the conversation's own copy of its tokens.
class RegionSampler {
 public:
  RegionSampler(const SamplerOptions& options, Accelerator& accelerator, const Tokenizer& tokenizer)
      : sampler_(options, &tokenizer), accelerator_(accelerator), tokenizer_(tokenizer) {}

  uint32_t sample(std::span<const float> logits) {
    return sampler_.sample({.logits = logits, .text = std::span(tokens).first(count_)},
                           needs_scratch() ? accelerator_.sampling_scratch() : std::span<Candidate>());
  }
  void forget() { count_ = 0; }
  void accept(uint32_t) { ++count_; }
  void drop(uint32_t, uint32_t count) { count_ -= count; }
  bool needs_scratch() const { return sampler_.needs_scratch(); }
  const SamplerOptions& options() const { return sampler_.options(); }

  void set(const SamplerOptions& options) { sampler_ = Sampler(options, &tokenizer_); }

 private:
  Sampler sampler_;
  Accelerator& accelerator_;
  const Tokenizer& tokenizer_;
  uint32_t count_ = 0;
};

class Chat {
 public:
  Chat(Accelerator& accelerator, const Tokenizer& tokenizer, const ImageHeader& image,
       const BakedPrompt& prompt)
      : accelerator_(accelerator),
        image_(image),
        system_(prompt.system()),
        scrubber_(image, accelerator.repairs()),
        tokenizer_(tokenizer),
        conversation_(accelerator, tokenizer, tokens),
        sampler_(settings_.sampler, accelerator, tokenizer),
        lookup_(ngrams),
        speculation_(lookup_, clock_, {.marginal_cost = kMarginalCost}) {
    conversation_.know(prompt.tokens());
    if (PassRunner* const draft = accelerator.draft()) {
      speculation_.add(model_.emplace(*draft, accelerator.vocabulary()));
      model_->know(prompt.draft_tokens());
    }
    speculate();
  }

  // The most bytes of a line for which there is scratch.
  bool prepare() {
    const uint64_t markup = chat_text_bytes(tokenizer_.chat_table(), turns({}, true));
    while (line_bytes_ > 0 && (line_bytes_ + markup > sizeof(chat_text) ||
                               tokenizer_.scratch_bytes(line_bytes_ + markup) > kScratchBytes))
      --line_bytes_;
    return line_bytes_ > 0 &&
           StreamDecoder(tokenizer_).max_text_bytes() + StopTexts::kMostBytes <= kTextBytes;
  }

  void run() {
    LineEditor editor({line_buffer, line_bytes_});
    if (conversation_.context() < accelerator_.context()) {
      print("Of the context of ", accelerator_.context(), " tokens this firmware has memory for ",
            conversation_.context(), ".\n");
    }
    print("Type to talk, /help for commands.\n> ");
    while (true) {
      if (console::take_interrupt()) {
        editor.clear();
        print("^C\n> ");
      }
      const int byte = console::take();
      if (byte < 0) {
        scrubber_.step();
        continue;
      }
      const LineEditor::Event event = editor.feed(static_cast<char>(byte));
      print(editor.echo());
      switch (event) {
        case LineEditor::Event::kNone:
          continue;
        case LineEditor::Event::kEndOfInput:
          print("\n");
          return;
        case LineEditor::Event::kTooLong:
          print("Error: the line is longer than ", line_bytes_, " bytes and was dropped.\n");
          break;
        case LineEditor::Event::kInvalid:
          print("Error: the line is no valid UTF-8 and was dropped.\n");
          break;
        case LineEditor::Event::kLine:
          if (!editor.line().empty() && !take(editor.line())) return;
          if (tokens_since_check_ >= kTokensPerCheck && !self_check()) return;
          break;
      }
      print("> ");
    }
  }

 private:
  // What the user says, behind the system prompt, if there is one, where it is the first.
  std::span<const ChatTurn> turns(std::string_view user, bool first) {
    turns_[0] = {ChatRole::kSystem, system_};
    turns_[1] = {ChatRole::kUser, user};
    return std::span(turns_).subspan(first && !system_.empty() ? 0 : 1);
  }

  // False: the chat is over.
  bool take(std::string_view line) {
    char room[kChatMessageBytes];
    const ChatLine read = read_chat_line(line, settings_, room);
    switch (read.action) {
      case ChatAction::kSay:
        answer(read.text);
        return true;
      case ChatAction::kReset:
        conversation_.rewind(0);
        print("The conversation is forgotten.\n");
        return true;
      case ChatAction::kStats:
        stats();
        return true;
      case ChatAction::kSampler:
        change_sampler(read.text);
        return true;
      case ChatAction::kSelfCheck:
        return self_check();
      case ChatAction::kTokens:
        print(read.text, "\n");
        return true;
      case ChatAction::kSpec:
        change_spec(read.text);
        return true;
      case ChatAction::kShift:
        conversation_.shift_context(settings_.context_shift);
        print(read.text, "\n");
        return true;
      case ChatAction::kHelp:
        write_help([](std::string_view help) { print(help, "\n"); });
        return true;
      case ChatAction::kRefuse:
        refuse(read.text);
        return true;
      case ChatAction::kQuit:
        return false;
    }
    return false;
  }

  // To what the settings say, or back.
  void change_sampler(std::string_view message) {
    const SamplerOptions before = sampler_.options();
    std::string_view problem;
    for (const LogitBias& bias : settings_.sampler.logit_bias) {
      if (bias.token >= tokenizer_.vocabulary_size()) problem = "there is no such token";
    }
    sampler_.set(settings_.sampler);
    if (sampler_.needs_scratch() && !accelerator_.can_sample())
      problem = "the image has no room for sampling";
    if (!problem.empty()) {
      settings_.sampler = before;
      sampler_.set(settings_.sampler);
      return refuse(problem);
    }
    speculate();
    print(message, "\n");
  }

  void change_spec(std::string_view message) {
    if (settings_.spec == SpecType::kDraft && !model_) {
      settings_.spec = spec_;
      return refuse("the image holds no draft model; pack it with --draft MODEL");
    }
    speculate();
    print(message, "\n");
  }

  // Drafts as the settings have it. While tokens are sampled, rows of the logits region have to be left over.
  void speculate() {
    spec_ = settings_.spec;
    speculation_.enable(kNgramDrafter, uses_ngram(spec_));
    if (model_) speculation_.enable(kModelDrafter, uses_draft_model(spec_));
    conversation_.speculate(spec_ == SpecType::kNone ? nullptr : &speculation_);
    speculation_.set_max_drafts(sampler_.needs_scratch() ? accelerator_.sampled_tokens() - 1
                                                         : Speculation::kMostDrafts);
  }

  // The known pass stands at the first positions. What the conversation has there is run again, which gives
  // the same K and V.
  bool self_check() {
    tokens_since_check_ = 0;
    const Work work = accelerator_.work();
    if (!self_test(accelerator_, image_.known_pass)) return false;
    const bool whole = conversation_.run_again(image_.known_pass.tokens);
    accelerator_.set_work(work);
    return whole;
  }

  void refuse(std::string_view what) { print("Error: ", what, ".\n"); }

  void answer(std::string_view line) {
    const Conversation::ShiftCounts shifts = conversation_.shift_counts();
    switch (
        conversation_.add_turns(turns(line, conversation_.tokens().empty()), {chat_text, encode_scratch})) {
      case Conversation::Added::kYes:
        break;
      case Conversation::Added::kTextTooLong:
        return refuse("the line is too long to be tokenized");
      case Conversation::Added::kContextFull:
        print("Error: the context of ", conversation_.context(),
              " tokens is full: ", conversation_.position(),
              " are used, and the line does not fit. /reset begins a new conversation, /shift on drops the "
              "older half of this one.\n");
        if (const uint64_t gone = conversation_.shift_counts().dropped - shifts.dropped; gone > 0)
          print("[", gone, " older tokens were dropped for it]\n");
        return;
    }

    console::take_interrupt();
    accelerator_.clear_work();
    const double start = seconds_now();
    const auto prompt_tokens = static_cast<uint32_t>(conversation_.unrun().size());
    if (!conversation_.read()) return;
    prompt_tokens_ = prompt_tokens;
    first_token_seconds_ = seconds_now() - start;
    accelerator_.clear_work();

    AnswerText text(StreamDecoder(tokenizer_), settings_.sampler.stop);
    speculation_.clear_counts();
    const uint64_t before = conversation_.position() + conversation_.shift_counts().dropped;
    const uint64_t passes = conversation_.passes();
    const double decode_start = seconds_now();
    const StopReason reason = conversation_.generate(sampler_, settings_.max_tokens, [&](uint32_t token) {
      print(text.push(token, token_text));
      return !text.stopped() && !console::take_interrupt();
    });
    decode_seconds_ = seconds_now() - decode_start;
    const Conversation::ShiftCounts& shifted = conversation_.shift_counts();
    decoded_tokens_ = static_cast<uint32_t>(conversation_.position() + shifted.dropped - before);
    tokens_since_check_ += decoded_tokens_;
    passes_ = conversation_.passes() - passes;
    print(text.finish(token_text), "\n");
    if (reason == StopReason::kInterrupted && !text.stopped()) print("[stopped]\n");
    if (reason == StopReason::kLimit) print("[", settings_.max_tokens, " tokens; /tokens sets the limit]\n");
    if (shifted.shifts > shifts.shifts) {
      print("[the context was full: ", shifted.dropped - shifts.dropped, " tokens are dropped, ",
            shifted.run_again - shifts.run_again, " were run again]\n");
    }
    if (reason == StopReason::kContextFull) {
      print("[the context of ", conversation_.context(),
            " tokens is full; /reset begins a new conversation, /shift on drops the older half]\n");
    }
  }

  void stats() {
    const Work& work = accelerator_.work();
    print("context      ", conversation_.position(), " of ", conversation_.context(), " tokens used\n");
    const Repairs& repairs = accelerator_.repairs();
    print("integrity    ", repairs.count(), " repairs");
    if (repairs.count() > 0) print(", the last at ", Hex{repairs.last()});
    print("; ", Fixed{static_cast<double>(scrubber_.bytes()) / (1 << 20), 1},
          " MiB read between turns, the whole image ", scrubber_.rounds(), " times\n");
    if (prompt_tokens_ == 0) return;
    print("prompt       ", prompt_tokens_, " tokens, first token after ", Fixed{first_token_seconds_, 3},
          " s\n");
    if (decoded_tokens_ == 0) return;
    const double bytes = static_cast<double>(work.beats()) * kBeatBytes;
    const auto count = static_cast<double>(decoded_tokens_);
    print("decoded      ", decoded_tokens_, " tokens in ", Fixed{decode_seconds_, 3},
          " s: ", Fixed{count / decode_seconds_, 2}, " token/s\n", "memory       ", Fixed{bytes / count, 0},
          " bytes per token, ", Fixed{bytes / decode_seconds_ / 1e9, 3}, "e9 B/s, ",
          Fixed{100 * bytes / decode_seconds_ / memory_peak_bytes_per_second(), 2}, "% of the ",
          Fixed{memory_peak_bytes_per_second() / 1e9, 1}, "e9 B/s that the board's memory has at its peak\n",
          "accelerator  ", Fixed{static_cast<double>(work.counters.cycles) / count, 0},
          " cycles per token, busy ", Fixed{100 * work.seconds / decode_seconds_, 1}, "% of the time\n",
          "processor    ",
          Fixed{1e6 * (decode_seconds_ - work.seconds - work.rows.seconds) /
                    static_cast<double>(std::max<uint64_t>(work.passes, 1)),
                1},
          " us between passes\n");
    if (accelerator_.reads_rows()) {
      print("card         ", work.rows.rows, " rows of the embedding, waited for ",
            Fixed{work.rows.seconds, 3}, " s\n");
    }
    const SpeculationCounts& spec = speculation_.counts();
    print("passes       ", passes_, ", ",
          Fixed{count / static_cast<double>(std::max<uint64_t>(passes_, 1)), 2}, " tokens each; ",
          spec.accepted, " of ", spec.drafted, " drafted tokens accepted");
    if (model_) {
      const DraftCounts& by_model = speculation_.counts_of(kModelDrafter);
      print(", ", by_model.accepted, " of ", by_model.drafted, " of them the draft model's");
    }
    print("\n");
    if (!accelerator_.counts_stalls()) {
      print("stalls       not counted by this accelerator\n");
      return;
    }
    print("stalls      ");
    for (size_t i = 0; i < work.counters.stalls.size(); ++i) {
      print(" ", registers::kStalls[i].name, " ",
            Fixed{100 * static_cast<double>(work.counters.stalls[i]) /
                      static_cast<double>(std::max<uint64_t>(work.counters.cycles, 1)),
                  2},
            "%");
    }
    print(" of the cycles\n");
  }

  Accelerator& accelerator_;
  const ImageHeader& image_;
  const std::string_view system_;
  ChatTurn turns_[2];
  Scrubber scrubber_;
  const Tokenizer& tokenizer_;
  Conversation conversation_;
  ChatSettings settings_;
  SpecType spec_ = SpecType::kAuto;  // that is in use
  RegionSampler sampler_;
  NgramDrafter lookup_;
  std::optional<ModelDrafter> model_;  // none: the image has no draft model
  TimerClock clock_;
  Speculation speculation_;
  uint32_t line_bytes_ = kLineBytes;
  // Of the last answer.
  uint32_t prompt_tokens_ = 0;
  double first_token_seconds_ = 0;
  double decode_seconds_ = 0;
  uint32_t decoded_tokens_ = 0;
  uint32_t tokens_since_check_ = 0;
  uint64_t passes_ = 0;
};

}  // namespace

bool chat(Accelerator& accelerator, const ImageHeader& image, const BakedPrompt& prompt) {
  const RegionEntry* region = ImageView(image).tokenizer;
  if (region == nullptr) {
    print("Error: the image holds no tokenizer. Pack with --tokenizer FILE.\n");
    return false;
  }
  static Tokenizer tokenizer;
  const auto* blob = reinterpret_cast<const uint8_t*>(region->address);
  if (const std::string_view bad = tokenizer.attach({blob, region->bytes}); !bad.empty()) {
    print("Error: the image's tokenizer has a bad ", bad, ". Pack the model again.\n");
    return false;
  }
  if (tokenizer.vocabulary_size() > accelerator.vocabulary()) {
    print("Error: the tokenizer has ", tokenizer.vocabulary_size(), " tokens, the model ",
          accelerator.vocabulary(), ". Pack with the model's own --tokenizer.\n");
    return false;
  }
  Chat session(accelerator, tokenizer, image, prompt);
  if (!session.prepare()) {
    print("Error: this tokenizer", prompt.system().empty() ? "" : " with this system prompt",
          " needs more memory than the firmware has.\n");
    return false;
  }
  session.run();
  return true;
}

}  // namespace brim
