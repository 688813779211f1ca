#include "board_server/pass_server.h"

#include <cstring>

#include "base/error.h"
#include "isa/damage.h"
#include "isa/program.h"

namespace brim {

std::span<const uint8_t> program_in(const SharedDdr& ddr, uint64_t address) {
  ProgramHeader header;
  std::memcpy(&header, ddr.at(address, sizeof(header)), sizeof(header));
  if (header.crc != sealed(header).crc)
    throw DamageError("the board's program", {RegionKind::kProgram, address});
  if (header.magic != kProgramMagic) throw Error("there is no program where PROGRAM points");
  const uint64_t bytes = sizeof(header) + uint64_t{header.instructions} * sizeof(Instruction);
  return {ddr.at(address, bytes), bytes};
}

}  // namespace brim
