#include "image/output_file.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "tests/support/small_models.h"

namespace brim {
namespace {

using test::error_of;
using test::read_file;
using test::TemporaryFolder;

size_t entries(const std::string& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

constexpr uint8_t kText[] = {'b', 'r', 'i', 'm'};

TEST(OutputFile, AppearsUnderItsNameOnlyWhenCommitted) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/out";
  {
    OutputFile file(path, 6);
    file.write(1, kText);
    EXPECT_FALSE(std::filesystem::exists(path));
    uint8_t back[6];
    file.read(0, back);
    EXPECT_EQ(back[1], 'b');
    file.commit();
  }
  EXPECT_EQ(read_file(path), std::string("\0brim\0", 6));
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(OutputFile, LeavesNothingBehindAndTheOldFileAloneWhenNotCommitted) {
  const TemporaryFolder folder;
  const std::string path = folder.write("out", "old");
  {
    OutputFile file(path, 4);
    file.write(0, kText);
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(OutputFile, ReplacesTheOldFileAndHasTheUsualPermissions) {
  const TemporaryFolder folder;
  const std::string path = folder.write("out", "old, and longer than the new one");
  OutputFile file(path, 4);
  file.write(0, kText);
  file.commit();
  EXPECT_EQ(read_file(path), "brim");
  const mode_t mask = umask(0);
  umask(mask);
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0666u & ~mask);
}

TEST(OutputFile, NamesTheFileThatCannotBeWritten) {
  const TemporaryFolder folder;
  EXPECT_REFUSED(OutputFile(folder.path() + "/absent/out", 4), "/absent/out: No such file or directory");
  EXPECT_REFUSED(OutputFile(folder.path(), 4), folder.path() + ": it is not a regular file");
  EXPECT_REFUSED(OutputFile("/dev/null", 4), "/dev/null: it is not a regular file");
  EXPECT_EQ(entries(folder.path()), 0u);
}

// Packs a small model into a folder that has no room for it; returns the message.
std::string pack_into(const std::string& folder) {
  PackOptions options;
  options.board = load_board("kv260");
  options.threads = 2;
  return error_of([&] {
    pack_image(*make_synthetic(test::small_model("plain"), 1), {}, options, folder + "/image.brim");
  });
}

TEST(OutputFile, AFullDiskLeavesNoFileAndSaysSoInOneLine) {
  const TemporaryFolder folder;
  if (mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "mounting a small file system needs root: " << std::strerror(errno);
  }
  const std::string text = pack_into(folder.path());
  const size_t left = entries(folder.path());
  umount(folder.path().c_str());
  EXPECT_EQ(text, "cannot reserve 1 MiB for " + folder.path() + "/image.brim: No space left on device");
  EXPECT_EQ(left, 0u);
}

TEST(OutputFile, ALimitOnFileSizesLeavesNoFileAndSaysSoInOneLine) {
  const TemporaryFolder folder;
  const std::string expected = "cannot reserve 1 MiB for " + folder.path() + "/image.brim: File too large";
  const auto pack_with_limit = [&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64 << 10, 64 << 10};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(2);
    const std::string text = pack_into(folder.path());
    std::fprintf(stderr, "%s\n", text.c_str());
    std::_Exit(text == expected && entries(folder.path()) == 0 ? 0 : 1);
  };
  EXPECT_EXIT(pack_with_limit(), testing::ExitedWithCode(0), "File too large");
}

}  // namespace
}  // namespace brim
