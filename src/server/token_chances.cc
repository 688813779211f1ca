#include "server/token_chances.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tokenizer/decoder.h"

namespace brim::server {

TokenInfo token_info(const Tokenizer& tokenizer, uint32_t token, std::span<const float> logits,
                     uint32_t top) {
  const float best = *std::ranges::max_element(logits);
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit - best));
  std::string room(StreamDecoder(tokenizer).max_text_bytes(), '\0');
  const auto chance = [&](uint32_t id) {
    const bool known = id < tokenizer.vocabulary_size();
    return TokenChance{id, known ? std::string(token_bytes(tokenizer, id, room)) : std::string(),
                       static_cast<double>(logits[id] - best) - std::log(total)};
  };
  TokenInfo info{chance(token), {}};
  if (top == 0) return info;
  std::vector<uint32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0u);
  const size_t count = std::min<size_t>(top, ids.size());
  std::partial_sort(
      ids.begin(), ids.begin() + static_cast<ptrdiff_t>(count), ids.end(),
      [&](uint32_t a, uint32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  for (size_t i = 0; i < count; ++i) info.top.push_back(chance(ids[i]));
  return info;
}

}  // namespace brim::server
