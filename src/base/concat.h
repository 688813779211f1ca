// Text from pieces, for messages: concat("layer ", 3, ": ", name).
#pragma once

#include <sstream>
#include <string>

namespace brim {

template <typename... Pieces>
std::string concat(const Pieces&... pieces) {
  std::ostringstream text;
  (text << ... << pieces);
  return text.str();
}

}  // namespace brim
