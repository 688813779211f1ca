#include "rtl_target/model.h"

#include <dlfcn.h>

#include <string_view>

#include "base/concat.h"
#include "base/error.h"
#include "base/program_files.h"
#include "rtl_target/fingerprint.h"

namespace brim::rtl_target {
namespace {

std::filesystem::path library(const std::filesystem::path& folder, uint32_t tokens) {
  return folder / concat("libbrim_rtl", tokens, ".so");
}

}  // namespace

std::vector<uint32_t> built_models(const std::filesystem::path& folder) {
  std::vector<uint32_t> result;
  for (const uint32_t tokens : {1u, 4u, 8u}) {
    if (std::filesystem::exists(library(folder, tokens))) result.push_back(tokens);
  }
  return result;
}

std::unique_ptr<Model> load_model(const std::filesystem::path& folder, uint32_t tokens) {
  const std::filesystem::path path = library(folder, tokens);
  if (!std::filesystem::exists(path)) {
    throw Error(concat("the accelerator's RTL is not built for ", tokens, tokens == 1 ? " token" : " tokens",
                       " per pass (no ", path.string(), "); install verilator and run make rtl"));
  }
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    throw Error(concat("cannot load ", path.string(), ": ", dlerror(), "; run make rtl"));
  const auto* const fingerprint = static_cast<const char*>(dlsym(handle, kFingerprintSymbol));
  auto* const make = reinterpret_cast<MakeModel*>(dlsym(handle, kMakeSymbol));
  if (fingerprint == nullptr || make == nullptr || std::string_view(fingerprint) != BRIM_RTL_FINGERPRINT) {
    throw Error(concat(path.string(), " was built from other sources than this program; run make rtl"));
  }
  return std::unique_ptr<Model>(make());
}

std::filesystem::path model_folder() { return program_file("rtl"); }

}  // namespace brim::rtl_target
