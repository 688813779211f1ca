#include "image/pack.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <iomanip>
#include <vector>

#include "base/concat.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/multiversion.h"
#include "base/parallel.h"
#include "compile/board_limits.h"
#include "compile/build_program.h"
#include "compile/matrix.h"
#include "compile/parameter_layout.h"
#include "image/output_file.h"
#include "isa/check.h"
#include "isa/stream_checks.h"
#include "numerics/fp16.h"
#include "quantize/nibbles.h"
#include "quantize/rtn.h"
#include "tokenizer/utf8.h"

namespace brim {

namespace {

// The largest magnitudes that formats hold: 15 steps of the largest FP16 scale are the widest range, from
// least to greatest, of a 4-bit group, and 127 steps the largest value of an 8-bit one.
constexpr float kMaxFourBit = 15 * kMaxFp16 / 2;
constexpr float kMaxEightBit = 127 * kMaxFp16;
constexpr float kMaxTwoPlanes = 255 * kMaxPlaneScale / 2;
constexpr const char* kFourBitGroup = "a 4-bit group with an FP16 scale";
constexpr const char* kTwoPlaneGroup = "an 8-bit group of two planes";

MULTIVERSION float largest_magnitude(const float* values, size_t count) {
  constexpr size_t kLanes = 16;
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) {
      const float magnitude = std::fabs(values[i + l]);
      lanes[l] = magnitude > lanes[l] ? magnitude : lanes[l];
    }
  }
  for (; i < count; ++i) lanes[0] = std::max(lanes[0], std::fabs(values[i]));
  return *std::max_element(lanes, lanes + kLanes);
}

// The weight pages of one row block, and their metadata records, filled group by group.
class RowBlock {
 public:
  explicit RowBlock(const Matrix& matrix) : shape_(matrix.shape()), groups_(matrix.groups()) {
    pages_.resize(uint64_t{matrix.pages_per_block()} * kPageBytes);
    records_.resize(uint64_t{matrix.pages_per_block()} * kMetadataRecordBytes);
  }

  void clear() {
    std::fill(pages_.begin(), pages_.end(), 0);
    std::fill(records_.begin(), records_.end(), 0);
  }

  // q: 128 values 0..15 of column group `column` of row `row` of the block.
  void set_group(uint32_t row, uint32_t column, const uint8_t* q, GroupParameters parameters) {
    const uint32_t page = column / shape_.columns;
    const uint32_t group = column % shape_.columns * shape_.rows + row;
    pack_nibbles({q, kGroup}, {&pages_[uint64_t{page} * kPageBytes + group * kGroupBytes], kGroupBytes});
    uint8_t* record = &records_[uint64_t{page} * kMetadataRecordBytes];
    record[group / 2] = static_cast<uint8_t>(record[group / 2] | (parameters.zero << (group % 2 * 4)));
    std::memcpy(record + kMetadataZeroBytes + group * 2, &parameters.scale, 2);
  }

  uint32_t rows() const { return shape_.rows; }
  uint32_t groups() const { return groups_; }
  std::span<const uint8_t> pages(uint32_t first, uint32_t count) const {
    return {&pages_[uint64_t{first} * kPageBytes], uint64_t{count} * kPageBytes};
  }
  const uint8_t* record(uint32_t i) const { return &records_[uint64_t{i} * kMetadataRecordBytes]; }

 private:
  PageShape shape_;
  uint32_t groups_;
  std::vector<uint8_t> pages_;
  std::vector<uint8_t> records_;
};

// Numbers that a model is made of, for progress.
uint64_t numbers_of(const ModelDescription& model) {
  return matrix_weights(model) + uint64_t{model.vocabulary} * model.dim;
}

// Writes the regions of one model of an image.
class ModelPacker {
 public:
  ModelPacker(const TensorSource& source, uint16_t model, EmbeddingFormat embedding, const Plan& plan,
              OutputFile& file, uint32_t threads, ProgressCounter& progress)
      : source_(source),
        model_(source.description()),
        index_(model),
        embedding_(embedding),
        plan_(plan),
        addresses_(plan.addresses_of(model)),
        file_(file),
        threads_(threads),
        progress_(progress) {}

