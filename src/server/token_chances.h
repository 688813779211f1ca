// What `logprobs` shows of a token.
#pragma once

#include <cstdint>
#include <span>

#include "server/job.h"
#include "tokenizer/tokenizer.h"

namespace brim::server {

// The token with its log-probability, and the `top` most probable ones: the softmax of the logits as the
// model gives them, before sampler and temperature.
TokenInfo token_info(const Tokenizer& tokenizer, uint32_t token, std::span<const float> logits, uint32_t top);

}  // namespace brim::server
