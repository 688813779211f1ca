// Which experts a token chooses, and with what weights: docs/numerics.md, "A mixture of experts".
// Freestanding.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "numerics/exp.h"
#include "numerics/fp32.h"
#include "numerics/reciprocal.h"
#include "numerics/sums.h"

namespace brim {

struct ChosenExpert {
  uint32_t expert = 0;
  float weight = 0;
};

// The chosen.size() experts of the largest logits in descending order, of equal ones the lower first, with
// the softmax over them or over all. False: a logit is not finite, and the pass has overflowed. Precondition:
// as many logits as chosen, or more.
inline bool choose_experts(std::span<const float> logits, bool softmax_over_chosen,
                           std::span<ChosenExpert> chosen) {
  bool finite = true;
  for (const float logit : logits) finite = finite && is_finite(logit);
  // Insertion into the chosen so far: a later one goes ahead of smaller ones only.
  for (size_t e = 0; e < logits.size(); ++e) {
    size_t place = e < chosen.size() ? e : chosen.size();
    while (place > 0 && logits[e] > logits[chosen[place - 1].expert]) {
      if (place < chosen.size()) chosen[place] = chosen[place - 1];
      --place;
    }
    if (place < chosen.size()) chosen[place].expert = static_cast<uint32_t>(e);
  }
  const float largest = logits[chosen[0].expert];
  const auto power = [&](size_t expert) { return exp_fp32(fsub(logits[expert], largest)); };
  const auto is_chosen = [&](size_t expert) {
    return std::ranges::any_of(chosen, [&](const ChosenExpert& each) { return each.expert == expert; });
  };
  Sum16 sum;
  for (size_t e = 0; e < logits.size(); ++e) {
    sum.add(static_cast<uint32_t>(e), !softmax_over_chosen || is_chosen(e) ? power(e) : 0.0f);
  }
  const float inverse = reciprocal(sum.total());
  for (ChosenExpert& each : chosen) each.weight = fmul(power(each.expert), inverse);
  return finite;
}

}  // namespace brim