  void run() {
    Program program = build_program(model_, addresses_);
    check_program(model_.name, program);
    const std::vector<uint8_t> vectors = parameters();
    set_load_checksums(program, vectors);
    write_region(RegionKind::kProgram, serialise(program));
    write_region(RegionKind::kParameters, vectors);
    write_region(RegionKind::kRope, rope_table());
    write_embedding();
    write_weights();
  }

 private:
  const PlannedRegion& region(RegionKind kind) const { return plan_.region(kind, index_); }
  void write_region(RegionKind kind, std::span<const uint8_t> content) {
    file_.write(region(kind).file_offset, content);
  }

  // A load's CRC stands in its instruction.
  void set_load_checksums(Program& program, std::span<const uint8_t> vectors) const {
    for (Instruction& in : program.instructions) {
      if (in.opcode != Opcode::kLoad) continue;
      const uint64_t offset = uint64_t{in.address} * kBeatBytes - region(RegionKind::kParameters).address;
      const auto part = vectors.subspan(offset, uint64_t{in.count} * kBeatBytes);
      in.address2 = crc32c(part.data(), part.size());
    }
  }

  std::vector<float> read_vector(TensorRole role, uint32_t layer) const {
    std::vector<float> values(tensor_shape(model_, role).columns);
    source_.read_rows({role, layer}, 0, 1, values);
    for (float& value : values) value = flush(value);
    return values;
  }

  // Norm weights, biases and head norms in the order of ParameterLayout.
  std::vector<uint8_t> parameters() const {
    const ParameterLayout layout(model_);
    std::vector<uint8_t> bytes(layout.bytes());
    const auto put = [&](uint64_t offset, std::span<const float> values) {
      std::memcpy(&bytes[offset], values.data(), values.size_bytes());
    };
    // One head's elements in Brim's order; `rotated` says that RoPE applies to it.
    const auto head = [&](const std::vector<float>& from, uint32_t index, bool rotated) {
      std::vector<float> values(model_.head_size);
      for (uint32_t i = 0; i < model_.head_size; ++i) {
        values[i] = from[index * model_.head_size + (rotated ? rope_source(model_, i) : i)];
      }
      return values;
    };
    for (uint32_t layer = 0; layer < model_.layers; ++layer) {
      if (model_.pre_norm) {
        put(layout.attention_norm(layer), read_vector(TensorRole::kAttentionNorm, layer));
        put(layout.ffn_norm(layer), read_vector(TensorRole::kFfnNorm, layer));
      }
      if (model_.post_norm) {
        put(layout.post_attention_norm(layer), read_vector(TensorRole::kPostAttentionNorm, layer));
        put(layout.post_ffn_norm(layer), read_vector(TensorRole::kPostFfnNorm, layer));
      }
      if (model_.qkv_bias) {
        const auto query = read_vector(TensorRole::kQueryBias, layer);
        const auto key = read_vector(TensorRole::kKeyBias, layer);
        const auto value = read_vector(TensorRole::kValueBias, layer);
        uint64_t offset = layout.qkv_bias(layer);
        const auto next = [&](const std::vector<float>& values) {
          put(offset, values);
          offset += layout.head_bytes();
        };
        for (uint32_t g = 0; g < model_.kv_heads; ++g) {
          next(head(key, g, true));
          next(head(value, g, false));
          for (uint32_t i = 0; i < model_.heads_per_kv(); ++i)
            next(head(query, g * model_.heads_per_kv() + i, true));
        }
      }
      const auto norms = [&](uint64_t offset, TensorRole role) {
        const auto values = read_vector(role, layer);
        for (uint32_t h = 0; h < values.size() / model_.head_size; ++h) {
          put(offset + h * layout.head_bytes(), head(values, h, true));
        }
      };
      if (model_.qk_norm) {
        norms(layout.query_norm(layer), TensorRole::kQueryNorm);
        norms(layout.key_norm(layer), TensorRole::kKeyNorm);
      }
    }
    put(layout.final_norm(), read_vector(TensorRole::kFinalNorm, 0));
    return bytes;
  }

