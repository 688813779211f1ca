#include "runtime/sampler_options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "runtime/sampler.h"

namespace brim {
namespace {

const SamplerOption& option_named(std::string_view name) {
  for (const SamplerOption& option : kSamplerOptions) {
    if (option.name == name) return option;
  }
  throw std::out_of_range(std::string(name));
}

bool set(std::string_view name, std::string_view text, SamplerOptions& options) {
  return set_option(option_named(name), text, options);
}

std::string written(std::string_view name, const SamplerOptions& options) {
  char room[256];
  TextWriter text(room);
  write_value(option_named(name), options, text);
  return std::string(text.text());
}

TEST(SamplerOptions, OfNumbersAreNumbersInTheirRangesAndNothingElse) {
  for (const SamplerOption& option : kSamplerOptions) {
    if (option.most == 0 && option.number == nullptr) continue;
    SamplerOptions options;
    EXPECT_TRUE(set_option(option, "1", options)) << option.name;
    EXPECT_EQ(written(option.name, options), "1") << option.name;
    for (const char* bad :
         {"", "-101", "nan", "inf", "1x", " 1", "1 ", "99999999999999999999999", "one", "--1", "0x1"}) {
      EXPECT_FALSE(set_option(option, bad, options)) << option.name << ' ' << bad;
    }
    EXPECT_EQ(written(option.name, options), "1") << option.name;
  }
  SamplerOptions options;
  for (const char* name : {"temp", "top-k", "top-p", "min-p", "typical", "repeat-penalty", "seed"}) {
    EXPECT_FALSE(set(name, "-1", options)) << name;
    EXPECT_FALSE(set(name, "-0.1", options)) << name;
  }
  EXPECT_TRUE(set("repeat-last-n", "-1", options));
  EXPECT_EQ(written("repeat-last-n", options), "-1");
  EXPECT_FALSE(set("repeat-last-n", "-2", options));
  EXPECT_TRUE(set("presence-penalty", "-1.5", options));
  EXPECT_EQ(written("presence-penalty", options), "-1.5");
}

TEST(SamplerOptions, ChangeNothingByDefault) { EXPECT_FALSE(Sampler(SamplerOptions{}).needs_scratch()); }

TEST(SamplerOptions, ABiasIsATokenAndWhatIsAddedToItsLogit) {
  SamplerOptions options;
  for (const char* good : {"15043+1", "15043-1.5", "0+.25", "7-inf", "4294967295+1e3"})
    EXPECT_TRUE(set("logit-bias", good, options)) << good;
  ASSERT_EQ(options.logit_bias.size(), 5u);
  EXPECT_EQ(options.logit_bias[0].token, 15043u);
  EXPECT_EQ(options.logit_bias[0].bias, 1.0f);
  EXPECT_EQ(options.logit_bias[1].bias, -1.5f);
  EXPECT_EQ(options.logit_bias[2].bias, 0.25f);
  EXPECT_EQ(options.logit_bias[3].bias, -INFINITY);
  for (const char* bad : {"15043", "+1", "15043+", "15043+inf", "15043=1", "x+1", "4294967296+1", "1+1e9",
                          "1+nan", "1 +1", "1+-1"})
    EXPECT_FALSE(set("logit-bias", bad, options)) << bad;
  EXPECT_EQ(options.logit_bias.size(), 5u);
  EXPECT_TRUE(set("logit-bias", "", options));
  EXPECT_TRUE(options.logit_bias.empty());
  for (int i = 0; i < 320; ++i) EXPECT_TRUE(set("logit-bias", "1+1", options));
  EXPECT_FALSE(set("logit-bias", "1+1", options)) << "no more fit";
}

TEST(SamplerOptions, StopTextsAreTakenWithTheirEscapes) {
  SamplerOptions options;
  EXPECT_TRUE(set("stop", "\\n\\nQ:", options));
  EXPECT_TRUE(set("stop", "a\\\\n\\x\\", options));
  EXPECT_TRUE(set("stop", std::string(128, 'x'), options));
  ASSERT_EQ(options.stop.size(), 3u);
  EXPECT_EQ(options.stop[0], "\n\nQ:");
  EXPECT_EQ(options.stop[1], "a\\n\\x\\");
  EXPECT_FALSE(set("stop", std::string(129, 'x'), options));
  for (int i = 3; i < 16; ++i) EXPECT_TRUE(set("stop", "x", options));
  EXPECT_FALSE(set("stop", "x", options)) << "no more fit";
  EXPECT_TRUE(set("stop", "", options));
  EXPECT_TRUE(options.stop.empty());
}

TEST(SamplerOptions, TheOrderNamesEachStageOnceByTheNamesOfLlamaCpp) {
  SamplerOptions options;
  EXPECT_EQ(written("samplers", options), "penalties;top_k;typ_p;top_p;min_p;temperature");
  EXPECT_TRUE(set("samplers", "temp;nucleus;typ", options));
  EXPECT_EQ(written("samplers", options), "temperature;top_p;typ_p");
  for (const char* bad : {"", ";", "top_k;", "top_k;top-k", "dry", "top_k,top_p", "Top_k"})
    EXPECT_FALSE(set("samplers", bad, options)) << bad;
  EXPECT_EQ(written("samplers", options), "temperature;top_p;typ_p");
}

TEST(SamplerOptions, AFlagIsOnOrOff) {
  SamplerOptions options;
  EXPECT_TRUE(set("ignore-eos", "on", options));
  EXPECT_TRUE(options.ignore_eos);
  EXPECT_FALSE(set("ignore-eos", "1", options));
  EXPECT_TRUE(set("ignore-eos", "off", options));
  EXPECT_FALSE(options.ignore_eos);
}

}  // namespace
}  // namespace brim
