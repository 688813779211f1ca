// Cuts text into the words within which byte merges happen. Freestanding. Each rule is what one regular
// expression says that is published in tokenizer.json files; docs/tokenizer.md lists them.
#pragma once

#include <cstdint>
#include <string_view>

#include "tokenizer/format.h"

namespace brim {

// Bytes of the first word of `text`; at least 1 unless the text is empty. Words follow one another without
// gaps. Bytes that are no UTF-8 count as one character each that is neither letter, number nor space.
uint32_t first_word(PreTokenizer rule, std::string_view text);

}  // namespace brim
