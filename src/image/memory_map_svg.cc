#include "image/memory_map_svg.h"

#include <algorithm>
#include <sstream>
#include <string>

#include "image/output_file.h"

namespace brim {

namespace {

const char* colour(RegionKind kind) {
  switch (kind) {
    case RegionKind::kWeights:
      return "#4477aa";
    case RegionKind::kKv:
      return "#228833";
    case RegionKind::kKvScales:
      return "#66ccaa";
    case RegionKind::kEmbedding:
      return "#ccbb44";
    case RegionKind::kReserved:
      return "#ee6677";
    default:
      return "#aa3377";
  }
}

constexpr double kWidth = 900;
constexpr double kBarHeight = 60;
constexpr double kRowHeight = 18;

}  // namespace

void write_memory_map_svg(const MappedImage& image, const std::filesystem::path& path) {
  const ImageHeader& header = image.header();
  const double height = 40 + header.memory_count * (kBarHeight + 40) + kRowHeight * header.region_count + 20;
  std::ostringstream svg;
  svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << kWidth + 40 << "\" height=\"" << height
      << "\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" "
         "fill=\"white\"/>\n";
  double y = 30;
  for (uint32_t m = 0; m < header.memory_count; ++m) {
    const AddressRange& memory = header.memory[m];
    svg << "<text x=\"20\" y=\"" << y << "\">" << std::hex << "0x" << memory.base << std::dec << ", "
        << (memory.bytes >> 20) << " MiB</text>\n<rect x=\"20\" y=\"" << y + 8 << "\" width=\"" << kWidth
        << "\" height=\"" << kBarHeight << "\" fill=\"#eeeeee\" stroke=\"#888888\"/>\n";
    for (const RegionEntry& region : image.regions()) {
      if (region.bytes == 0 || !memory.contains(region.address)) continue;
      const double scale = kWidth / static_cast<double>(memory.bytes);
      svg << "<rect x=\"" << 20 + static_cast<double>(region.address - memory.base) * scale << "\" y=\""
          << y + 8 << "\" width=\"" << std::max(0.5, static_cast<double>(region.bytes) * scale)
          << "\" height=\"" << kBarHeight << "\" fill=\"" << colour(region.kind) << "\"><title>"
          << region.name << "</title></rect>\n";
    }
    y += kBarHeight + 40;
  }
  for (const RegionEntry& region : image.regions()) {
    if (region.bytes == 0) continue;
    svg << "<rect x=\"20\" y=\"" << y - 11 << "\" width=\"12\" height=\"12\" fill=\"" << colour(region.kind)
        << "\"/><text x=\"40\" y=\"" << y << "\">" << region.name << "</text><text x=\"180\" y=\"" << y
        << "\">0x" << std::hex << region.address << std::dec << "</text><text x=\"320\" y=\"" << y << "\">"
        << region.bytes << " bytes</text>\n";
    y += kRowHeight;
  }
  svg << "</svg>\n";
  const std::string text = svg.str();
  OutputFile file(path, text.size());
  file.write(0, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  file.commit();
}

}  // namespace brim
