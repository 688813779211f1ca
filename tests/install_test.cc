// What `make install` and the Debian package put on a machine: it works without the folders it was built
// from.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/support/process.h"

namespace brim::test {
namespace {

using Arguments = std::vector<std::string>;

// The standard output of a command that must succeed.
std::string output(const Arguments& arguments, const std::string& input = "") {
  const ProcessResult result = run_process(arguments, input);
  EXPECT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.err;
  return result.out;
}

// Everything below `prefix` that users are promised, and the program at work there.
void expect_working(const std::string& prefix, const std::string& zsh) {
  const std::string program = prefix + "/bin/brim";
  EXPECT_EQ(output({program, "--version"}), "brim " BRIM_VERSION "\n");
  const TemporaryFolder folder;
  const std::string image = folder.path() + "/demo.brim";
  output({program, "pack", prefix + "/share/brim/demo", "--quant", "rtn", "-o", image});
  EXPECT_EQ(output({program, "run", image, "-p", "ROMEO:", "-n", "4"}).find("ROMEO:"), 0u);
  for (const char* name :
       {"share/doc/brim/copyright", "share/doc/brim/README.md", "share/doc/brim/docs/image-format.md",
        "share/doc/brim/examples/brim.service", "share/brim/boards/kv260.json", "share/man/man1/brim.1.gz",
        "share/bash-completion/completions/brim", "share/fish/vendor_completions.d/brim.fish"}) {
    EXPECT_TRUE(std::filesystem::exists(prefix + "/" + name)) << name;
  }
  EXPECT_TRUE(std::filesystem::exists(prefix + "/share/zsh/" + zsh + "/_brim"));
}

TEST(Installation, WorksInAnyFolder) {
  const TemporaryFolder folder;
  output({BRIM_CMAKE, "--install", BRIM_BUILD, "--strip", "--prefix", folder.path() + "/tools"});
  expect_working(folder.path() + "/tools", "site-functions");
}

TEST(Installation, FilesThatComeWithTheProgramAreFoundThere) {
  if (!std::filesystem::exists(BRIM_BUILD "/firmware/brim_qemu.elf"))
    GTEST_SKIP() << "the firmware is not built";
  const TemporaryFolder folder;
  output({BRIM_CMAKE, "--install", BRIM_BUILD, "--prefix", folder.path()});
  EXPECT_NE(output({folder.path() + "/bin/brim", "board", "--help"}).find(folder.path() + "/lib"),
            std::string::npos);
}

TEST(DebianPackage, HoldsAWorkingProgramItsLicenceAndWhatItNeeds) {
  for (const char* tool : {"/usr/bin/dpkg-deb", "/usr/bin/dpkg-shlibdeps", "/usr/bin/file"}) {
    if (!std::filesystem::exists(tool)) GTEST_SKIP() << tool << " is absent (Debian: dpkg-dev, file)";
  }
  const TemporaryFolder folder;
  output({BRIM_CPACK, "--config", BRIM_BUILD "/CPackConfig.cmake", "-G", "DEB", "-B", folder.path()});
  std::string package;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() == ".deb") package = entry.path();
  }
  EXPECT_TRUE(std::regex_search(package, std::regex("/brim_" BRIM_VERSION "_[a-z0-9]+\\.deb$"))) << package;
  const std::string depends = output({"/usr/bin/dpkg-deb", "-f", package, "Depends"});
  for (const char* needed : {"libc6 (>= ", "libstdc++6 (>= "})
    EXPECT_NE(depends.find(needed), std::string::npos) << depends;
  const std::string root = folder.path() + "/root";
  if (geteuid() == 0) {
    // Into an empty system, whose files are to be root's; the libraries are this one's.
    std::filesystem::create_directories(root + "/var/lib/dpkg/info");
    std::filesystem::create_directories(root + "/var/lib/dpkg/updates");
    std::ofstream(root + "/var/lib/dpkg/status").flush();
    output({"/usr/bin/dpkg", "--root=" + root, "--force-depends", "--install", package});
  } else {
    output({"/usr/bin/dpkg-deb", "-x", package, root});
  }
  expect_working(root + "/usr", "vendor-completions");
}

}  // namespace
}  // namespace brim::test
