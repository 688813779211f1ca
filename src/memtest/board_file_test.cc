#include "memtest/board_file.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"

namespace brim::memtest {
namespace {

// As the firmware prints it, with what else is on a console.
std::string console(uint32_t idle_ns, const char* rate = "2400", const char* errors = "0") {
  std::string text =
      concat("\r\nBrim on KV260, EL2, firmware of 700 KiB\r\n", "DDR          DDR4-", rate,
             ", 64 bit: 19.20e9 B/s (DPLL_CTRL 0x14800, DDR_CTRL 0x1000200, MSTR 0x41040010)\r\n",
             "ADDRMAP0-11  0x1F 0x1F\r\nswitch       399.99 MHz (TOPSW_MAIN_CTRL 0x1000303)\r\n",
             "port HP0     128 bit, 8 reads under way (RDCTRL 0x0, RDISSUE 0x7, RDQOS 0x0)\r\n",
             "memory tester 300000 kHz\r\n");
  for (const char* port : {"HP0", "HP1", "HP3", "HPC1", "HPC0"}) {
    text += concat("memory port ", port, " read 4790 write 4700 mixed 9100 together 3640 MB/s, latency idle ",
                   idle_ns, " loaded 700 most 1200 ns, errors ", errors, "\r\n");
  }
  return text + "memory together 18200 MB/s, errors 0\r\n> ";
}

TEST(BoardFile, ItsModelHasTheClocksAndTheLatencyThatWereMeasured) {
  const Board board = parse_board(board_file(console(420), "mine", "kv260"), "mine.json");
  EXPECT_EQ(board.name, "mine");
  EXPECT_EQ(board.axi.interconnect.clock_mhz, 399.99);
  EXPECT_EQ(board.accelerator.clock_mhz, 300);
  EXPECT_NEAR(idle_latency_ns(board), 420, 10);
}

TEST(BoardFile, IsAFileThatCanBeReadAgain) {
  const nlohmann::json json = nlohmann::json::parse(board_file(console(250), "mine", "kv260"));
  EXPECT_EQ(json["like"], "kv260");
  EXPECT_GE(json["notes"].size(), 8u);
  // Noise on the line does not keep it from being one.
  std::string noisy = console(250);
  noisy.insert(noisy.find("MHz (TOPSW") + 5, "\xFF\x1B");
  EXPECT_TRUE(nlohmann::json::accept(board_file(noisy, "mine", "kv260")));
}

std::string refusal(const std::string& text, const std::string& like = "kv260") {
  try {
    return board_file(text, "mine", like);
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(BoardFile, RefusesWhatDoesNotSayEnough) {
  EXPECT_NE(refusal("").find("no line 'memory port"), std::string::npos);
  EXPECT_NE(refusal("memory port HP0 read\nswitch 4 MHz\n").find("no line 'memory port"), std::string::npos);
  const std::string text = console(300);
  EXPECT_NE(refusal(text.substr(text.find("memory tester"))).find("from its start on"), std::string::npos);
  // Of a number beyond all range nothing is taken.
  EXPECT_NE(refusal(console(300, std::string(320, '9').c_str())).find("no line 'DDR"), std::string::npos);
}

TEST(BoardFile, RefusesAMemoryOfAnotherRateOrOneThatLosesData) {
  EXPECT_NE(refusal(console(300, "2133")).find("kv260-2133"), std::string::npos);
  EXPECT_EQ(refusal(console(300, "2133"), "kv260-2133").find("DDR4-2133, that"), std::string::npos);
  EXPECT_NE(refusal(console(300, "2400", "3")).find("gave wrong data 3 times"), std::string::npos);
  EXPECT_NE(refusal(console(300, "2400", "99999999999")).find("gave wrong data"), std::string::npos);
  EXPECT_NE(refusal(console(300), "nonesuch").find("known boards"), std::string::npos);
}

}  // namespace
}  // namespace brim::memtest
