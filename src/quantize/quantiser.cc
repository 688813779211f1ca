#include "quantize/quantiser.h"

#include <algorithm>
#include <array>

#include "base/concat.h"
#include "base/error.h"
#include "quantize/awq.h"
#include "quantize/layerwise.h"

namespace brim {

namespace {

constexpr std::array kQuantisers = {
    Quantiser{"rtn", "round to nearest",
              [](const QuantiserInput&) { return std::unique_ptr<TensorSource>(); }},
    Quantiser{"awq", "scale channels by what a text shows to matter", quantise_awq},
    Quantiser{"gptq", "let each weight make up for the rounding of others", quantise_gptq},
    Quantiser{"best", "awq's scales, then gptq, towards what the unrounded model computes", quantise_best},
};

}  // namespace

std::span<const Quantiser> quantisers() { return kQuantisers; }

const Quantiser& quantiser(std::string_view name) {
  const auto found = std::ranges::find(kQuantisers, name, &Quantiser::name);
  if (found != kQuantisers.end()) return *found;
  std::string known;
  for (const Quantiser& each : kQuantisers) known += concat(known.empty() ? "" : ", ", each.name);
  throw Error(concat("there is no quantiser '", name, "'; known are ", known));
}

}  // namespace brim
