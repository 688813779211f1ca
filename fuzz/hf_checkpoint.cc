// A whole Hugging Face directory: two bytes with the length of config.json, config.json, model.safetensors.
#include "model/hf_checkpoint.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "read_all.h"

namespace {

// A directory in memory, for the life of the process.
class Directory {
 public:
  Directory() : path_("/dev/shm/brim-fuzz-" + std::to_string(getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  void write(const char* name, const uint8_t* data, size_t size) const {
    std::ofstream(path_ + "/" + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  }

 private:
  std::string path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Directory directory;
  if (size < 2) return 0;
  const size_t config_size = std::min<size_t>(data[0] | (data[1] << 8), size - 2);
  directory.write("config.json", data + 2, config_size);
  directory.write("model.safetensors", data + 2 + config_size, size - 2 - config_size);
  try {
    brim::fuzz::read_all(*brim::open_hf_checkpoint(directory.path()));
  } catch (const brim::Error&) {
  }
  return 0;
}
