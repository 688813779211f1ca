#include "model/hub.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

#include "base/concat.h"
#include "base/error.h"

namespace brim {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "hub:";
constexpr std::string_view kFolderPrefix = "models--";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// Where huggingface_hub keeps repositories.
fs::path cache_folder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const std::string folder = environment(name); !folder.empty()) return folder;
  }
  if (const std::string home = environment("HF_HOME"); !home.empty()) return fs::path(home) / "hub";
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) {
    return fs::path(cache) / "huggingface" / "hub";
  }
  return fs::path(environment("HOME")) / ".cache" / "huggingface" / "hub";
}

// Letters that a repository's or revision's name may have; a path must not be among them.
bool is_plain(std::string_view text) {
  const bool letters = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  return letters && !text.empty() && text != "." && text.find("..") == std::string_view::npos;
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

std::string local_path(const std::string& model) {
  if (!model.starts_with(kPrefix)) return model;
  std::string name = model.substr(kPrefix.size());
  std::string revision = "main";
  if (const size_t at = name.find('@'); at != std::string::npos) {
    revision = name.substr(at + 1);
    name.resize(at);
  }
  const size_t slash = name.find('/');
  const std::string organisation = slash == std::string::npos ? "" : name.substr(0, slash);
  const std::string repository = slash == std::string::npos ? name : name.substr(slash + 1);
  if ((slash != std::string::npos && !is_plain(organisation)) || !is_plain(repository) ||
      !is_plain(revision)) {
    throw Error("'" + model + "' names no repository; write hub:ORG/NAME or hub:ORG/NAME@REVISION");
  }
  const std::string in_cache = (organisation.empty() ? "" : organisation + "--") + repository;
  const fs::path folder = cache_folder() / (std::string(kFolderPrefix) + in_cache);
  const std::string advice = concat("; download it with `hf download ", name, "`, as brim downloads nothing");
  if (!fs::is_directory(folder)) throw Error(concat(name, " is not in ", cache_folder().string(), advice));

  // A branch or tag names its commit in refs/; a commit is a folder itself.
  std::string commit = first_line(folder / "refs" / revision);
  if (commit.empty()) commit = revision;
  const fs::path snapshot = folder / "snapshots" / commit;
  if (!is_plain(commit) || !fs::is_directory(snapshot)) {
    throw Error(concat(folder.string(), ": holds no revision '", revision, "' of ", name, advice));
  }
  if (fs::exists(snapshot / "config.json")) return snapshot.string();
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(snapshot)) {
    if (entry.path().extension() == ".gguf") files.push_back(entry.path());
  }
  if (files.size() == 1) return files[0].string();
  throw Error(concat(snapshot.string(), ": holds ",
                     files.empty() ? "neither config.json nor a .gguf file"
                                   : "more than one .gguf file: name one by its path",
                     files.empty() ? advice : ""));
}

std::string model_name_of(const std::string& directory) {
  const fs::path path = fs::weakly_canonical(directory);
  const std::string repository = path.parent_path().parent_path().filename().string();
  if (path.parent_path().filename() != "snapshots" || !repository.starts_with(kFolderPrefix)) {
    return path.filename().string();
  }
  const size_t separator = repository.rfind("--");
  return repository.substr(separator + 2);
}

}  // namespace brim
