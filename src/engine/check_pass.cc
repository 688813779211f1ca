#include "engine/check_pass.h"

#include "base/concat.h"
#include "base/error.h"

namespace brim {

void check_pass(const Pass& pass, const PassRunner& runner) {
  if (pass.tokens.empty() || pass.tokens.size() > runner.max_tokens_per_pass()) {
    throw Error(
        concat("a pass takes 1 to ", runner.max_tokens_per_pass(), " tokens, not ", pass.tokens.size()));
  }
  if (uint64_t{pass.position} + pass.tokens.size() > runner.context()) {
    throw Error(concat("the context of ", runner.context(), " tokens is full; pack with a larger --context"));
  }
  for (const uint32_t token : pass.tokens) {
    if (token >= runner.vocabulary()) {
      throw Error(concat("token id ", token, " is outside the vocabulary of ", runner.vocabulary()));
    }
  }
}

}  // namespace brim
