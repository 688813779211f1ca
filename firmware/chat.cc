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
#include "firmware/timer.h"
#include "isa/layout.h"
#include "runtime/decode.h"
#include "runtime/turn.h"
#include "tokenizer/decoder.h"
#include "tokenizer/utf8.h"

namespace brim {

namespace {

constexpr uint32_t kLineBytes = 2048;
constexpr uint32_t kMarkupBytes = 512;          // more than any template puts round a turn
constexpr uint32_t kScratchBytes = 480 * 1024;  // LLaMA-2's tokenizer takes some 150 bytes per byte of text
constexpr uint32_t kMaxIds = 8192;
constexpr uint32_t kTextBytes = 2048;  // of one token

char line_buffer[kLineBytes];
char chat_text[kLineBytes + kMarkupBytes];
uint8_t encode_scratch[kScratchBytes];
uint32_t ids[kMaxIds];
char token_text[kTextBytes];

constexpr std::string_view kHelp =
    "/reset      forget the conversation\n"
    "/stats      speed and memory traffic of the last answer\n"
    "/temp X     temperature; 0, as at first, takes the most probable token\n"
    "/top-p X    sample among the fewest tokens that hold this share of probability\n"
    "/seed N     seed of the sampler: the same seed, the same answer\n"
    "/tokens N   most tokens of an answer\n"
    "/help       this\n"
    "/quit       stop (also Ctrl-D)\n"
    "Ctrl-C      ends an answer\n";

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  if (text.empty() || text.size() > 18) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

// "0.85"; no exponent, no sign.
std::optional<float> parse_decimal(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  const auto whole = parse_number(slice(text, 0, point));
  if (point == text.size()) return whole ? std::optional<float>(static_cast<float>(*whole)) : std::nullopt;
  const std::string_view decimals = slice(text, point + 1);
  const auto part = parse_number(decimals);
  if (!whole || !part) return std::nullopt;
  double scale = 1;
  for (size_t i = 0; i < decimals.size(); ++i) scale *= 10;
  return static_cast<float>(static_cast<double>(*whole) + static_cast<double>(*part) / scale);
}

// A sampler that works in the logits region's free rows.
class RegionSampler {
 public:
  RegionSampler(Sampler& sampler, Accelerator& accelerator, bool greedy)
      : sampler_(sampler), accelerator_(accelerator), greedy_(greedy) {}

  uint32_t sample(std::span<const float> logits, std::span<Candidate>) {
    return sampler_.sample(logits, greedy_ ? std::span<Candidate>() : accelerator_.sampling_scratch());
  }

 private:
  Sampler& sampler_;
  Accelerator& accelerator_;
  bool greedy_;
};

class Chat {
 public:
  Chat(Accelerator& accelerator, const Tokenizer& tokenizer)
      : accelerator_(accelerator), tokenizer_(tokenizer), place_(accelerator), sampler_(options_) {}

  // The most bytes of a line for which there is scratch.
  bool prepare() {
    while (line_bytes_ > 0 && tokenizer_.scratch_bytes(line_bytes_ + kMarkupBytes) > kScratchBytes)
      --line_bytes_;
    return line_bytes_ > 0 && StreamDecoder(tokenizer_).max_text_bytes() <= kTextBytes;
  }

  void run() {
    LineEditor editor({line_buffer, line_bytes_});
    print("Type to talk, /help for commands.\n> ");
    while (true) {
      if (console::take_interrupt()) {
        editor.clear();
        print("^C\n> ");
      }
      const int byte = console::take();
      if (byte < 0) continue;
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
          if (editor.line() == "/quit") return;
          take(editor.line());
          break;
      }
      print("> ");
    }
  }

 private:
  void take(std::string_view line) {
    if (line.empty()) return;
    if (line.front() == '/') {
      command(line);
    } else {
      answer(line);
    }
  }

  void command(std::string_view line) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::string_view name = slice(line, 0, space);
    const std::string_view value = slice(line, std::min(space + 1, line.size()));
    if (name == "/help") {
      print(kHelp);
    } else if (name == "/reset") {
      place_.rewind(0);
      unrun_ = kNoToken;
      cut_short_ = false;
      print("The conversation is forgotten.\n");
    } else if (name == "/stats") {
      stats();
    } else if (name == "/temp") {
      const auto temperature = parse_decimal(value);
      if (!temperature || *temperature > 100)
        return usage("/temp takes a number from 0 to 100, as /temp 0.8");
      if (*temperature > 0 && !accelerator_.can_sample()) return usage("the image has no room for sampling");
      options_.temperature = *temperature;
      restart_sampler();
    } else if (name == "/top-p") {
      const auto share = parse_decimal(value);
      if (!share || *share > 1) return usage("/top-p takes a number from 0 to 1, as /top-p 0.9");
      options_.top_p = *share;
      restart_sampler();
    } else if (name == "/seed") {
      const auto seed = parse_number(value);
      if (!seed) return usage("/seed takes a whole number, as /seed 7");
      options_.seed = *seed;
      restart_sampler();
    } else if (name == "/tokens") {
      const auto tokens = parse_number(value);
      if (!tokens || *tokens == 0 || *tokens > kMaxContext)
        return usage("/tokens takes a number above 0, as /tokens 100");
      max_tokens_ = static_cast<uint32_t>(*tokens);
    } else {
      usage("there is no such command; /help lists them");
    }
  }

