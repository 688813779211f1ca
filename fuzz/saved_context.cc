// Saved contexts, for the image of a tiny model. The first fields are put right, as nobody finds a checksum
// by chance.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/crc32c.h"
#include "base/error.h"
#include "board/board.h"
#include "engine/interpreter.h"
#include "image/pack.h"
#include "memory_file.h"
#include "model/synthetic.h"
#include "runtime/context_file.h"

namespace {

using namespace brim;

struct Loaded {
  Loaded() {
    ModelDescription model;
    model.name = "tiny";
    model.dim = model.hidden = 64;
    model.layers = 1;
    model.heads = model.kv_heads = 2;
    model.head_size = 32;
    model.vocabulary = 8;
    model.trained_context = 64;
    const auto path =
        std::filesystem::temp_directory_path() / ("fuzz_saved_context." + std::to_string(getpid()));
    pack_image(*make_synthetic(model, 1), {}, {.board = load_board("kv260"), .context = 64, .threads = 1},
               path);
    image = std::make_unique<MappedImage>(path);
    executor =
        std::make_unique<Interpreter>(*image, make_kernels("reference"), InterpreterOptions{.threads = 1});
    std::filesystem::remove(path);
  }

  std::unique_ptr<MappedImage> image;
  std::unique_ptr<Interpreter> executor;
};

template <typename T>
void put(std::vector<uint8_t>& bytes, size_t offset, const T& value) {
  std::memcpy(&bytes[offset], &value, sizeof(value));
}

}  // namespace

// The input is what stands behind the magic, the version and the checksums of the file and of its image.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Loaded loaded;
  constexpr size_t kVersion = 8, kCrc = 12, kImageCrc = 16, kRest = 20;
  std::vector<uint8_t> bytes(kRest + size);
  std::memcpy(bytes.data(), "BRIMCTX", kVersion);
  put(bytes, kVersion, uint32_t{1});
  put(bytes, kImageCrc, loaded.image->header().crc);
  std::copy_n(data, size, bytes.begin() + kRest);
  put(bytes, kCrc, crc32c(&bytes[kImageCrc], bytes.size() - kImageCrc));
  const fuzz::MemoryFile file(bytes.data(), bytes.size());
  try {
    const SavedContext context = load_context(*loaded.executor, *loaded.image, file.path());
    if (context.position > context.tokens.size()) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
