#include "runtime/pass_log.h"

#include <gtest/gtest.h>

#include "model/checkpoint_test_util.h"
#include "tests/support/fake_executor.h"

namespace brim {
namespace {

TEST(PassLog, ReadsBackThePassesThatWereRun) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/passes";
  test::FakeExecutor executor(10, 64, 8, [](auto, std::span<float>) {});
  PassLog log(path);
  LoggingRunner runner(executor, log);
  const std::vector<uint32_t> ids = {1, 2, 3};
  runner.run({.tokens = ids, .position = 0, .first_logits = 3});
  runner.run({.tokens = ids, .position = 3, .first_logits = 0});
  log.finish();
  EXPECT_EQ(read_passes(path), (std::vector<LoggedPass>{{0, 3, 0, 0}, {3, 3, 3, 0}}));
}

TEST(PassLog, HasTheExpertsOfEveryLayer) {
  const test::TemporaryFolder folder;
  const std::string columns = "position tokens logits model experts\n";
  EXPECT_EQ(read_passes(folder.write("good", columns + "0 2 1 0 3,17/0,4,5\n")),
            (std::vector<LoggedPass>{{0, 2, 1, 0, {{3, 17}, {0, 4, 5}}}}));
  for (const char* experts : {"3,3/0", "3,1", "3,/x", "1//2", "70000"}) {
    EXPECT_REFUSED(read_passes(folder.write("bad", columns + "0 2 1 0 " + experts + "\n")), "line 2");
  }
}

TEST(PassLog, NamesTheLineThatIsNoPass) {
  const test::TemporaryFolder folder;
  const std::string columns = "position tokens logits model experts\n";
  for (const char* line : {"1", "1 2 3 0", "1 0 0 0", "-1 1 1 0", "1 1 1 0 7 8", "1 1 x 0", ""}) {
    EXPECT_REFUSED(read_passes(folder.write("bad", columns + "0 1 1 0\n" + line + "\n")), "line 3");
  }
  EXPECT_REFUSED(read_passes(folder.write("empty", columns)), "no passes");
  EXPECT_REFUSED(read_passes(folder.write("other", "hello\n")), "first line");
  EXPECT_REFUSED(read_passes(folder.path() + "/absent"), "absent");
}

TEST(PassLog, AFileThatCannotBeWrittenIsRefused) {
  EXPECT_REFUSED(PassLog("/nonexistent/passes"), "/nonexistent/passes");
}

}  // namespace
}  // namespace brim
