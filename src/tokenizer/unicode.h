// What the tokenizers need to know of Unicode: classes of characters and canonical composition (NFC).
// Freestanding. The version of Unicode stands in unicode_tables.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace brim {

enum class CharacterClass : uint8_t {
  kOther = 0,
  kLetter = 1,  // general category L
  kNumber = 2,  // general category N
  kSpace = 3,   // property White_Space
};

// Class of a code point.
CharacterClass character_class(uint32_t code);

// Whether NFC may change the text. False is certain; true only says that a look is needed.
bool may_change_in_nfc(std::string_view text);

struct NfcResult {
  uint32_t bytes = 0;
  bool fits = true;  // false: a buffer was too small
};

// Writes the NFC form of `text` to `out`, which needs kNfcBytesPerByte times its size; bytes that are no
// UTF-8 stay as they are. `work` is two buffers of code points, each of kNfcCodesPerByte times the size.
// Source: Unicode Standard Annex #15.
inline constexpr uint32_t kNfcBytesPerByte = 3;
inline constexpr uint32_t kNfcCodesPerByte = 2;
NfcResult compose_nfc(std::string_view text, std::span<char> out, std::span<uint32_t> work);

}  // namespace brim
