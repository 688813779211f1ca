// What a server has done, as Prometheus reads it.
#pragma once

#include <string>

#include "server/slots.h"

namespace brim::server {

std::string metrics_text(const Slots& slots);

}  // namespace brim::server
