#include "compile/planner.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/address_range.h"
#include "base/concat.h"
#include "base/error.h"
#include "compile/board_limits.h"
#include "compile/matrix.h"
#include "compile/parameter_layout.h"
#include "isa/pass_limits.h"

namespace brim {

namespace {

constexpr uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

std::string megabytes(uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

uint64_t capacity(const Board& board) {
  return std::accumulate(board.regions.begin(), board.regions.end(), uint64_t{0},
                         [](uint64_t sum, const MemoryRegion& region) { return sum + region.bytes; });
}

// For images.
uint64_t free_bytes(const Board& board) {
  uint64_t bytes = capacity(board) - board.firmware.bytes;
  for (const MemoryRegion& range : board.reserved) bytes -= range.bytes;
  return bytes;
}

// Hands out page-aligned ranges of the board's memory outside the firmware's area and what is reserved, at
// the lowest address where they fit: the header, which comes first, is then first in the file, too.
class Allocator {
 public:
  explicit Allocator(const Board& board) {
    std::vector<MemoryRegion> taken = board.reserved;
    if (board.firmware.bytes > 0) taken.push_back(board.firmware);
    std::ranges::sort(taken, {}, &MemoryRegion::base);
    for (const MemoryRegion& region : board.regions) {
      const uint64_t end = region.base + region.bytes;
      uint64_t from = region.base;
      for (const MemoryRegion& range : taken) {
        if (!region.range().contains(range.range())) continue;
        if (range.base > from) free_.push_back({from, range.base - from});
        from = range.base + range.bytes;
      }
      if (from < end) free_.push_back({from, end - from});
    }
    std::sort(free_.begin(), free_.end(), [](const auto& a, const auto& b) { return a.base < b.base; });
  }

  std::optional<uint64_t> allocate(uint64_t bytes) {
    for (size_t i = 0; i < free_.size(); ++i) {
      if (free_[i].bytes >= round_up(bytes, kPageBytes)) return take(i, bytes);
    }
    return std::nullopt;
  }

  size_t regions() const { return free_.size(); }
  uint64_t room(size_t region) const { return free_[region].bytes; }
  uint64_t take(size_t region, uint64_t bytes) {
    const uint64_t address = free_[region].base;
    const uint64_t taken = round_up(bytes, kPageBytes);
    free_[region].base += taken;
    free_[region].bytes -= taken;
    return address;
  }

 private:
  std::vector<AddressRange> free_;
};

// A model to be placed, and how.
struct Part {
  uint16_t model;  // 0, or 1: the draft model
  const ModelDescription& description;
  EmbeddingFormat embedding;
  bool embedding_on_card;
  KvCache kv;
  uint32_t context;
  uint64_t tokenizer_bytes;

  uint64_t scales() const { return scales_bytes(description, context, kv); }
  // Of the pages of K, and of V, of a KV head of a layer.
  std::array<uint64_t, 2> page_bytes(uint32_t layer) const {
    const uint32_t positions = cache_positions(description, layer, context, kv);
    const auto [keys, values] = kv.formats(description.head_size);
    return {keys.page_bytes(positions), values.page_bytes(positions)};
  }
  uint64_t embedding_row() const { return embedding_row_bytes(embedding, description.dim); }
  // Of the table of all rows.
  uint64_t embedding_bytes() const { return description.vocabulary * embedding_row(); }
  // Of the table, or of the slots for two passes' rows of one that is on the card.
  uint64_t embedding_in_memory(const Board& board) const {
    return embedding_on_card ? uint64_t{2} * board.accelerator.tokens_per_pass * embedding_row()
                             : embedding_bytes();
  }
  ProgramHeader program() const { return program_header(description, context, kv); }
};

// As many positions as the model has, unless the draft model or the accelerator takes fewer of it.
uint32_t draft_context(const ModelDescription& draft, const Board& board, uint32_t context) {
  const auto floor = [](uint64_t positions) { return positions / kAttentionBlock * kAttentionBlock; };
  uint64_t most = std::min<uint64_t>(context, floor(longest_context(limits_of(board), draft.heads_per_kv())));
  if (const uint64_t usual = usual_context(draft)) most = std::min(most, round_up(usual, kAttentionBlock));
  return static_cast<uint32_t>(std::max<uint64_t>(most, kAttentionBlock));
}

// The models of an image whose main one has this cache and context.
std::vector<Part> parts_of(const ModelDescription& model, const Board& board, const PlanOptions& options,
                           const KvCache& kv, uint32_t context) {
  std::vector<Part> parts = {{.model = 0,
                              .description = model,
                              .embedding = options.embedding,
                              .embedding_on_card = options.embedding_on_card,
                              .kv = kv,
                              .context = context,
                              .tokenizer_bytes = options.tokenizer_bytes}};
  if (options.draft != nullptr) {
    parts.push_back({.model = 1,
                     .description = *options.draft,
                     .embedding = options.draft_embedding,
                     .embedding_on_card = false,
                     .kv = {},
                     .context = draft_context(*options.draft, board, context),
                     .tokenizer_bytes = 0});
  }
  return parts;
}

struct Request {
  RegionKind kind;
  const char* name;
  uint64_t bytes;
  bool in_file;
};

// One attempt to place models; fails where something does not fit.
class Attempt {
 public:
  Attempt(const Board& board, const std::vector<Part>& parts)
      : board_(board), parts_(parts), allocator_(board) {}

  std::optional<Plan> run() {
    if (board_.firmware.bytes > 0) {
      plan_.regions.push_back(
          {RegionKind::kReserved, "firmware", board_.firmware.base, board_.firmware.bytes, false});
    }
    if (parts_.size() > 1) plan_.draft.emplace();
    for (const Part& part : parts_) {
      ProgramAddresses& addresses = addresses_of(part);
      addresses.context = part.context;
      addresses.kv_cache = part.kv;
      addresses.embedding_format = part.embedding;
    }
    for (const auto place : {&Attempt::place_single_regions, &Attempt::place_weights, &Attempt::place_kv}) {
      for (const Part& part : parts_) {
        if (!(this->*place)(part)) return std::nullopt;
      }
    }

    std::sort(plan_.regions.begin(), plan_.regions.end(),
              [](const auto& a, const auto& b) { return a.address < b.address; });
    for (PlannedRegion& region : plan_.regions) {
      plan_.used_bytes += region.bytes;
      if (!region.in_file) continue;
      region.file_bytes = region.bytes;
      if (on_card(region)) continue;
      region.file_offset = plan_.file_bytes;
      plan_.file_bytes += region.bytes;
    }
    // At the end of the file, so that what goes into memory stands together.
    for (PlannedRegion& region : plan_.regions) {
      if (!on_card(region)) continue;
      region.file_offset = plan_.file_bytes;
      region.file_bytes = round_up(parts_[region.model].embedding_bytes(), kPageBytes);
      plan_.file_bytes += region.file_bytes;
    }
    plan_.capacity_bytes = capacity(board_);
    return std::move(plan_);
  }

 private:
  ProgramAddresses& addresses_of(const Part& part) {
    return part.model == 0 ? plan_.addresses : *plan_.draft;
  }

  void add(const Part& part, PlannedRegion region) {
    region.model = part.model;
    if (part.model != 0) region.name = "draft." + region.name;
    plan_.regions.push_back(std::move(region));
  }

  bool place_single_regions(const Part& part) {
    const ModelDescription& model = part.description;
    const uint64_t logits_row = round_up(uint64_t{model.vocabulary} * sizeof(float), kBeatBytes);
    const Request requests[] = {
        {RegionKind::kHeader, "header", part.model == 0 ? kImageHeaderBytes : 0, true},
        {RegionKind::kProgram, "program", program_bytes(model, allocator_.regions()), true},
        {RegionKind::kParameters, "parameters", ParameterLayout(model).bytes(), true},
        {RegionKind::kRope, "rope", rope_bytes(model, part.context), true},
        {RegionKind::kTokenizer, "tokenizer", part.tokenizer_bytes, true},
        {RegionKind::kEmbedding, "embedding", part.embedding_in_memory(board_), true},
        {RegionKind::kLogits, "logits", logits_row * board_.accelerator.tokens_per_pass, false},
        {RegionKind::kKvScales, "kv_scales", part.scales(), false},
    };
    for (const Request& request : requests) {
      if (request.bytes == 0) continue;
      const auto address = allocator_.allocate(request.bytes);
      if (!address) return false;
      add(part, {request.kind, request.name, *address, round_up(request.bytes, kPageBytes), request.in_file});
    }
    ProgramAddresses& addresses = addresses_of(part);
    addresses.parameters = plan_.region(RegionKind::kParameters, part.model).address;
    addresses.rope = plan_.region(RegionKind::kRope, part.model).address;
    addresses.embedding = plan_.region(RegionKind::kEmbedding, part.model).address;
    addresses.logits = plan_.region(RegionKind::kLogits, part.model).address;
    addresses.kv_scales = plan_.region(RegionKind::kKvScales, part.model).address;
    return true;
  }

  bool on_card(const PlannedRegion& region) const {
    return region.kind == RegionKind::kEmbedding && parts_[region.model].embedding_on_card;
  }
  // Matrices in stream order, each memory region filled with whole matrices: one run of chunks per region,
  // and with experts a further one behind those of each layer. A layer's experts stand in one region.
  bool place_weights(const Part& part) {
    const ModelDescription& model = part.description;
    const std::vector<Matrix> all = matrices(model);
    uint32_t weight_regions = 0;
    uint32_t next = 0;
    for (size_t region = 0; region < allocator_.regions() && next < all.size(); ++region) {
      const uint32_t first = next;
      const uint64_t room = allocator_.room(region);
      std::vector<ProgramAddresses::StreamStart> starts;  // addresses from the region's beginning
      uint64_t done = 0;                                  // bytes of runs that are complete
      uint64_t pages = 0;                                 // of the run under way
      while (next < all.size()) {
        const bool experts = is_of_expert(all[next].kind);
        const uint32_t count = experts ? 2 * model.experts : 1;
        const uint64_t start = experts ? done + stream_bytes(pages) : done;
        const uint64_t bytes = experts ? model.experts * run_bytes(std::span(all).subspan(next, 2))
                                       : stream_bytes(pages + all[next].pages());
        if (start + bytes > room) break;
        if (experts || pages == 0) starts.push_back({next, start});
        done = experts ? start + bytes : done;
        pages = experts ? 0 : pages + all[next].pages();
        next += count;
      }
      if (next == first) continue;
      const uint64_t bytes = done + stream_bytes(pages);
      const uint64_t address = allocator_.take(region, bytes);
      for (const auto& [matrix, offset] : starts)
        addresses_of(part).streams.push_back({matrix, address + offset});
      add(part, {RegionKind::kWeights, "weights." + std::to_string(weight_regions++), address, bytes, true, 0,
                 first, next - first});
    }
    return next == all.size();
  }

  // Every head's K pages and V pages are contiguous; neighbours in memory form one region.
  bool place_kv(const Part& part) {
    uint32_t kv_regions = 0;
    const uint64_t of_layer = uint64_t{part.description.kv_heads} * 2;
    for (uint64_t i = 0; i < part.description.layers * of_layer; ++i) {
      const uint64_t bytes = part.page_bytes(static_cast<uint32_t>(i / of_layer))[i % 2];
      const auto address = allocator_.allocate(bytes);
      if (!address) return false;
      addresses_of(part).kv.push_back(*address);
      PlannedRegion& last = plan_.regions.back();
      if (last.kind == RegionKind::kKv && last.model == part.model && last.address + last.bytes == *address) {
        last.bytes += bytes;
      } else {
        add(part, {RegionKind::kKv, "kv." + std::to_string(kv_regions++), *address, bytes, false});
      }
    }
    return true;
  }

  const Board& board_;
  const std::vector<Part>& parts_;
  Allocator allocator_;
  Plan plan_;
};

uint64_t bytes_needed(const Board& board, const Part& part) {
  uint64_t weights = 0;
  const std::vector<Matrix> all = matrices(part.description);
  for (const auto run : runs_of(all)) weights += run_bytes(run);
  uint64_t kv_bytes = part.scales();
  for (uint32_t layer = 0; layer < part.description.layers; ++layer) {
    const auto [keys, values] = part.page_bytes(layer);
    kv_bytes += part.description.kv_heads * (keys + values);
  }
  return weights + part.embedding_in_memory(board) + kv_bytes + rope_bytes(part.description, part.context) +
         part.tokenizer_bytes;
}

}  // namespace

const PlannedRegion& Plan::region(RegionKind kind, uint16_t model) const {
  const auto found = std::ranges::find_if(
      regions, [&](const auto& region) { return region.kind == kind && region.model == model; });
  if (found == regions.end()) throw Error("plan: no region of this kind");
  return *found;
}

std::string describe(ContextLimit limit) {
  switch (limit) {
    case ContextLimit::kAsked:
      return "as asked for";
    case ContextLimit::kTrained:
      return "as trained for";
    case ContextLimit::kWindow:
      return "as long as the attention window";
    case ContextLimit::kMemory:
      return "as much as fits into the memory";
    case ContextLimit::kAccelerator:
      return "as much as the accelerator takes";
  }
  return "";
}

namespace {

Plan plan_with(const ModelDescription& model, const Board& board, const PlanOptions& options,
               const KvCache& kv) {
  const AcceleratorLimits limits = limits_of(board);
  const auto require = [&](uint32_t context) {
    for (const Part& part : parts_of(model, board, options, kv, context)) {
      require_taken(part.description.name, part.program(), board);
    }
  };
  require(kAttentionBlock);
  for (const Part& part : parts_of(model, board, options, kv, kAttentionBlock)) {
    const ModelDescription& one = part.description;
    if (!one.post_norm || one.dim <= scores_of_lane(limits)) continue;
    throw Error(concat(one.name, ": results that are normed before they are added are ", one.dim,
                       ", and a lane of board ", board.name, " has room for ", scores_of_lane(limits),
                       " scores, whose place they take; choose a smaller model"));
  }
  const auto attempt = [&](uint64_t blocks, ContextLimit limited_by) {
    const auto context = static_cast<uint32_t>(blocks * kAttentionBlock);
    std::optional<Plan> plan = Attempt(board, parts_of(model, board, options, kv, context)).run();
    if (plan) {
      plan->limited_by = limited_by;
      plan->tokens_per_pass = most_tokens_of_pass(program_header(model, context, kv), limits);
    }
    return plan;
  };
  // Advises what can help only: no shorter context where none fits, no smaller embedding than the smallest.
  const auto does_not_fit = [&](uint32_t context) {
    const bool shorter = context > kAttentionBlock && attempt(1, ContextLimit::kAsked);
    const bool smaller = options.embedding != EmbeddingFormat::kQ4;
    uint64_t bytes = 0;
    for (const Part& part : parts_of(model, board, options, kv, context)) bytes += bytes_needed(board, part);
    return Error(model.name + (options.draft != nullptr ? ", draft model " + options.draft->name : "") +
                 " with a context of " + std::to_string(context) + " tokens needs " + megabytes(bytes) +
                 ", board " + board.name + " has " + megabytes(free_bytes(board)) + " for it; try " +
                 (shorter ? "--context max, " : "") +
                 (smaller ? "a smaller embedding (--embedding q4) or " : "") +
                 (options.draft != nullptr ? "a smaller --draft or " : "") + "another --board");
  };

  if (options.context) {
    const uint64_t blocks = round_up(*options.context, kAttentionBlock) / kAttentionBlock;
    require(static_cast<uint32_t>(blocks * kAttentionBlock));
    if (auto plan = attempt(blocks, ContextLimit::kAsked)) return std::move(*plan);
    throw does_not_fit(*options.context);
  }

  // The longest context: no block takes bytes away, so bisection finds it.
  const uint64_t scored = longest_context(limits, model.heads_per_kv()) / kAttentionBlock;
  // The last block may reach beyond the trained context.
  const uint64_t usual = usual_context(model) ? usual_context(model) : kMaxContext;
  const uint64_t trained = round_up(usual, kAttentionBlock) / kAttentionBlock;
  const bool at_window = usual < model.trained_context && usual <= model.attention_window;
  const ContextLimit limit = trained > scored ? ContextLimit::kAccelerator
                             : at_window      ? ContextLimit::kWindow
                                              : ContextLimit::kTrained;
  const uint64_t most = std::min(trained, scored);
  uint64_t fits = 0;
  uint64_t fails = most + 1;
  while (fails - fits > 1) {
    const uint64_t middle = (fits + fails) / 2;
    (attempt(middle, limit) ? fits : fails) = middle;
  }
  if (fits == 0) throw does_not_fit(kAttentionBlock);
  return std::move(*attempt(fits, fits == most ? limit : ContextLimit::kMemory));
}

}  // namespace

Plan plan_image(const ModelDescription& model, const Board& board, const PlanOptions& options) {
  if (board.regions.size() > kMaxMemoryRegions) {
    throw Error("board " + board.name + " has " + std::to_string(board.regions.size()) +
                " memory regions, an image can describe " + std::to_string(kMaxMemoryRegions));
  }
  if (options.context && (*options.context == 0 || *options.context > kMaxContext)) {
    throw Error("a context of " + std::to_string(*options.context) + " tokens is impossible: ask for 1 to " +
                std::to_string(kMaxContext) + ", or for --context max");
  }
  const uint64_t row = embedding_row_bytes(options.embedding, model.dim);
  if (options.embedding_on_card &&
      round_up(2 * board.accelerator.tokens_per_pass * row, kPageBytes) >= model.vocabulary * row) {
    throw Error(model.name +
                ": the embedding is no larger than its slots in memory would be; leave out "
                "--embedding card");
  }
  if (!options.smaller_kv_cache) return plan_with(model, board, options, options.kv_cache);
  try {
    Plan plan = plan_with(model, board, options, options.kv_cache);
    if (plan.limited_by != ContextLimit::kMemory) return plan;
  } catch (const Error&) {
    // Too large, or else refused with the smaller cache too.
  }
  return plan_with(model, board, options, *options.smaller_kv_cache);
}

}  // namespace brim
