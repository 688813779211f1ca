// stream_check.sv against checksums that the host computes, and against checkers with a planted bug, each of
// which the same trials must find.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "Vsim_stream_check.h"
#include "Vsim_stream_check_one_bit.h"
#include "Vsim_stream_check_one_page_off.h"
#include "Vsim_stream_check_polynomial.h"
#include "base/crc32c.h"
#include "isa/stream_checks.h"
#include "pipeline.h"
#include "ports.h"
#include "tests/support/seal_stream.h"

namespace brim::rtl {
namespace {

struct Found {
  uint32_t address = 0;  // in beats
  bool load = false;
  bool operator==(const Found&) const = default;
};

// A run of chunks and what its checksums are.
class Stream {
 public:
  Stream(uint32_t pages, uint64_t seed) : bytes_(stream_bytes(pages)) {
    std::mt19937_64 random(seed);
    for (uint8_t& byte : bytes_) byte = static_cast<uint8_t>(random());
    test::seal_stream(bytes_.data(), bytes_.size());
  }

  uint64_t pages() const { return bytes_.size() / kPageBytes; }  // metadata pages among them
  std::span<uint8_t> bytes() { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

template <typename Module>
class Bench {
 public:
  Bench() {
    idle();
    module_->rst_ni = 0;
    for (uint32_t i = 0; i < 8; ++i) module_.tick();
    module_->rst_ni = 1;
  }

  // Streams pages [first, last), the run from `address` on; returns all damage that the module reports.
  std::vector<Found> stream(Stream& stream, uint32_t address) {
    found_.clear();
    module_->stream_i = 1;
    module_->address_i = address;
    tick();
    module_->stream_i = 0;
    module_->address_i = 0x5A5A5A5A;
    for (uint64_t page = 0; page < stream.pages(); ++page) {
      const bool metadata = page % (kPagesPerChunk + 1) == 0;
      for (uint32_t k = 0; k < kGroupsPerPage; ++k) {
        if (random_() % 16 == 0) tick();
        metadata ? module_->metadata_i = 1 : module_->weights_i = 1;
        beat(&stream.bytes()[page * kPageBytes + k % kPorts * kSubBlockBytes + k / kPorts * kBeatBytes],
             k == 0, k + 1 == kGroupsPerPage);
      }
    }
    return found_;
  }

  std::vector<Found> load(std::span<const uint8_t> bytes, uint32_t crc, uint32_t address) {
    found_.clear();
    module_->load_start_i = 1;
    module_->address_i = address;
    module_->load_crc_i = crc;
    tick();
    module_->load_start_i = 0;
    module_->load_crc_i = 0;
    for (size_t offset = 0; offset < bytes.size(); offset += kBeatBytes) {
      module_->load_i = 1;
      beat(&bytes[offset], offset == 0, offset + kBeatBytes == bytes.size());
    }
    return found_;
  }

  // Whatever the last call left in the pipeline.
  std::vector<Found> rest() {
    for (uint32_t i = 0; i < 8; ++i) tick();
    return found_;
  }

 private:
  void idle() {
    module_->stream_i = module_->load_start_i = module_->metadata_i = module_->weights_i = module_->load_i =
        0;
    module_->first_i = module_->last_i = 0;
  }
  void beat(const uint8_t* bytes, bool first, bool last) {
    for (uint32_t word = 0; word < kBeatBytes / 4; ++word) {
      uint32_t value;
      std::memcpy(&value, bytes + 4 * word, 4);
      set_word(module_->beat_i, word, value);
    }
    module_->first_i = first;
    module_->last_i = last;
    tick();
    idle();
  }
  void tick() {
    module_.tick();
    if (module_->damage_o) found_.push_back({module_->damage_address_o, module_->damage_load_o != 0});
  }

  Clocked<Module> module_;
  std::mt19937_64 random_{1};
  std::vector<Found> found_;
};

// What a checker gets wrong, in words; nothing if it is right.
using Trial = std::function<std::optional<std::string>()>;

template <typename Module>
std::optional<std::string> sound_streams_pass() {
  Bench<Module> bench;
  // Runs one after the other, with chunks of 25, 1 and 3 pages at their ends.
  uint32_t address = 1000;
  for (const uint32_t pages : {1u, 25u, 26u, 53u}) {
    Stream stream(pages, pages);
    bench.stream(stream, address);
    if (!bench.rest().empty()) return "a sound stream is called damaged";
    address += 12345;
  }
  return {};
}

template <typename Module>
std::optional<std::string> every_bit_of_a_beat_counts() {
  Bench<Module> bench;
  for (uint32_t bit = 0; bit < 8 * kBeatBytes; ++bit) {
    Stream stream(2, bit);
    const uint32_t offset = (bit * 37) % kGroupsPerPage * kBeatBytes + bit / 8;
    const uint32_t page = bit % 3;
    stream.bytes()[page * kPageBytes + offset] ^= static_cast<uint8_t>(1u << bit % 8);
    bench.stream(stream, 7 * kGroupsPerPage);
    std::vector<Found> expected{{(7 + page) * kGroupsPerPage, false}};
    // A flip in the metadata's CRC of a page makes that page's comparison wrong, too.
    const uint32_t of_page = (offset - kPageChecksumsOffset) / sizeof(uint32_t);  // huge before the first
    if (page == 0 && of_page < 2) expected.push_back({(7 + 1 + of_page) * kGroupsPerPage, false});
    if (bench.rest() != expected) return "a flipped bit is not found where it is, or more than it";
  }
  return {};
}

template <typename Module>
std::optional<std::string> damage_is_found_in_every_page_of_a_chunk() {
  Bench<Module> bench;
  for (uint64_t page = 0; page < 26 + 4; ++page) {
    Stream stream(28, page);
    stream.bytes()[page * kPageBytes + 4321] ^= 0x10;
    bench.stream(stream, 0x1000);
    const auto found = bench.rest();
    if (found != std::vector{Found{static_cast<uint32_t>(0x1000 + page * kGroupsPerPage), false}})
      return "damage in a page is not found, or not there";
  }
  return {};
}

template <typename Module>
std::optional<std::string> loads_are_checked() {
  Bench<Module> bench;
  std::mt19937_64 random(5);
  for (const uint32_t beats : {1u, 2u, 3u, 256u}) {
    std::vector<uint8_t> bytes(beats * kBeatBytes);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    const uint32_t crc = crc32c(bytes.data(), bytes.size());
    bench.load(bytes, crc, 10);
    bytes[random() % bytes.size()] ^= 1;
    bench.load(bytes, crc, 20);  // right behind it
    Stream stream(1, beats);
    auto found = bench.stream(stream, 4000);
    if (found != std::vector{Found{20, true}})
      return "a damaged load is not found, or a sound one is called damaged";
    if (bench.rest().size() != 1) return "a sound stream behind a load is called damaged";
  }
  return {};
}

template <typename Module>
std::optional<std::string> first_problem() {
  for (const auto& trial : {sound_streams_pass<Module>, every_bit_of_a_beat_counts<Module>,
                            damage_is_found_in_every_page_of_a_chunk<Module>, loads_are_checked<Module>}) {
    if (auto problem = trial()) return problem;
  }
  return {};
}

TEST(StreamCheck, FindsEveryFlippedBitWhereItIsAndNothingElse) {
  EXPECT_EQ(first_problem<Vsim_stream_check>(), std::nullopt);
}

TEST(StreamCheck, TrialsFindACheckerOfAnotherPolynomial) {
  EXPECT_NE(sound_streams_pass<Vsim_stream_check_polynomial>(), std::nullopt);
}
TEST(StreamCheck, TrialsFindACheckerThatLeavesABitOut) {
  EXPECT_NE(first_problem<Vsim_stream_check_one_bit>(), std::nullopt);
}
TEST(StreamCheck, TrialsFindACheckerThatIsAPageOff) {
  EXPECT_NE(first_problem<Vsim_stream_check_one_page_off>(), std::nullopt);
}

}  // namespace
}  // namespace brim::rtl
