#include "cli/command.h"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/error.h"
#include "engine/kernels.h"
#include "engine/thread_pool.h"
#include "rtl_target/does_not_fit.h"
#include "rtl_target/executor.h"
#include "rtl_target/model.h"
#include "runtime/chat.h"
#include "tokenizer/decoder.h"

namespace brim {

namespace {

std::string context_problem(const std::string& text) {
  const bool number =
      !text.empty() && text.size() <= 8 && text.find_first_not_of("0123456789") == std::string::npos;
  return text == "max" || (number && std::stoul(text) > 0) ? "" : "must be 'max' or a number of tokens";
}

}  // namespace

void PlacementOptions::add_to(CLI::App& command) {
  command.add_option("--board", board, "Board name, or a JSON file that describes one")
      ->capture_default_str();
  command
      .add_option_function<std::string>(
          "--context",
          [this](const std::string& text) {
            context = text == "max" ? std::nullopt : std::optional(static_cast<uint32_t>(std::stoul(text)));
          },
          "Tokens the KV cache has room for, or 'max': all that fit, up to the trained context")
      ->default_str("max")
      ->check(context_problem, "TOKENS|max");
  command.add_option("--embedding", embedding, "How the embedding table is stored: fp16, q8 or q4")
      ->transform(CLI::CheckedTransformer(std::map<std::string, EmbeddingFormat>{
          {"fp16", EmbeddingFormat::kFp16}, {"q8", EmbeddingFormat::kQ8}, {"q4", EmbeddingFormat::kQ4}}))
      ->default_str("q8");
}

void TargetOptions::add_to(CLI::App& command) {
  command
      .add_option(
          "--target", target,
          "What runs the program: cpu (the fastest kernels this processor has), one of "
          "reference, avx512, avx2, neon, or rtl (the accelerator's RTL on the board's memory, simulated)")
      ->check(CLI::IsMember({"cpu", "reference", "avx512", "avx2", "neon", "rtl"}))
      ->capture_default_str();
  command
      .add_option("--rtl-tokens", rtl_tokens,
                  "Tokens per pass that the RTL is built for (default: the smallest one built that fits)")
      ->check(CLI::IsMember({1, 4, 8}));
  command.add_option(
      "--board", board,
      "Board, by name or JSON file, whose memory the RTL is simulated on (default: the image's)");
  command.add_option("-t,--threads", threads, "Threads (default: one per physical core)")
      ->check(CLI::Range(1, 1024));
  command.add_flag("--pin", pin, "Tie each thread to a CPU");
  command
      .add_option_function<std::string>(
          "--load", [this](const std::string& value) { load = value == "copy" ? Load::kCopy : Load::kMap; },
          "map: use the file as the system caches it, which starts at once. copy: read it into huge pages "
          "first, "
          "which takes as much memory again")
      ->check(CLI::IsMember({"map", "copy"}))
      ->default_str("map");
  command
      .add_option("--tokens-per-pass", tokens_per_pass,
                  "Prompt tokens per pass over the weights (default: 64, reference: 8)")
      ->check(CLI::Range(1, 1024));
}

std::unique_ptr<Interpreter> make_interpreter(const MappedImage& image, const TargetOptions& options) {
  if (options.target == "rtl") {
    throw Error(
        "the RTL is simulated, its speed on this machine says nothing; brim run --target rtl --json gives "
        "its cycles");
  }
  constexpr uint32_t kReferenceTokens = 8;
  constexpr uint32_t kCpuTokens = 64;  // by measurement: docs/performance.md
  auto kernels =
      options.target == "cpu" ? make_kernels(available_kernels().front()) : make_kernels(options.target);
  const uint32_t tokens = kernels->name() == "reference" ? kReferenceTokens : kCpuTokens;
  return std::make_unique<Interpreter>(
      image, std::move(kernels),
      InterpreterOptions{.max_tokens_per_pass = options.tokens_per_pass ? options.tokens_per_pass : tokens,
                         .threads = options.thread_count(),
                         .pin = options.pin,
                         .load = options.load});
}

namespace {

// The board that was named, else the one that the image was packed for.
Board board_of(const MappedImage& image, const std::string& named) {
  if (!named.empty()) return load_board(named);
  try {
    return load_board(image.header().board);
  } catch (const Error&) {
    throw rtl_target::DoesNotFit(image.path() + ": was packed for board " + image.header().board +
                                 ", which is none of brim's own; give its description with --board FILE");
  }
}

}  // namespace

std::unique_ptr<Executor> make_executor(const MappedImage& image, const TargetOptions& options) {
  if (options.target != "rtl") {
    if (options.rtl_tokens) throw CLI::ValidationError("--rtl-tokens", "goes with --target rtl only");
    if (!options.board.empty()) throw CLI::ValidationError("--board", "goes with --target rtl only");
    return make_interpreter(image, options);
  }
  return std::make_unique<rtl_target::RtlExecutor>(
      image, board_of(image, options.board),
      rtl_target::RtlOptions{
          .models = rtl_target::model_folder(),
          .tokens = options.rtl_tokens,
          .max_tokens_per_pass = options.tokens_per_pass ? options.tokens_per_pass : UINT32_MAX});
}

Text::Text(const MappedImage& image) {
  const auto blob = image.content(RegionKind::kTokenizer);
  if (blob.empty()) throw Error(image.path() + ": holds no tokenizer; pack with --tokenizer FILE");
  if (const auto problem = tokenizer_.attach(blob); !problem.empty()) {
    throw Error(image.path() + ": tokenizer: bad " + std::string(problem) + "; pack the model again");
  }
  if (tokenizer_.vocabulary_size() > image.header().model.vocabulary) {
    throw Error(image.path() + ": the tokenizer has " + std::to_string(tokenizer_.vocabulary_size()) +
                " tokens, the model " + std::to_string(image.header().model.vocabulary) +
                "; pack with the model's own --tokenizer");
  }
}

std::vector<uint32_t> Text::encode(std::string_view text, bool add_bos) const {
  return brim::encode(tokenizer_, text, {.add_bos = add_bos});
}

std::string Text::decode(std::span<const uint32_t> ids) const {
  StreamDecoder decoder(tokenizer_);
  std::string room(decoder.max_text_bytes(), '\0');
  std::string text;
  for (const uint32_t id : ids) text += decoder.push(id, room);
  text += decoder.finish(room);
  return text;
}

Progress progress_bar(const std::string& what) {
  using Clock = std::chrono::steady_clock;
  if (isatty(STDERR_FILENO) == 0) return {};
  const auto start = Clock::now();
  return [=, shown = -1, first = uint64_t{0}](uint64_t done, uint64_t total) mutable {
    if (shown < 0 && first == 0)
      first = done;  // an earlier run's part, perhaps, which took no time of this one
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const int percent = total == 0 ? 100 : static_cast<int>(done * 100 / total);
    if (percent == shown || (seconds < 1.0 && shown < 0)) return;
    shown = percent;
    constexpr int kWidth = 40;
    const std::string bar(static_cast<size_t>(percent * kWidth / 100), '#');
    std::fprintf(stderr, "\r%s [%-*s] %3d%% %4.0f s", what.c_str(), kWidth, bar.c_str(), percent, seconds);
    if (done > first) {
      std::fprintf(stderr, ", %.0f s left ",
                   seconds * static_cast<double>(total - done) / static_cast<double>(done - first));
    }
    if (done == total) std::fputc('\n', stderr);
    std::fflush(stderr);
  };
}

std::string read_text(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file || (file.peek(), file.bad())) throw Error("cannot read " + path + ": " + std::strerror(errno));
  if (!file.eof()) text << file.rdbuf();
  return text.str();
}

void finish_output() {
  std::cout.flush();
  if (!std::cout || std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Error("cannot write to standard output");
}

std::vector<uint32_t> parse_ids(const std::string& list) {
  std::vector<uint32_t> ids;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) {
    uint32_t id = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), id);
    if (error != std::errc() || end != part.data() + part.size()) {
      throw Error("'" + part + "' is no token id; give ids as 1,2,3");
    }
    ids.push_back(id);
  }
  if (ids.empty()) throw Error("no token ids; give them as 1,2,3");
  return ids;
}

}  // namespace brim
