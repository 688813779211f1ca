// What every executor asks of a pass.
#pragma once

#include "engine/pass.h"

namespace brim {

// Throws Error if a number of tokens, a position or a token id is out of the runner's range.
void check_pass(const Pass& pass, const PassRunner& runner);

}  // namespace brim
