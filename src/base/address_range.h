// A range of addresses, and whether something lies in it. Freestanding; part of the image's header.
#pragma once

#include <cstdint>

namespace brim {

struct AddressRange {
  uint64_t base;
  uint64_t bytes;

  // Whether all of [address, address + size) lies in the range; safe for every value.
  constexpr bool contains(uint64_t address, uint64_t size = 1) const {
    return address >= base && size <= bytes && address - base <= bytes - size;
  }
  constexpr bool contains(const AddressRange& inner) const { return contains(inner.base, inner.bytes); }

  // Whether the two have an address in common.
  constexpr bool overlaps(const AddressRange& other) const {
    return bytes > 0 && other.bytes > 0 && (contains(other.base) || other.contains(base));
  }
};

}  // namespace brim
