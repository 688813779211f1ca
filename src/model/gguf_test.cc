#include "model/gguf.h"

#include <gtest/gtest.h>

#include "model/checkpoint_test_util.h"
#include "model/gguf_metadata.h"

namespace brim {
namespace {

using test::as_bytes;
using test::GgufWriter;

void parse(const std::string& bytes) { parse_gguf(as_bytes(bytes), "file"); }

std::string small_file() {
  GgufWriter writer;
  writer.text("general.architecture", "llama");
  writer.count("a", 7);
  writer.number("b", 0.5f);
  writer.flag("c", true);
  writer.texts("d", {"x", "\xC3\xA9"});
  writer.integers("e", {3, 3});
  writer.tensor("w", 0, {2, 2}, std::string(16, 'w'));
  writer.tensor("v", 8, {32}, std::string(34, 'v'));
  return writer.bytes();
}

TEST(Gguf, MetadataAndTensorsReadBack) {
  const std::string bytes = small_file();
  const std::string origin = "file";
  const Gguf gguf = parse_gguf(as_bytes(bytes), origin);
  const GgufMetadata metadata(gguf, origin);
  EXPECT_EQ(metadata.text("general.architecture"), "llama");
  EXPECT_EQ(metadata.count("a"), 7u);
  EXPECT_EQ(metadata.number("b"), 0.5);
  EXPECT_EQ(metadata.flag("c"), true);
  EXPECT_EQ(metadata.strings("d"), (std::vector<std::string>{"x", "\xC3\xA9"}));
  EXPECT_EQ(metadata.count("e"), 3u);
  EXPECT_EQ(metadata.count("absent"), std::nullopt);
  EXPECT_REFUSED(metadata.count("b"), "file: metadata 'b' must be an unsigned 32-bit integer");
  EXPECT_REFUSED(metadata.text("a"), "metadata 'a' must be a string");
  EXPECT_REFUSED(metadata.floats("d"), "metadata 'd' must be an array of float32");
  const GgufTensor& w = gguf.tensors.at("w");
  EXPECT_EQ(w.type, GgmlType::kF32);
  EXPECT_EQ(w.sizes, (std::vector<uint64_t>{2, 2}));
  EXPECT_EQ(std::string(w.data.begin(), w.data.end()), std::string(16, 'w'));
  EXPECT_EQ(gguf.tensors.at("v").data.size(), 34u);
}

TEST(Gguf, TheForeignTensorFileReadsBack) {
  const std::string path = std::string(BRIM_SHARED_DATA) + "/gguf-tiny/test_tensors.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const std::string bytes = test::read_file(path);
  const Gguf gguf = parse_gguf(as_bytes(bytes), path);
  const GgufMetadata metadata(gguf, path);
  EXPECT_EQ(metadata.count("campello_llm_test.block_count"), 2u);
  EXPECT_EQ(metadata.strings("campello_llm_test.tokens"),
            (std::vector<std::string>{"<s>", "hello", "world"}));
  std::vector<float> weight(6), bias(2);
  dequantise(gguf.tensors.at("weight").type, gguf.tensors.at("weight").data, weight);
  dequantise(gguf.tensors.at("bias").type, gguf.tensors.at("bias").data, bias);
  EXPECT_EQ(weight, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(bias, (std::vector<float>{0.5f, -0.5f}));
  EXPECT_EQ(ggml_type_name(gguf.tensors.at("ids").type), "I32");
}

TEST(Gguf, EveryCutIsRefused) {
  const std::string whole = small_file();
  const size_t needed = whole.size() - 30;  // the last tensor's padding may be absent
  for (size_t size = 0; size < needed; ++size) EXPECT_THROW(parse(whole.substr(0, size)), Error) << size;
  EXPECT_NO_THROW(parse(whole.substr(0, needed)));
}

TEST(Gguf, CountsThatLieAreFoundBeforeMemoryIsSpent) {
  std::string bytes = "GGUF";
  test::append(bytes, uint32_t{3});
  test::append(bytes, UINT64_MAX);
  test::append(bytes, UINT64_MAX);
  EXPECT_REFUSED(parse(bytes), "metadata key 0 reaches beyond the end");
  for (const uint32_t element_type : {8u, 6u}) {
    std::string array = bytes;
    test::append(array, uint64_t{1});
    array += "k";
    test::append(array, uint32_t{9});
    test::append(array, element_type);
    test::append(array, UINT64_MAX / 2);
    EXPECT_REFUSED(parse(array), "metadata 'k' reaches beyond the end");
  }
}

TEST(Gguf, RefusalsNameWhatIsWrong) {
  std::string bytes = small_file();
  EXPECT_REFUSED(parse("GGML" + bytes.substr(4)), "not a GGUF file");
  EXPECT_REFUSED(parse("GGUF\x01" + bytes.substr(5)), "GGUF version 1 is not supported");
  EXPECT_REFUSED(parse(std::string("GGUF\0\0\0\x03", 8) + bytes.substr(8)), "big-endian");

  GgufWriter twice;
  twice.count("a", 1);
  twice.count("a", 2);
  EXPECT_REFUSED(parse(twice.bytes()), "metadata 'a' stands there twice");

  GgufWriter bad_text;
  bad_text.text("a", "\xC3");
  EXPECT_REFUSED(parse(bad_text.bytes()), "metadata 'a' is no valid UTF-8");

  GgufWriter same_name;
  same_name.tensor("w", 0, {1}, "1234");
  same_name.tensor("w", 0, {1}, "1234");
  EXPECT_REFUSED(parse(same_name.bytes()), "tensor 'w' stands there twice");

  GgufWriter overlong;
  overlong.tensor("v", 0, {16}, std::string(32, 'v'));  // says 64 bytes, and the next starts after 32
  overlong.tensor("w", 0, {16}, std::string(64, 'w'));
  EXPECT_REFUSED(parse(overlong.bytes()), "tensors 'v' and 'w' overlap");

  GgufWriter beyond;
  beyond.tensor("w", 0, {16}, "1234");
  EXPECT_REFUSED(parse(beyond.bytes()), "tensor 'w' lies outside the file");

  GgufWriter huge;
  huge.tensor("w", 0, {1ull << 32, 1ull << 32}, "");
  EXPECT_REFUSED(parse(huge.bytes()), "tensor 'w' has an impossible shape");

  GgufWriter ragged;
  ragged.tensor("w", 8, {33}, std::string(68, 'w'));
  EXPECT_REFUSED(parse(ragged.bytes()), "no whole Q8_0 blocks");

  GgufWriter dimensions;
  dimensions.tensor("w", 0, {1, 1, 1, 1, 1}, "1234");
  EXPECT_REFUSED(parse(dimensions.bytes()), "tensor 'w' has 5 dimensions");

  GgufWriter alignment;
  alignment.count("general.alignment", 0);
  EXPECT_REFUSED(parse(alignment.bytes()), "general.alignment");
}

}  // namespace
}  // namespace brim
