// Byte offset into the DRAM -> bank, row and column, by the board's address map.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "board/board.h"

namespace brim::ddr4 {

struct DramAddress {
  uint32_t bank = 0;  // over all groups: group * banks_per_group + bank within the group
  uint32_t row = 0;
  uint32_t column = 0;  // burst within the row
};

class AddressDecoder {
 public:
  explicit AddressDecoder(const DdrDescription& ddr);

  DramAddress decode(uint64_t offset) const {
    return {bank_group_(offset) << bank_bits_ | bank_(offset), row_(offset), column_(offset)};
  }

 private:
  // A field's bits gathered piece by piece, a piece being a run of neighbouring bits; most fields are one.
  class Field {
   public:
    explicit Field(std::span<const uint8_t> bits);
    uint32_t operator()(uint64_t offset) const {
      uint32_t value = 0;
      for (uint32_t i = 0; i < count_; ++i) {
        value |= static_cast<uint32_t>(offset >> pieces_[i].from & pieces_[i].mask) << pieces_[i].to;
      }
      return value;
    }

   private:
    struct Piece {
      uint8_t from;
      uint8_t to;
      uint32_t mask;
    };
    std::array<Piece, 32> pieces_{};
    uint32_t count_ = 0;
  };

  Field row_;
  Field bank_group_;
  Field bank_;
  Field column_;
  uint32_t bank_bits_;
};

}  // namespace brim::ddr4
