// The conversation on the console.
#pragma once

#include "firmware/accelerator.h"
#include "firmware/baked_prompt.h"
#include "image/header.h"

namespace brim {

// Holds a conversation until the user ends it. False, with what is wrong on the console, if it cannot begin.
// `prompt` stands in the KV cache.
bool chat(Accelerator& accelerator, const ImageHeader& image, const BakedPrompt& prompt);

}  // namespace brim
