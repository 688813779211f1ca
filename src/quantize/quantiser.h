// How a checkpoint's weights get their four bits: the list that `brim pack --quant` chooses from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "model/tensor_source.h"

namespace brim {

// Mean square of every input channel over a calibration text, per layer; all channels of `final` once.
struct InputMoments {
  std::vector<std::vector<float>> normed_attention;  // [layer][dim]: input of Q, K, V
  std::vector<std::vector<float>> attention;         // [layer][heads * head_size]: of the output projection
  std::vector<std::vector<float>> normed_ffn;        // [layer][dim]: of gate and up
  std::vector<std::vector<float>> hidden;            // [layer][hidden]: of down; none without one
  // [layer][expert][expert_hidden]: of an expert's down; empty: the text has not reached it
  std::vector<std::vector<std::vector<float>>> expert_hidden;
  std::vector<float> final;  // [dim]: of lm_head
};

// A calibration text, cut into windows that each start from an empty context.
struct CalibrationTokens {
  std::vector<uint32_t> ids;
  std::vector<uint32_t> windows;  // tokens of each
};

// What a quantiser may use.
struct QuantiserInput {
  const TensorSource& source;                      // outlives what the quantiser makes
  std::function<InputMoments()> calibrate;         // runs the calibration text; throws Error if there is none
  std::function<CalibrationTokens()> tokens = {};  // of the calibration text; throws Error if there is none
  std::filesystem::path unfinished = {};           // folder for what is to outlast a run that is ended early
  uint32_t threads = 1;
  std::function<Progress(const std::string& what)> progress = {};  // of a stage of the work
};

struct Quantiser {
  std::string_view name;
  std::string_view summary;  // for --help
  // The checkpoint as it is to be packed: its weights scaled, its columns weighed, or its rows quantised.
  // Null: as it is, each group rounded to nearest.
  std::unique_ptr<TensorSource> (*apply)(const QuantiserInput& input);
};

std::span<const Quantiser> quantisers();

// Throws Error naming the known ones.
const Quantiser& quantiser(std::string_view name);

}  // namespace brim
