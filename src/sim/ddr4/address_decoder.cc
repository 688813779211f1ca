#include "sim/ddr4/address_decoder.h"

namespace brim::ddr4 {

AddressDecoder::Field::Field(std::span<const uint8_t> bits) {
  for (uint32_t i = 0; i < bits.size(); ++i) {
    if (i == 0 || bits[i] != bits[i - 1] + 1) {
      pieces_[count_++] = {bits[i], static_cast<uint8_t>(i), 0};
    }
    pieces_[count_ - 1].mask = pieces_[count_ - 1].mask << 1 | 1;
  }
}

AddressDecoder::AddressDecoder(const DdrDescription& ddr)
    : row_(ddr.address_map.row),
      bank_group_(ddr.address_map.bank_group),
      bank_(ddr.address_map.bank),
      column_(ddr.address_map.column),
      bank_bits_(static_cast<uint32_t>(ddr.address_map.bank.size())) {}

}  // namespace brim::ddr4