  std::vector<uint8_t> rope_table() const {
    const uint32_t row_bytes = rope_row_bytes(model_.head_size);
    const uint32_t context = addresses_.context;
    std::vector<uint8_t> bytes(rope_bytes(model_, context));
    uint8_t* row = bytes.data();
    for (const RopeTable table : rope_tables(model_)) {
      const auto [radians, amplitude] = rope_frequencies(model_, context, table);
      for (uint32_t position = 0; position < context; ++position, row += row_bytes) {
        for (uint32_t pair = 0; pair < model_.head_size / 2; ++pair) {
          const double angle = position * radians[pair];
          const float values[2] = {flush(static_cast<float>(amplitude * std::cos(angle))),
                                   flush(static_cast<float>(amplitude * std::sin(angle)))};
          std::memcpy(row + pair * sizeof(values), values, sizeof(values));
        }
      }
    }
    return bytes;
  }

  void write_embedding() {
    const uint32_t row_bytes = embedding_row_bytes(embedding_, model_.dim);
    const uint64_t start = region(RegionKind::kEmbedding).file_offset;
    constexpr uint32_t kBatch = 64;
    for_each_index(threads_, (model_.vocabulary + kBatch - 1) / kBatch, [&](uint64_t batch) {
      const uint64_t first = batch * kBatch;
      const uint64_t rows = std::min<uint64_t>(kBatch, model_.vocabulary - first);
      std::vector<float> values(rows * model_.dim);
      source_.read_rows({TensorRole::kEmbedding}, first, rows, values);
      std::vector<uint8_t> bytes(rows * row_bytes);
      for (uint64_t row = 0; row < rows; ++row) {
        const std::span<const float> one(&values[row * model_.dim], model_.dim);
        check_embedding_row(first + row, one);
        encode_embedding_row(one, &bytes[row * row_bytes]);
      }
      file_.write(start + first * row_bytes, bytes);
      progress_.advance(values.size());
    });
  }

  void check_embedding_row(uint64_t row, std::span<const float> values) const {
    constexpr TensorId kTensor = {TensorRole::kEmbedding};
    switch (embedding_) {
      case EmbeddingFormat::kFp16:
        return check_range(kTensor, row, values, kMaxFp16, "FP16");
      case EmbeddingFormat::kQ8:
        return check_range(kTensor, row, values, kMaxEightBit, "an 8-bit group with an FP16 scale");
      case EmbeddingFormat::kQ4:
        return check_range(kTensor, row, values, kMaxFourBit, kFourBitGroup);
    }
  }

  void encode_embedding_row(std::span<const float> values, uint8_t* out) const {
    const uint32_t groups = (model_.dim + kGroup - 1) / kGroup;
    if (embedding_ == EmbeddingFormat::kFp16) {
      for (uint32_t i = 0; i < model_.dim; ++i) {
        const uint16_t half = float_to_fp16(values[i]);
        std::memcpy(out + 2 * i, &half, 2);
      }
      return;
    }
    for (uint32_t g = 0; g < groups; ++g) {
      std::array<float, kGroup> group{};
      for (uint32_t i = 0; i < kGroup && g * kGroup + i < model_.dim; ++i) group[i] = values[g * kGroup + i];
      if (embedding_ == EmbeddingFormat::kQ8) {
        float max_abs = 0;
        for (float value : group) max_abs = std::max(max_abs, std::fabs(value));
        const uint16_t scale = float_to_fp16(max_abs / 127.0f);
        std::memcpy(out + groups * kGroup + 2 * g, &scale, 2);
        const float inverse = scale ? 1.0f / fp16_to_float(scale) : 0.0f;
        for (uint32_t i = 0; i < kGroup; ++i) {
          // Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
          const float level = std::clamp((group[i] * inverse + 0x1.8p23f) - 0x1.8p23f, -127.0f, 127.0f);
          out[g * kGroup + i] = static_cast<uint8_t>(static_cast<int8_t>(level));
        }
      } else {
        std::array<uint8_t, kGroup> q;
        const GroupParameters parameters = quantise_group(group, q);
        pack_nibbles(q, {out + g * kGroupBytes, kGroupBytes});
        std::memcpy(out + groups * kGroupBytes + 2 * g, &parameters.scale, 2);
        out[groups * (kGroupBytes + 2) + g] = parameters.zero;
      }
    }
  }

