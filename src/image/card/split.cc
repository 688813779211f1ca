#include "image/card/split.h"

#include <algorithm>
#include <memory>

#include "base/concat.h"
#include "base/error.h"
#include "image/output_file.h"

namespace brim {

std::vector<ImagePart> image_parts(const MappedImage& image) {
  std::vector<ImagePart> parts;
  const ImageHeader& header = image.header();
  for (uint32_t m = 0; m < header.memory_count; ++m) {
    const AddressRange& memory = header.memory[m];
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;
    for (const RegionEntry& region : image.regions()) {
      if (!region.has_content() || !memory.contains(region.address)) continue;
      first = std::min(first, region.file_offset);
      last = std::max(last, region.file_offset + region.file_bytes);
    }
    if (last == 0) continue;
    constexpr uint64_t kFat32Limit = UINT32_MAX;  // of a file's size
    if (last - first > kFat32Limit) {
      throw Error(concat(
          image.path(), ": ", last - first, " bytes for one memory of the board are more than the ",
          kFat32Limit, " that a file on a FAT32 card can have; pack for a board file with smaller memories"));
    }
    parts.push_back({kPartNames[parts.size()], image.bytes().subspan(first, last - first)});
  }
  if (const RegionEntry& embedding = image.view().embedding; embedding.on_card())
    parts.push_back({kRowsName, image.content(embedding)});
  if (const RegionEntry* prompt = image.view().prompt; prompt != nullptr)
    parts.push_back({kPromptName, image.content(*prompt)});
  return parts;
}

std::vector<std::filesystem::path> split_image(const MappedImage& image,
                                               const std::filesystem::path& directory,
                                               const Progress& progress) {
  std::error_code problem;
  std::filesystem::create_directories(directory, problem);
  if (problem) throw Error("cannot make directory " + directory.string() + ": " + problem.message());
  const std::vector<ImagePart> parts = image_parts(image);

  // All parts are written before the first gets its name, so a full disk leaves no half of an image.
  constexpr uint64_t kStep = 16 << 20;
  std::vector<std::unique_ptr<OutputFile>> files;
  uint64_t done = 0;
  for (const ImagePart& part : parts) {
    files.push_back(std::make_unique<OutputFile>(directory / part.name, part.bytes.size()));
    for (uint64_t offset = 0; offset < part.bytes.size(); offset += kStep) {
      const auto step = part.bytes.subspan(offset, std::min<uint64_t>(kStep, part.bytes.size() - offset));
      files.back()->write(offset, step);
      done += step.size();
      if (progress) progress(done, image.bytes().size());
    }
  }
  std::vector<std::filesystem::path> paths;
  for (size_t i = 0; i < parts.size(); ++i) {
    files[i]->commit();
    paths.push_back(directory / parts[i].name);
  }
  std::vector<std::string> others(std::begin(kPartNames), std::end(kPartNames));
  others.emplace_back(kRowsName);
  others.emplace_back(kPromptName);
  for (const std::string& name : others) {
    if (std::ranges::find(parts, name, &ImagePart::name) != parts.end()) continue;
    std::filesystem::remove(directory / name, problem);
    if (problem)
      throw Error(
          concat("cannot remove ", (directory / name).string(), " of an earlier image: ", problem.message()));
  }
  return paths;
}

}  // namespace brim
