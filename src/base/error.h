// The one exception type of the hosted code. Its text is a complete line for the user: what is wrong,
// where (file, tensor, field), and what to do. Freestanding code never throws.
#pragma once

#include <stdexcept>
#include <string>

namespace brim {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace brim