  // Each row block is quantised by one thread and written in place; metadata pages collect the records
  // of neighbouring row blocks, so they are kept in memory and written at the end of each stream.
  void write_weights() {
    const std::vector<Matrix> all = matrices(model_);
    for (const PlannedRegion& region : plan_.regions) {
      if (region.kind != RegionKind::kWeights || region.model != index_) continue;
      uint64_t start = region.file_offset;
      for (const auto run : runs_of(std::span(all).subspan(region.first_matrix, region.matrices))) {
        write_stream(run, start);
        start += run_bytes(run);
      }
    }
  }

  void write_stream(std::span<const Matrix> stream, uint64_t start) {
    struct Block {
      const Matrix* matrix;
      uint32_t index;
      uint64_t page;
    };
    std::vector<Block> blocks;
    uint64_t pages = 0;
    for (const Matrix& matrix : stream) {
      for (uint32_t b = 0; b < matrix.row_blocks(); ++b) {
        blocks.push_back({&matrix, b, pages});
        pages += matrix.pages_per_block();
      }
    }
    const uint64_t chunks = (pages + kPagesPerChunk - 1) / kPagesPerChunk;
    std::vector<uint8_t> metadata(chunks * kPageBytes);
    for_each_index(threads_, blocks.size(), [&](uint64_t i) {
      const auto& [matrix, index, first_page] = blocks[i];
      RowBlock block(*matrix);
      quantise_rows(*matrix, index, &block);
      // Pages stand together up to the end of a chunk.
      for (uint32_t p = 0; p < matrix->pages_per_block();) {
        const uint64_t page = first_page + p;
        const auto count = static_cast<uint32_t>(
            std::min<uint64_t>(matrix->pages_per_block() - p, kPagesPerChunk - page % kPagesPerChunk));
        file_.write(start + page_offset(page), block.pages(p, count));
        p += count;
      }
      for (uint32_t p = 0; p < matrix->pages_per_block(); ++p) {
        const uint64_t page = first_page + p;
        uint8_t* const describes = &metadata[page / kPagesPerChunk * kPageBytes];
        std::memcpy(describes + page % kPagesPerChunk * kMetadataRecordBytes, block.record(p),
                    kMetadataRecordBytes);
        set_page_checksum(describes, page % kPagesPerChunk, crc32c_of_page(block.pages(p, 1).data()));
      }
      progress_.advance(uint64_t{std::min(block.rows(), matrix->rows - index * block.rows())} *
                        matrix->inputs);
    });
    for (uint64_t chunk = 0; chunk < chunks; ++chunk) {
      seal_metadata(&metadata[chunk * kPageBytes]);
      file_.write(start + chunk * kChunkBytes, {&metadata[chunk * kPageBytes], kPageBytes});
    }
  }

  // Throws Error if a value of row `row` of the tensor is beyond `limit`, the most that `format` can hold.
  void check_range(TensorId tensor, uint64_t row, std::span<const float> values, float limit,
                   const char* format) const {
    if (largest_magnitude(values.data(), values.size()) <= limit) return;
    const auto bad =
        std::find_if(values.begin(), values.end(), [&](float value) { return std::fabs(value) > limit; });
    throw Error(concat(std::setprecision(9), model_.name, ": ", tensor_name(tensor), ", row ", row, ": ",
                       *bad, " is beyond the ", limit, " that ", format,
                       " can hold; is the checkpoint damaged?"));
  }

