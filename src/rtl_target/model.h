// The Verilated brim_top behind an interface that does not name Verilator: a shared library for each TOKENS,
// as translating and compiling them takes minutes and few users need all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "rtl_target/pins.h"

namespace brim::rtl_target {

class Model {
 public:
  virtual ~Model() = default;

  // Puts the inputs of `pins` on the wires and reads the outputs that stand there in this clock cycle.
  virtual void settle(Pins& pins) = 0;
  // The rising edge that ends the cycle.
  virtual void clock() = 0;
};

// What each library exports, with C names.
inline constexpr const char* kFingerprintSymbol =
    "brim_rtl_fingerprint";                                  // const char[]: of the sources it is of
inline constexpr const char* kMakeSymbol = "brim_rtl_make";  // Model*(): a new one, of the caller's
using MakeModel = Model*();

// Values of TOKENS for which there are libraries in `folder`, ascending.
std::vector<uint32_t> built_models(const std::filesystem::path& folder);

// Loads the library of this TOKENS, which stays loaded. Throws Error saying what to do if there is none, or
// if it was built from other sources than this program.
std::unique_ptr<Model> load_model(const std::filesystem::path& folder, uint32_t tokens);

// Where the libraries of the running program are: rtl/ among its files (base/program_files.h).
std::filesystem::path model_folder();

}  // namespace brim::rtl_target
