// Does the accelerator compute what it should?
#pragma once

#include "firmware/accelerator.h"

namespace brim {

// Runs the same tokens in one wide pass and then one by one. By the arithmetic's contract the logits have the
// same bits, whatever the width; buffers, ports, KV cache and write path all take part. False, with what
// differs on the console, otherwise.
bool self_test(Accelerator& accelerator);

}  // namespace brim