  // Group g of a row; `importance` covers its real columns or is empty.
  static GroupParameters quantise(std::span<const float> row, std::span<const float> importance, uint32_t g,
                                  std::span<uint8_t> q) {
    const auto w = row.subspan(g * kGroup).first<kGroup>();
    const auto levels = q.subspan(g * kGroup).first<kGroup>();
    if (importance.empty()) return quantise_group(w, levels);
    std::array<float, kGroup> weights{};
    const auto columns = importance.subspan(g * kGroup);
    std::copy_n(columns.begin(), std::min<size_t>(kGroup, columns.size()), weights.begin());
    return quantise_group(w, weights, levels);
  }

  // Rows of one tensor that stand one after the other in it.
  struct Run {
    TensorId tensor;
    uint64_t first;
    std::vector<uint32_t> in_block;  // where each of them goes
  };

  // The rows of a block in runs: a block interleaves tensors (gate and up, the halves of RoPE pairs), and a
  // checkpoint is read best in rows that stand together.
  std::vector<Run> tensor_runs_of(const Matrix& matrix, uint32_t block_index, uint32_t block_rows) const {
    struct Row {
      RowSource from;
      uint32_t in_block;
    };
    std::vector<Row> rows;
    for (uint32_t r = 0; r < block_rows && block_index * block_rows + r < matrix.rows; ++r) {
      rows.push_back({row_source(model_, matrix, block_index * block_rows + r), r});
    }
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
      return std::pair(a.from.tensor.role, a.from.row) < std::pair(b.from.tensor.role, b.from.row);
    });
    std::vector<Run> runs;
    for (const auto& [from, in_block] : rows) {
      if (runs.empty() || runs.back().tensor != from.tensor ||
          runs.back().first + runs.back().in_block.size() != from.row) {
        runs.push_back({from.tensor, from.row, {}});
      }
      runs.back().in_block.push_back(in_block);
    }
    return runs;
  }

  void quantise_rows(const Matrix& matrix, uint32_t block_index, RowBlock* block) const {
    const uint32_t groups = matrix.input_groups();
    const uint64_t width = uint64_t{groups} * kGroup;
    std::vector<uint8_t> q(block->rows() * width);
    std::vector<uint8_t> zeros(block->rows() * groups);
    std::vector<uint16_t> scales(zeros.size());
    for (const Run& run : tensor_runs_of(matrix, block_index, block->rows())) {
      const uint64_t rows = run.in_block.size();
      const QuantisedRows out{std::span(q).first(rows * width), std::span(zeros).first(rows * groups),
                              std::span(scales).first(rows * groups)};
      if (source_.is_quantised(run.tensor)) {
        source_.read_quantised_rows(run.tensor, run.first, rows, out);
      } else {
        round_rows(run, matrix, out);
      }
      for (uint64_t i = 0; i < rows; ++i) {
        for (uint32_t g = 0; g < groups; ++g) {
          const uint64_t group = i * groups + g;
          const std::span<const uint8_t, kGroup> levels(&q[group * kGroup], kGroup);
          const GroupParameters parameters{scales[group], zeros[group]};
          if (matrix.eight_bit) {
            set_planes(run.in_block[i], g, groups, levels, parameters, block);
          } else {
            block->set_group(run.in_block[i], g, levels.data(), parameters);
          }
        }
      }
    }
  }

  // The two planes of column group `column` of `columns`.
  static void set_planes(uint32_t row, uint32_t column, uint32_t columns, std::span<const uint8_t, kGroup> q,
                         GroupParameters parameters, RowBlock* block) {
    std::array<uint8_t, kGroup> high, low;
    for (uint32_t i = 0; i < kGroup; ++i) {
      high[i] = q[i] >> 4;
      low[i] = q[i] & 15;
    }
    const uint16_t high_scale = float_to_fp16(16 * fp16_to_float(parameters.scale));
    block->set_group(row, column, high.data(), {high_scale, static_cast<uint8_t>(parameters.zero >> 4)});
    block->set_group(row, columns + column, low.data(),
                     {parameters.scale, static_cast<uint8_t>(parameters.zero & 15)});
  }

  // Rounds rows of floats to nearest.
  void round_rows(const Run& run, const Matrix& matrix, const QuantisedRows& out) const {
    const uint64_t rows = run.in_block.size();
    const uint64_t columns = matrix.inputs;
    const uint64_t groups = groups_of(columns);
    std::vector<float> values(rows * columns);
    source_.read_rows(run.tensor, run.first, rows, values);
    const std::span<const float> importance = source_.importance(run.tensor);
    std::vector<float> padded(groups * kGroup);
    for (uint64_t i = 0; i < rows; ++i) {
      const auto row = std::span<const float>(values).subspan(i * columns, columns);
      check_range(run.tensor, run.first + i, row, matrix.eight_bit ? kMaxTwoPlanes : kMaxFourBit,
                  matrix.eight_bit ? kTwoPlaneGroup : kFourBitGroup);
      std::copy(row.begin(), row.end(), padded.begin());
      for (uint32_t g = 0; g < groups; ++g) {
        const std::span<uint8_t> q = out.q.subspan(i * groups * kGroup, groups * kGroup);
        const uint64_t first = uint64_t{g} * kGroup;
        const auto [scale, zero] =
            matrix.eight_bit ? quantise_group_to_eight_bits(std::span(padded).subspan(first).first<kGroup>(),
                                                            q.subspan(first).first<kGroup>())
                             : quantise(padded, importance, g, q);
        out.scales[i * groups + g] = scale;
        out.zeros[i * groups + g] = zero;
      }
    }
  }

  const TensorSource& source_;
  const ModelDescription& model_;
  const uint16_t index_;
  const EmbeddingFormat embedding_;
  const Plan& plan_;
  const ProgramAddresses& addresses_;
  OutputFile& file_;
  const uint32_t threads_;
  ProgressCounter& progress_;
};

