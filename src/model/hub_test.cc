#include "model/hub.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "model/checkpoint_test_util.h"

namespace brim {
namespace {

// A cache as huggingface_hub lays it out, named by HF_HUB_CACHE for the life of the object.
class Cache {
 public:
  Cache() { setenv("HF_HUB_CACHE", folder_.path().c_str(), 1); }
  ~Cache() { unsetenv("HF_HUB_CACHE"); }

  std::string path() const { return folder_.path(); }
  void write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(folder_.path() + "/" + name).parent_path());
    folder_.write(name, content);
  }

 private:
  test::TemporaryFolder folder_;
};

TEST(Hub, AnythingElseIsLeftAsItIs) {
  EXPECT_EQ(local_path("some/folder"), "some/folder");
  EXPECT_EQ(local_path("synthetic:llama2-7b"), "synthetic:llama2-7b");
}

TEST(Hub, ARepositoryIsTheFolderOfTheCommitThatMainNames) {
  const Cache cache;
  cache.write("models--org--some-model/refs/main", "abc123");
  cache.write("models--org--some-model/snapshots/abc123/config.json", "{}");
  cache.write("models--org--some-model/snapshots/def456/config.json", "{}");
  const std::string snapshots = cache.path() + "/models--org--some-model/snapshots/";
  EXPECT_EQ(local_path("hub:org/some-model"), snapshots + "abc123");
  EXPECT_EQ(local_path("hub:org/some-model@def456"), snapshots + "def456");
  EXPECT_EQ(model_name_of(local_path("hub:org/some-model")), "some-model");
  EXPECT_EQ(model_name_of(cache.path() + "/models--org--some-model/"), "models--org--some-model");
}

TEST(Hub, ARepositoryOfOneGgufFileIsThatFile) {
  const Cache cache;
  cache.write("models--org--files/refs/main", "abc123\n");
  cache.write("models--org--files/snapshots/abc123/model.gguf", "GGUF");
  EXPECT_EQ(local_path("hub:org/files"), cache.path() + "/models--org--files/snapshots/abc123/model.gguf");
  cache.write("models--org--files/snapshots/abc123/other.gguf", "GGUF");
  EXPECT_REFUSED(local_path("hub:org/files"), "more than one .gguf file");
}

TEST(Hub, WhatIsNotThereIsToldWithTheWayToGetIt) {
  const Cache cache;
  EXPECT_REFUSED(local_path("hub:org/absent"), "org/absent is not in " + cache.path());
  EXPECT_REFUSED(local_path("hub:org/absent"), "hf download org/absent");
  cache.write("models--org--half/refs/main", "abc123");
  EXPECT_REFUSED(local_path("hub:org/half"), "holds no revision 'main' of org/half");
  cache.write("models--org--half/snapshots/abc123/README.md", "");
  EXPECT_REFUSED(local_path("hub:org/half"), "neither config.json nor a .gguf file");
  for (const char* bad : {"hub:", "hub:org/", "hub:../x", "hub:org/../x", "hub:org/name@../x", "hub:a/b/c"}) {
    EXPECT_REFUSED(local_path(bad), "names no repository");
  }
}

}  // namespace
}  // namespace brim