  void usage(std::string_view what) { print("Error: ", what, ".\n"); }

  void restart_sampler() {
    sampler_ = Sampler(options_);
    print("temperature ", Fixed{static_cast<double>(options_.temperature), 2}, ", top-p ",
          Fixed{static_cast<double>(options_.top_p), 2}, ", seed ", options_.seed, "\n");
  }

  void answer(std::string_view line) {
    // What of the last answer has not been run comes first.
    uint32_t count = 0;
    if (unrun_ != kNoToken) ids[count++] = unrun_;
    if (cut_short_) {
      const EncodeResult end = encode_answer_end(tokenizer_, encode_scratch, std::span(ids).subspan(count));
      count += end.count;
    }
    const ChatTurn user = {ChatRole::kUser, line};
    const EncodeResult turn = encode_turns(tokenizer_, {&user, 1}, place_.position() > 0,
                                           {chat_text, encode_scratch}, std::span(ids).subspan(count));
    count += turn.count;
    if (turn.status != EncodeStatus::kOk) return usage("the line is too long to be tokenized");
    if (count >= place_.room()) {
      print("Error: the context of ", accelerator_.context(), " tokens is full: ", place_.position(),
            " are used, ", count, " more and an answer do not fit. /reset begins a new conversation.\n");
      return;
    }

    console::take_interrupt();
    accelerator_.clear_work();
    const double start = seconds_now();
    std::span<const float> logits;
    if (!place_.append({ids, count}, logits)) return;
    unrun_ = kNoToken;
    cut_short_ = false;
    prompt_tokens_ = count;
    first_token_seconds_ = seconds_now() - start;
    accelerator_.clear_work();

    RegionSampler sampler(sampler_, accelerator_, options_.temperature <= 0);
    StreamDecoder decoder(tokenizer_);
    const double decode_start = seconds_now();
    const Stop stop = decode(place_, tokenizer_, sampler, logits, {}, max_tokens_, [&](uint32_t token) {
      print(decoder.push(token, token_text));
      return !console::take_interrupt();
    });
    decode_seconds_ = seconds_now() - decode_start;
    print(decoder.finish(token_text), "\n");
    unrun_ = stop.unrun;
    cut_short_ = stop.reason != StopReason::kEnd;
    if (stop.reason == StopReason::kInterrupted) print("[stopped]\n");
    if (stop.reason == StopReason::kLimit) print("[", max_tokens_, " tokens; /tokens sets the limit]\n");
    if (stop.reason == StopReason::kContextFull) {
      print("[the context of ", accelerator_.context(),
            " tokens is full; /reset begins a new conversation]\n");
    }
  }

  void stats() {
    const Work& work = accelerator_.work();
    print("context      ", place_.position(), " of ", accelerator_.context(), " tokens used\n");
    if (prompt_tokens_ == 0) return;
    print("prompt       ", prompt_tokens_, " tokens, first token after ", Fixed{first_token_seconds_, 3},
          " s\n");
    if (work.tokens == 0) return;
    const double bytes = static_cast<double>(work.beats) * kBeatBytes;
    const auto tokens = static_cast<double>(work.tokens);
    print("decoded      ", work.tokens, " tokens in ", Fixed{decode_seconds_, 3},
          " s: ", Fixed{tokens / decode_seconds_, 2}, " token/s\n", "memory       ", Fixed{bytes / tokens, 0},
          " bytes per token, ", Fixed{bytes / decode_seconds_ / 1e9, 3}, "e9 B/s, ",
          Fixed{100 * bytes / decode_seconds_ / memory_peak_bytes_per_second(), 2}, "% of the ",
          Fixed{memory_peak_bytes_per_second() / 1e9, 1}, "e9 B/s that the board's memory has at its peak\n",
          "accelerator  ", Fixed{static_cast<double>(work.cycles) / tokens, 0}, " cycles per token, busy ",
          Fixed{100 * work.seconds / decode_seconds_, 1}, "% of the time\n");
    if (!accelerator_.counts_stalls()) {
      print("stalls       not counted by this accelerator\n");
      return;
    }
    print("stalls      ");
    for (size_t i = 0; i < work.stalls.size(); ++i) {
      print(" ", registers::kStalls[i].name, " ",
            Fixed{100 * static_cast<double>(work.stalls[i]) /
                      static_cast<double>(std::max<uint64_t>(work.cycles, 1)),
                  2},
            "%");
    }
    print(" of the cycles\n");
  }

  Accelerator& accelerator_;
  const Tokenizer& tokenizer_;
  Position place_;
  SamplerOptions options_;
  Sampler sampler_;
  uint32_t line_bytes_ = kLineBytes;
  uint32_t max_tokens_ = 256;
  uint32_t unrun_ = kNoToken;  // last token chosen, not in the KV cache yet
  bool cut_short_ = false;     // the last answer did not end by itself
  // Of the last answer.
  uint32_t prompt_tokens_ = 0;
  double first_token_seconds_ = 0;
  double decode_seconds_ = 0;
};

}  // namespace

bool chat(Accelerator& accelerator, const ImageHeader& image) {
  const RegionEntry* region = find_region(image, RegionKind::kTokenizer);
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
  Chat session(accelerator, tokenizer);
  if (!session.prepare()) {
    print("Error: this tokenizer needs more memory than the firmware has.\n");
    return false;
  }
  session.run();
  return true;
}

}  // namespace brim
