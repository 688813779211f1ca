#include "model/hf_checkpoint.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <variant>
#include <vector>

#include "base/concat.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "model/family.h"
#include "model/float_formats.h"
#include "model/hf_config.h"
#include "model/hub.h"
#include "model/packed_matrix.h"
#include "model/safetensors.h"
#include "numerics/fp16.h"
#include "tokenizer/printable.h"

namespace brim {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string text_of(const MappedFile& file) { return {file.bytes().begin(), file.bytes().end()}; }

// A tensor and the file it is in.
struct Located {
  StoredTensor tensor;
  const MappedFile* file;
};

// All tensors of a directory.
class SafetensorsFiles {
 public:
  explicit SafetensorsFiles(const fs::path& directory) {
    for (const fs::path& path : find_files(directory)) {
      const auto& file = files_.emplace_back(std::make_unique<MappedFile>(path.string()));
      for (auto& [name, tensor] : parse_safetensors(file->bytes(), file->path())) {
        const auto [position, inserted] = tensors_.emplace(name, Located{std::move(tensor), file.get()});
        if (!inserted) {
          throw Error(concat(file->path(), ": tensor '", name, "' stands in ", position->second.file->path(),
                             " too"));
        }
      }
    }
  }

  const std::map<std::string, Located>& tensors() const { return tensors_; }

  const Located* find(const std::string& name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : &found->second;
  }

 private:
  // model.safetensors, or the shards that the index names, or the only .safetensors file.
  static std::vector<fs::path> find_files(const fs::path& directory) {
    if (fs::exists(directory / "model.safetensors")) return {directory / "model.safetensors"};
    const fs::path index = directory / "model.safetensors.index.json";
    if (fs::exists(index)) return shards_of(index);
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
      if (entry.path().extension() == ".safetensors") found.push_back(entry.path());
    }
    if (found.empty()) {
      throw Error(directory.string() + ": holds no .safetensors file; PyTorch .bin files must be converted");
    }
    const bool shard = found[0].stem().string().find("-of-") != std::string::npos;
    if (found.size() == 1 && !shard) return found;
    throw Error(concat(index.string(), " is missing, and ",
                       found.size() > 1 ? "there is more than one .safetensors file"
                                        : found[0].filename().string() + " is only a part of the model"));
  }

  static std::vector<fs::path> shards_of(const fs::path& index) {
    const MappedFile file(index.string());
    const json document = parse_json(text_of(file), file.path());
    const json* map =
        document.is_object() && document.contains("weight_map") ? &document["weight_map"] : nullptr;
    if (map == nullptr || !map->is_object() || map->empty()) throw Error(file.path() + ": has no weight_map");
    std::map<fs::path, uint64_t> shards;  // with the number of their tensors
    for (const auto& [name, shard] : map->items()) {
      const fs::path shard_name = shard.is_string() ? shard.get<std::string>() : "";
      // A plain name: an index must not lead out of its directory.
      if (shard_name.empty() || shard_name.has_parent_path() || shard_name == "..") {
        throw Error(concat(file.path(), ": the shard of '", name, "' is no file name"));
      }
      ++shards[index.parent_path() / shard_name];
    }
    std::vector<fs::path> paths;
    std::string missing;
    uint64_t tensors = 0;
    for (const auto& [path, count] : shards) {
      paths.push_back(path);
      if (fs::exists(path)) continue;
      missing += (missing.empty() ? "" : ", ") + path.filename().string();
      tensors += count;
    }
    if (!missing.empty()) {
      throw Error(concat(index.parent_path().string(), ": ", missing,
                         " is missing: ", index.filename().string(), " says that ", tensors,
                         " of the model's tensors are in there"));
    }
    return paths;
  }

  std::vector<std::unique_ptr<MappedFile>> files_;
  std::map<std::string, Located> tensors_;
};

// Factors of the blocks of a matrix: that of element (row, column) stands at
// row / block_rows * row_stride + column / block_columns.
struct BlockScales {
  std::vector<float> values;  // empty: none
  uint64_t block_rows = 1, block_columns = 1, row_stride = 1;
};

