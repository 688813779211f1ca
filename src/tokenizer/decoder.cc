#include "tokenizer/decoder.h"

#include "tokenizer/utf8.h"

namespace brim {

// Appends to a buffer that is known to be large enough.
class StreamDecoder::Output {
 public:
  explicit Output(std::span<char> buffer) : buffer_(buffer) {}

  void put(std::string_view text) {
    for (const char c : text) buffer_[used_++] = c;
  }

  // Text that spells its spaces as U+2581.
  void put_visible(std::string_view text) {
    while (!text.empty()) {
      const bool space = text.starts_with(kSpaceSymbol);
      put(space ? std::string_view(" ") : slice(text, 0, 1));
      text.remove_prefix(space ? kSpaceSymbol.size() : 1);
    }
  }

  std::string_view text() const { return {buffer_.data(), used_}; }

 private:
  std::span<char> buffer_;
  size_t used_ = 0;
};

bool StreamDecoder::one_replacement_per_byte() const {
  return tables_->header().algorithm != static_cast<uint32_t>(TokenizerAlgorithm::kByteMerges);
}

uint32_t StreamDecoder::max_text_bytes() const {
  const uint32_t surface = static_cast<uint32_t>(tables_->section(kUnknownSurface).size());
  const uint32_t longest = tables_->header().max_piece_bytes;
  return static_cast<uint32_t>(kReplacementUtf8.size()) * (kMaxPending + longest) + surface;
}

// Takes one byte of text and gives out what can be given out.
void StreamDecoder::feed(char byte, Output& out) {
  pending_[pending_bytes_++] = byte;
  while (pending_bytes_ > 0) {
    const std::string_view pending(pending_.data(), pending_bytes_);
    const Utf8Character character = decode_utf8(pending);
    uint32_t done = character.bytes;
    if (character.valid) {
      out.put(slice(pending, 0, done));
    } else {
      if (incomplete_utf8(pending) != 0) return;
      // The last byte is what broke the character: the others were a proper prefix of one.
      if (!one_replacement_per_byte() && pending_bytes_ > 1) done = pending_bytes_ - 1;
      out.put(kReplacementUtf8);
    }
    for (uint32_t i = done; i < pending_bytes_; ++i) pending_[i - done] = pending_[i];
    pending_bytes_ -= done;
  }
}

void StreamDecoder::flush(Output& out) {
  const uint32_t replacements = one_replacement_per_byte() ? pending_bytes_ : pending_bytes_ > 0 ? 1 : 0;
  for (uint32_t i = 0; i < replacements; ++i) out.put(kReplacementUtf8);
  pending_bytes_ = 0;
}

// The piece without the space that encoding put before the text.
std::string_view StreamDecoder::remove_dummy_prefix(std::string_view piece) {
  const bool squeeze = tables_->has(kRemoveExtraWhitespaces);
  if (at_start_ && (squeeze || tables_->has(kAddDummyPrefix)) && piece.starts_with(kSpaceSymbol)) {
    piece.remove_prefix(kSpaceSymbol.size());
    // Where extra spaces go, all leading ones are the encoder's; else only the first is.
    at_start_ = squeeze && piece.empty();
  } else if (!piece.empty()) {
    at_start_ = false;
  }
  return piece;
}

std::string_view StreamDecoder::push(uint32_t id, std::span<char> buffer) {
  if (id >= tables_->header().vocabulary || buffer.size() < max_text_bytes()) return {};
  Output out(buffer);
  const std::string_view piece = tables_->piece(id);
  const TokenType type = tables_->type(id);
  if (tables_->header().algorithm == static_cast<uint32_t>(TokenizerAlgorithm::kByteMerges)) {
    if (type == TokenType::kControl) return {};
    for (const char byte : piece) feed(byte, out);
    return out.text();
  }
  if (type == TokenType::kByte) {
    at_start_ = false;
    feed(static_cast<char>(byte_token_value(piece)), out);
    return out.text();
  }
  flush(out);
  if (type == TokenType::kUnknown) {
    const auto surface = tables_->section(kUnknownSurface);
    at_start_ = at_start_ && surface.empty();
    out.put({reinterpret_cast<const char*>(surface.data()), surface.size()});
  } else if (type != TokenType::kControl) {
    out.put_visible(remove_dummy_prefix(piece));
  }
  return out.text();
}

std::string_view StreamDecoder::finish(std::span<char> buffer) {
  if (buffer.size() < max_text_bytes()) return {};
  Output out(buffer);
  flush(out);
  at_start_ = true;
  return out.text();
}

std::string_view token_bytes(const Tokenizer& tokenizer, uint32_t id, std::span<char> buffer) {
  const StreamDecoder decoder(tokenizer);
  const TokenizerTables& tables = tokenizer.tables();
  if (id >= tokenizer.vocabulary_size() || buffer.size() < decoder.max_text_bytes()) return {};
  StreamDecoder::Output out(buffer);
  const std::string_view piece = tables.piece(id);
  if (tables.type(id) == TokenType::kControl) return {};
  if (tables.header().algorithm == static_cast<uint32_t>(TokenizerAlgorithm::kByteMerges)) {
    out.put(piece);
  } else if (tables.type(id) == TokenType::kByte) {
    const char byte = static_cast<char>(byte_token_value(piece));
    out.put({&byte, 1});
  } else {
    out.put_visible(piece);
  }
  return out.text();
}

}  // namespace brim
