// Tokens to a tree.
#pragma once

#include <string_view>

#include "template/syntax.h"

namespace brim::tmpl {

// Throws Error naming line and construct, also for trees that are too deep to be walked.
Body parse(std::string_view text);

}  // namespace brim::tmpl
