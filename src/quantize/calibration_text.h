// The text that quantisers calibrate with where the user gives none: calibration.txt, as it was when the
// binary was built. Its prose is in the public domain or was written for this project.
#pragma once

#include <string_view>

namespace brim {

std::string_view calibration_text();

}  // namespace brim
