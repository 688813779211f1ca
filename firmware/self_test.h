// Does the accelerator compute what it should?
#pragma once

#include "firmware/accelerator.h"
#include "image/header.h"

namespace brim {

// Runs the pass whose logits the image carries, in as few passes as the accelerator allows, then its last
// token once more on its own: by the arithmetic's contract the logits have the same bits both times. Buffers,
// ports, KV cache and write path all take part. False, with what differs on the console, otherwise. An image
// without a known pass gives a message, and true.
bool self_test(Accelerator& accelerator, const KnownPass& known);

}  // namespace brim
