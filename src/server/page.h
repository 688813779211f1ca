// The page that the server gives at "/": one file that needs nothing else.
#pragma once

#include <string_view>

namespace brim {

std::string_view page_html();

// Its Content-Security-Policy: it loads nothing, talks to its own server only, and text never becomes markup.
inline constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src "
    "'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

}  // namespace brim
