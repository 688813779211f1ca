// A sound image that the accelerator's RTL was not made for; the text names what stands in the way.
#pragma once

#include "base/error.h"

namespace brim::rtl_target {

class DoesNotFit : public Error {
 public:
  using Error::Error;
};

}  // namespace brim::rtl_target
