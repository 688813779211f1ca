// Small models for the simulator's tests, and short ways to simulate them.
#pragma once

#include <string>
#include <vector>

#include "compile/build_program.h"
#include "compile/planner.h"
#include "sim/pass.h"
#include "tests/support/model_shape.h"

namespace brim::sim {

inline ModelDescription test_model(const char* name, test::Heads heads) {
  // Of hidden 22 groups: pages of 2 x 64.
  return test::model_shape(name, 1024, heads, 2816, 1000, 256);
}

// Multi-head attention; grouped queries with norms; short heads in an odd number, with biases.
inline std::vector<ModelDescription> test_models() {
  std::vector<ModelDescription> models = {test_model("multi-head", {8, 8, 128}),
                                          test_model("grouped", {8, 2, 128}),
                                          test_model("short heads", {15, 5, 64})};
  models[1].qk_norm = true;
  models[2].qkv_bias = true;
  return models;
}

inline LoadedProgram loaded(const ModelDescription& model, const Plan& plan) {
  return {build_program(model, plan.addresses), plan.region(RegionKind::kProgram).address};
}

inline PassResult simulate(const ModelDescription& model, const Board& board, const PassRequest& pass,
                           const Design& design = {}) {
  return simulate_pass(board, loaded(model, plan_image(model, board, {.context = 256})), pass, design);
}
inline PassResult simulate(const ModelDescription& model, const std::string& board, const PassRequest& pass,
                           const Design& design = {}) {
  return simulate(model, load_board(board), pass, design);
}

}  // namespace brim::sim
