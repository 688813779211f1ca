// A board's DDR as a file that an emulated board and this process both map.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/progress.h"
#include "image/mapped_image.h"
#include "image/physical_memory.h"

namespace brim {

// RAII. The file holds the ranges one after the other, as QEMU's xlnx-zcu102 lays them out.
class SharedDdr {
 public:
  // Makes the file, all holes. Throws Error.
  SharedDdr(const std::filesystem::path& path, std::vector<AddressRange> ranges);
  ~SharedDdr();
  SharedDdr(const SharedDdr&) = delete;
  SharedDdr& operator=(const SharedDdr&) = delete;

  uint64_t bytes() const { return bytes_; }

  // Host pointer of physical bytes [address, address + bytes). Throws Error if they are not all in one range.
  uint8_t* at(uint64_t address, uint64_t bytes) const;

 private:
  std::vector<AddressRange> ranges_;
  uint64_t bytes_ = 0;
  uint8_t* data_ = nullptr;
};

// Puts the image's regions where they belong, as a boot loader does that has loaded the image itself.
void load_image(const MappedImage& image, SharedDdr& ddr, const Progress& progress = {});

// What an executor sees of it. The DDR must outlive the view.
class DdrView final : public PhysicalMemory {
 public:
  explicit DdrView(const SharedDdr& ddr) : ddr_(ddr) {}
  const uint8_t* read(uint64_t address, uint64_t bytes) const override { return ddr_.at(address, bytes); }
  uint8_t* write(uint64_t address, uint64_t bytes) override { return ddr_.at(address, bytes); }

 private:
  const SharedDdr& ddr_;
};

}  // namespace brim
