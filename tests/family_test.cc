// Every family from its files to logits: golden models whose logits scripts/generate_family_golden.py
// computes in float64 from the published equations, read as Hugging Face directory and as GGUF file.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "compile/matrix.h"
#include "engine/interpreter.h"
#include "model/fp32_forward.h"
#include "tests/support/exact_kernels.h"
#include "tests/support/small_models.h"

namespace brim::test {
namespace {

const std::string kGolden = BRIM_SOURCE_DIR "/tests/golden/";

// A family, in one of its forms.
struct Form {
  std::string family;
  std::string file;  // in the family's folder; empty: the folder itself
  std::string path() const { return kGolden + family + (file.empty() ? "" : "/" + file); }
};

std::vector<Form> forms() {
  std::vector<Form> all;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    const std::string family = entry.path().filename().string();
    all.push_back({family, ""});
    if (std::filesystem::exists(entry.path() / "model.gguf")) all.push_back({family, "model.gguf"});
  }
  std::ranges::sort(all, {}, &Form::path);
  return all;
}

std::vector<Form> forms_without_experts() {
  std::vector<Form> all = forms();
  std::erase_if(all, [](const Form& form) { return open_model(form.path())->description().experts > 0; });
  return all;
}

struct Case {
  uint32_t context;  // positions that there is room for
  std::vector<uint32_t> tokens;
  std::vector<float> logits;  // [token][vocabulary]

  float largest() const {
    float largest = 0;
    for (const float logit : logits) largest = std::max(largest, std::fabs(logit));
    return largest;
  }
};

std::vector<Case> cases_of(const std::string& family) {
  std::ifstream file(kGolden + family + "/golden.json");
  const auto document = nlohmann::json::parse(file);
  std::vector<Case> cases;
  for (const auto& each : document["cases"]) {
    Case one{.context = each["context"], .tokens = document["tokens"], .logits = {}};
    for (const auto& row : each["logits"]) {
      for (const auto& logit : row) one.logits.push_back(logit.get<float>());
    }
    cases.push_back(one);
  }
  return cases;
}

class Family : public testing::TestWithParam<Form> {};

TEST_P(Family, LogitsInFp32AreTheGoldenOnes) {
  const auto source = open_model(GetParam().path());
  for (const Case& golden : cases_of(GetParam().family)) {
    Fp32Forward forward(*source, golden.context);
    size_t i = 0;
    for (const uint32_t token : golden.tokens) {
      for (const float logit : forward.step(token)) {
        ASSERT_NEAR(logit, golden.logits.at(i), golden.largest() * 1e-5f) << "logit " << i;
        ++i;
      }
    }
    EXPECT_EQ(i, golden.logits.size());
  }
}

std::vector<float> run(Executor& executor, const Case& golden) {
  const auto logits = executor.run({.tokens = golden.tokens, .position = 0, .first_logits = 0});
  return {logits.begin(), logits.end()};
}

InterpreterOptions all_tokens(const Case& golden) {
  return {.max_tokens_per_pass = static_cast<uint32_t>(golden.tokens.size())};
}

// The program with exact weights, keys and values: what is left are the FP16 embedding and A16. The kernels
// of experts' runs of chunks cannot be told apart by their pages, so experts are left to the test below.
class FamilyWithoutExperts : public Family {};

TEST_P(FamilyWithoutExperts, LogitsOfTheProgramAreTheGoldenOnes) {
  const auto source = open_model(GetParam().path());
  for (const Case& golden : cases_of(GetParam().family)) {
    const PackedModel packed(*source, EmbeddingFormat::kFp16, golden.context);
    Interpreter executor(packed.image(), std::make_unique<ExactKernels>(*source), all_tokens(golden));
    const auto logits = run(executor, golden);
    ASSERT_EQ(logits.size(), golden.logits.size());
    for (size_t i = 0; i < logits.size(); ++i) {
      ASSERT_NEAR(logits[i], golden.logits[i], golden.largest() * 0x1p-8f) << "logit " << i;
    }
  }
}

TEST_P(Family, LogitsInEightBitsPointWhereTheGoldenOnesDo) {
  const auto source = with_eight_bits(open_model(GetParam().path()), roles_of_matrices("all"));
  for (const Case& golden : cases_of(GetParam().family)) {
    const PackedModel packed(*source, EmbeddingFormat::kFp16, golden.context);
    Interpreter executor(packed.image(), make_reference_kernels(), all_tokens(golden));
    const auto logits = run(executor, golden);
    ASSERT_EQ(logits.size(), golden.logits.size());
    double product = 0, of_logits = 0, of_golden = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      product += double{logits[i]} * golden.logits[i];
      of_logits += double{logits[i]} * logits[i];
      of_golden += double{golden.logits[i]} * golden.logits[i];
    }
    EXPECT_GE(product / std::sqrt(of_logits * of_golden), 0.999);
  }
}

