// How much of a model's quality an image keeps: perplexity and divergence of the checkpoint in plain FP32, of
// the image's weights in plain FP32 (4-bit weights, but neither A16 activations nor an 8-bit KV cache), and
// of the image as executors run it. Prints one row of a Markdown table. Usage: quality IMAGE CHECKPOINT TEXT
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>

#include "engine/interpreter.h"
#include "engine/kernels.h"
#include "image/mapped_image.h"
#include "runtime/chat.h"
#include "runtime/perplexity.h"
#include "tests/support/dequantised_source.h"

namespace {

int run(const char* image_path, const char* checkpoint_path, const char* text_path) {
  using namespace brim;
  const MappedImage image(image_path);
  const auto checkpoint = open_model(checkpoint_path);
  std::ifstream file(text_path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Tokenizer tokenizer;
  if (!tokenizer.attach(image.tokenizer()).empty()) return 1;
  const auto ids = encode(tokenizer, text, {});

  Interpreter executor(image, make_kernels(available_kernels().front()),
                       {.max_tokens_per_pass = 64, .threads = 1});
  EvalWindows windows{.window = std::min(image.header().context, 512u), .stride = 0};
  if (tokenizer.adds_bos()) windows.bos = tokenizer.bos();
  Fp32Forward reference(*checkpoint);
  const Comparison comparison = compare_with_reference(executor, reference, ids, windows, {});
  const test::DequantisedSource weights(image);
  Fp32Forward dequantised(weights);
  const Perplexity without_kv8 = measure_perplexity(dequantised, ids, windows, {});

  static constexpr const char* kEmbedding[] = {"fp16", "q8", "q4"};
  const ImageModel& model = image.header().model;
  std::printf("| %s | %s | %s | %.3f | %.3f | %.3f | %.4f | %.1f%% |\n", model.name, model.quantiser,
              kEmbedding[static_cast<uint32_t>(model.embedding)], comparison.reference.perplexity(),
              without_kv8.perplexity(), comparison.executor.perplexity(), comparison.mean_kl(),
              100 * comparison.top1_agreement());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: quality IMAGE CHECKPOINT TEXT\n");
    return 2;
  }
  try {
    return run(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quality: %s\n", error.what());
    return 1;
  }
}
