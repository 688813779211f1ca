#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"
#include "cli/command.h"
#include "engine/kernels.h"
#include "numerics/fp32.h"
#include "rtl_target/does_not_fit.h"
#include "rtl_target/model.h"
#include "runtime/known_pass.h"
#include "runtime/passes.h"
#include "tokenizer/printable.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  uint32_t tokens = 12;
  std::string board;             // of the RTL; empty: the image's
  std::vector<std::string> set;  // changes of it
  bool json = false;
};

// What was found, told as it is found: a pipe's reader wants to see that something is going on.
class Findings {
 public:
  explicit Findings(bool json) : json_(json) {}

  // Of an executor: "same", "reference" or "not compared".
  void executor(const std::string& name, const char* result, const std::string& text) {
    executors_.push_back({{"name", name}, {"result", result}});
    say(name + ": " + text);
  }
  void say(const std::string& text) const {
    if (json_) return;
    std::printf("%s\n", printable(text).c_str());
    std::fflush(stdout);
  }
  const nlohmann::json& executors() const { return executors_; }

 private:
  const bool json_;
  nlohmann::json executors_ = nlohmann::json::array();
};

// One way to run the image.
struct Variant {
  std::string name;
  Target target;
};

// A pass of a larger model takes the simulated RTL more than a few seconds.
constexpr uint64_t kMostBytesForRtl = 32 << 20;

// All kernels of this processor, one and several tokens per pass, one and two threads; the plainest first.
// Then the RTL in all the sizes that are built.
std::vector<Variant> variants(const Options& options, bool with_rtl) {
  std::vector<Variant> result;
  std::vector<std::string_view> kernels = available_kernels();
  std::rotate(kernels.begin(), kernels.end() - 1, kernels.end());
  for (const std::string_view target : kernels) {
    for (const uint32_t tokens : {1u, 5u, 12u}) {
      for (const uint32_t threads : {1u, 2u}) {
        Variant variant{std::string(target) + ", " + std::to_string(tokens) + " per pass, " +
                            std::to_string(threads) + (threads == 1 ? " thread" : " threads"),
                        {}};
        variant.target.name = target;
        variant.target.tokens_per_pass = tokens;
        variant.target.threads = threads;
        result.push_back(variant);
      }
    }
  }
  if (!with_rtl) return result;
  for (const uint32_t tokens : rtl_target::built_models(rtl_target::model_folder())) {
    Variant variant{"rtl, " + std::to_string(tokens) + " per pass", {}};
    variant.target.name = "rtl";
    variant.target.rtl_tokens = tokens;
    variant.target.board = options.board;
    variant.target.set = options.set;
    result.push_back(variant);
  }
  return result;
}

// Logits of every position, one after the other.
std::vector<float> run_all(Executor& executor, std::span<const uint32_t> ids) {
  std::vector<float> result;
  run_passes(executor, ids, 0, 0, [&](size_t, std::span<const float> row) {
    result.insert(result.end(), row.begin(), row.end());
  });
  return result;
}

void verify(const Options& options) {
  const MappedImage image(options.image);
  image.verify(progress_bar("checksums"));
  Findings findings(options.json);
  findings.say("checksums: all regions are right");

  // A spread of ids; any will do, since all executors get the same.
  const uint32_t vocabulary = image.header().model.vocabulary;
  const uint32_t count = std::min(options.tokens, image.header().context);
  std::vector<uint32_t> ids(count);
  for (uint32_t i = 0; i < count; ++i)
    ids[i] = static_cast<uint32_t>((i * uint64_t{2654435761u} + 1) % vocabulary);

  const KnownPass& known = image.header().known_pass;
  std::vector<float> expected;
  const bool with_rtl = image.bytes().size() <= kMostBytesForRtl;
  for (const Variant& variant : variants(options, with_rtl)) {
    std::unique_ptr<Executor> executor;
    try {
      executor = make_executor(image, variant.target);
    } catch (const rtl_target::DoesNotFit& reason) {
      findings.executor(variant.name, "not compared", std::string("not compared, ") + reason.what());
      continue;
    }
    if (known.tokens > 0 && !gives_known_logits(*executor, known)) {
      throw Error(options.image + ": " + variant.name +
                  ": the logits of the known pass are not those of the executor that "
                  "packed the image; this is a fault of brim, please report it");
    }
    const std::vector<float> logits = run_all(*executor, ids);
    if (expected.empty()) {
      expected = logits;
      findings.executor(variant.name, "reference",
                        concat("logits of ", count, " positions taken as the reference"));
      continue;
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      if (float_bits(logits[i]) == float_bits(expected[i])) continue;
      throw Error(variant.name + ": logit " + std::to_string(i % vocabulary) + " at position " +
                  std::to_string(i / vocabulary) + " is " + std::to_string(logits[i]) +
                  ", the reference gives " + std::to_string(expected[i]) +
                  "; this is a fault of brim, please report it");
    }
    findings.executor(variant.name, "same", "the same bits");
  }
  if (!with_rtl) {
    findings.executor("rtl", "not compared",
                      "not compared, a model of this size takes too long; brim logits --target rtl runs it");
  } else if (rtl_target::built_models(rtl_target::model_folder()).empty()) {
    findings.executor("rtl", "not compared", "not compared, it is not built; run make rtl");
  }
  findings.say(std::string("known pass: ") +
               (known.tokens > 0 ? "the logits that the image carries" : "the image carries none"));
  if (options.json) {
    print_json({{"image", options.image},
                {"checksums", "right"},
                {"positions", count},
                {"executors", findings.executors()},
                {"known_pass", known.tokens > 0}});
  }
  finish_output();
}

}  // namespace

void add_verify(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("verify", "Check an image's checksums, and the executors against each other");
  command->add_option("IMAGE", options->image, "Image file")->required();
  command->add_option("-n,--tokens", options->tokens, "Positions to compare")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option(
      "--board", options->board,
      "Board, by name or JSON file, whose memory the RTL is compared on (default: the image's)");
  add_set(*command, options->set);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { verify(*options); });
}

}  // namespace brim