// Writes the header of an image whose regions are written.
class HeaderWriter {
 public:
  HeaderWriter(const ModelDescription& model, const PackOptions& options, const Plan& plan, OutputFile& file)
      : model_(model), options_(options), plan_(plan), file_(file) {}

  void run() {
    ImageHeader header = make_header();
    write_header(header);
    if (!options_.known_pass) return;
    header.known_pass = options_.known_pass(file_.name_for_reading());
    write_header(header);
  }

 private:
  uint32_t region_crc(const PlannedRegion& region) const {
    std::vector<uint8_t> buffer(1 << 20);
    uint32_t crc = 0;
    const uint64_t start = region.file_offset;
    for (uint64_t done = 0; done < region.file_bytes; done += buffer.size()) {
      const auto part = std::span(buffer).first(std::min<uint64_t>(buffer.size(), region.file_bytes - done));
      file_.read(start + done, part);
      crc = crc32c(part.data(), part.size(), crc);
    }
    return crc;
  }

  ImageHeader make_header() const {
    ImageHeader header{};
    std::memcpy(header.magic, kImageMagic, sizeof(kImageMagic));
    header.version = kImageVersion;
    header.context = plan_.addresses.context;
    header.tokens_per_pass = options_.board.accelerator.tokens_per_pass;
    copy_name(header.board, options_.board.name);
    for (const MemoryRegion& region : options_.board.regions) {
      header.memory[header.memory_count++] = {region.base, region.bytes};
    }
    std::sort(header.memory, header.memory + header.memory_count,
              [](const auto& a, const auto& b) { return a.base < b.base; });
    header.model = model_header(model_, options_.embedding, options_.quantiser);
    if (const auto& draft = options_.draft)
      header.draft = model_header(draft->source->description(), draft->embedding, draft->quantiser);
    const LargestModel largest = limits_of(options_.board).model;
    if (largest != LargestModel{}) {
      header.largest_model = {largest.dim, largest.hidden, largest.heads, largest.kv_heads,
                              largest.heads_per_kv};
      header.largest_head_size = largest.head_size;
    }

    if (plan_.regions.size() > kMaxRegions) throw Error("image: too many memory regions");
    for (const PlannedRegion& region : plan_.regions) {
      RegionEntry& entry = header.regions[header.region_count++];
      entry = {.kind = region.kind,
               .model = region.model,
               .crc = 0,
               .address = region.address,
               .bytes = region.bytes,
               .file_offset = 0,
               .file_bytes = 0,
               .name = {}};
      copy_name(entry.name, region.name);
      if (!region.in_file) continue;
      entry.file_offset = region.file_offset;
      entry.file_bytes = region.file_bytes;
      if (region.kind != RegionKind::kHeader) entry.crc = region_crc(region);
    }
    header.file_bytes = plan_.file_bytes;
    return header;
  }

