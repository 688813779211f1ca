#include "sim/subject.h"

#include <algorithm>
#include <cstring>

#include "base/concat.h"
#include "base/error.h"
#include "compile/board_limits.h"
#include "compile/build_program.h"
#include "isa/reads.h"

namespace brim::sim {
namespace {

// Of the matrices that a token's pass multiplies with, without padding.
uint64_t streamed_weights_of(const Program& program) {
  const ProgramHeader& header = program.header;
  const std::vector<uint32_t> any_experts(header.experts_per_token);
  uint64_t weights = 0;
  bool of_expert = false;
  const auto experts_of = [&](uint32_t) -> const std::vector<uint32_t>& { return any_experts; };
  for_each_step(program.instructions, experts_of, [&](const Instruction& in, uint32_t) {
    if (in.opcode == Opcode::kExperts || in.opcode == Opcode::kMix) of_expert = in.opcode == Opcode::kExperts;
    if (in.opcode != Opcode::kMatvec) return true;
    const bool expert_hidden = of_expert && in.buffer == ActivationBuffer::kHidden;
    weights += uint64_t{in.rows} * (expert_hidden ? header.expert_hidden : inputs_of(in.buffer, header));
    return true;
  });
  return weights;
}

}  // namespace

Subject subject_of(const MappedImage& image, const Board& board) {
  const ImageHeader& header = image.header();
  Subject subject;
  subject.name = header.model.name;
  subject.program.program = image.runnable_program();
  subject.program.name = image.path();
  require_taken(image.path(), subject.program.program.header, board);
  subject.streamed_weights = streamed_weights_of(subject.program.program);
  if (header.has_draft()) {
    subject.draft = LoadedProgram{.program = image.runnable_program(kDraftModel),
                                  .address = image.view(kDraftModel).program.address,
                                  .name = image.name_of(kDraftModel)};
    require_taken(subject.draft->name, subject.draft->program.header, board);
  }
  subject.program.address = image.view().program.address;
  for (const RegionEntry& entry : image.regions()) {
    if (entry.bytes == 0) continue;  // a prompt
    const bool on_board = std::ranges::any_of(
        board.regions, [&](const MemoryRegion& memory) { return memory.range().contains(entry.range()); });
    if (!on_board) {
      throw Error(concat(image.path(), ": was packed for board ", header.board, "; board ", board.name,
                         " has no memory at its region ", entry.name, "; pack it with --board ", board.name));
    }
    subject.regions.push_back({entry.kind, entry.name, entry.address, entry.bytes, entry.file_bytes != 0});
    subject.used_bytes += entry.bytes;
    if (entry.on_card())
      subject.program.card_row_bytes = embedding_row_bytes(header.model.embedding, header.model.dim);
  }
  subject.capacity_bytes = board.ddr.capacity_bytes();
  return subject;
}

Subject subject_of(const ModelDescription& model, const Board& board, const PlanOptions& options) {
  const Plan plan = plan_image(model, board, options);
  return {
      .name = model.name,
      .program = {build_program(model, plan.addresses), plan.region(RegionKind::kProgram).address, model.name,
                  options.embedding_on_card ? embedding_row_bytes(options.embedding, model.dim) : 0},
      .draft = {},
      .streamed_weights = brim::streamed_weights(model),
      .regions = plan.regions,
      .capacity_bytes = plan.capacity_bytes,
      .used_bytes = plan.used_bytes};
}

}  // namespace brim::sim
