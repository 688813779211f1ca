#include "model/safetensors.h"

#include <gtest/gtest.h>

#include "model/checkpoint_test_util.h"

namespace brim {
namespace {

using test::as_bytes;

std::string with_header(const std::string& header, const std::string& data = "") {
  std::string bytes;
  test::append(bytes, uint64_t{header.size()});
  return bytes + header + data;
}

void parse(const std::string& bytes) { parse_safetensors(as_bytes(bytes), "file"); }

TEST(Safetensors, TensorsHaveTheirTypeShapeAndBytes) {
  test::SafetensorsWriter writer;
  writer.add("a", "F32", {2}, "12345678");
  writer.add("b", "BF16", {3, 1}, "abcdef");
  writer.add("none", "I64", {0, 4}, "");
  const std::string bytes = writer.bytes();
  const auto tensors = parse_safetensors(as_bytes(bytes), "file");
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors.at("b").type, "BF16");
  EXPECT_EQ(tensors.at("b").shape, (std::vector<uint64_t>{3, 1}));
  EXPECT_EQ(std::string(tensors.at("b").data.begin(), tensors.at("b").data.end()), "abcdef");
}

TEST(Safetensors, MetadataIsNoTensor) {
  const std::string bytes = with_header(R"({"__metadata__": {"format": "pt"}})");
  EXPECT_TRUE(parse_safetensors(as_bytes(bytes), "file").empty());
}

TEST(Safetensors, EveryCutIsRefused) {
  test::SafetensorsWriter writer;
  writer.add("a", "F32", {2}, "12345678");
  const std::string whole = writer.bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(parse(whole.substr(0, size)), Error) << size;
  }
}

TEST(Safetensors, RefusalsNameFileAndTensor) {
  const auto entry = [](const char* type, const char* shape, const char* offsets) {
    return with_header(std::string(R"({"w": {"dtype": ")") + type + R"(", "shape": )" + shape +
                           R"(, "data_offsets": )" + offsets + "}}",
                       "0123456789abcdef");
  };
  EXPECT_NO_THROW(parse(entry("F32", "[4]", "[0, 16]")));
  EXPECT_REFUSED(parse(entry("F32", "[4]", "[0, 12]")), "file: tensor 'w' has 12 bytes");
  EXPECT_REFUSED(parse(entry("F32", "[5]", "[0, 20]")), "'w' lies outside the file");
  EXPECT_REFUSED(parse(entry("F32", "[4]", "[16, 0]")), "'w' lies outside the file");
  EXPECT_REFUSED(parse(entry("F32", "[4]", "[0]")), "'w' lies outside the file");
  EXPECT_REFUSED(parse(entry("F32", "[-4]", "[0, 16]")), "'w': shape must hold unsigned integers");
  EXPECT_REFUSED(parse(entry("F32", "[4.0]", "[0, 16]")), "'w': shape must hold unsigned integers");
  EXPECT_REFUSED(parse(entry("F32", "[4294967296, 4294967296]", "[0, 0]")), "'w' has an impossible shape");
  EXPECT_REFUSED(parse(entry("F5", "[4]", "[0, 16]")), "unknown type 'F5'");
  EXPECT_REFUSED(parse(with_header(R"({"w": 1})")), "'w' is described by no JSON object");
  EXPECT_REFUSED(parse(with_header(R"({"w": {}})")), "'w' has no dtype");
  EXPECT_REFUSED(parse(with_header("[]")), "no JSON object");
  EXPECT_REFUSED(parse(with_header("{\"\xFF\": 1}")), "is not valid JSON at line 1, column 3");
  EXPECT_REFUSED(parse(std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}")), "its header would take");
}

TEST(Safetensors, TwoTensorsOfOneNameAreRefused) {
  const std::string tensor = R"("w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]})";
  EXPECT_REFUSED(parse(with_header("{" + tensor + "," + tensor + "}", "x")), "tensor 'w' stands there twice");
}

TEST(Safetensors, OverlappingTensorsAreRefused) {
  EXPECT_REFUSED(parse(with_header(R"({"v": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
                                       "w": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]}})",
                                   "0123")),
                 "tensors 'v' and 'w' overlap");
}

}  // namespace
}  // namespace brim
