#include "engine/check_pass.h"

#include <algorithm>

#include "base/concat.h"
#include "base/error.h"

namespace brim {

namespace {

void check_places(const Pass& pass, const PassRunner& runner) {
  if (runner.caches() == 1) throw Error("this executor runs one text at a time");
  if (pass.places.size() != pass.tokens.size()) {
    throw Error(concat("a pass of ", pass.tokens.size(), " tokens has ", pass.places.size(), " places"));
  }
  for (size_t t = 0; t < pass.places.size(); ++t) {
    const Place& place = pass.places[t];
    if (place.cache >= runner.caches() || place.position >= runner.context()) {
      throw Error(concat("position ", place.position, " of KV cache ", place.cache, " is outside ",
                         runner.caches(), " caches of ", runner.context(), " positions"));
    }
    const auto before = pass.places.first(t);
    if (std::find(before.begin(), before.end(), place) != before.end()) {
      throw Error(concat("two tokens of a pass at position ", place.position, " of KV cache ", place.cache));
    }
  }
}

}  // namespace

void check_pass(const Pass& pass, const PassRunner& runner) {
  if (pass.tokens.empty() || pass.tokens.size() > runner.max_tokens_per_pass()) {
    throw Error(
        concat("a pass takes 1 to ", runner.max_tokens_per_pass(), " tokens, not ", pass.tokens.size()));
  }
  if (pass.places.empty()) {
    if (uint64_t{pass.position} + pass.tokens.size() > runner.context()) {
      throw Error(
          concat("the context of ", runner.context(), " tokens is full; pack with a larger --context"));
    }
  } else {
    check_places(pass, runner);
  }
  for (const uint32_t token : pass.tokens) {
    if (token >= runner.vocabulary()) {
      throw Error(concat("token id ", token, " is outside the vocabulary of ", runner.vocabulary()));
    }
  }
}

}  // namespace brim