struct PlainMatrix {
  FloatFormat format;
  std::span<const uint8_t> data;  // [rows][columns]
  BlockScales scales = {};

  // out[rows][columns] = these rows.
  void read(uint64_t first_row, uint64_t rows, std::span<float> out) const {
    const uint64_t columns = out.size() / rows;
    const uint64_t row_bytes = columns * bytes_per_value(format);
    convert_to_float(format, data.subspan(first_row * row_bytes, rows * row_bytes), out);
    if (scales.values.empty()) return;
    for (uint64_t i = 0; i < out.size(); ++i) {
      const uint64_t row = (first_row + i / columns) / scales.block_rows;
      out[i] *= scales.values[row * scales.row_stride + i % columns / scales.block_columns];
    }
  }
};

// Where a tensor of the model comes from.
struct Entry {
  std::variant<PlainMatrix, PackedMatrix> matrix;
  const MappedFile* file = nullptr;
  uint64_t first_row = 0;  // of the matrix, which may hold other tensors too
  Fold fold;
};

std::string shape_text(const std::vector<uint64_t>& shape) {
  std::string text = "[";
  for (const uint64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

void require_type(const Located& located, const std::string& name, const char* type) {
  if (located.tensor.type != type) {
    throw Error(
        concat(located.file->path(), ": tensor '", name, "' is ", located.tensor.type, ", not ", type));
  }
}

FloatFormat float_format(const Located& located, const std::string& name) {
  if (located.tensor.type == "F32") return FloatFormat::kF32;
  if (located.tensor.type == "F16") return FloatFormat::kF16;
  if (located.tensor.type == "BF16") return FloatFormat::kBf16;
  if (located.tensor.type == "F8_E4M3") return FloatFormat::kF8E4m3;
  throw Error(concat(located.file->path(), ": tensor '", name, "' is ", located.tensor.type,
                     "; F32, F16, BF16 and F8_E4M3 are read"));
}

// Whether two tensors hold the same bytes in the same form.
bool same(const Located& a, const Located& b) {
  if (a.tensor.type != b.tensor.type || a.tensor.shape != b.tensor.shape) return false;
  const bool equal = std::ranges::equal(a.tensor.data, b.tensor.data);
  a.file->note_read(a.tensor.data.size());
  b.file->note_read(b.tensor.data.size());
  return equal;
}

bool all_zero(std::span<const uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

class HfCheckpoint final : public TensorSource {
 public:
  explicit HfCheckpoint(const fs::path& directory)
      : directory_(directory), config_(read_config(directory)), files_(directory) {
    for (const char* prefix : {"model.", "language_model.model.", "model.language_model."}) {
      if (files_.find(concat(prefix, "embed_tokens.weight")) != nullptr) prefix_ = prefix;
    }
    if (prefix_ == "language_model.model.") head_ = "language_model.lm_head";
    keep_head_that_differs();
    round_embedding_factor();
    const ModelDescription& model = config_.model;
    entries_.resize(index_.size());
    for_each_tensor(model, [&](TensorId id) { entries_[index(id)] = resolve(id); });
    refuse_unclaimed();
  }

  const ModelDescription& description() const override { return config_.model; }

  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    check_read(config_.model, id, first_row, rows, out.size());
    if (rows == 0) return;
    const Entry& entry = entries_[index(id)];
    first_row += entry.first_row;
    if (const auto* plain = std::get_if<PlainMatrix>(&entry.matrix)) {
      plain->read(first_row, rows, out);
      entry.file->note_read(out.size() * bytes_per_value(plain->format));
    } else {
      const PackedMatrix& packed = std::get<PackedMatrix>(entry.matrix);
      dequantise_rows(packed, first_row, rows, out);
      entry.file->note_read(rows * packed.columns / 2);
    }
    apply(entry.fold, out);
    check_finite(out, id, entry.file->path());
  }

  bool is_quantised(TensorId id) const override {
    if (!has_tensor(config_.model, id)) return false;
    const auto* packed = std::get_if<PackedMatrix>(&entries_[index(id)].matrix);
    return packed != nullptr && packed->fits_image();
  }

  void read_quantised_rows(TensorId id, uint64_t first_row, uint64_t rows,
                           const QuantisedRows& out) const override {
    check_quantised_read(config_.model, id, first_row, rows, out);
    if (!is_quantised(id)) return TensorSource::read_quantised_rows(id, first_row, rows, out);
    const Entry& entry = entries_[index(id)];
    const PackedMatrix& packed = std::get<PackedMatrix>(entry.matrix);
    unpack_rows(packed, entry.first_row + first_row, rows, out);
    entry.file->note_read(rows * packed.columns / 2);
    if (entry.fold.multiply != 1.0f) {
      for (uint16_t& scale : out.scales) scale = float_to_fp16(fp16_to_float(scale) * entry.fold.multiply);
    }
    if (std::any_of(out.scales.begin(), out.scales.end(),
                    [](uint16_t s) { return (s & 0x7C00) == 0x7C00; })) {
      throw Error(concat(entry.file->path(), ": ", tensor_name(id), " has scales that are not finite"));
    }
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes;
    for (const Entry& entry : entries_) {
      const auto* packed = std::get_if<PackedMatrix>(&entry.matrix);
      if (packed == nullptr || packed->fits_image()) continue;
      notes.push_back(
          packed->group_of.empty()
              ? concat("weights are 4-bit in groups of ", packed->group,
                       ", not 128: they are dequantised, and quantised again when packing")
              : "groups of inputs are in act-order, which an image has no place for: such weights are "
                "dequantised, and quantised again when packing");
      break;
    }
    if (fp8_) {
      notes.push_back("weights are FP8: they are dequantised, and quantised to four bits when packing");
    }
    if (rounded_scales_ != 0) {
      notes.push_back(
          concat(rounded_scales_, " of the weights' scales are between FP16 values: they are rounded"));
    }
    if (!config_.absent.empty()) {
      notes.push_back(concat("config.json does not give ", joined(config_.absent), ": taken as ",
                             config_.family->configuration, " has it"));
    }
    if (config_.sees_images) {
      notes.push_back(
          "the model takes images too; only its text part is read, what is for images is left aside");
    }
    if (head_kept_) {
      notes.push_back(
          "config.json says tie_word_embeddings, but lm_head.weight differs from the embedding: it is "
          "used as it is");
    }
    return notes;
  }

 private:
  uint64_t index(TensorId id) const { return index_.of(id); }

  static HfConfig read_config(const fs::path& directory) {
    const fs::path path = directory / "config.json";
    if (!fs::exists(path)) {
      throw Error(directory.string() + ": holds no config.json, so it is no Hugging Face model");
    }
    const MappedFile file(path.string());
    HfConfig config = parse_hf_config(text_of(file), file.path());
    config.model.name = printable(model_name_of(directory.string()));
    return config;
  }

  static std::string joined(const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    return list;
  }

  // Writers tie by name what training has untied: values that are there and differ are the model's.
  void keep_head_that_differs() {
    if (!config_.tied) return;
    const Located* head = files_.find(head_ + ".weight");
    const Located* embedding = files_.find(prefix_ + "embed_tokens.weight");
    const bool packed =
        files_.find(head_ + ".qweight") != nullptr || files_.find(head_ + ".weight_packed") != nullptr;
    if (!packed && (head == nullptr || embedding == nullptr || same(*head, *embedding))) return;
    head_kept_ = true;
    config_.tied = false;
    config_.model.tied_embeddings = false;
  }

  // transformers multiplies the embedding with sqrt(dim) in the embedding's own format.
  void round_embedding_factor() {
    const Located* embedding = files_.find(prefix_ + "embed_tokens.weight");
    if (!config_.family->scaled_embedding || embedding == nullptr) return;
    double& factor = config_.multipliers.embedding;
    factor = static_cast<double>(
        rounded(float_format(*embedding, "embed_tokens.weight"), static_cast<float>(factor)));
  }

  const Located* claim(const std::string& name) {
    const Located* located = files_.find(name);
    if (located != nullptr) claimed_.insert(name);
    return located;
  }

  const Located& require(const std::string& name) {
    const Located* located = claim(name);
    if (located == nullptr) throw Error(concat(directory_.string(), ": tensor '", name, "' is missing"));
    return *located;
  }

  void require_shape(const Located& located, const std::string& name,
                     const std::vector<uint64_t>& shape) const {
    if (located.tensor.shape == shape) return;
    const std::string defaults = config_.absent.empty() ? ""
                                                        : " (with defaults for " + joined(config_.absent) +
                                                              ", which it does not give)";
    throw Error(concat(located.file->path(), ": tensor '", name, "' has shape ",
                       shape_text(located.tensor.shape), ", but config.json implies ", shape_text(shape),
                       defaults));
  }

  Entry resolve(TensorId id) {
    const TensorSlot slot = hf_slot(*config_.family, config_.model, id, config_.tied);
    const std::string name =
        id.role == TensorRole::kLmHead && !config_.tied ? head_ + ".weight" : prefix_ + slot.tensor;
    const Fold fold = fold_of(config_.model, config_.multipliers, id.role);
    const std::string module = name.substr(0, name.rfind('.'));
    if (!is_vector(id.role)) {
      for (const char* words : {".qweight", ".weight_packed"}) {
        if (files_.find(module + words) != nullptr) return resolve_packed(id, module, slot, fold);
      }
    }
    const Located& located = require(name);
    const uint64_t columns = tensor_shape(config_.model, id.role).columns;
    require_shape(located, name,
                  is_vector(id.role)  ? std::vector{columns}
                  : slot.experts != 0 ? std::vector{slot.experts, slot.tensor_rows / slot.experts, columns}
                                      : std::vector{slot.tensor_rows, columns});
    PlainMatrix matrix{float_format(located, name), located.tensor.data};
    if (matrix.format == FloatFormat::kF8E4m3)
      matrix.scales = block_scales(module, slot.tensor_rows, columns);
    return {std::move(matrix), located.file, slot.first_row, fold};
  }

  const QuantisationConfig& quantisation_of(const std::string& module) const {
    if (config_.quantisation) return *config_.quantisation;
    throw Error(concat(directory_.string(), ": '", module,
                       "' is quantised, but config.json has no quantization_config"));
  }

  // Scales of FP8 weights: one for the matrix, for each row, or for each block.
  BlockScales block_scales(const std::string& module, uint64_t rows, uint64_t columns) {
    const QuantisationConfig& quantisation = quantisation_of(module);
    fp8_ = true;
    const Located* located = claim(module + ".weight_scale_inv");  // a factor, whatever its name says
    if (located == nullptr) located = &require(module + ".weight_scale");
    BlockScales scales;
    uint64_t count = 1;
    for (const uint64_t size : located->tensor.shape) count *= size;
    const uint64_t down = (rows + quantisation.block_rows - 1) / quantisation.block_rows;
    const uint64_t across = (columns + quantisation.block_columns - 1) / quantisation.block_columns;
    if (count == 1) {
      scales.block_rows = rows;
      scales.block_columns = columns;
    } else if (count == rows && located->tensor.shape[0] == rows) {
      scales.block_columns = columns;
    } else {
      require_shape(*located, module + ".weight_scale", {down, across});
      scales.block_rows = quantisation.block_rows;
      scales.block_columns = quantisation.block_columns;
      scales.row_stride = across;
    }
    scales.values.resize(count);
    convert_to_float(float_format(*located, module + ".weight_scale"), located->tensor.data, scales.values);
    return scales;
  }

  Entry resolve_packed(TensorId id, const std::string& module, const TensorSlot& slot, const Fold& fold) {
    using Method = QuantisationConfig::Method;
    const QuantisationConfig& quantisation = quantisation_of(module);
    const uint64_t rows = slot.tensor_rows;
    const uint64_t columns = tensor_shape(config_.model, id.role).columns;
    const uint64_t group = quantisation.group == kWholeRow ? columns : quantisation.group;
    if (rows % 8 != 0 || columns % 8 != 0 || columns % group != 0) {
      throw Error(concat(directory_.string(), ": '", module,
                         "' cannot be packed in words of 8 and groups of ", group));
    }
    const uint64_t groups = columns / group;
    const auto part = [&](const char* parameter, const char* type,
                          const std::vector<uint64_t>& shape) -> const Located& {
      const std::string name = concat(module, ".", parameter);
      const Located& located = require(name);
      if (*type != '\0') require_type(located, name, type);
      require_shape(located, name, shape);
      return located;
    };
    PackedMatrix matrix{.rows = rows, .columns = columns, .group = group, .q = {}};
    const Located* words = nullptr;
    switch (quantisation.method) {
      case Method::kAwq: {
        words = &part("qweight", "I32", {columns, rows / 8});
        matrix.q = {.row_shift = 3, .row_stride = 1, .column_stride = rows / 8, .interleaved = true};
        matrix.zeros = matrix.q;
        matrix.zeros.words = part("qzeros", "I32", {groups, rows / 8}).tensor.data;
        matrix.scales = part("scales", "F16", {groups, rows}).tensor.data;
        matrix.scale_row_stride = 1;
        matrix.scale_group_stride = rows;
        break;
      }
      case Method::kAwqGemv: {
        // Zero-points are padded to whole words of a width that depends on the group (AutoAWQ gemv.py).
        const uint64_t multiple = group >= 128 ? 1 : group >= 64 ? 2 : 4;
        const uint64_t width = ((groups + 7) / 8 + multiple - 1) / multiple * multiple;
        words = &part("qweight", "I32", {rows, columns / 8});
        matrix.q = {.column_shift = 3, .row_stride = columns / 8, .column_stride = 1};
        matrix.zeros = {.words = part("qzeros", "I32", {rows, width}).tensor.data,
                        .column_shift = 3,
                        .row_stride = width,
                        .column_stride = 1};
        matrix.scales = part("scales", "F16", {rows, width * 8}).tensor.data;
        matrix.scale_row_stride = width * 8;
        matrix.scale_group_stride = 1;
        break;
      }
      case Method::kGptq:
      case Method::kGptq2: {
        words = &part("qweight", "I32", {columns / 8, rows});
        matrix.q = {.column_shift = 3, .row_stride = 1, .column_stride = rows};
        const Located& zeros = part("qzeros", "I32", {groups, rows / 8});
        matrix.zeros = {.words = zeros.tensor.data,
                        .row_shift = 3,
                        .row_stride = 1,
                        .column_stride = rows / 8,
                        .offset = zero_offset(module, zeros)};
        matrix.scales = part("scales", "F16", {groups, rows}).tensor.data;
        matrix.scale_row_stride = 1;
        matrix.scale_group_stride = rows;
        matrix.group_of = group_order(module + ".g_idx", columns, group);
        break;
      }
      case Method::kCompressed: {
        words = &part("weight_packed", "I32", {rows, columns / 8});
        claim(module + ".weight_shape");
        matrix.q = {.column_shift = 3, .row_stride = columns / 8, .column_stride = 1};
        if (!quantisation.symmetric) {
          matrix.zeros = {.words = part("weight_zero_point", "I32", {rows / 8, groups}).tensor.data,
                          .row_shift = 3,
                          .row_stride = groups,
                          .column_stride = 1};
        }
        const Located& scales = part("weight_scale", "", {rows, groups});
        matrix.scales = scales.tensor.data;
        matrix.scale_format = float_format(scales, module + ".weight_scale");
        matrix.scale_row_stride = groups;
        matrix.scale_group_stride = 1;
        matrix.group_of = group_order(module + ".weight_g_idx", columns, group);
        if (matrix.scale_format != FloatFormat::kF16) count_rounded(matrix);
        break;
      }
      case Method::kFp8:
        throw Error(concat(directory_.string(), ": '", module, "' is packed, though config.json says FP8"));
    }
    matrix.q.words = words->tensor.data;
    return {std::move(matrix), words->file, slot.first_row, fold};
  }

  // Scales that FP16 does not hold exactly.
  void count_rounded(const PackedMatrix& matrix) {
    std::vector<float> scales(matrix.rows * matrix.groups());
    convert_to_float(matrix.scale_format, matrix.scales, scales);
    for (const float scale : scales) rounded_scales_ += fp16_to_float(float_to_fp16(scale)) != scale;
  }

  // Writers disagree on whether "gptq" zeros are stored minus one. Where the quantisation is symmetric
  // every zero-point is 8, which settles it; only otherwise is checkpoint_format believed.
  uint8_t zero_offset(const std::string& module, const Located& zeros) const {
    const QuantisationConfig& quantisation = *config_.quantisation;
    if (!quantisation.symmetric) return quantisation.method == QuantisationConfig::Method::kGptq ? 1 : 0;
    const auto all_are = [&](uint8_t byte) {
      return std::all_of(zeros.tensor.data.begin(), zeros.tensor.data.end(),
                         [&](uint8_t b) { return b == byte; });
    };
    if (all_are(0x77)) return 1;
    if (all_are(0x88)) return 0;
    throw Error(
        concat(zeros.file->path(), ": '", module, ".qzeros' is not symmetric, though config.json says so"));
  }

  // g_idx gives each input's group; empty where there is none, or where it only says that groups ascend.
  std::vector<uint32_t> group_order(const std::string& name, uint64_t columns, uint64_t group) {
    const Located* located = claim(name);
    if (located == nullptr) return {};
    require_type(*located, name, "I32");
    require_shape(*located, name, {columns});
    std::vector<uint32_t> order(columns);
    bool ascends = true;
    for (uint64_t i = 0; i < columns; ++i) {
      int32_t value;
      std::memcpy(&value, &located->tensor.data[i * sizeof value], sizeof value);
      if (value < 0 || static_cast<uint64_t>(value) >= columns / group) {
        throw Error(
            concat(located->file->path(), ": '", name, "' names group ", value, " of ", columns / group));
      }
      order[i] = static_cast<uint32_t>(value);
      ascends = ascends && order[i] == i / group;
    }
    if (ascends) order.clear();
    return order;
  }

  // A tensor that nobody asked for would change the model's output, unless it is known not to.
  void refuse_unclaimed() const {
    for (const auto& [name, located] : files_.tensors()) {
      if (claimed_.contains(name)) continue;
      const bool rope_table = name.ends_with(".rotary_emb.inv_freq");
      const bool unused_head = name == head_ + ".weight" && config_.tied;  // the embedding once more
      const bool of_images =
          config_.sees_images && (name.find("vision_tower.") != std::string::npos ||
                                  name.find("multi_modal_projector.") != std::string::npos);
      const bool zero_bias = name.ends_with(".bias") && all_zero(located.tensor.data);  // AutoGPTQ adds them
      // Of activations and caches that other programs quantise.
      const bool scale =
          name.ends_with(".input_scale") || name.ends_with(".k_scale") || name.ends_with(".v_scale");
      if (rope_table || unused_head || zero_bias || scale || of_images) continue;
      if (name.ends_with(".o_proj.bias")) {
        throw Error(concat(located.file->path(), ": tensor '", name, "': a bias on o_proj is not supported"));
      }
      throw Error(concat(located.file->path(), ": tensor '", name,
                         "' has no place in the model that config.json describes; it is not supported"));
    }
  }

  fs::path directory_;
  HfConfig config_;
  SafetensorsFiles files_;
  std::string prefix_;            // "model.", "" or another
  std::string head_ = "lm_head";  // module, with its prefix
  bool fp8_ = false;              // some weights are
  uint64_t rounded_scales_ = 0;
  bool head_kept_ = false;         // of embeddings that are said to be tied
  std::set<std::string> claimed_;  // names of the tensors that the model uses
  TensorIndex index_{config_.model};
  std::vector<Entry> entries_;  // by index_
};

}  // namespace

std::unique_ptr<TensorSource> open_hf_checkpoint(const std::string& directory) {
  try {
    return std::make_unique<HfCheckpoint>(directory);
  } catch (const fs::filesystem_error& error) {
    throw Error(concat("cannot read ", directory, ": ", error.code().message()));
  }
}

}  // namespace brim
