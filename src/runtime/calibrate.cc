#include "runtime/calibrate.h"

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "compile/matrix.h"
#include "engine/kernels.h"
#include "image/mapped_image.h"
#include "runtime/chat.h"
#include "tokenizer/tokenizer.h"

namespace brim {

namespace {

// Sums of squares of one matrix's input channels.
struct Sums {
  std::vector<double> squares;
  uint64_t tokens = 0;

  void add(const A16View& inputs, std::span<const float> factors) {
    for (uint32_t t = 0; t < inputs.tokens; ++t) {
      const A16Digits* row = inputs.row(t);
      for (size_t c = 0; c < squares.size(); ++c) {
        const A16Digits& block = row[c / kA16Block];
        const double x = static_cast<double>(block.mantissa(c % kA16Block)) *
                         static_cast<double>(power_of_two(block.exponent)) * static_cast<double>(factors[t]);
        squares[c] += x * x;
      }
    }
    tokens += inputs.tokens;
  }

  std::vector<float> means() const {
    std::vector<float> result(squares.size());
    for (size_t c = 0; c < result.size(); ++c) {
      result[c] = static_cast<float>(squares[c] / static_cast<double>(tokens));
    }
    return result;
  }
};

}  // namespace

InputMoments calibrate(Interpreter& interpreter, const ModelDescription& model, std::span<const uint32_t> ids,
                       const EvalWindows& windows, const Progress& progress) {
  const std::vector<Matrix> all = matrices(model);
  std::vector<Sums> sums(all.size());
  for (size_t i = 0; i < all.size(); ++i) sums[i].squares.resize(all[i].inputs);

  interpreter.observe_inputs([&](uint32_t matrix, const A16View& inputs, std::span<const float> factors) {
    sums[matrix].add(inputs, factors);
  });
  measure_perplexity(interpreter, ids, windows, progress);
  interpreter.observe_inputs({});

  InputMoments moments;
  for (size_t i = 0; i < all.size(); ++i) {
    switch (all[i].kind) {
      case MatrixKind::kQkv:
        moments.normed_attention.push_back(sums[i].means());
        break;
      case MatrixKind::kOut:
        moments.attention.push_back(sums[i].means());
        break;
      case MatrixKind::kGateUp:  // behind experts it has the router's input
        if (model.experts == 0) moments.normed_ffn.push_back(sums[i].means());
        break;
      case MatrixKind::kDown:
        moments.hidden.push_back(sums[i].means());
        break;
      case MatrixKind::kRouter:
        moments.normed_ffn.push_back(sums[i].means());
        break;
      case MatrixKind::kExpertGateUp:
        break;
      case MatrixKind::kExpertDown:
        moments.expert_hidden.resize(model.layers);
        moments.expert_hidden[all[i].layer].push_back(sums[i].tokens > 0 ? sums[i].means()
                                                                         : std::vector<float>());
        break;
      case MatrixKind::kLmHead:
        moments.final = sums[i].means();
        break;
    }
  }
  return moments;
}

CalibrationTokens calibration_tokens(const ModelDescription& model, std::span<const uint8_t> tokenizer,
                                     std::string_view text) {
  Tokenizer words;
  if (const auto problem = words.attach(tokenizer); !problem.empty()) {
    throw Error("the tokenizer has a bad " + std::string(problem));
  }
  // Of a model whose layers take minutes, half as many.
  constexpr uint64_t kLarge = 3'000'000'000;
  const size_t most = streamed_weights(model) < kLarge ? 8192 : 4096;
  uint32_t longest = 512;
  for (const uint32_t limit : {model.trained_context, model.attention_window}) {
    if (limit > 0) longest = std::min(longest, limit);
  }
  const auto ids = encode(words, text, {});
  if (ids.empty()) throw Error("there is nothing in the text to calibrate with");
  CalibrationTokens tokens;
  for (size_t next = 0; next < ids.size() && tokens.ids.size() < most;) {
    const size_t first = tokens.ids.size();
    if (words.adds_bos()) tokens.ids.push_back(words.bos());
    while (next < ids.size() && tokens.ids.size() - first < std::max(longest, 2u)) {
      tokens.ids.push_back(ids[next++]);
    }
    tokens.windows.push_back(static_cast<uint32_t>(tokens.ids.size() - first));
  }
  return tokens;
}

InputMoments calibrate(const TensorSource& source, std::span<const uint8_t> tokenizer, std::string_view text,
                       const PackOptions& packing, const std::filesystem::path& temporary,
                       const Progress& progress) {
  Tokenizer words;
  if (const auto problem = words.attach(tokenizer); !problem.empty()) {
    throw Error("the tokenizer has a bad " + std::string(problem));
  }
  // Some thousand tokens settle the mean squares; more text costs time only.
  constexpr size_t kTokens = 8192;
  auto ids = encode(words, text, {});
  ids.resize(std::min(ids.size(), kTokens));

  pack_image(source, {}, packing, temporary);
  const MappedImage image(temporary);
  std::filesystem::remove(temporary);  // mapped, it needs no name any more
  constexpr uint32_t kTokensPerPass = 64;
  Interpreter interpreter(image, make_kernels(available_kernels().front()),
                          {.max_tokens_per_pass = kTokensPerPass, .threads = thread_count(packing.threads)});
  EvalWindows windows{.window = std::min(interpreter.context(), 512u), .stride = 0};
  if (words.adds_bos()) windows.bos = words.bos();
  return calibrate(interpreter, source.description(), ids, windows, progress);
}

}  // namespace brim