  void write_header(const ImageHeader& header) {
    std::vector<uint8_t> page(kImageHeaderBytes);
    std::memcpy(page.data(), &header, sizeof(header));
    const uint32_t crc = header_checksum(page.data());
    std::memcpy(page.data() + offsetof(ImageHeader, crc), &crc, sizeof(crc));
    file_.write(plan_.region(RegionKind::kHeader).file_offset, page);
  }

  static ImageModel model_header(const ModelDescription& from, EmbeddingFormat embedding,
                                 const std::string& quantiser) {
    ImageModel model{};
    copy_name(model.name, from.name);
    model.dim = from.dim;
    model.layers = from.layers;
    model.heads = from.heads;
    model.kv_heads = from.kv_heads;
    model.head_size = from.head_size;
    model.hidden = from.hidden;
    model.vocabulary = from.vocabulary;
    model.trained_context = from.trained_context;
    model.norm_eps = from.norm_eps;
    model.flags = (from.tied_embeddings ? kModelTied : 0) | (from.qkv_bias ? kModelQkvBias : 0) |
                  (from.qk_norm ? kModelQkNorm : 0) | (from.norm_all_heads ? kModelNormAllHeads : 0) |
                  (from.pre_norm ? 0 : kModelNoPreNorm) | (from.post_norm ? kModelPostNorm : 0);
    model.embedding = embedding;
    copy_name(model.quantiser, quantiser);
    return model;
  }

  // Whole characters, as many as there is room for.
  template <size_t N>
  static void copy_name(char (&out)[N], const std::string& name) {
    size_t bytes = std::min(name.size(), N - 1);
    while (bytes < name.size() && bytes > 0 && is_utf8_trail(name[bytes])) --bytes;
    std::memcpy(out, name.data(), bytes);
  }

  const ModelDescription& model_;
  const PackOptions& options_;
  const Plan& plan_;
  OutputFile& file_;
};

}  // namespace

Plan pack_image(const TensorSource& source, std::span<const uint8_t> tokenizer, const PackOptions& options,
                const std::filesystem::path& path) {
  const ModelDescription& model = source.description();
  validate(model);
  PlanOptions placing = {.embedding = options.embedding,
                         .embedding_on_card = options.embedding_on_card,
                         .context = options.context,
                         .kv_cache = options.kv_cache,
                         .tokenizer_bytes = tokenizer.size()};
  uint64_t numbers = numbers_of(model);
  if (const auto& draft = options.draft) {
    placing.draft = &draft->source->description();
    placing.draft_embedding = draft->embedding;
    validate(*placing.draft);
    numbers += numbers_of(*placing.draft);
  }
  Plan plan = plan_image(model, options.board, placing);
  OutputFile file(path, plan.file_bytes);
  ProgressCounter progress(options.progress, numbers);
  const uint32_t threads = thread_count(options.threads);
  if (!tokenizer.empty()) file.write(plan.region(RegionKind::kTokenizer).file_offset, tokenizer);
  ModelPacker(source, kMainModel, options.embedding, plan, file, threads, progress).run();
  if (const auto& draft = options.draft)
    ModelPacker(*draft->source, kDraftModel, draft->embedding, plan, file, threads, progress).run();
  HeaderWriter(model, options, plan, file).run();
  file.commit();
  return plan;
}

}  // namespace brim
