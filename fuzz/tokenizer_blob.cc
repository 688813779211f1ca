// Tokenizer blobs as they stand in images: what attach() accepts must encode and decode any text.
#include <algorithm>
#include <vector>

#include "tokenizer/decoder.h"
#include "tokenizer/tokenizer.h"

// The first bytes of the input are the text (their number is the first byte), the rest is the blob.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t text_size = std::min<size_t>(data[0], size - 1);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, text_size);
  brim::Tokenizer tokenizer;
  if (!tokenizer.attach({data + 1 + text_size, size - 1 - text_size}).empty()) return 0;

  std::vector<uint8_t> scratch(tokenizer.scratch_bytes(text.size()));
  std::vector<uint32_t> ids(tokenizer.max_ids(text.size()));
  const brim::EncodeResult result =
      tokenizer.encode(text, {.add_bos = true, .parse_special = true, .verbatim = {}}, scratch, ids);
  brim::StreamDecoder decoder(tokenizer);
  std::vector<char> out(decoder.max_text_bytes());
  for (uint32_t i = 0; i < result.count; ++i) decoder.push(ids[i], out);
  decoder.finish(out);
  return 0;
}
