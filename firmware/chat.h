// The conversation on the console.
#pragma once

#include "firmware/accelerator.h"
#include "image/header.h"

namespace brim {

// Holds a conversation until the user ends it. False, with what is wrong on the console, if it cannot begin.
bool chat(Accelerator& accelerator, const ImageHeader& image);

}  // namespace brim
