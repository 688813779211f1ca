// Memory that does not hold what was put there: a checksum says so on the way to whoever uses it.
// docs/integrity.md.
#pragma once

#include <cstdint>
#include <string>

#include "base/concat.h"
#include "base/error.h"
#include "isa/regions.h"

namespace brim {

struct Damage {
  RegionKind region = RegionKind::kHeader;
  uint64_t address = 0;  // physical, in bytes: of the page, the vector, or the beat of the program

  bool operator==(const Damage&) const = default;
};

// What a region is called, for people.
constexpr const char* kind_name(RegionKind kind) {
  constexpr const char* kNames[] = {"region",    "header",  "program",   "parameters", "rope",   "tokenizer",
                                    "embedding", "weights", "kv_scales", "kv",         "logits", "firmware"};
  const auto index = static_cast<uint32_t>(kind);
  return kNames[index < sizeof(kNames) / sizeof(kNames[0]) ? index : 0];
}

// A pass, or whatever else read it, has come to damaged memory; nothing that it gave counts.
class DamageError : public Error {
 public:
  DamageError(const std::string& source, const Damage& damage)
      : Error(concat(source, ": memory of ", kind_name(damage.region), " is damaged at address 0x", std::hex,
                     damage.address, ": a checksum is wrong; pack the model again or copy the image again")),
        damage_(damage) {}

  const Damage& damage() const { return damage_; }

 private:
  Damage damage_;
};

}  // namespace brim
