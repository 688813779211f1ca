#include "board/board.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "base/concat.h"
#include "base/error.h"

namespace brim {
namespace {

using Json = nlohmann::json;

Json kv260_json() {
  std::ifstream file(BRIM_SOURCE_DIR "/boards/kv260.json");
  return Json::parse(file);
}

// The message with which the KV260's description is refused after `edit`.
std::string refusal(const std::function<void(Json&)>& edit) {
  Json json = kv260_json();
  edit(json);
  try {
    parse_board(json.dump(), "test.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string refusal(const char* pointer, const Json& value) {
  return refusal([&](Json& json) { json[Json::json_pointer(pointer)] = value; });
}

TEST(Board, EveryBuiltinBoardIsReadableAndBearsItsFilesName) {
  const auto names = builtin_board_names();
  ASSERT_GE(names.size(), 5u);
  for (std::string_view name : names) {
    const Board board = load_board(std::string(name));
    EXPECT_EQ(board.name, name);
    uint64_t bytes = 0;
    for (const MemoryRegion& region : board.regions) bytes += region.bytes;
    EXPECT_EQ(bytes, board.ddr.capacity_bytes());
  }
}

TEST(Board, Kv260IsTheMemoryOfTheK26) {
  const Board board = load_board("kv260");
  EXPECT_DOUBLE_EQ(board.ddr.peak_bytes_per_second(), 19.2e9);
  EXPECT_EQ(board.ddr.capacity_bytes(), uint64_t{4} << 30);
  EXPECT_EQ(board.ddr.row_bytes(), 8192u);
  EXPECT_EQ(board.ddr.banks(), 8u);
  EXPECT_EQ(board.ddr.burst_clocks(), 4u);
  EXPECT_EQ(board.ddr.address_map.bank_group, std::vector<uint8_t>{6});
  EXPECT_EQ(board.ddr.address_map.bank, (std::vector<uint8_t>{14, 15}));
  EXPECT_EQ(board.accelerator.tokens_per_pass, 8u);
  EXPECT_EQ(board.accelerator.prefetch_fifo_beats, 4096u);
  EXPECT_NEAR(load_board("kv260-2133").ddr.peak_bytes_per_second(), 17.07e9, 0.01e9);
}

TEST(Board, RegionsFollowOneAnotherInTheDram) {
  const Board board = load_board("kv260");
  EXPECT_EQ(board.dram_offset(0x1000), 0x1000u);
  EXPECT_EQ(board.dram_offset(0x7FFFFFFF), 0x7FFFFFFFu);
  EXPECT_EQ(board.dram_offset(0x800000000), 0x80000000u);
  EXPECT_EQ(board.dram_offset(0x87FFFFFFF), 0xFFFFFFFFu);
  EXPECT_THROW(board.dram_offset(0x80000000), Error);
  EXPECT_THROW(board.dram_offset(0x880000000), Error);
}

TEST(Board, UsersFileIsReadByPath) {
  Json json = kv260_json();
  json["name"] = "mine";
  const std::string path = testing::TempDir() + "brim_board_users_file.json";
  std::ofstream(path) << json.dump();
  EXPECT_EQ(load_board(path).name, "mine");
}

TEST(Board, UnknownBoardIsRefusedWithTheListOfBoards) {
  try {
    load_board("no-such-board");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("kv260"), std::string::npos) << error.what();
  }
  EXPECT_THROW(load_board("/"), Error);
  EXPECT_THROW(load_board(""), Error);
}

// Every key of the file, removed or accompanied by a stranger, gives a message with file and key.
void every_key_matters(const Json& node, const std::string& pointer) {
  for (const auto& item : node.items()) {
    const std::string& key = item.key();
    const Json& value = item.value();
    const std::string child = concat(pointer, "/", key);
    if (node.is_object()) {
      const std::string missing = refusal([&](Json& json) { json[Json::json_pointer(pointer)].erase(key); });
      EXPECT_NE(missing.find("test.json: "), std::string::npos) << child << ": " << missing;
      EXPECT_NE(missing.find(key + " is missing"), std::string::npos) << child << ": " << missing;
      const std::string wrong_type = refusal(child.c_str(), nullptr);
      EXPECT_NE(wrong_type.find(key), std::string::npos) << child << ": " << wrong_type;
    }
    if (value.is_object()) {
      EXPECT_NE(refusal((child + "/stranger").c_str(), 1).find("stranger is not a known key"),
                std::string::npos);
    }
    if (value.is_structured() && key != "notes") every_key_matters(value, child);
  }
}

TEST(Board, MissingKeysWrongTypesAndUnknownKeysAreRefusedByName) {
  every_key_matters(kv260_json(), "");
  EXPECT_EQ(refusal("/stranger", 1), "test.json: stranger is not a known key");
}

TEST(Board, ImpossibleValuesAreRefusedByName) {
  EXPECT_EQ(refusal("/ddr/bank_groups", 3), "test.json: ddr.bank_groups is 3, but must be a power of two");
  EXPECT_EQ(refusal("/ddr/timing_nck/tras", 16),
            "test.json: ddr.timing_nck.tras is 16, but must be at least 17 (tRCD)");
  EXPECT_EQ(refusal("/ddr/timing_nck/trc", 55),
            "test.json: ddr.timing_nck.trc is 55, but must be at least 56 (tRAS + tRP)");
  for (const char* key : {"/ddr/timing_nck/tccd_s", "/ddr/timing_nck/tccd_l", "/ddr/timing_nck/trrd_l",
                          "/ddr/timing_nck/twtr_l", "/ddr/timing_nck/read_to_write", "/ddr/timing_nck/cl"}) {
    EXPECT_NE(refusal(key, 1).find("must be at least"), std::string::npos) << key;
  }
  EXPECT_NE(refusal("/ddr/timing_nck/trefi", 500).find("trefi"), std::string::npos);
  EXPECT_NE(refusal("/ddr/timing_nck/cl", -17).find("must be an integer"), std::string::npos);
  EXPECT_NE(refusal("/ddr/timing_nck/cl", 17.5).find("must be an integer"), std::string::npos);
  EXPECT_NE(refusal("/ddr/data_width_bits", 32).find("bursts of 32 bytes"), std::string::npos);
  EXPECT_NE(refusal([](Json& json) {
              json["ddr"]["row_bits"] = 20;
              json["ddr"]["column_bits"] = 12;
            }).find("ddr.row_bits gives more than 128 GiB"),
            std::string::npos);
  EXPECT_NE(refusal("/ddr/ranks", 2).find("ddr.ranks"), std::string::npos);
  EXPECT_NE(refusal("/ddr/controller/write_low_watermark", 48).find("write_low_watermark"),
            std::string::npos);
  EXPECT_NE(refusal("/axi/burst_bytes", 8192).find("axi.burst_bytes"), std::string::npos);
  EXPECT_NE(refusal("/accelerator/clock_mhz", 0).find("accelerator.clock_mhz"), std::string::npos);
}

// File, key, value and what would be right, whatever is wrong with whichever number.
void every_number_is_refused_with_its_value(const Json& node, const std::string& pointer, std::string key) {
  if (node.is_structured()) {
    for (const auto& item : node.items()) {
      const std::string child = node.is_array() ? concat(key, "[", item.key(), "]")
                                                : concat(key, key.empty() ? "" : ".", item.key());
      every_number_is_refused_with_its_value(item.value(), concat(pointer, "/", item.key()), child);
    }
  } else if (node.is_number()) {
    for (const Json& wrong : {Json(-1), Json(1e18), Json("many"), Json(), Json::array(), Json::object()}) {
      const std::string message = refusal(pointer.c_str(), wrong);
      const std::string expected = concat("test.json: ", key, " is ", wrong.dump(), ", but must be ");
      EXPECT_EQ(message.substr(0, expected.size()), expected) << message;
    }
  }
}

TEST(Board, RefusalsNameFileKeyValueAndRemedy) {
  every_number_is_refused_with_its_value(kv260_json(), "", "");
  EXPECT_EQ(refusal("/firmware/base", "12"),
            "test.json: firmware.base is \"12\", but must be 64 bits in hexadecimal, like \"0x80000000\"");
  EXPECT_EQ(refusal("/firmware/base", "0x1001"),
            "test.json: firmware.base is 0x1001, but must be a multiple of 8 KiB");
  EXPECT_EQ(refusal("/ddr/address_map/column", "13-7"),
            "test.json: ddr.address_map.column is \"13-7\", but must list bits 0..63, like \"31:16\" or "
            "\"17,13:7\"");
}

TEST(Board, NamesAreNearestWhereTheyAreMisspelt) {
  EXPECT_EQ(refusal("/axi/burst_byte", 1),
            "test.json: axi.burst_byte is not a known key; did you mean burst_bytes?");
}

TEST(Board, TextWithControlCharactersIsRefused) {
  EXPECT_EQ(refusal("/name", "a\x1B[2J"), "test.json: name has control characters; take them out: \"a?[2J\"");
  EXPECT_NE(refusal("/regions/0/name", "a\nb").find("regions[0].name has control characters"),
            std::string::npos);
}

TEST(Board, AddressMapMustCoverEachBitExactlyOnce) {
  EXPECT_EQ(refusal("/ddr/address_map/bank", "15:15"),
            "test.json: ddr.address_map.bank has 1 bits, but this memory needs 2");
  EXPECT_EQ(refusal("/ddr/address_map/bank_group", "7"),
            "test.json: ddr.address_map.bank_group uses bit 7, which is used already");
  EXPECT_EQ(refusal("/ddr/address_map/bank_group", "32"),
            "test.json: ddr.address_map leaves out bit 6 of the byte offset");
  for (const char* bits : {"7:13", "64:58", "13:", ":7", "13:7,", "x", "13-7", ",", "-1"}) {
    EXPECT_NE(refusal("/ddr/address_map/column", bits).find("ddr.address_map.column"), std::string::npos)
        << bits;
  }
  EXPECT_EQ(refusal([](Json& json) {
              json["ddr"]["address_map"]["byte"] = "6,4:0";
              json["ddr"]["address_map"]["bank_group"] = "5";
            }),
            "test.json: ddr.address_map.byte must be \"5:0\": a burst is 64 consecutive bytes");
}

TEST(Board, BitListsMayBeInPieces) {
  Json json = kv260_json();
  json["ddr"]["address_map"]["bank"] = "31,14";
  json["ddr"]["address_map"]["row"] = "30:15";
  const Board board = parse_board(json.dump(), "test.json");
  EXPECT_EQ(board.ddr.address_map.bank, (std::vector<uint8_t>{14, 31}));
  EXPECT_EQ(board.ddr.address_map.row.front(), 15);
  EXPECT_EQ(board.ddr.address_map.row.back(), 30);
}

TEST(Board, RegionsMustBePagesOfThisMemoryWithoutOverlap) {
  EXPECT_EQ(refusal("/regions/1/base", "0x7fffe000"),
            "test.json: regions[1].base makes ddr_high overlap ddr_low");
  EXPECT_NE(refusal("/regions/1/bytes", "0x7fffe000").find("regions hold"), std::string::npos);
  EXPECT_NE(refusal("/regions/1/bytes", "0x80002000").find("larger than the memory"), std::string::npos);
  EXPECT_NE(refusal("/regions/1/bytes", "0x0").find("regions[1].bytes"), std::string::npos);
  EXPECT_NE(refusal("/regions/1/bytes", "0x1001").find("multiple of 8 KiB"), std::string::npos);
  EXPECT_NE(refusal("/regions/1/base", "0xfffffffffffff000").find("regions[1].base"), std::string::npos);
  EXPECT_NE(refusal("/regions/1/base", "0xffffffffffffe000").find("last address"), std::string::npos);
  EXPECT_NE(refusal("/regions/1/base", "0x10000000000000000").find("regions[1].base"), std::string::npos);
  EXPECT_NE(refusal("/regions/1/name", "ddr_low").find("used twice"), std::string::npos);
  EXPECT_NE(refusal("/regions", Json::array()).find("regions"), std::string::npos);
  EXPECT_NE(refusal("/firmware/bytes", "0x80002000").find("inside one of the regions"), std::string::npos);
  EXPECT_NE(refusal("/reserved/0/base", "0x7ff02000").find("inside one of the regions"), std::string::npos);
  EXPECT_EQ(refusal("/reserved/0/base", "0x0"),
            "test.json: reserved[0].base makes pmu_firmware overlap firmware");
  EXPECT_EQ(refusal([](Json& json) {
              json["reserved"].push_back({{"name", "other"}, {"base", "0x7ff80000"}, {"bytes", "0x2000"}});
            }),
            "test.json: reserved[1].base makes other overlap pmu_firmware");
}

TEST(Board, BrokenAndAmbiguousJsonIsRefused) {
  EXPECT_THROW(parse_board("", "test.json"), Error);
  EXPECT_THROW(parse_board("[]", "test.json"), Error);
  EXPECT_THROW(parse_board("{\"name\": ", "test.json"), Error);
  EXPECT_THROW(parse_board(std::string(100000, '['), "test.json"), Error);
  std::ifstream file(BRIM_SOURCE_DIR "/boards/kv260.json");
  std::stringstream text;
  text << file.rdbuf();
  const std::string twice = "{\"name\": \"first\"," + text.str().substr(1);
  try {
    parse_board(twice, "test.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "test.json: name stands twice in one object");
  }
}

// The message with which kv260 is refused with these settings.
std::string refused(const std::vector<std::string>& settings) {
  try {
    load_board("kv260", settings);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(BoardSettings, ChangeNumbersTextsAndItemsOfLists) {
  const std::vector<std::string> settings = {"axi.fabric_latency_ns=400", "axi.ports.2.xpi=4",
                                             "firmware.bytes=0x400000", "ddr.address_map.bank_group=6",
                                             "name=mine=2"};
  const Board board = load_board("kv260", settings);
  EXPECT_EQ(board.axi.fabric_latency_ns, 400);
  EXPECT_EQ(board.axi.ports[2].xpi, 4u);
  EXPECT_EQ(board.firmware.bytes, 0x400000u);
  EXPECT_EQ(board.ddr.address_map.bank_group, std::vector<uint8_t>{6});
  EXPECT_EQ(board.name, "mine=2");
}

TEST(BoardSettings, RefusalsNameKeyAndValueAndWhatThereIs) {
  EXPECT_EQ(refused({"axi.latency=400"}),
            "--set axi.latency=400: the board has no axi.latency; axi has aux, burst_bytes, data_width_bits, "
            "fabric_latency_ns, max_outstanding_bursts, outstanding_reads, ports, switch");
  EXPECT_EQ(refused({"axi.ports.4.xpi=1"}),
            "--set axi.ports.4.xpi=1: the board has no axi.ports.4; axi.ports has 0 to 3");
  EXPECT_EQ(
      refused({"accelerator.clock_mhz.x=1"}),
      "--set accelerator.clock_mhz.x=1: the board has no accelerator.clock_mhz.x; accelerator.clock_mhz "
      "is a value");
  EXPECT_EQ(refused({"axi.switch.clock_mhz=fast"}),
            "kv260.json with --set axi.switch.clock_mhz=fast: axi.switch.clock_mhz is \"fast\", but must be "
            "a number from 1 to "
            "10000");
  EXPECT_EQ(refused({"fast"}), "--set fast: must be KEY=VALUE, like axi.fabric_latency_ns=400");
  EXPECT_NE(refused({"=1"}).find("must be KEY=VALUE"), std::string::npos);
  EXPECT_NE(refused({".=1"}).find("a board has accelerator"), std::string::npos);
}

TEST(BoardLike, IsThatBoardButForWhatItSets) {
  const Board board = load_board("kv260-400");
  EXPECT_EQ(board.name, "kv260-400");
  EXPECT_EQ(board.axi.interconnect.clock_mhz, 400);
  EXPECT_EQ(board.ddr.clock_mhz, load_board("kv260").ddr.clock_mhz);
}

TEST(BoardLike, RefusesWhatItCannotMean) {
  const auto refusal_of = [](const char* text) -> std::string {
    try {
      parse_board(text, "mine.json");
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  const std::string head = R"({"name": "m", "description": "", "notes": [], )";
  EXPECT_EQ(refusal_of((head + R"("like": "kv260", "set": {}})").c_str()), "accepted");
  EXPECT_NE(refusal_of((head + R"("like": "nonesuch"})").c_str()).find("like must name a built-in board: "),
            std::string::npos);
  EXPECT_NE(refusal_of((head + R"("like": 1})").c_str()).find("like must name"), std::string::npos);
  EXPECT_NE(refusal_of((head + R"("like": "kv260-400"})").c_str()).find("like no other"), std::string::npos);
  EXPECT_EQ(refusal_of((head + R"("like": "kv260", "axi": {}})").c_str()),
            "mine.json: axi cannot stand beside like; put it into set");
  EXPECT_NE(refusal_of((head + R"("like": "kv260", "set": {"axi.x": 1}})").c_str()).find("has no axi.x"),
            std::string::npos);
  EXPECT_NE(refusal_of(R"({"name": "m", "like": "kv260"})").find("is missing"), std::string::npos);
}

}  // namespace
}  // namespace brim
