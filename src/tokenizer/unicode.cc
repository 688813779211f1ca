#include "tokenizer/unicode.h"

#include "tokenizer/unicode_tables.h"
#include "tokenizer/utf8.h"

namespace brim {
namespace {

// Hangul syllables are arithmetic (The Unicode Standard, section 3.12).
constexpr uint32_t kSyllableBase = 0xAC00;
constexpr uint32_t kLeadBase = 0x1100;
constexpr uint32_t kVowelBase = 0x1161;
constexpr uint32_t kTrailBase = 0x11A7;
constexpr uint32_t kLeads = 19;
constexpr uint32_t kVowels = 21;
constexpr uint32_t kTrails = 28;  // with "none"
constexpr uint32_t kSyllables = kLeads * kVowels * kTrails;

constexpr uint32_t kNoCode = 0xFFFFFFFFu;
constexpr uint32_t kRawByte = 0x110000u;  // a byte that is no UTF-8, beyond all code points

// The value of the stretch of packed ranges in which `code` lies.
uint32_t value_in(const uint32_t* ranges, uint32_t size, uint32_t shift, uint32_t code) {
  uint32_t low = 0;
  uint32_t high = size;  // ranges[low] begins at or before code, ranges[high] after it
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (ranges[middle] >> shift <= code) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return ranges[low] & ((1u << shift) - 1);
}

uint32_t combining_class(uint32_t code) {
  if (code < 0x300 || code >= kRawByte) return 0;
  return value_in(kCombiningRanges, kCombiningRangesSize, 8, code);
}

const Decomposition* find_decomposition(uint32_t code) {
  uint32_t low = 0;
  uint32_t high = kDecompositionsSize;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (kDecompositions[middle].code == code) return &kDecompositions[middle];
    if (kDecompositions[middle].code < code) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return nullptr;
}

// The character that the pair composes into, or kNoCode.
uint32_t compose(uint32_t first, uint32_t second) {
  const uint32_t lead = first - kLeadBase;
  const uint32_t vowel = second - kVowelBase;
  if (lead < kLeads && vowel < kVowels) return kSyllableBase + (lead * kVowels + vowel) * kTrails;
  const uint32_t syllable = first - kSyllableBase;
  const uint32_t trail = second - kTrailBase;
  if (syllable < kSyllables && syllable % kTrails == 0 && trail > 0 && trail < kTrails) return first + trail;
  uint32_t low = 0;
  uint32_t high = kCompositionsSize;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const Decomposition& pair = kDecompositions[kCompositions[middle]];
    if (pair.first == first && pair.second == second) return pair.code;
    if (pair.first < first || (pair.first == first && pair.second < second)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return kNoCode;
}

class Composer {
 public:
  Composer(std::span<char> out, std::span<uint32_t> work)
      : out_(out), codes_(work.first(work.size() / 2)), sorted_(work.subspan(work.size() / 2)) {}

  NfcResult run(std::string_view text) {
    while (!text.empty()) {
      const Utf8Character character = decode_utf8(text);
      decompose(character.valid ? character.code : kRawByte + static_cast<uint8_t>(text[0]));
      text.remove_prefix(character.bytes);
    }
    order();
    recompose();
    for (uint32_t i = 0; i < count_; ++i) write(codes_[i]);
    return {used_, fits_};
  }

 private:
  void push(uint32_t code) {
    if (count_ == codes_.size()) {
      fits_ = false;
    } else {
      codes_[count_++] = code;
    }
  }

  void decompose(uint32_t code) {
    const uint32_t syllable = code - kSyllableBase;
    if (syllable < kSyllables) {
      push(kLeadBase + syllable / (kVowels * kTrails));
      push(kVowelBase + syllable / kTrails % kVowels);
      if (syllable % kTrails != 0) push(kTrailBase + syllable % kTrails);
      return;
    }
    // Only the first half of a decomposition decomposes further; the second halves wait in order.
    uint32_t waiting[4];
    uint32_t depth = 0;
    for (const Decomposition* d = find_decomposition(code); d != nullptr; d = find_decomposition(code)) {
      if (d->second != 0 && depth < 4) waiting[depth++] = d->second;
      code = d->first;
    }
    push(code);
    while (depth > 0) push(waiting[--depth]);
  }

  // Sorts every run of combining characters by class, stably.
  void order() {
    for (uint32_t begin = 0; begin < count_;) {
      uint32_t end = begin;
      bool sorted = true;
      uint32_t previous = 0;
      for (; end < count_; ++end) {
        const uint32_t c = combining_class(codes_[end]);
        if (c == 0) break;
        sorted = sorted && c >= previous;
        previous = c;
      }
      if (!sorted) order_run(begin, end);
      begin = end + 1;
    }
  }

  // One sweep for each class that occurs, so that even an endless run takes linear time.
  void order_run(uint32_t begin, uint32_t end) {
    bool occurs[256] = {};
    for (uint32_t i = begin; i < end; ++i) occurs[combining_class(codes_[i])] = true;
    uint32_t filled = begin;
    for (uint32_t c = 1; c < 256; ++c) {
      for (uint32_t i = begin; occurs[c] && i < end; ++i) {
        if (combining_class(codes_[i]) == c) sorted_[filled++] = codes_[i];
      }
    }
    for (uint32_t i = begin; i < end; ++i) codes_[i] = sorted_[i];
  }

  // Joins each character with the last starter before it unless one of the same or a higher class, or
  // another starter, stands between them.
  void recompose() {
    uint32_t kept = 0;
    uint32_t starter = kNoCode;  // index among the kept
    uint32_t last_class = 0;     // of the last character kept after the starter
    for (uint32_t i = 0; i < count_; ++i) {
      const uint32_t code = codes_[i];
      const uint32_t c = combining_class(code);
      const bool adjacent = starter != kNoCode && kept == starter + 1;
      if (starter != kNoCode && (adjacent || (last_class != 0 && last_class < c))) {
        const uint32_t composed = compose(codes_[starter], code);
        if (composed != kNoCode) {
          codes_[starter] = composed;
          continue;
        }
      }
      if (c == 0) starter = kept;
      last_class = c;
      codes_[kept++] = code;
    }
    count_ = kept;
  }

  void write(uint32_t code) {
    char bytes[4];
    uint32_t n = 0;
    if (code >= kRawByte) {
      bytes[n++] = static_cast<char>(code - kRawByte);
    } else if (code < 0x80) {
      bytes[n++] = static_cast<char>(code);
    } else {
      const uint32_t trails = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
      constexpr uint32_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
      bytes[n++] = static_cast<char>(kLead[trails] | code >> (6 * trails));
      for (uint32_t i = trails; i-- > 0;) bytes[n++] = static_cast<char>(0x80 | (code >> (6 * i) & 0x3F));
    }
    if (n > out_.size() - used_) {
      fits_ = false;
      return;
    }
    for (uint32_t i = 0; i < n; ++i) out_[used_++] = bytes[i];
  }

  const std::span<char> out_;
  const std::span<uint32_t> codes_;
  const std::span<uint32_t> sorted_;
  uint32_t count_ = 0;
  uint32_t used_ = 0;
  bool fits_ = true;
};

}  // namespace

CharacterClass character_class(uint32_t code) {
  return static_cast<CharacterClass>(value_in(kClassRanges, kClassRangesSize, 2, code));
}

bool may_change_in_nfc(std::string_view text) {
  // Every character below U+0300, whose UTF-8 starts with CC, is its own NFC form and joins with none such.
  for (const char c : text) {
    if (static_cast<uint8_t>(c) >= 0xCC) return true;
  }
  return false;
}

NfcResult compose_nfc(std::string_view text, std::span<char> out, std::span<uint32_t> work) {
  return Composer(out, work).run(text);
}

}  // namespace brim
