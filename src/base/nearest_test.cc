#include "base/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace brim {
namespace {

TEST(Nearest, FindsWhatWasMeant) {
  const std::vector<std::string> names = {"--prompt", "--prompt-file", "--temp", "--top-k", "--top-p"};
  EXPECT_EQ(nearest("--promt", names), "--prompt");
  EXPECT_EQ(nearest("--prmopt", names), "--prompt");
  EXPECT_EQ(nearest("--prompt-fil", names), "--prompt-file");
  EXPECT_EQ(nearest("--tempp", names), "--temp");
  EXPECT_EQ(nearest("--top_k", names), "--top-k");
}

TEST(Nearest, SaysNothingWhereNothingIsNear) {
  const std::vector<std::string> names = {"pack", "run"};
  EXPECT_EQ(nearest("frobnicate", names), std::nullopt);
  EXPECT_EQ(nearest("", names), std::nullopt);
  EXPECT_EQ(nearest("xx", names), std::nullopt);
  EXPECT_EQ(nearest(std::string(1000, 'p'), names), std::nullopt);
  EXPECT_EQ(did_you_mean("frobnicate", names), "");
  EXPECT_EQ(did_you_mean("pakc", names), "; did you mean pack?");
}

}  // namespace
}  // namespace brim
