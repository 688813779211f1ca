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
#include "base/mapped_file.h"
#include "model/family.h"
#include "model/float_formats.h"
#include "model/hf_config.h"
#include "model/packed_matrix.h"
#include "model/safetensors.h"
#include "numerics/fp16.h"

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
    json document;
    try {
      document = json::parse(text_of(file));
    } catch (const json::exception& error) {
      throw Error(concat(file.path(), ": no valid JSON: ", error.what()));
    }
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

struct PlainMatrix {
  FloatFormat format;
  std::span<const uint8_t> data;  // [rows][columns]
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
  throw Error(concat(located.file->path(), ": tensor '", name, "' is ", located.tensor.type,
                     "; F32, F16 and BF16 are read"));
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
    prefix_ = files_.find("model.embed_tokens.weight") != nullptr ? "model." : "";
    keep_head_that_differs();
    const ModelDescription& model = config_.model;
    entries_.resize(uint64_t{model.layers} * kTensorRoles);
    for (uint32_t layer = 0; layer < model.layers; ++layer) {
      for (const RoleRow& row : kRoles) {
        const TensorId id{row.role, layer};
        if (has_tensor(model, id)) entries_[index(id)] = resolve(id);
      }
    }
    refuse_unclaimed();
  }

  const ModelDescription& description() const override { return config_.model; }

  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    check_read(config_.model, id, first_row, rows, out.size());
    if (rows == 0) return;
    const Entry& entry = entries_[index(id)];
    first_row += entry.first_row;
    if (const auto* plain = std::get_if<PlainMatrix>(&entry.matrix)) {
      const uint64_t row_bytes = out.size() / rows * bytes_per_value(plain->format);
      convert_to_float(plain->format, plain->data.subspan(first_row * row_bytes, rows * row_bytes), out);
      entry.file->note_read(rows * row_bytes);
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
    return packed != nullptr && packed->group % kGroup == 0;
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
      if (packed == nullptr || packed->group % kGroup == 0) continue;
      notes.push_back(concat("weights are 4-bit in groups of ", packed->group,
                             ", not 128: they are dequantised, and quantised again when packing"));
      break;
    }
    if (!config_.absent.empty()) {
      notes.push_back(concat("config.json does not give ", joined(config_.absent), ": taken as ",
                             config_.family->configuration, " has it"));
    }
    if (head_kept_) {
      notes.push_back(
          "config.json says tie_word_embeddings, but lm_head.weight differs from the embedding: it is "
          "used as it is");
    }
    if (config_.model.attention_window != 0) {
      notes.push_back(concat("tokens attend to the last ", config_.model.attention_window,
                             " positions only, which is not supported: longer contexts are refused"));
    }
    return notes;
  }

 private:
  static uint64_t index(TensorId id) {
    return uint64_t{id.layer} * kTensorRoles + static_cast<uint64_t>(id.role);
  }

  static HfConfig read_config(const fs::path& directory) {
    const fs::path path = directory / "config.json";
    if (!fs::exists(path)) {
      throw Error(directory.string() + ": holds no config.json, so it is no Hugging Face model");
    }
    const MappedFile file(path.string());
    HfConfig config = parse_hf_config(text_of(file), file.path());
    config.model.name = fs::weakly_canonical(directory).filename().string();
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
    const Located* head = files_.find("lm_head.weight");
    const Located* embedding = files_.find(prefix_ + "embed_tokens.weight");
    const bool packed = files_.find("lm_head.qweight") != nullptr;
    if (!packed && (head == nullptr || embedding == nullptr || same(*head, *embedding))) return;
    head_kept_ = true;
    config_.tied = false;
    config_.model.tied_embeddings = false;
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
    const std::string name = (id.role == TensorRole::kLmHead && !config_.tied ? "" : prefix_) + slot.tensor;
    const Fold fold = fold_of(config_.model, config_.multipliers, id.role);
    const std::string module = name.substr(0, name.rfind('.'));
    if (!is_vector(id.role) && claim(module + ".qweight") != nullptr) {
      return resolve_packed(id, module, slot, fold);
    }
    const Located& located = require(name);
    const uint64_t columns = tensor_shape(config_.model, id.role).columns;
    require_shape(located, name,
                  is_vector(id.role) ? std::vector{columns} : std::vector{slot.tensor_rows, columns});
    return {PlainMatrix{float_format(located, name), located.tensor.data}, located.file, slot.first_row,
            fold};
  }

  Entry resolve_packed(TensorId id, const std::string& module, const TensorSlot& slot, const Fold& fold) {
    if (!config_.quantisation) {
      throw Error(concat(directory_.string(), ": '", module,
                         "' is packed, but config.json has no quantization_config"));
    }
    const QuantisationConfig& quantisation = *config_.quantisation;
    const bool awq = quantisation.method == QuantisationConfig::Method::kAwq;
    const uint64_t rows = slot.tensor_rows;
    const uint64_t columns = tensor_shape(config_.model, id.role).columns;
    const uint64_t group = quantisation.group == kWholeRow ? columns : quantisation.group;
    if (rows % 8 != 0 || columns % group != 0) {
      throw Error(concat(directory_.string(), ": '", module,
                         "' cannot be packed in words of 8 and groups of ", group));
    }
    const auto part = [&](const char* parameter, const char* type,
                          const std::vector<uint64_t>& shape) -> const Located& {
      const std::string name = concat(module, ".", parameter);
      const Located& located = require(name);
      require_type(located, name, type);
      require_shape(located, name, shape);
      return located;
    };
    const Located& words =
        awq ? part("qweight", "I32", {columns, rows / 8}) : part("qweight", "I32", {columns / 8, rows});
    const Located& zeros = part("qzeros", "I32", {columns / group, rows / 8});
    const Located& scales = part("scales", "F16", {columns / group, rows});
    if (!awq) check_group_order(module, columns, group);
    return {PackedMatrix{.packing = awq ? Packing::kAwq : gptq_packing(module, zeros),
                         .rows = rows,
                         .columns = columns,
                         .group = group,
                         .words = words.tensor.data,
                         .zeros = zeros.tensor.data,
                         .scales = scales.tensor.data},
            words.file, slot.first_row, fold};
  }

  // Writers disagree on whether "gptq" zeros are stored minus one. Where the quantisation is symmetric
  // every zero-point is 8, which settles it; only otherwise is checkpoint_format believed.
  Packing gptq_packing(const std::string& module, const Located& zeros) const {
    const QuantisationConfig& quantisation = *config_.quantisation;
    if (!quantisation.symmetric) {
      return quantisation.method == QuantisationConfig::Method::kGptq ? Packing::kGptq : Packing::kGptq2;
    }
    const auto all_are = [&](uint8_t byte) {
      return std::all_of(zeros.tensor.data.begin(), zeros.tensor.data.end(),
                         [&](uint8_t b) { return b == byte; });
    };
    if (all_are(0x77)) return Packing::kGptq;
    if (all_are(0x88)) return Packing::kGptq2;
    throw Error(
        concat(zeros.file->path(), ": '", module, ".qzeros' is not symmetric, though config.json says so"));
  }

  // g_idx gives each input's group; anything but ascending groups is act-order.
  void check_group_order(const std::string& module, uint64_t columns, uint64_t group) {
    const std::string name = module + ".g_idx";
    const Located* located = claim(name);
    if (located == nullptr) return;
    require_type(*located, name, "I32");
    require_shape(*located, name, {columns});
    for (uint64_t i = 0; i < columns; ++i) {
      int32_t value;
      std::memcpy(&value, &located->tensor.data[i * sizeof value], sizeof value);
      if (value < 0 || static_cast<uint64_t>(value) != i / group) {
        throw Error(concat(located->file->path(), ": '", name,
                           "' reorders inputs: GPTQ with act-order is not supported"));
      }
    }
  }

  // A tensor that nobody asked for would change the model's output, unless it is known not to.
  void refuse_unclaimed() const {
    for (const auto& [name, located] : files_.tensors()) {
      if (claimed_.contains(name)) continue;
      const bool rope_table = name.ends_with(".rotary_emb.inv_freq");
      const bool unused_head = name == "lm_head.weight" && config_.tied;  // the embedding once more
      const bool zero_bias = name.ends_with(".bias") && all_zero(located.tensor.data);  // AutoGPTQ adds them
      if (rope_table || unused_head || zero_bias) continue;
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
  std::string prefix_;             // "model." or ""
  bool head_kept_ = false;         // of embeddings that are said to be tied
  std::set<std::string> claimed_;  // names of the tensors that the model uses
  std::vector<Entry> entries_;     // [layer][role]
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
