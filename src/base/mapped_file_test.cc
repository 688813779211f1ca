#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace brim {
namespace {

struct TemporaryFile {
  TemporaryFile(const std::string& name, const std::string& content) : path(folder.write(name, content)) {}
  test::TemporaryFolder folder;
  std::string path;
};

std::string text_of(const MappedFile& file) { return {file.bytes().begin(), file.bytes().end()}; }

TEST(MappedFile, ShowsTheBytesOfTheFile) {
  const TemporaryFile file("mapped", std::string("ab\0c", 4));
  EXPECT_EQ(text_of(MappedFile(file.path)), std::string("ab\0c", 4));
}

TEST(MappedFile, AnEmptyFileIsAnEmptySpan) {
  const TemporaryFile file("empty", "");
  EXPECT_TRUE(MappedFile(file.path).bytes().empty());
}

TEST(MappedFile, BytesAreTheSameAfterPagesWereGivenBack) {
  const TemporaryFile file("released", std::string(20000, 'x'));
  const MappedFile mapped(file.path);
  const std::string before = text_of(mapped);
  mapped.note_read(MappedFile::kResidentLimit);
  EXPECT_EQ(text_of(mapped), before);
}

TEST(MappedFile, RefusesWhatIsNoReadableRegularFile) {
  EXPECT_THROW(MappedFile("/nonexistent/file"), Error);
  EXPECT_THROW(MappedFile(std::filesystem::temp_directory_path().string()), Error);
  const test::TemporaryFolder folder;
  const std::string fifo = folder.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THROW(MappedFile{fifo}, Error);
  std::filesystem::remove(fifo);
}

TEST(MappedFileDeathTest, AFileThatIsCutShortEndsTheProcessWithItsName) {
  const TemporaryFile file("cut", std::string(3 << 16, 'x'));
  const auto read_what_is_gone = [&] {
    const MappedFile mapped(file.path), other(file.path);
    std::filesystem::resize_file(file.path, 10);
    const volatile uint8_t byte = mapped.bytes()[2 << 16];
    static_cast<void>(byte);
  };
  EXPECT_EXIT(read_what_is_gone(), testing::ExitedWithCode(1),
              "brim: .*cut was cut short, or its storage failed");
}

}  // namespace
}  // namespace brim
