#include <gtest/gtest.h>

#include "model/checkpoint_test_util.h"
#include "model/tensor_source.h"

namespace brim {
namespace {

using test::TemporaryFolder;

TEST(OpenModel, SaysWhatIsWrongAndWhichFormsAreSupported) {
  const TemporaryFolder folder;
  EXPECT_REFUSED(open_model("/no/such/model"), "there is no model at '/no/such/model'");
  EXPECT_REFUSED(open_model("/no/such/model"), "Hugging Face directory");
  EXPECT_REFUSED(open_model(folder.write("model.pth", "PK\x03\x04 and more")), "PyTorch pickle");
  EXPECT_REFUSED(open_model(folder.write("model.xyz", "what is this")), "no supported format");
  EXPECT_REFUSED(open_model(folder.write("empty", "")), "no supported format");
}

TEST(OpenModel, ListsTheSyntheticModelsItKnows) {
  EXPECT_EQ(open_model("synthetic:qwen3-0.6b")->description().name, "qwen3-0.6b");
  EXPECT_REFUSED(open_model("synthetic:gpt-5"), "known are llama2-7b, ");
}

}  // namespace
}  // namespace brim