// Also in eight bits.
TEST_P(Family, LogitsDoNotDependOnHowManyTokensAPassHas) {
  const Case golden = cases_of(GetParam().family).front();
  for (const char* eight_bit : {"", "all"}) {
    const auto source = with_eight_bits(open_model(GetParam().path()), roles_of_matrices(eight_bit));
    const PackedModel packed(*source, EmbeddingFormat::kQ8, golden.context);
    Interpreter reference(packed.image(), make_reference_kernels(), all_tokens(golden));
    const auto expected = run(reference, golden);
    for (const std::string_view name : available_kernels()) {
      for (const uint32_t tokens : {1u, 4u, 8u}) {
        Interpreter executor(packed.image(), make_kernels(name),
                             {.max_tokens_per_pass = tokens, .threads = 1 + tokens / 4});
        std::vector<float> logits;
        for (uint32_t first = 0; first < golden.tokens.size(); first += tokens) {
          const auto of_pass = std::span(golden.tokens).subspan(first);
          const auto part = executor.run(
              {.tokens = of_pass.first(std::min<size_t>(tokens, of_pass.size())), .position = first});
          logits.insert(logits.end(), part.begin(), part.end());
          const ModelDescription& model = source->description();
          const PassExperts experts = executor.experts_of_last_pass();
          EXPECT_EQ(experts.size(), model.experts > 0 ? model.layers : 0);
          for (const auto& layer : experts) {
            EXPECT_GE(layer.size(), model.experts_per_token);
            EXPECT_TRUE(std::ranges::is_sorted(layer, std::less_equal()));
          }
        }
        ASSERT_EQ(logits.size(), expected.size());
        EXPECT_EQ(std::memcmp(logits.data(), expected.data(), logits.size() * sizeof(float)), 0)
            << name << ", passes of " << tokens << ", eight bits: " << eight_bit;
      }
    }
  }
}

// The RTL's are checked by rtl_executor_test.
TEST_P(Family, AllKernelsGiveTheReferencesBits) {
  const Case golden = cases_of(GetParam().family).front();
  const PackedModel packed(*open_model(GetParam().path()), EmbeddingFormat::kQ8, golden.context);
  Interpreter reference(packed.image(), make_reference_kernels(), all_tokens(golden));
  const auto expected = run(reference, golden);
  for (const std::string_view name : available_kernels()) {
    Interpreter executor(packed.image(), make_kernels(name), all_tokens(golden));
    const auto logits = run(executor, golden);
    ASSERT_EQ(logits.size(), expected.size());
    for (size_t i = 0; i < logits.size(); ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(logits[i]), std::bit_cast<uint32_t>(expected[i])) << name << ' ' << i;
    }
  }
}

// The same weights in two containers, whose orders of Wq and Wk may differ, are one image.
TEST(FamilyForms, GgufAndHuggingFaceGiveTheSameWeightsInAnImage) {
  for (const Form& form : forms()) {
    if (form.file.empty()) continue;
    const PackedModel gguf(*open_model(form.path()), EmbeddingFormat::kFp16, 64);
    const PackedModel hf(*open_model(kGolden + form.family), EmbeddingFormat::kFp16, 64);
    const auto expect_equal = [&](const RegionEntry& a, const RegionEntry& b) {
      EXPECT_TRUE(std::ranges::equal(gguf.image().content(a), hf.image().content(b)))
          << form.family << ", region " << static_cast<int>(a.kind);
    };
    const ImageView a = gguf.image().view(), b = hf.image().view();
    expect_equal(a.program, b.program);
    expect_equal(a.parameters, b.parameters);
    expect_equal(a.embedding, b.embedding);
    expect_equal(a.weights, b.weights);
  }
}

std::string name_of(const testing::TestParamInfo<Form>& test) {
  return test.param.family + (test.param.file.empty() ? "_hf" : "_gguf");
}

INSTANTIATE_TEST_SUITE_P(Golden, Family, testing::ValuesIn(forms()), name_of);
INSTANTIATE_TEST_SUITE_P(Golden, FamilyWithoutExperts, testing::ValuesIn(forms_without_experts()), name_of);

}  // namespace
}  // namespace brim::test
