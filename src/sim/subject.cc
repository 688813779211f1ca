#include "sim/subject.h"

#include <algorithm>
#include <cstring>

#include "base/concat.h"
#include "base/error.h"
#include "compile/board_limits.h"
#include "compile/build_program.h"

namespace brim::sim {
namespace {

// Streamed weights follow from sizes alone.
ModelDescription sizes_of(const ImageModel& image) {
  ModelDescription model;
  model.name = image.name;
  model.dim = image.dim;
  model.layers = image.layers;
  model.heads = image.heads;
  model.kv_heads = image.kv_heads;
  model.head_size = image.head_size;
  model.hidden = image.hidden;
  model.vocabulary = image.vocabulary;
  return model;
}

}  // namespace

Subject subject_of(const MappedImage& image, const Board& board) {
  const ImageHeader& header = image.header();
  Subject subject;
  subject.name = header.model.name;
  subject.program.program = image.runnable_program();
  subject.program.name = image.path();
  require_taken(image.path(), subject.program.program.header, board);
  subject.streamed_weights = brim::streamed_weights(sizes_of(header.model));
  for (const RegionEntry& entry : image.regions()) {
    const bool on_board = std::ranges::any_of(
        board.regions, [&](const MemoryRegion& memory) { return memory.range().contains(entry.range()); });
    if (!on_board) {
      throw Error(concat(image.path(), ": was packed for board ", header.board, "; board ", board.name,
                         " has no memory at its region ", entry.name, "; pack it with --board ", board.name));
    }
    subject.regions.push_back({entry.kind, entry.name, entry.address, entry.bytes, entry.file_bytes != 0});
    subject.used_bytes += entry.bytes;
    if (entry.kind == RegionKind::kProgram) subject.program.address = entry.address;
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
      .streamed_weights = brim::streamed_weights(model),
      .regions = plan.regions,
      .capacity_bytes = plan.capacity_bytes,
      .used_bytes = plan.used_bytes};
}

}  // namespace brim::sim
